"""`.devcontainer/devcontainer.json`: which image a repository wants to be worked on in. Pure.

Only `image` is honoured. A Dockerfile, features, mounts, options and commands of that file are not: they would be
the repository's words in the host's engine.
"""

import json
import re
from typing import Final

DEVCONTAINER_PATHS: Final = (".devcontainer/devcontainer.json", ".devcontainer.json")
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.S)


def parse_devcontainer_image(text: str) -> str:
    """The name of the image; "" when there is none or the file can't be read. Comments and commas before a closing
    bracket are allowed, as its format says."""
    plain = _TOKENS.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
    plain = _TOKENS.sub(lambda found: found[0] if found[0].startswith('"') else "", plain)
    try:
        told = json.loads(plain)
    except (ValueError, RecursionError):
        return ""
    image = told.get("image") if isinstance(told, dict) else None
    return image.strip()[:255] if isinstance(image, str) else ""
