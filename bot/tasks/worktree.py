"""The work tree of one task: implements the agent's `Snapshots` over the sandbox and the bare cache.

A state of the work is a tree id (docs/decisions/0001). Nothing is walked when nothing was written since the last walk
(docs/decisions/0066). What set-up left in the repository's folder (build products, editable-install metadata) is not
the model's work: it is measured once in a fresh workspace, and left out of every later snapshot as long as it is
unchanged.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.domain import limits
from bot.domain.ids import RepoPath, TreeSha
from bot.domain.unified_diff import parse_diff, render_stat
from bot.repos.contract import RepoKey, Repos, Snapshot, TreeChange, View, Written
from bot.sandbox.contract import BlockedHost, Command, CommandResult, Environment, Sandbox, Workspace

_STAT_FILES = 40
"""More files than that are an accident; the sum tells it."""


Keep = Callable[[TreeSha, tuple[TreeChange, ...]], Awaitable[None]]


async def keep_nowhere(_tree: TreeSha, _changes: tuple[TreeChange, ...]) -> None:
    """The cache of objects is enough."""


@dataclass
class WorkTree:
    """One open workspace at most; `close` it in a `finally`. `keep` is told of every state that is taken, with what
    it changes in the base, before anybody hears of it."""

    repos: Repos
    sandbox: Sandbox
    key: RepoKey
    base: TreeSha
    environment: Environment
    keep: Keep = keep_nowhere
    left_out: tuple[str, ...] = ()  # sentences of the last snapshot: special files, unsafe names
    blocked: dict[str, BlockedHost] = field(default_factory=dict, init=False)  # by host, of closed workspaces
    _workspace: Workspace | None = field(default=None, init=False)
    _under: TreeSha | None = field(default=None, init=False)  # the workspace's plain files
    _at: TreeSha | None = field(default=None, init=False)
    _stamp: str | None = field(default=None, init=False)  # of the workspace when it was at `_at`
    _products: dict[RepoPath, TreeChange] | None = field(default=None, init=False)

    async def restore(self, tree: TreeSha) -> Workspace:
        """The open workspace if it is at `tree`, else a fresh one over the plain files of `tree`."""
        if self._workspace is not None and self._at == tree:
            return self._workspace
        await self.close()
        template = await self.repos.materialise(self.key, tree)
        self._workspace = await self.sandbox.open_workspace(template, self.environment)
        self._under = tree
        if self._products is None:
            self._products = await self._find_products(self._workspace, tree)
        self._at = tree
        return self._workspace

    async def take(self) -> TreeSha:
        """Walk the workspace and keep it, without what set-up had put there."""
        if self._workspace is None:
            return self._at or self.base
        stamp = await self._workspace.stamp()
        if self._at is not None and stamp is not None and stamp == self._stamp:
            return self._at
        tree, changes = await self._walk(self._workspace)
        if tree not in (self._at, self.base):
            await self.keep(tree, changes)
        self._at, self._stamp = tree, await self._workspace.stamp()
        return tree

    async def fork(self) -> Workspace:
        """See the agent's `Snapshots`."""
        template = await self.repos.materialise(self.key, await self.take())
        return await self.sandbox.open_workspace(template, self.environment)

    async def try_out(self, tree: TreeSha, script: str) -> CommandResult:
        """One command over the plain files of a tree, in a workspace that is thrown away."""
        template = await self.repos.materialise(self.key, tree)
        workspace = await self.sandbox.open_workspace(template, self.environment)
        try:
            return await workspace.run(Command(script, timeout_s=limits.REPRODUCTION_S))
        finally:
            await workspace.close()

    async def summarise(self, tree: TreeSha) -> str:
        """See the agent's `Snapshots`."""
        if tree == self.base:
            return ""
        return render_stat(parse_diff(await self.repos.diff(self.key, self.base, tree)), _STAT_FILES)

    async def close(self) -> None:
        workspace, self._workspace, self._at, self._stamp = self._workspace, None, None, None
        if workspace is not None:
            self.blocked = {one.host: one for one in workspace.blocked} | self.blocked
            await workspace.close()

    async def _find_products(self, workspace: Workspace, tree: TreeSha) -> dict[RepoPath, TreeChange]:
        """What a workspace that was just opened over `tree` has beside it: from set-up, or nothing."""
        if self.environment.workspace_layer is None:
            return {}
        fresh = await self._snapshot(workspace)
        changes = await self.repos.changes(self.key, tree, fresh.tree)
        return {change.path: change for change in changes}

    async def _walk(self, workspace: Workspace) -> tuple[TreeSha, tuple[TreeChange, ...]]:
        """The tree of the work, and what it changes in the base."""
        walked = await self._snapshot(workspace)
        products = self._products or {}
        changes = tuple(change for change in walked.changes if not _same(change, products))
        if len(changes) == len(walked.changes):
            return walked.tree, changes
        return await self.repos.derive(self.key, self.base, changes), changes

    async def _snapshot(self, workspace: Workspace) -> Snapshot:
        written = Written(workspace.written_layers, self._under) if self._under is not None else None
        view = View(workspace.view_command, workspace.view_root, written)
        snapshot = await self.repos.snapshot(self.key, self.base, view)
        self.left_out = snapshot.left_out
        return snapshot


def _same(change: TreeChange, products: dict[RepoPath, TreeChange]) -> bool:
    product = products.get(change.path)
    return (
        product is not None
        and (product.new_mode, product.new_blob) == (change.new_mode, change.new_blob)
        and change.old_blob is None
    )
