"""`apply_patch`: the editing tool of families that are trained on patches. All files of a patch or none."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult
from bot.agent.tools.paths import fetch_source
from bot.domain import limits
from bot.domain.ids import RepoPath
from bot.errors import ForModel
from bot.sandbox.contract import Command, FileWrite, Workspace

if TYPE_CHECKING:
    from bot.editing.patch_apply import FileChange, PatchPlan


class ApplyPatchArguments(Arguments):
    patch: Annotated[
        str,
        Field(
            min_length=1,
            description=(
                "*** Begin Patch / *** Update File: path (or Add File, Delete File) / @@ nearest line "
                "above / lines with a leading space, - or + / *** End Patch"
            ),
        ),
    ]


class _NotReadYet(Exception):
    """The pure applier wants a file that was not fetched: fetch it and begin again."""

    def __init__(self, path: RepoPath) -> None:
        super().__init__(path)
        self.path = path


async def _run(arguments: ApplyPatchArguments, context: ToolContext) -> ToolResult:
    plan = await _plan(arguments.patch, context.workspace)
    writes = [await _write_of(change, context.workspace) for change in plan.changes]
    await context.workspace.write_files(tuple(writes))
    return ToolResult(plan.summary)


async def _plan(patch: str, workspace: Workspace) -> "PatchPlan":
    """Apply it in memory, with one more file at each round until it has all that it asks for."""
    from bot.editing.patch_apply import apply_patch  # here, so that a run does not wait for it at its start

    contents: dict[RepoPath, bytes | None] = {}

    def read(path: RepoPath) -> bytes | None:
        if path not in contents:
            raise _NotReadYet(path)
        return contents[path]

    # Each file of a patch is asked for by at most its name, its parents and its new name.
    for _ in range(limits.PATCH_FILES * limits.TREE_DEPTH):
        try:
            return apply_patch(patch, read)
        except _NotReadYet as missing:
            contents[missing.path] = await _fetch(workspace, missing.path)
    raise ForModel("Nothing was written. The patch names too many files; send it in parts.")


async def _fetch(workspace: Workspace, path: RepoPath) -> bytes | None:
    read = await workspace.read_file(path, 0)
    # A directory is asked for only as the parent of a new file: there is no file in the way.
    return None if read.kind.value == "directory" else await fetch_source(workspace, path)


async def _write_of(change: "FileChange", workspace: Workspace) -> FileWrite:
    if change.moved_from is None:
        return FileWrite(change.path, change.content)
    probe = Command(script='test -x "$MOVED_FROM"', env={"MOVED_FROM": change.moved_from})
    return FileWrite(change.path, change.content, executable=(await workspace.run(probe)).ok)


APPLY_PATCH = Tool(
    name="apply_patch",
    description=(
        "Change, add, move or delete files. Context lines must match and be unique: three around a change do."
    ),
    arguments=ApplyPatchArguments,
    example=(
        '{"patch": "*** Begin Patch\\n*** Update File: src/app.py\\n@@ def add(a, b):\\n'
        '-    return a - b\\n+    return a + b\\n*** End Patch"}'
    ),
    describe=lambda arguments: f"patch {', '.join(_named(arguments.patch)) or '(unreadable)'}",
    run=_run,
    mutates=True,
    aliases={"input": "patch", "diff": "patch", "patch_text": "patch", "command": "patch"},
)


def _named(patch: str) -> list[str]:
    return [
        line.split(": ", 1)[1] for line in patch.splitlines() if line.startswith("*** ") and ": " in line
    ][:5]
