"""`edit` and `write_file`: the editing tools of every family but the one that writes patches.

Races: a file is read, changed and written here while no other command of the workspace runs.
"""

from typing import Annotated

from pydantic import Field

from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult
from bot.agent.tools.paths import fetch_source, parse_file_path
from bot.errors import ForModel
from bot.sandbox.contract import FileWrite

_PATH_ALIASES = {"file_path": "path", "filename": "path", "file": "path"}


class EditArguments(Arguments):
    path: Annotated[str, Field(min_length=1)]
    old_string: str
    new_string: str
    replace_all: bool = False


class WriteFileArguments(Arguments):
    path: Annotated[str, Field(min_length=1)]
    content: str


async def _edit(arguments: EditArguments, context: ToolContext) -> ToolResult:
    from bot.editing.edit import apply_edit  # here, so that a run does not wait for it at its start

    path = parse_file_path(arguments.path)
    content = await fetch_source(context.workspace, path)
    if content is None:
        raise ForModel(
            f"Nothing was written. There is no file `{path}`. Look for it (`find . -name NAME`), "
            "or make it with write_file."
        )
    result = apply_edit(content, arguments.old_string, arguments.new_string, arguments.replace_all, path)
    await context.workspace.write_files((FileWrite(path, result.content),))
    return ToolResult(f"`{path}`: {result.message}")


async def _write(arguments: WriteFileArguments, context: ToolContext) -> ToolResult:
    from bot.editing.write import plan_write

    path = parse_file_path(arguments.path)
    old = await fetch_source(context.workspace, path)
    content = plan_write(path, old, arguments.content, was_read=path in context.read_paths)
    await context.workspace.write_files((FileWrite(path, content),))
    lines = content.count(b"\n")
    return ToolResult(f"`{path}` {'created' if old is None else 'replaced'}: {lines} lines.")


EDIT = Tool(
    name="edit",
    description=(
        "Replace text in a file. `old_string` must match exactly and, without replace_all, once: include lines "
        "around it."
    ),
    arguments=EditArguments,
    example='{"path": "src/app.py", "old_string": "a - b", "new_string": "a + b"}',
    describe=lambda arguments: f"edit {arguments.path}",
    run=_edit,
    mutates=True,
    aliases={
        **_PATH_ALIASES,
        "old_str": "old_string",
        "oldText": "old_string",
        "old_text": "old_string",
        "old": "old_string",
        "new_str": "new_string",
        "newText": "new_string",
        "new_text": "new_string",
        "new": "new_string",
    },
)

WRITE_FILE = Tool(
    name="write_file",
    description="Create a file, or replace a small one (a larger one only after reading it). Prefer edit.",
    arguments=WriteFileArguments,
    example='{"path": "tests/test_app.py", "content": "def test_sum():\\n    assert add(1, 2) == 3\\n"}',
    describe=lambda arguments: f"write {arguments.path}",
    run=_write,
    mutates=True,
    aliases={**_PATH_ALIASES, "contents": "content", "file_text": "content", "text": "content"},
)
