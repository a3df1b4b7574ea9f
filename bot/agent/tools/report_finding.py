"""`report_finding`: one fault that a review has found. Kept in the log; posted once, by the harness, at the end."""

from typing import Annotated

from pydantic import Field

from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult
from bot.agent.tools.paths import parse_file_path
from bot.domain import limits
from bot.domain.findings import Finding, Priority
from bot.errors import ForModel
from bot.sandbox.contract import FileKind


class ReportFindingArguments(Arguments):
    path: Annotated[str, Field(min_length=1)]
    start_line: Annotated[int, Field(ge=1, description="In the file as it is now.")]
    end_line: Annotated[int, Field(ge=1, description="Close around the fault.")]
    priority: Annotated[
        Priority, Field(description="P0 must not be merged, P1 mend before, P2 some time, P3 remark.")
    ]
    title: Annotated[str, Field(min_length=1, max_length=120, description="One line.")]
    body: Annotated[
        str, Field(min_length=1, max_length=4_000, description="When it happens, what follows; short.")
    ]
    suggestion: Annotated[
        str, Field(max_length=4_000, description="Replaces exactly these lines; only if complete.")
    ] = ""
    reproduction: Annotated[str, Field(max_length=2_000, description="Command and output that show it.")] = ""


async def _run(arguments: ReportFindingArguments, context: ToolContext) -> ToolResult:
    if context.findings >= limits.FINDINGS_KEPT:
        raise ForModel(f"Not kept: {context.findings} findings are enough. Submit.")
    path = parse_file_path(arguments.path)
    if arguments.end_line < arguments.start_line:
        raise ForModel("Not kept: `end_line` lies before `start_line`.")
    read = await context.workspace.read_file(path)
    if read.kind is FileKind.FILE and read.content is not None:
        lines = read.content.count(b"\n") + (not read.content.endswith(b"\n"))
        if arguments.end_line > lines:
            raise ForModel(f"Not kept: `{path}` has {lines} lines. Look at them with read_file.")
    # A file that is not there may be one that the change deletes: the diff decides.
    finding = Finding(
        path,
        arguments.start_line,
        arguments.end_line,
        arguments.priority,
        arguments.title,
        arguments.body,
        arguments.suggestion,
        arguments.reproduction,
    )
    return ToolResult(f"Kept: {finding.priority.value} {path}:{finding.start}.", finding=finding)


REPORT_FINDING = Tool(
    name="report_finding",
    description=(
        "Keep one fault that the change brings and its author would mend if he knew, with the input or state that "
        "shows it. One call for each; none is a good result too."
    ),
    arguments=ReportFindingArguments,
    example=(
        '{"path": "src/app.py", "start_line": 12, "end_line": 13, "priority": "P1", "title": "Empty list '
        'divides by zero", "body": "mean([]) raises ZeroDivisionError; report() calls it with no rows."}'
    ),
    describe=lambda arguments: f"finding {arguments.priority.value} {arguments.path}:{arguments.start_line}",
    run=_run,
    aliases={
        "file_path": "path",
        "file": "path",
        "line": "start_line",
        "line_start": "start_line",
        "line_end": "end_line",
        "severity": "priority",
        "description": "body",
    },
)
