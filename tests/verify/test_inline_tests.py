"""Rust's test modules are taken out of the code and put into it; what can't be split is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.verify.inline_tests import find_altered, has_tests, unsplittable, with_tests_of

CODE = "pub fn add(a: i64) -> i64 {\n    a - 1\n}\n"
OLD = "\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn old() {}\n}\n"
NEW = (
    "\n#[cfg(test)]\nmod tests {\n    // a brace in a comment: }\n    #[test]\n    fn new() {\n"
    '        assert_eq!("}", "}", r#"}"}"#); let c = \'}\'; /* } /* } */ } */\n    }\n}\n'
)


def test_the_tests_alone_and_the_old_tests_back() -> None:
    before, after = CODE + OLD, CODE.replace("-", "+") + NEW
    assert with_tests_of(before, after) == CODE + NEW
    assert with_tests_of(after, before) == CODE.replace("-", "+") + OLD


def test_a_first_module_comes_to_the_end_and_a_lost_one_goes() -> None:
    assert with_tests_of(CODE, CODE + OLD) == CODE + OLD
    assert not has_tests(with_tests_of(CODE + OLD, CODE))


def test_modules_are_matched_by_their_names() -> None:
    other = OLD.replace("mod tests", "mod more")
    assert with_tests_of(CODE + OLD + other, NEW).split() == (CODE + NEW).split()


@given(st.text(), st.text())
def test_any_text_is_read_without_a_crash(code: str, tests: str) -> None:
    with_tests_of(code, tests)


@given(st.lists(st.sampled_from([CODE, OLD, NEW, '"', "/*", "*/", "{", "}", "'", "\n", 'r#"'])).map("".join))
def test_its_own_tests_change_nothing_but_blanks(code: str) -> None:
    assert with_tests_of(code, code).split() == code.split()


@pytest.mark.parametrize(
    ("path", "before", "after", "words"),
    [
        ("src/lib.rs", CODE, "/// ```\n/// assert!(true);\n/// ```\n" + CODE, "Documentation tests"),
        ("src/lib.rs", CODE, CODE + "#[test]\nfn loose() {}\n", "outside of"),
        ("app.py", "", 'def f():\n    """\n    >>> f()\n    1\n    """\n', "Doctests"),
        ("app.ts", "", "if (import.meta.vitest) {}\n", "stand in the code"),
        ("src/lib.rs", CODE + OLD, CODE + NEW, ""),
        ("app.py", "x = 1\n", "x = 2\n", ""),
    ],
)
def test_what_can_not_be_split(path: str, before: str, after: str, words: str) -> None:
    sentence = unsplittable(path, before, after)
    assert words in sentence
    assert bool(sentence) == bool(words)


DOCTEST = 'def f():\n    """One.\n\n    >>> f()\n    1\n    """\n'
LOOSE = CODE + "#[test]\nfn loose() {\n    assert_eq!(add(2), 1);\n}\n"
IN_SOURCE = "if (import.meta.vitest) {\n  it('adds', () => expect(add(2)).toBe(1));\n}\n"


@pytest.mark.parametrize(
    ("path", "before", "after", "altered"),
    [
        ("app.py", DOCTEST, DOCTEST.replace("    1\n", "    2\n"), True),
        ("app.py", DOCTEST, DOCTEST.replace(">>> f()", ">>> f() + 1"), True),
        ("app.py", DOCTEST, "def f(): ...\n", True),
        ("app.py", DOCTEST, DOCTEST.replace("    1\n", "    1\n\n    >>> f() + 1\n    2\n"), False),
        ("app.py", DOCTEST, DOCTEST.replace("One.", "Once."), False),
        ("src/lib.rs", LOOSE, LOOSE.replace("), 1", "), 3"), True),
        ("src/lib.rs", LOOSE, LOOSE.replace("a - 1", "a + 1"), False),
        ("src/lib.rs", CODE + OLD, CODE + NEW, False),
        ("src/lib.rs", "/// assert!(a);\n" + CODE, "/// assert!(b);\n" + CODE, True),
        ("app.ts", IN_SOURCE, IN_SOURCE.replace("toBe(1)", "toBe(3)"), True),
        ("app.ts", "", IN_SOURCE, False),
    ],
)
def test_what_they_said_before_can_not_be_asked(path: str, before: str, after: str, altered: bool) -> None:
    sentence = find_altered(path, before, after)
    assert bool(sentence) is altered
    assert not altered or path in sentence
