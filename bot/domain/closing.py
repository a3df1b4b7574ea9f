"""Whether a pull request's text says that it closes an issue, by GitHub's own keywords. Pure."""

import re
from typing import Final

_KEYWORD: Final = r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\s*:?\s+"
_LOOKED_AT: Final = 65_536  # characters: GitHub takes no more


def closes(text: str, repository: str, issue: int) -> bool:
    """`repository`: owner/name. `Fixes #3`, `closes: octo/app#3`, `resolves https://host/octo/app/issues/3`."""
    name = re.escape(repository)
    place = rf"(?:(?:{name})?#|https?://[^\s/]+/{name}/(?:issues|pull)/){issue}(?!\d)"
    return re.search(_KEYWORD + place, text[:_LOOKED_AT], re.IGNORECASE) is not None
