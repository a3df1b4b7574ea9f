import pytest

from bot.domain.closing import closes


@pytest.mark.parametrize(
    "text",
    [
        "Fixes #3",
        "this closes: #3.",
        "resolved octo/app#3",
        "Fix https://github.example/octo/app/issues/3",
        "a\n\nCLOSES #3\n",
    ],
)
def test_keywords_of_github_close_an_issue(text: str) -> None:
    assert closes(text, "octo/app", 3)


@pytest.mark.parametrize(
    "text", ["Fixes #31", "See #3", "prefixes #3", "fixes octo/other#3", "fixes octo/app#4 and #3", ""]
)
def test_anything_else_does_not(text: str) -> None:
    assert not closes(text, "octo/app", 3)
