"""`report_finding`: one fault that a review has found. Kept in the log; posted once, by the harness, at the end.

What it says about the file is checked against the file while the model can still mend it: the lines are there, the
snippet stands on them, the suggestion applies and breaks nothing, the reproduction fails when the harness runs it.
"""

import re
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult
from bot.agent.tools.paths import parse_file_path
from bot.domain import limits
from bot.domain.findings import Finding, Priority, Shown, holds_snippet
from bot.errors import ForModel
from bot.sandbox.contract import FileKind
from bot.texts.size import measure_words


class ReportFindingArguments(Arguments):
    path: Annotated[str, Field(min_length=1)]
    start_line: Annotated[int, Field(ge=1, description="As the file is now.")]
    end_line: Annotated[int, Field(ge=1)]
    snippet: Annotated[
        str, Field(min_length=1, max_length=400, description="Copied from these lines; one is enough.")
    ]
    priority: Annotated[
        Priority, Field(description="P0 must not be merged, P1 mend before, P2 some time, P3 remark.")
    ]
    title: Annotated[str, Field(min_length=1, max_length=120, description="One line.")]
    body: Annotated[
        str,
        Field(
            min_length=1,
            max_length=limits.FINDING_CHARACTERS,
            description="One paragraph: when it happens, what follows.",
        ),
    ]
    suggestion: Annotated[
        str, Field(max_length=4_000, description="Replaces exactly these lines; only if complete.")
    ] = ""
    reproduction: Annotated[
        str, Field(max_length=2_000, description="Bash that fails here and not on the base; it is run.")
    ] = ""


async def _run(arguments: ReportFindingArguments, context: ToolContext) -> ToolResult:
    if context.findings >= limits.FINDINGS_KEPT:
        raise ForModel(f"Not kept: {context.findings} findings are enough. Submit.")
    path = parse_file_path(arguments.path)
    finding = Finding(
        path,
        arguments.start_line,
        arguments.end_line,
        arguments.priority,
        arguments.title,
        fold_paragraph(arguments.body),
        arguments.suggestion,
        arguments.reproduction,
        arguments.snippet,
    )
    if (size := measure_words(finding.body)) > limits.FINDING_CHARACTERS:
        raise ForModel(
            f"Not kept: `body` takes {size:,} characters on GitHub, and there is room for "
            f"{limits.FINDING_CHARACTERS:,}. Say it in fewer."
        )
    read = await context.workspace.read_file(path)
    # A file that is not there may be one that the change deletes: the diff decides.
    if read.kind is FileKind.FILE and read.content is not None:
        check_place(finding, read.content)
    if finding.reproduction.strip():
        finding = replace(finding, shown=await _show(finding.reproduction, context))
    ran = f" The reproduction: {_told(finding.shown)}." if finding.shown else ""
    return ToolResult(f"Kept: {finding.priority.value} {path}:{finding.start}.{ran}", finding=finding)


def _told(shown: Shown) -> str:
    return f"{shown.head} here, {shown.base} on the base"


_CAN_NOT_RUN = ("exit 126", "exit 127")


async def _show(script: str, context: ToolContext) -> Shown:
    """What the harness saw. Raises ForModel: it shows nothing."""
    shown = await context.tests.reproduce(script)
    if shown.head == "exit 0":
        raise ForModel(
            "Not kept: `reproduction` ended with 0 on the untouched head, so it shows nothing. Let it end with another "
            "code where the fault is, as a failed assertion does; it can't use files that you wrote."
        )
    if shown.head in _CAN_NOT_RUN:
        raise ForModel(f"Not kept: `reproduction` can't be run ({shown.head}): {shown.output[-300:]}")
    return shown


def fold_paragraph(body: str) -> str:
    """The text as one paragraph. Raises ForModel: a code block can't be folded."""
    if "```" in body or "~~~" in body:
        raise ForModel(
            "Not kept: `body` is one paragraph. Put code that replaces the lines into `suggestion`, commands into "
            "`reproduction`."
        )
    return " ".join(body.split())


def check_place(finding: Finding, content: bytes) -> None:
    """Whether the finding fits the file. Raises ForModel with what would."""
    path, lines = finding.path, _split(content)
    if finding.end < finding.start:
        raise ForModel("Not kept: `end_line` lies before `start_line`.")
    if finding.end > len(lines):
        raise ForModel(f"Not kept: `{path}` has {len(lines)} lines. Look at them with read_file.")
    shown = lines[finding.start - 1 : finding.end]
    if not holds_snippet("\n".join(shown), finding.snippet):
        raise ForModel(_elsewhere(finding, lines))
    if finding.suggestion:
        _check_suggestion(finding, content, lines)


def _split(content: bytes) -> list[str]:
    """As git counts lines: form feeds and the like end none."""
    lines = content.decode("utf-8", "replace").split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def _elsewhere(finding: Finding, lines: list[str]) -> str:
    """Where the snippet does stand, or what stands where it was sought."""
    first = next((line for line in finding.snippet.splitlines() if line.strip()), "")
    found = [number for number, line in enumerate(lines, 1) if first and holds_snippet(line, first)]
    if found:
        listed = ", ".join(map(str, found[:5]))
        return (
            f"Not kept: the snippet stands on line {listed} of `{finding.path}`. Give the lines of the fault."
        )
    there = lines[finding.start - 1].strip()[:200]
    return f"Not kept: the snippet is not on these lines of `{finding.path}`. Line {finding.start} reads `{there}`."


def _check_suggestion(finding: Finding, content: bytes, lines: list[str]) -> None:
    """As GitHub will apply it: these lines go, the suggestion comes."""
    from bot.editing.syntax import check_syntax  # here, so that a run does not wait for it at its start

    proposed = finding.suggestion.rstrip("\n").split("\n")
    if proposed == lines[finding.start - 1 : finding.end]:
        raise ForModel(
            "Not kept: the suggestion changes nothing. Leave it out, or propose what would be right."
        )
    if re.match(r"\s*```", finding.suggestion):
        raise ForModel("Not kept: the suggestion begins with a fence. Give the lines alone.")
    after = "\n".join((*lines[: finding.start - 1], *proposed, *lines[finding.end :])) + "\n"
    broken = check_syntax(finding.path, content, after.encode("utf-8", "replace"))
    if broken is not None:
        raise ForModel(f"Not kept: with the suggestion the file would not parse any more: {broken}")


REPORT_FINDING = Tool(
    name="report_finding",
    description=(
        "Keep one fault that the change brings, with the input or state that shows it. One call for each."
    ),
    arguments=ReportFindingArguments,
    example=(
        '{"path": "src/app.py", "start_line": 12, "end_line": 12, "snippet": "return sum(xs) / len(xs)", '
        '"priority": "P1", "title": "Empty list divides by zero", "body": "mean([]) raises ZeroDivisionError; '
        'report() calls it with no rows."}'
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
        "code": "snippet",
    },
)
