"""Whether words on a pull request ask for its red checks to be repaired, and for nothing else. Pure."""

import re
from typing import Final

_ASKS: Final = re.compile(
    r"""[\s.,!:;-]*(?:(?:please|pls|can\ you|could\ you|now)[\s,]+)*
    (?:fix|repair|mend|address|resolve|make|get)\s+(?:up\s+)?
    (?:(?:the|all|all\ the|these|those|your|our|this)\s+)?
    (?:(?:red|failing|failed|broken|remaining)\s+)?
    (?:ci|checks?|builds?|pipelines?|workflows?|github\s+actions?|actions)
    (?:\s+(?:failures?|errors?|problems?|checks?|runs?|jobs?|builds?|pipelines?|pass|passing|green|work))*
    (?:[\s,.!:;-]|again|please|pls|now|thanks|thank\ you|thx|on\ this\ (?:pull\ request|pr))*""",
    re.IGNORECASE | re.VERBOSE,
)


def asks_for_repair(instruction: str) -> bool:
    """`fix the CI failures`, `repair the failing checks, please`, `make CI green`: the whole text says no more."""
    return len(instruction) <= 200 and _ASKS.fullmatch(instruction) is not None
