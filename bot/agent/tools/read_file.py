"""`read_file`: numbered lines of a file, or the names in a directory. Binary files are refused."""

from typing import Annotated

from pydantic import Field

from bot.agent.hidden_text import printable_name
from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult
from bot.agent.tools.outputs import FOLDER
from bot.agent.tools.paths import parse_directory
from bot.agent.tools.truncate import LIMIT_BYTES, cut_line
from bot.domain import limits
from bot.errors import ForModel
from bot.llm.sanitise import clean_text
from bot.sandbox.contract import FileKind, FileRead


class ReadFileArguments(Arguments):
    path: Annotated[str, Field(min_length=1)]
    offset: Annotated[int, Field(ge=1, description="From 1.")] = 1
    limit: Annotated[
        int,
        Field(ge=1, description=f"Default {limits.READ_LINES}, at most {limits.READ_LINES_MAX}."),
    ] = limits.READ_LINES


async def _run(arguments: ReadFileArguments, context: ToolContext) -> ToolResult:
    path = arguments.path.strip()
    if path.startswith(f"{FOLDER}/"):
        content = context.shelf.read(path)
        if content is None:
            raise ForModel(f"`{path}` is not kept any more. Run the command again.")
        return ToolResult(render_lines(path, content, arguments.offset, arguments.limit))
    checked = parse_directory(path)
    read = await context.workspace.read_file(checked)
    if read.kind is FileKind.FILE and read.content is not None:
        return ToolResult(render_lines(checked, read.content, arguments.offset, arguments.limit))
    if read.kind is FileKind.DIRECTORY:
        return ToolResult(render_directory(checked, read.entries))
    raise ForModel(_why_not(checked, read))


def render_lines(path: str, content: bytes, offset: int, limit: int) -> str:
    """Lines `offset` and following, numbered; how many there are, and where to go on. Raises ForModel."""
    if b"\0" in content:
        raise ForModel(
            f"`{path}` is binary ({len(content):,} bytes). Look at it with a program in the shell."
        )
    lines = clean_text(content.decode("utf-8", "replace")).split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        return f"`{path}` is empty."
    if offset > len(lines):
        raise ForModel(f"`{path}` has {len(lines)} lines; there is no line {offset}.")
    shown: list[str] = []
    room = LIMIT_BYTES
    for number, line in enumerate(lines[offset - 1 :][: min(limit, limits.READ_LINES_MAX)], start=offset):
        entry = f"{number:>6}| {cut_line(line.removesuffix(chr(13)))}"
        room -= len(entry.encode()) + 1
        if room < 0:
            break
        shown.append(entry)
    last = offset + len(shown) - 1
    header = f"`{path}`, lines {offset}-{last} of {len(lines)}"
    more = f"\n[{len(lines) - last} lines more: offset={last + 1}]" if last < len(lines) else ""
    return f"{header}\n" + "\n".join(shown) + more


def render_directory(path: str, entries: tuple[str, ...]) -> str:
    shown = [printable_name(clean_text(entry)) for entry in entries[: limits.DIRECTORY_ENTRIES]]
    more = len(entries) - len(shown)
    return "\n".join([f"`{path}` has {len(entries)} entries", *shown, *([f"[{more} more]"] if more else [])])


def _why_not(path: str, read: FileRead) -> str:
    match read.kind:
        case FileKind.FILE:
            return (
                f"`{path}` has {read.size:,} bytes; at most {limits.READ_FILE_BYTES:,} can be read. "
                "Use head, tail or grep in the shell."
            )
        case FileKind.MISSING:
            return f"There is no `{path}`. List its directory, or search: `find . -name NAME`."
        case _:
            return f"`{path}` is a {read.kind.value}. Look at it with a program in the shell."


READ_FILE = Tool(
    name="read_file",
    description="Read numbered lines of a file, or list a directory.",
    arguments=ReadFileArguments,
    example='{"path": "src/app.py", "offset": 1, "limit": 250}',
    describe=lambda arguments: f"read {arguments.path}",
    run=_run,
    aliases={
        "file_path": "path",
        "filename": "path",
        "file": "path",
        "start_line": "offset",
        "max_lines": "limit",
    },
)
