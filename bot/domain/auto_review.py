"""Whether a pull request is reviewed without being asked for: what the repository's file says. Pure.

The authority is the file on the default branch, which only people with write access can change (law 6).
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from bot.domain.paths import matches_any
from bot.domain.repo_config import Moment, ReviewConfig
from bot.domain.tasks import TaskRequest


@dataclass(frozen=True)
class AutoReview:
    """A pull request came to a moment at which it may be reviewed. `request` is what would be asked for."""

    request: TaskRequest
    moment: Moment
    author: str
    draft: bool
    base: str
    labels: tuple[str, ...]


def wants_review(config: ReviewConfig, auto: AutoReview) -> bool:
    """All filters that are set must let it through. Names of people and labels do not differ by case, as on GitHub."""
    labels = {label.casefold() for label in auto.labels}
    return (
        auto.moment in config.when
        and (config.drafts or not auto.draft)
        and (not config.branches or any(fnmatchcase(auto.base, pattern) for pattern in config.branches))
        and (not config.labels or any(label.casefold() in labels for label in config.labels))
        and auto.author.casefold() not in {author.casefold() for author in config.skip_authors}
    )


def touches_paths(config: ReviewConfig, changed: tuple[str, ...]) -> bool:
    """Whether the path filter lets it through, too: one of the `changed` files is enough."""
    return not config.paths or any(matches_any(path, config.paths) for path in changed)
