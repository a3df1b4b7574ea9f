"""What nobody wants in a pull request, each found with a sentence; an honest change passes."""

import pytest

from bot.domain.ids import RepoPath
from bot.repos.contract import FileMode, TreeChange
from bot.verify.gate import ChangedFile, check_change

OLD_TEST = b"def test_a():\n    assert f() == 1\n    assert g() == 2\n"


def changed(
    path: str, before: bytes | None, after: bytes | None, mode: FileMode = FileMode.REGULAR
) -> ChangedFile:
    old = FileMode.REGULAR if before is not None else None
    new = mode if after is not None else None
    change = TreeChange(RepoPath(path), old, "a" if old else None, new, "b" if new else None)
    return ChangedFile(change, before, after)


def test_an_honest_change_is_clean() -> None:
    code = changed("app.py", b"x = 1\n", b"x = 2\n")
    test = changed("tests/test_app.py", OLD_TEST, OLD_TEST + b"\n\ndef test_b():\n    assert h() == 3\n")
    assert check_change((code, test)) == ()


def test_a_test_may_move_to_another_file() -> None:
    moved = (changed("tests/test_a.py", OLD_TEST, None), changed("tests/test_b.py", None, OLD_TEST))
    assert check_change(moved) == ()


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (changed("app.py.orig", None, b"x\n"), "scratch"),
        (changed(".github/workflows/ci.yml", b"a: 1\n", b"a: 2\n"), "configures CI"),
        (changed("AGENTS.md", b"a\n", b"b\n"), "instructs agents"),
        (changed("poetry.lock", b"a\n", b"b\n"), "`pyproject.toml` did not"),
        (changed("link", None, b"/etc/passwd", FileMode.SYMLINK), "symlink"),
        (changed("run.sh", b"a\n", b"b\n", FileMode.EXECUTABLE), "mode"),
        (changed("blob", None, b"\0\1"), "binary"),
        (changed("big.txt", None, b"x" * 1_048_577), "bytes"),
        (changed("app.py", b"x\n", b"<<<<<<< ours\nx\n=======\ny\n>>>>>>> theirs\n"), "conflict"),
        (changed("app.py", b"def f():\n    return 1\n", b"def f():\n        return 1\n"), "white space"),
        (changed("app.py", b"x = f()\n", b"x = g()  # type: ignore\n"), "switches off checks"),
        (changed("key.pem", None, b"-----BEGIN RSA PRIVATE " + b"KEY-----\n"), "secret"),
        (changed("tests/test_a.py", OLD_TEST, None), "Tests were removed"),
        (changed("tests/test_a.py", OLD_TEST, b"import pytest\n\n\n@pytest.mark.skip\n" + OLD_TEST), "skips"),
        (changed("tests/test_a.py", OLD_TEST, b"def test_a():\n    assert f() == 1\n"), "asserts less"),
    ],
)
def test_a_fault_is_said_in_a_sentence(file: ChangedFile, words: str) -> None:
    faults = check_change((file,))
    assert any(words in fault for fault in faults), faults
    assert all(fault.endswith(".") for fault in faults)
