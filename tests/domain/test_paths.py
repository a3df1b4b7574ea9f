"""Which names may stand for a file of a repository."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import limits
from bot.domain.paths import UnsafePath, is_dotgit, parse_repo_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a.py", "a.py"),
        ("./a.py", "a.py"),
        (".//./src//a.py", "src/a.py"),
        ("/workspace/src/a.py", "src/a.py"),
        ("/workspace//a.py", "a.py"),
        ("workspace/a.py", "workspace/a.py"),
        (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
        (".gitignore", ".gitignore"),
        (".gitattributes", ".gitattributes"),
        ("git/~1", "git/~1"),
        ("ünï côde/日本.txt", "ünï côde/日本.txt"),
        ("a..b/..c", "a..b/..c"),
        (" leading", " leading"),
    ],
)
def test_usable_paths_are_normalised(text: str, path: str) -> None:
    assert parse_repo_path(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        ".",
        "./",
        "/",
        "/workspace",
        "/workspace/",
        "/etc/passwd",
        "/workspaces/a",
        "//workspace/a",
        "..",
        "../a",
        "a/../b",
        "/workspace/../etc/passwd",
        "a/.. /b",
        "a\\..\\b",
        "a/...",
        "a/",
        "a/.",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\ud800b",
        "x" * 256,
        "é" * 128,
        "/".join(["ab"] * 400),
        "/".join(["a" * 200] * 6),
    ],
)
def test_unusable_paths_are_refused(text: str) -> None:
    with pytest.raises(UnsafePath):
        parse_repo_path(text)


@pytest.mark.parametrize(
    "part",
    [
        ".git",
        ".GIT",
        ".gIt",
        ".git ",
        ".git.",
        ".git. . ",
        "git~1",
        "GIT~1",
        "GIT~2 ",
        ".git::$INDEX_ALLOCATION",
        ".git:x",
        "git~1:x",
        ".g\u200cit",
        "\ufeff.git",
        ".gi\u206ft",
        "\u202a.Git\u202e",
        "．ｇｉｔ",
        "a\\.git\\hooks",
    ],
)
def test_every_spelling_of_dot_git_is_refused(part: str) -> None:
    assert is_dotgit(part)
    for text in (part, f"{part}/config", f"sub/{part}/hooks/pre-commit", f"/workspace/{part}/x"):
        with pytest.raises(UnsafePath):
            parse_repo_path(text)


def test_refusal_quotes_safely_and_says_why() -> None:
    with pytest.raises(
        UnsafePath, match=r"'a\\n\\u202eb' is not a usable path: it contains a control"
    ) as refusal:
        parse_repo_path("a\n\u202eb")
    assert isinstance(refusal.value, ValueError)
    with pytest.raises(UnsafePath) as long:
        parse_repo_path("x" * 10_000)
    assert len(str(long.value)) < 300


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["..", ".", "", "a", ".git", "/workspace", "b "])).map("/".join)
)
def test_what_passes_is_relative_bounded_and_stable(text: str) -> None:
    try:
        path = parse_repo_path(text)
    except UnsafePath:
        return
    parts = path.split("/")
    assert all(part not in ("", ".", "..") and not is_dotgit(part) for part in parts)
    assert "\0" not in path
    assert len(path.encode()) <= limits.PATH_BYTES
    assert parse_repo_path(path) == path
    assert parse_repo_path(f"/workspace/{path}") == path
