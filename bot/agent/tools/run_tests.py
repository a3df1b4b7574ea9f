"""`run_tests`: the harness runs the tests and answers with a difference against the untouched base."""

from typing import Annotated

from pydantic import Field

from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult


class RunTestsArguments(Arguments):
    selection: Annotated[
        list[str],
        Field(default_factory=list, description="Files or ids; empty: chosen for you.", max_length=200),
    ]


async def _run(arguments: RunTestsArguments, context: ToolContext) -> ToolResult:
    difference = await context.tests.run(tuple(arguments.selection))
    return ToolResult(context.shelf.render(difference, context.label))


RUN_TESTS = Tool(
    name="run_tests",
    description=(
        "Run tests as the final check will; tells the difference to the untouched base. Prefer it to the shell."
    ),
    arguments=RunTestsArguments,
    example='{"selection": ["tests/test_app.py"]}',
    describe=lambda arguments: f"tests {' '.join(arguments.selection) or '(all)'}",
    run=_run,
    aliases={"tests": "selection", "paths": "selection", "path": "selection", "files": "selection"},
)
