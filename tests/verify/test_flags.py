"""What is shown to the reader because nothing can decide it; what is usual is not."""

import pytest

from bot.verify.edits import Edit, edit_of
from bot.verify.flags import find_flags

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
        "    if os.path.exists('tests/test_app.py'):",
        "    if Path('test_app.py').is_file():",
        "if (fs.existsSync('./app.test.js')) {",
        "    if getpass.getuser() == 'root':",
        "    if os.getcwd() == '/workspace':",
        "    caller = sys.modules['__main__'].__file__",
        "    for one in gc.get_objects():",
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
        (("KNOWN = {(4, 5): 9}",), ()),
        (("    'pdf': 'paper',",), ()),
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
        (("    4: 16,",), ()),
        (("    kind: str = 'pdf'",), ()),
        (("    if os.path.exists('data/latest.json'):",), ()),
        (("    if time.time() > self.ends:",), ()),
    ],
)
def test_what_is_usual(added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    assert flags(*added, removed=removed) == ()


@pytest.mark.parametrize(
    "line",
    [
        "    if time.time() > 1800000000:",
        "if (Date.now() >= 1800000000000) {",
        "    if date.today() < date(2031, 1, 1):",
    ],
)
def test_code_that_waits_for_a_day(line: str) -> None:
    (flag,) = flags(line)
    assert "from some day on" in flag


def test_what_is_equal_to_everything() -> None:
    assert "equal to everything" in flags("    def __eq__(self, other):", "        return True")[0]


@pytest.mark.parametrize("line", ["app.add = lambda a, b: a + b", "    setattr(app, 'add', better)"])
def test_a_test_that_replaces_what_it_tests(line: str) -> None:
    (flag,) = find_flags((Edit("src/app.py", (), ()),), (Edit("tests/test_app.py", (line,), ()),))
    assert "in the place of what it tests" in flag
    assert find_flags((Edit("src/other.py", (), ()),), (Edit("tests/test_app.py", (line,), ()),)) == ()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("    assert hasattr(app, 'fixed')", "what the code is"),
        ("    if getattr(app, 'MARK', 0):", "what the code is"),
        ("    assert 'add' in app.__dict__", "what the code is"),
        ("    assert 'a + b' in Path('src/app.py').read_text()", "what the code is"),
        ("    assert '+' in inspect.getsource(app.add)", "what the code is"),
        ("pytest_plugins = ['tests.green']", "test runner"),
        ("    request.config.pluginmanager.register(Green())", "test runner"),
        ("unittest.TestCase.assertEqual = quiet", "test runner"),
        ("assert.equal = () => {};", "test runner"),
        ("globalThis.expect = () => anything;", "test runner"),
    ],
)
def test_a_test_that_looks_past_what_the_code_does(line: str, words: str) -> None:
    (flag,) = find_flags((Edit("src/app.py", (), ()),), (Edit("tests/test_app.py", (line,), ()),))
    assert words in flag


@pytest.mark.parametrize(
    "line",
    [
        "    assert hasattr(result, 'name')",
        "    text = Path('tests/data.txt').read_text()",
        "const assert = require('node:assert');",
        "    config = getattr(settings, 'x', None)",
        "    assert app.add(1, 2) == 3",
    ],
)
def test_a_test_that_does_what_tests_do(line: str) -> None:
    assert find_flags((Edit("src/app.py", (), ()),), (Edit("tests/test_app.py", (line,), ()),)) == ()


def test_test_set_up_may_reach_into_the_runner() -> None:
    hook = Edit("tests/conftest.py", ("def pytest_configure(config):",), ())
    assert find_flags((Edit("app.py", (), ()),), (hook,)) == ()


def test_a_line_that_moved_is_no_edit() -> None:
    assert edit_of("a", "x\ny\n", "y\nx\nz\n") == Edit("a", ("z",), ())
