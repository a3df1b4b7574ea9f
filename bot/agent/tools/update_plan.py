"""`update_plan`: the checklist that people see in the tracking comment."""

from typing import Annotated

from pydantic import Field

from bot.agent.contract import PlanStep, StepStatus
from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult


class PlanStepArguments(Arguments):
    step: Annotated[str, Field(min_length=1, max_length=200)]
    status: StepStatus = StepStatus.PENDING


class UpdatePlanArguments(Arguments):
    plan: Annotated[list[PlanStepArguments], Field(min_length=1, max_length=20)]


async def _run(arguments: UpdatePlanArguments, context: ToolContext) -> ToolResult:
    plan = tuple(PlanStep(entry.step, entry.status) for entry in arguments.plan)
    context.observer.plan(plan)
    return ToolResult("Plan noted.", plan=plan)


UPDATE_PLAN = Tool(
    name="update_plan",
    description="Set the plan that people see: two to six steps; for longer work only.",
    arguments=UpdatePlanArguments,
    example='{"plan": [{"step": "Reproduce the fault", "status": "in_progress"}]}',
    describe=lambda arguments: f"plan of {len(arguments.plan)} steps",
    run=_run,
    aliases={"steps": "plan", "todos": "plan"},
)
