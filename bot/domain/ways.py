"""Whether the way by which somebody asks is open here: the repository's `triggers`. Pure.

Words about a task that is there already (`stop`, `status`, `help`, `config`) are no way in and always heard.
"""

from typing import assert_never

from bot.domain.decisions import RefusedRequest
from bot.domain.repo_config import RepoConfig
from bot.domain.repo_sections import TriggersConfig
from bot.domain.tasks import TaskRequest, WayIn


def is_open(config: TriggersConfig, way: WayIn, called: str) -> bool:
    """`called`: of ASSIGN and REVIEW_REQUEST, who was named: a login, or `organisation/team`."""
    match way:
        case WayIn.MENTION:
            return config.mention
        case WayIn.OPENED:
            return config.opened
        case WayIn.LABEL:
            return config.label
        case WayIn.ASSIGN:
            return _names(config.assign, called)
        case WayIn.REVIEW_REQUEST:
            return _names(config.review_request, called)
        case WayIn.REVIEWED:
            return config.reviews
        case WayIn.CHECKS:
            return config.checks
        case WayIn.BUTTON | WayIn.EVENT | WayIn.SCHEDULE:  # our own check run; what other keys decide
            return True
        case _:
            assert_never(way)


def _names(configured: tuple[str, ...], called: str) -> bool:
    """Logins and teams do not differ by case."""
    return bool(called) and called.casefold() in {one.casefold() for one in configured}


def is_closed(config: RepoConfig | None, asked: TaskRequest | RefusedRequest) -> bool:
    """Whether the repository's file does not want to be asked like that. None: it has no say."""
    return config is not None and not is_open(config.triggers, asked.way, asked.called)


def is_silent(way: WayIn) -> bool:
    """Whether nobody is told when it is closed: who assigns a person or puts on a label may mean somebody else."""
    return way not in (WayIn.MENTION, WayIn.OPENED)
