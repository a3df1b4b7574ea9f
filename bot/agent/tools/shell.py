"""`shell`: one bash command in the sandbox. Nothing persists between calls but files."""

from typing import Annotated

from pydantic import Field

from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult
from bot.agent.tools.paths import parse_directory
from bot.domain import limits
from bot.sandbox.contract import Command, CommandResult, EndedBy

_REFUSED_SHOWN = 5  # hosts; a program that tries many says the same of each


class ShellArguments(Arguments):
    command: Annotated[str, Field(min_length=1, description="Bash script.")]
    workdir: Annotated[str, Field(description="Directory relative to the repository's root.")] = "."
    timeout_s: Annotated[
        int,
        Field(
            ge=1,
            description=f"At most {limits.COMMAND_TIMEOUT_MAX_S}; {limits.COMMAND_TIMEOUT_S} if left out.",
        ),
    ] = limits.COMMAND_TIMEOUT_S


async def _run(arguments: ShellArguments, context: ToolContext) -> ToolResult:
    command = Command(
        script=arguments.command,
        workdir=parse_directory(arguments.workdir),
        timeout_s=min(arguments.timeout_s, limits.COMMAND_TIMEOUT_MAX_S),
        files=context.shelf.files(),
    )
    result = await context.workspace.run(command)
    output = context.shelf.render(result.output, context.label).strip("\n")
    return ToolResult(f"{render_end(result, command.timeout_s)}\n{output or '(no output)'}", ok=result.ok)


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


SHELL = Tool(
    name="shell",
    description=(
        "Run a bash script in the sandbox, at the root of the repository. Each call is a new shell: `cd` and "
        "exports do not carry over, /tmp is empty again, only files in the repository stay. No network, no "
        "stdin, no background processes. Returns the exit code, the seconds and the output."
    ),
    arguments=ShellArguments,
    example='{"command": "grep -rn parse_date src"}',
    describe=lambda arguments: f"$ {arguments.command}",
    run=_run,
    mutates=True,
    aliases={"cmd": "command", "script": "command", "cwd": "workdir", "dir": "workdir"},
)
