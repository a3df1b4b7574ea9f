"""`settle_finding`: whether a fault that an earlier review told is mended. The harness resolves its thread, or not."""

from typing import Annotated

from pydantic import Field

from bot.agent.contract import Settled
from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult
from bot.errors import ForModel


class SettleFindingArguments(Arguments):
    number: Annotated[int, Field(ge=1)]
    mended: bool
    why: Annotated[str, Field(min_length=1, max_length=300)]


async def _run(arguments: SettleFindingArguments, context: ToolContext) -> ToolResult:
    if arguments.number not in context.settleable:
        known = ", ".join(map(str, sorted(context.settleable)))
        there = f"There are {known}." if known else "There are no earlier findings here."
        raise ForModel(f"Nothing noted. {there} New faults are for report_finding.")
    settled = Settled(arguments.number, arguments.mended, " ".join(arguments.why.split()))
    return ToolResult(f"Noted: {settled.number}.", settled=settled)


SETTLE_FINDING = Tool(
    name="settle_finding",
    description="Say of an earlier finding whether it is mended now.",
    arguments=SettleFindingArguments,
    example='{"number": 1, "mended": true, "why": "mean() returns 0 for an empty list."}',
    describe=lambda arguments: (
        f"settle {arguments.number}: {'mended' if arguments.mended else 'still there'}"
    ),
    run=_run,
    aliases={"fixed": "mended", "reason": "why", "id": "number"},
)
