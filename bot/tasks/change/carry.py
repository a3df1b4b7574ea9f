"""The work on its way from one machine to another: what it changes in its base, as a row of the database.

The cache of objects is in the data directory of one host. A worker on another host that takes the task fetches the
base from GitHub and makes the trees of the work again from these rows: the same content has the same id, so what was
recorded about them stays true.

Must never: hold more than CARRY_BYTES of one state. A task with more ends by name when its host dies.
"""

import base64
import json
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import structlog

from bot.agent.history import NO_TREE, fold
from bot.domain import limits
from bot.domain.ids import CommitSha, RepoPath, TreeSha
from bot.domain.tasks import Phase
from bot.errors import Bug, RepositoryFault
from bot.repos.contract import FileMode, TreeChange
from bot.tasks.change.desk import Desk
from bot.tasks.worktree import Keep

log = structlog.get_logger()


def keep_for(desk: Desk) -> Keep:
    """Keeps each state of this task's work where other machines find it."""

    async def keep(tree: TreeSha, changes: tuple[TreeChange, ...]) -> None:
        blobs = tuple({change.new_blob for change in changes if change.new_blob})
        packed = pack(changes, await desk.services.repos.read_blobs(desk.key, blobs))
        if len(packed) > limits.CARRY_BYTES:
            log.warning("work too large for other machines", task=desk.taken.id, bytes=len(packed))
            return
        await desk.call(desk.services.work_trees.keep, desk.taken.id, desk.taken.epoch, tree, packed)

    return keep


async def fetch_base(desk: Desk) -> None:
    """What a change or an answer stands on."""
    ref = f"refs/heads/{desk.request.base_branch}"
    await desk.with_remote(
        desk.fetch_remote,
        lambda remote: desk.services.repos.fetch(desk.key, remote, ref, desk.facts.base_commit),
    )


async def bring_here(desk: Desk, fetch: Callable[[Desk], Awaitable[None]] = fetch_base) -> None:
    """Everything that the task's facts name is in the cache of this host afterwards. Costs nothing where it is there.
    `fetch` brings the commits that the work stands on.

    Raises RepositoryFault, GitHubFault, RetryLater.
    """
    facts, services = desk.facts, desk.services
    if not facts.host or facts.host == services.settings.host:
        return
    await fetch(desk)
    kept = await desk.call(services.work_trees.load, desk.taken.id)
    for tree, packed in kept.items():
        await _unpack(desk, tree, packed)
    if await _newest_tree(desk) not in (NO_TREE, stands_on(desk), *kept):
        raise RepositoryFault(
            "The host that held this work is gone, and the work was too large to be kept elsewhere.",
            "Ask again: it begins from the start.",
        )
    log.info("work brought here", task=desk.taken.id, trees=len(kept))
    # A commit that is not pushed is made again: the same arguments give the same id.
    commit = facts.commit if facts.branch else CommitSha("")
    await desk.learn(host=services.settings.host, commit=commit)


def stands_on(desk: Desk) -> TreeSha:
    """What the states of the work are kept as changes of: a review's stand on the head."""
    review = desk.facts.review
    return review.head_tree if review is not None else desk.facts.base_tree


async def _newest_tree(desk: Desk) -> TreeSha:
    """The one to go on from: while the agent works, its own record is newer than the facts."""
    if desk.taken.phase is not Phase.WORK:
        return desk.facts.tree
    return fold(await desk.log.load()).tree


async def _unpack(desk: Desk, tree: TreeSha, packed: bytes) -> None:
    repos = desk.services.repos
    changes, blobs = unpack(packed)
    for content in blobs:
        await repos.store_blob(desk.key, content)
    made = await repos.derive(desk.key, stands_on(desk), changes)
    if made != tree:
        raise Bug(f"the kept work gives {made}, not {tree}")


def pack(changes: tuple[TreeChange, ...], blobs: dict[str, bytes]) -> bytes:
    """The changes and the content that they need."""
    body = {
        "changes": [asdict(change) for change in changes],
        "blobs": [base64.b64encode(content).decode() for content in blobs.values()],
    }
    return zlib.compress(json.dumps(body).encode())


def unpack(packed: bytes) -> tuple[tuple[TreeChange, ...], tuple[bytes, ...]]:
    """The inverse of `pack`."""
    body = json.loads(zlib.decompress(packed))
    changes = tuple(
        TreeChange(
            RepoPath(one["path"]),
            FileMode(one["old_mode"]) if one["old_mode"] else None,
            one["old_blob"],
            FileMode(one["new_mode"]) if one["new_mode"] else None,
            one["new_blob"],
        )
        for one in body["changes"]
    )
    return changes, tuple(base64.b64decode(content) for content in body["blobs"])
