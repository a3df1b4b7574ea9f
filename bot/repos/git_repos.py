"""Host-side git: implements `contract.Repos`. Every method is one short-lived child process (`child.py`).

The child gets an empty environment and its request on stdin; it is killed when it takes too long or when we are
cancelled. Its answer is believed as far as its shape goes; what it says about content is ids.
"""

import asyncio
import base64
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bot.domain import limits
from bot.domain.ids import CommitSha, RepoPath, TreeSha
from bot.errors import Bug, RepositoryFault, RetryLater, TokenRefused
from bot.repos import walk
from bot.repos.contract import (
    BaseCommit,
    Checkout,
    Conflict,
    ConflictKind,
    FileMode,
    Identity,
    Merge,
    MergeSides,
    Remote,
    RepoKey,
    Snapshot,
    TreeChange,
    View,
)
from bot.repos.forks import Forks, shared_forks
from bot.repos.housekeeping import remove_template
from bot.repos.listings import Listings
from bot.repos.marks import note_cache, take_template

_MAKINGS: Final = 3  # of a template that housekeeping removes in the same moment
IDENTITY: Final = Identity("pullwright[bot]", "pullwright[bot]@users.noreply.github.com")
"""Author and committer of our commits; GitHub shows the pusher beside it."""


@dataclass(frozen=True)
class GitRepos:
    """`owner_uid`: who owns the plain files (the sandbox's user) when we are root; None: ourselves. `products_since`:
    when the newest set-up was done whose products are kept, in seconds since the epoch; without it templates share
    no files (`linked.py`)."""

    state_dir: Path
    owner_uid: int | None = None
    identity: Identity = IDENTITY
    products_since: Callable[[], float] | None = None
    forks: Forks = field(default_factory=shared_forks)
    listings: Listings = field(default_factory=Listings)

    async def fetch(
        self, key: RepoKey, remote: Remote, ref: str, commit: CommitSha | None = None
    ) -> BaseCommit:
        """See `contract.Repos`."""
        arguments = {"url": remote.url, "token": remote.token, "ref": ref, "commit": commit}
        found = await self._ask(key, "fetch", arguments, limits.FETCH_TIMEOUT_S)
        return BaseCommit(CommitSha(found["commit"]), TreeSha(found["tree"]))

    async def materialise(self, key: RepoKey, tree: TreeSha) -> Path:
        """See `contract.Repos`. One that is there costs no process."""
        folder = self._folder(key) / "templates"
        arguments: dict[str, Any] = {"tree": tree, "folder": str(folder), "owner": self.owner_uid}
        for _ in range(_MAKINGS):
            if await asyncio.to_thread(take_template, folder / tree):
                return folder / tree
            self._make_passable(folder)
            if self.products_since is not None:
                arguments["newer_than"] = await asyncio.to_thread(self.products_since)
            await self._ask(key, "materialise", arguments)
        raise RetryLater("the files of a commit were removed as fast as they were made", 5.0)

    async def left_out(self, key: RepoKey, tree: TreeSha) -> tuple[str, ...]:
        """See `contract.Repos`."""
        return tuple(await self._ask(key, "left_out", {"tree": tree}))

    async def snapshot(self, key: RepoKey, base: TreeSha, view: View) -> Snapshot:
        """See `contract.Repos`."""
        walker = [sys.executable, "-I", "-S", walk.__file__, str(view.root)]
        arguments: dict[str, Any] = {"base": base, "argv": view.wrap(walker)}
        if view.written is not None and view.written.layers:
            layers = map(str, view.written.layers)
            arguments["written"] = {"argv": view.wrap([*walker, *layers]), "under": view.written.under}
        found = await self._ask(key, "snapshot", arguments)
        return Snapshot(
            TreeSha(found["tree"]), tuple(map(_change, found["changes"])), tuple(found["left_out"])
        )

    async def changes(self, key: RepoKey, old: TreeSha, new: TreeSha) -> tuple[TreeChange, ...]:
        if old == new:
            return ()
        return tuple(map(_change, await self._ask(key, "changes", {"old": old, "new": new})))

    async def derive(self, key: RepoKey, base: TreeSha, changes: tuple[TreeChange, ...]) -> TreeSha:
        """See `contract.Repos`."""
        if not changes:
            return base
        plain = [asdict(change) for change in changes]
        return TreeSha(await self._ask(key, "derive", {"base": base, "changes": plain}))

    async def store_blob(self, key: RepoKey, content: bytes) -> str:
        """See `contract.Repos`."""
        return str(await self._ask(key, "store_blob", {"content": base64.b64encode(content).decode()}))

    async def read_blobs(self, key: RepoKey, blobs: tuple[str, ...]) -> dict[str, bytes]:
        if not blobs:
            return {}
        found = await self._ask(key, "read_blobs", {"blobs": list(blobs)})
        return {sha: base64.b64decode(content) for sha, content in found.items()}

    async def list_tree(self, key: RepoKey, tree: TreeSha) -> dict[str, tuple[FileMode, str]]:
        """See `contract.Repos`."""
        known = self.listings.find(key, tree)
        if known is not None:
            return known
        found = await self._ask(key, "list_tree", {"tree": tree})
        listing = {path: (FileMode(_mode(mode)), sha) for path, (mode, sha) in found.items()}
        self.listings.keep(key, tree, listing)
        return listing

    async def diff(self, key: RepoKey, old: TreeSha, new: TreeSha) -> str:
        """See `contract.Repos`."""
        return "" if old == new else str(await self._ask(key, "diff", {"old": old, "new": new}))

    async def merge(self, key: RepoKey, sides: MergeSides) -> Merge:
        """See `contract.Repos`."""
        trees = [sides.began, sides.ours, sides.theirs]
        labels = [sides.our_name, sides.their_name]
        found = await self._ask(key, "merge", {"trees": trees, "labels": labels})
        conflicts = (Conflict(path, ConflictKind(kind)) for path, kind in found["conflicts"])
        return Merge(TreeSha(found["tree"]), tuple(conflicts))

    async def commit(
        self, key: RepoKey, tree: TreeSha, parents: tuple[CommitSha, ...], message: str, when: int
    ) -> CommitSha:
        """See `contract.Repos`."""
        who = [self.identity.name, self.identity.email, when]
        arguments = {"tree": tree, "parents": list(parents), "message": message, "identity": who}
        return CommitSha(await self._ask(key, "commit", arguments))

    async def push(
        self, key: RepoKey, remote: Remote, ref: str, commit: CommitSha, expected: CommitSha | None
    ) -> None:
        """See `contract.Repos`."""
        arguments = {
            "remote": [remote.url, remote.token],
            "ref": ref,
            "commit": commit,
            "expected": expected,
        }
        await self._ask(key, "push", arguments, limits.FETCH_TIMEOUT_S)

    async def forget(self, key: RepoKey, trees: tuple[TreeSha, ...]) -> None:
        """See `contract.Repos`."""
        for tree in trees:
            await asyncio.to_thread(remove_template, self._folder(key) / "templates" / tree)

    # -- a person's own checkout (`pullwright run`) ---------------------------------------------------------
    async def import_checkout(self, key: RepoKey, start: Path) -> Checkout:
        """The repository that `start` lies in: HEAD, and the files as they are now with what is not committed.

        What the base's .gitignore names is left out. Raises RepositoryFault.
        """
        head = await self._ask(key, "import_head", {"start": str(start)})
        root = Path(head["root"])
        now = await self.snapshot(key, TreeSha(head["tree"]), View(lambda argv: argv, root))
        return Checkout(root, CommitSha(head["commit"]), TreeSha(head["tree"]), now.tree)

    async def write_back(self, key: RepoKey, checkout: Checkout, tree: TreeSha) -> tuple[RepoPath, ...]:
        """Bring the change from `checkout.files` to `tree` into the checkout's files; which they are.

        Raises RepositoryFault, and nothing is written, when one of them was changed meanwhile.
        """
        arguments = {"root": str(checkout.root), "base": checkout.files, "tree": tree}
        return tuple(map(RepoPath, await self._ask(key, "write_back", arguments)))

    # -- the child ------------------------------------------------------------------------------------------
    def _folder(self, key: RepoKey) -> Path:
        return self.state_dir / str(key.installation) / str(key.repository)

    def _make_passable(self, folder: Path) -> None:
        """The sandbox's user goes through our folders to its templates, and can list none of them."""
        folder.mkdir(parents=True, exist_ok=True)
        for one in (folder, *folder.parents):
            if one == self.state_dir.parent:
                return
            one.chmod(0o711)

    async def _ask(
        self, key: RepoKey, operation: str, arguments: dict[str, Any], timeout_s: float = limits.GIT_CHILD_S
    ) -> Any:
        """One operation in a child. Raises RepositoryFault, RetryLater, Bug."""
        cache = self._folder(key) / "cache.git"
        note_cache(cache)
        request = json.dumps({"operation": operation, "cache": str(cache), "arguments": arguments})
        try:
            async with asyncio.timeout(timeout_s):
                output = await self.forks.ask(request.encode())
        except TimeoutError as error:
            raise RetryLater(f"git took longer than {timeout_s:.0f} s to {operation}", 30.0) from error
        if not output:
            raise Bug(f"the git child died during {operation}")
        return _result(json.loads(output))


def _result(answer: dict[str, Any]) -> Any:
    match answer.get("fault"):
        case None:
            return answer["result"]
        case "retry":
            raise RetryLater(answer["message"], answer["after_s"])
        case "token":
            raise TokenRefused(answer["message"], answer["remedy"])
        case "repository":
            raise RepositoryFault(answer["message"], answer["remedy"])
        case _:
            raise Bug(answer["message"])


def _change(body: dict[str, Any]) -> TreeChange:
    old, new = body["old_mode"], body["new_mode"]
    return TreeChange(
        RepoPath(body["path"]),
        FileMode(_mode(old)) if old else None,
        body["old_blob"],
        FileMode(_mode(new)) if new else None,
        body["new_blob"],
    )


def _mode(mode: str) -> str:
    """Old repositories have 100664 and the like: what git itself does with them."""
    return mode if mode in ("100644", "100755", "120000", "160000") else "100644"
