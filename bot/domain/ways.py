"""Whether the way by which somebody asks is open here: the repository's `triggers`. Pure.

Words about a task that is there already (`stop`, `status`, `help`, `config`) are no way in and always heard.
"""

from typing import assert_never

from bot.domain.repo_sections import TriggersConfig
from bot.domain.tasks import Way


def is_open(config: TriggersConfig, way: Way, called: str) -> bool:
    """`called`: of ASSIGN and REVIEW_REQUEST, who was named: a login, or `organisation/team`."""
    match way:
        case Way.MENTION:
            return config.mention
        case Way.OPENED:
            return config.opened
        case Way.LABEL:
            return config.label
        case Way.ASSIGN:
            return _names(config.assign, called)
        case Way.REVIEW_REQUEST:
            return _names(config.review_request, called)
        case Way.BUTTON | Way.EVENT:  # our own check run; and what `review.when` decides
            return True
        case _:
            assert_never(way)


def _names(configured: tuple[str, ...], called: str) -> bool:
    """Logins and teams do not differ by case."""
    return bool(called) and called.casefold() in {one.casefold() for one in configured}


def is_silent(way: Way) -> bool:
    """Whether nobody is told when it is closed: who assigns a person or puts on a label may mean somebody else."""
    return way not in (Way.MENTION, Way.OPENED)
