"""`shell`: one bash command in the sandbox. Nothing persists between calls but files."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult
from bot.agent.tools.paths import parse_directory
from bot.domain import limits
from bot.sandbox.contract import Command, CommandResult, EndedBy, SessionAnswer

_REFUSED_SHOWN = 5  # hosts; a program that tries many says the same of each


class ShellArguments(Arguments):
    command: str = ""
    workdir: str = "."
    timeout_s: Annotated[
        int,
        Field(
            ge=1,
            description=f"Default {limits.COMMAND_TIMEOUT_S}, at most {limits.COMMAND_TIMEOUT_MAX_S}.",
        ),
    ] = limits.COMMAND_TIMEOUT_S
    background: Annotated[bool, Field(description="Start it on a copy of the files; gives a handle.")] = False
    handle: Annotated[str, Field(description="Read its new output, or run command beside it.")] = ""
    signal: Annotated[Literal["", "INT", "TERM", "HUP", "KILL"], Field(description="For handle.")] = ""

    @model_validator(mode="after")
    def _says_what_to_do(self) -> "ShellArguments":
        if not self.command and not self.handle:
            raise ValueError("the argument `command` is missing")
        return self


async def _run(arguments: ShellArguments, context: ToolContext) -> ToolResult:
    if arguments.handle:
        return await _of_background(arguments, context)
    if arguments.background:
        workdir = parse_directory(arguments.workdir)
        handle, first = await context.backgrounds.start(context.snapshots, arguments.command, workdir)
        note = "It sees the files as they are now, not later edits; what it writes is no part of the change."
        return _answer(f"started as {handle}. {note}", first, context)
    command = Command(
        script=arguments.command,
        workdir=parse_directory(arguments.workdir),
        timeout_s=min(arguments.timeout_s, limits.COMMAND_TIMEOUT_MAX_S),
        files=context.shelf.files(),
    )
    result = await context.workspace.run(command)
    output = context.shelf.render(result.output, context.label).strip("\n")
    return ToolResult(f"{render_end(result, command.timeout_s)}\n{output or '(no output)'}", ok=result.ok)


async def _of_background(arguments: ShellArguments, context: ToolContext) -> ToolResult:
    """Look at a background process, signal it, or run a command beside it."""
    handle, backgrounds = arguments.handle, context.backgrounds
    if arguments.signal:
        said = await backgrounds.signal(handle, arguments.signal)
        return _answer(f"{arguments.signal} sent to {handle}", said, context)
    if not arguments.command:
        return _answer(handle, await backgrounds.poll(handle), context)
    timeout_s = min(arguments.timeout_s, limits.COMMAND_TIMEOUT_MAX_S)
    said = await backgrounds.run(handle, arguments.command, parse_directory(arguments.workdir), timeout_s)
    if said.timed_out:
        return _answer(f"beside {handle}: killed after {timeout_s:g} s", said, context)
    return _answer(f"beside {handle}", said, context)


def _answer(what: str, said: SessionAnswer, context: ToolContext) -> ToolResult:
    how = "still running" if said.exit_code is None else f"exit code {said.exit_code}"
    state = "" if said.timed_out else f" ({how})"
    dropped = f"\n[{said.cut_bytes:,} older bytes were too many to keep]" if said.cut_bytes else ""
    output = context.shelf.render(said.output, context.label).strip("\n")
    ok = not said.timed_out and said.exit_code in (None, 0)
    return ToolResult(f"{what}{state}{dropped}\n{output or '(no new output)'}", ok=ok)


def render_end(result: CommandResult, timeout_s: float) -> str:
    """The first line of the answer: how the command ended and how long it took."""
    took = f"{result.seconds:.1f} s"
    dropped = (
        f"\n[{result.cut_bytes:,} bytes in the middle were too many to keep]" if result.cut_bytes else ""
    )
    dropped += f"\n[{result.met}]" if result.met else ""
    dropped += "".join(
        f"\n[not let out: {reason}]" for reason in list(result.refused.values())[:_REFUSED_SHOWN]
    )
    match result.ended_by:
        case EndedBy.EXIT:
            first = f"exit code {result.exit_code}, {took}"
        case EndedBy.TIMEOUT:
            first = (
                f"killed after {timeout_s:g} s with everything it had started. stdin is closed: a program "
                f"that asks for input needs a flag that answers it. Long work needs timeout_s (at most "
                f"{limits.COMMAND_TIMEOUT_MAX_S}) or smaller steps."
            )
        case EndedBy.MEMORY | EndedBy.DISK:
            detail = f" ({result.detail})" if result.detail else ""
            first = f"killed after {took}: out of {result.ended_by.value}{detail}"
        case EndedBy.SIGNAL | EndedBy.CANCELLED:
            detail = f" ({result.detail})" if result.detail else ""
            first = f"ended by {result.ended_by.value}{detail}, {took}"
    return first + dropped


def _describe(arguments: ShellArguments) -> str:
    beside = f"{arguments.handle} " if arguments.handle else ""
    what = arguments.command or (f"signal {arguments.signal}" if arguments.signal else "output")
    return f"{beside}$ {what}{' &' if arguments.background else ''}"


SHELL = Tool(
    name="shell",
    description=(
        "Run a bash script in a new shell at the root or in workdir. `cd` and exports do not persist; processes "
        "end with the call."
    ),
    arguments=ShellArguments,
    example='{"command": "grep -rn parse_date src"}',
    describe=_describe,
    run=_run,
    mutates=True,
    aliases={"cmd": "command", "script": "command", "cwd": "workdir", "dir": "workdir"},
)
