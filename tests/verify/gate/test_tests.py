"""What happens to tests that were there."""

import pytest

from bot.verify.gate.tests import find_loosened, find_lost_tests, find_skipped, find_weakened
from tests.verify.gate.changes import changed

PYTHON = "def test_a():\n    assert f() == 1\n    assert g() == 2\n"
SCRIPT = "test('adds', () => { expect(add(1, 2)).toBe(3); });\n"
GO = "func TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\tt.Fatal(1)\n\t}\n}\n"
RUST = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {\n        assert_eq!(1, 1);\n    }\n}\n"


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        ("tests/test_a.py", PYTHON, "test_a"),
        ("a.test.js", SCRIPT, "'adds'"),
        ("a_test.go", GO, "TestAdd"),
        ("src/lib.rs", RUST, "adds"),
    ],
)
def test_tests_are_not_lost(path: str, text: str, name: str) -> None:
    assert find_lost_tests((changed(path, text, ""),)) == [f"Tests were removed: `{name}`. Keep them."]
    assert find_lost_tests((changed(path, text, None),)) != []
    assert find_lost_tests((changed(path, text, text + "\n" + text.replace("a", "b")),)) == []


def test_a_test_may_move_to_another_file() -> None:
    moved = (changed("tests/test_a.py", PYTHON, None), changed("tests/test_b.py", None, PYTHON))
    assert find_lost_tests(moved) == []


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("tests/test_a.py", PYTHON, "import pytest\n\n\n@pytest.mark.skip\n" + PYTHON),
        ("tests/test_a.py", PYTHON, "import pytest\n\n\n@pytest.mark.xfail\n" + PYTHON),
        ("a.test.js", SCRIPT, SCRIPT.replace("test(", "test.skip(")),
        ("a.test.js", SCRIPT, SCRIPT.replace("test(", "test.todo(")),
        ("a.test.js", SCRIPT, SCRIPT + "test.only('b', () => {});\n"),
        ("a_test.go", GO, GO.replace("\tif", '\tt.Skip("x")\n\tif')),
        ("tests/api.rs", RUST, RUST.replace("#[test]", "#[test]\n    #[ignore]")),
    ],
)
def test_tests_are_not_skipped(path: str, old: str, new: str) -> None:
    assert "skips tests" in find_skipped((changed(path, old, new),))[0]
    assert find_skipped((changed(path, new, new + "\n"),)) == []
    assert find_skipped((changed(path, None, new),)) == []


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("tests/test_a.py", PYTHON, "def test_a():\n    assert f() == 1\n"),
        ("a.test.js", SCRIPT, "test('adds', () => { add(1, 2); });\n"),
        ("a_test.go", GO, "func TestAdd(t *testing.T) {\n\tAdd(1, 2)\n}\n"),
    ],
)
def test_tests_are_not_weakened(path: str, old: str, new: str) -> None:
    assert "asserts less" in find_weakened((changed(path, old, new),))[0]
    assert find_weakened((changed(path, new, old),)) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "words"),
    [
        ("a.test.js", SCRIPT, "jest.retryTimes(3);\n" + SCRIPT, "try again"),
        ("tests/test_a.py", PYTHON, "@pytest.mark.flaky(reruns=3)\n" + PYTHON, "try again"),
        ("pytest.ini", "[pytest]\ntimeout = 5\n", "[pytest]\ntimeout = 60\n", "raises a time limit"),
        ("setup.cfg", "fail_under = 90\n", "fail_under = 50\n", "lowers a threshold"),
        ("package.json", '{"branches": 90}', '{"branches": 10}', "lowers a threshold"),
    ],
)
def test_tests_are_not_given_more_slack(path: str, old: str, new: str, words: str) -> None:
    assert words in find_loosened((changed(path, old, new),))[0]
    assert find_loosened((changed(path, new, old),)) == []
    assert find_loosened((changed("src/client.py", old, new),)) == []
