"""A pull request from a fork, as GitHub shows it: the head belongs to another repository, and the commit is here below
`refs/pull/` only."""

from bot.localhub.actions_git import NewPull, create_pull
from bot.localhub.records import Actor
from tests.stories.world import NAME, World

FORK = "eve/app"
BRANCH = "mean"


def open_fork_pull(world: World, files: dict[str, str], title: str = "Add mean") -> int:
    """Eve's, who may not write here; its number."""
    hub, seed = world.hub.hub, world.hub.seed
    content = {path: text.encode() for path, text in files.items()}
    seed.add_repository(FORK, content)
    with hub.lock:
        seed.commit(NAME, content, title, BRANCH)
        record, fork, eve = hub.repository(NAME), hub.repository(FORK), hub.account("eve")
        assert record is not None
        assert fork is not None
        assert eve is not None
        new = NewPull(title, "From my fork.", BRANCH, record.default_branch, fork=fork)
        number = create_pull(hub, record, Actor(eve), new).number
        record.git.delete_ref(f"refs/heads/{BRANCH}")
    return number
