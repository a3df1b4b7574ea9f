"""What is shown to the reader because nothing can decide it; what is usual is not."""

import pytest

from bot.verify.flags import Edit, edit_of, find_flags

TEST = Edit("tests/test_app.py", ("    assert add(4, 5) == 9", '    assert kind("pdf") == "paper"'), ())


def flags(*added: str, removed: tuple[str, ...] = ()) -> tuple[str, ...]:
    return find_flags((Edit("app.py", added, removed),), (TEST,))


@pytest.mark.parametrize(
    "line",
    [
        "    if os.environ.get('CI'):",
        '    if os.getenv("PYTEST_CURRENT_TEST"):',
        "    if 'pytest' in sys.modules:",
        "if (process.env.NODE_ENV === 'test') {",
        "    if cfg!(test) {",
        "if testing.Testing() {",
        "from unittest.mock import ANY",
    ],
)
def test_code_that_looks_at_whether_it_is_tested(line: str) -> None:
    (flag,) = flags(line)
    assert "looks at whether it is being tested" in flag


@pytest.mark.parametrize(
    ("added", "removed"),
    [
        (("    if (a, b) == (4, 5):", "        return 9"), ()),
        (("    if kind == 'pdf': return 'paper'",), ()),
        (("    return 9",), ("    return a - b",)),
        (("if (a === 4) return 9;",), ()),
    ],
)
def test_values_of_the_test(added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    (flag,) = flags(*added, removed=removed)
    assert "holds values of the new test" in flag


@pytest.mark.parametrize(
    ("added", "removed"),
    [
        (("    return a + b",), ("    return a - b",)),
        (("    if not items:", "        return []"), ()),
        (("    if n == 0:", "        return 1"), ()),
        (("LIMIT = 9",), ()),
        (("    if size > 4:", "        raise ValueError('too large')"), ()),
        (("    port = os.environ.get('PORT')",), ()),
        (("    return 7",), ("    return a - b",)),
    ],
)
def test_what_is_usual(added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    assert flags(*added, removed=removed) == ()


def test_what_is_equal_to_everything() -> None:
    assert "equal to everything" in flags("    def __eq__(self, other):", "        return True")[0]


@pytest.mark.parametrize("line", ["app.add = lambda a, b: a + b", "    setattr(app, 'add', better)"])
def test_a_test_that_replaces_what_it_tests(line: str) -> None:
    (flag,) = find_flags((Edit("src/app.py", (), ()),), (Edit("tests/test_app.py", (line,), ()),))
    assert "in the place of what it tests" in flag
    assert find_flags((Edit("src/other.py", (), ()),), (Edit("tests/test_app.py", (line,), ()),)) == ()


def test_a_line_that_moved_is_no_edit() -> None:
    assert edit_of("a", "x\ny\n", "y\nx\nz\n") == Edit("a", ("z",), ())
