"""`submit`: the only way to finish. The static gate answers at once; a clean submission ends the run."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from bot.agent.contract import Mode, Submission, SubmitOutcome
from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult
from bot.domain import limits
from bot.domain.follow_up import refuse_points
from bot.domain.ids import TreeSha
from bot.errors import ForModel
from bot.texts.size import measure_words


class SubmitArguments(Arguments):
    outcome: SubmitOutcome  # what each means stands in the rules
    title: Annotated[str, Field(min_length=1)]  # of the pull request
    summary: Annotated[str, Field(min_length=1, description="What was changed and why, or what was found.")]
    root_cause: str = ""
    regression_tests: Annotated[
        list[str],
        Field(default_factory=list, description="Yours; ids as in run_tests."),
    ]
    risks: str = ""
    questions: Annotated[
        list[str],
        Field(default_factory=list, max_length=limits.QUESTIONS),
    ]


class FollowUpArguments(SubmitArguments):
    points: Annotated[
        list[str],
        Field(default_factory=list),  # the prompt of a follow-up says how they look
    ]


async def _run(arguments: SubmitArguments, context: ToolContext) -> ToolResult:
    submission = Submission(
        outcome=arguments.outcome,
        title=arguments.title,
        summary=arguments.summary,
        root_cause=arguments.root_cause,
        regression_tests=tuple(arguments.regression_tests),
        risks=arguments.risks,
        questions=tuple(arguments.questions),
        points=tuple(arguments.points) if isinstance(arguments, FollowUpArguments) else (),
    )
    tree = await context.snapshots.take()
    if reason := refuse_submission(submission, tree, context.base_tree):
        raise ForModel(f"Not submitted. {reason}")
    if fault := refuse_length(submission, context.mode):
        raise ForModel(f"Not submitted. {fault}")
    if submission.outcome in _ANSWERS_POINTS and (fault := refuse_points(submission.points, context.points)):
        raise ForModel(f"Not submitted. {fault}")
    if submission.outcome is SubmitOutcome.FIXED and (faults := await context.gate.check(submission, tree)):
        listed = "\n".join(f"- {fault}" for fault in faults)
        raise ForModel(f"Not submitted. Mend this, then submit again:\n{listed}")
    return ToolResult("Submitted.", submission=submission, tree=tree)


_ANSWERS_POINTS = (SubmitOutcome.FIXED, SubmitOutcome.NO_CHANGE_NEEDED)


def refuse_submission(submission: Submission, tree: TreeSha, base_tree: TreeSha) -> str | None:
    """What contradicts itself in a submission, as one sentence with the next step."""
    if submission.outcome is SubmitOutcome.FIXED and tree == base_tree:
        return (
            "The outcome is `fixed`, but no file of the repository differs from the base. Make the change, "
            "or submit with no_change_needed, needs_clarification or blocked."
        )
    if submission.outcome is SubmitOutcome.NEEDS_CLARIFICATION and not submission.questions:
        return f"`needs_clarification` needs one to {limits.QUESTIONS} questions in `questions`."
    return None


def refuse_length(submission: Submission, mode: Mode) -> str | None:
    """Which text is longer than people will be shown, and what there is room for: the model shortens it, and nothing
    has to be cut. A summary without a change is an answer, with a comment to itself; a review has room for less."""
    is_answer = mode is not Mode.REVIEW and submission.outcome is not SubmitOutcome.FIXED
    texts = (
        ("title", submission.title, limits.SUMMARY_CHARACTERS),
        ("summary", submission.summary, limits.ANSWER_CHARACTERS if is_answer else limits.SUMMARY_CHARACTERS),
        ("root_cause", submission.root_cause, limits.SUMMARY_CHARACTERS),
        ("risks", submission.risks, limits.SUMMARY_CHARACTERS),
        *(
            (f"questions[{at}]", text, limits.QUESTION_CHARACTERS)
            for at, text in enumerate(submission.questions)
        ),
        *(
            (f"points[{at}]", text, limits.POINT_ANSWER_CHARACTERS)
            for at, text in enumerate(submission.points)
        ),
    )
    for name, text, most in texts:
        if (size := measure_words(text)) > most:
            return (
                f"`{name}` takes {size:,} characters on GitHub, and people are shown {most:,}. Say it in fewer, then "
                "submit again."
            )
    return None


SUBMIT = Tool(
    name="submit",
    description="Finish. All four outcomes are acceptable; say what is true.",
    arguments=SubmitArguments,
    example='{"outcome": "fixed", "title": "Add, not subtract", "summary": "add() used the wrong operator."}',
    describe=lambda arguments: f"submit: {arguments.outcome.value}",
    run=_run,
    aliases={"tests": "regression_tests", "rootCause": "root_cause", "description": "summary"},
)
SUBMIT_FOLLOW_UP = replace(SUBMIT, arguments=FollowUpArguments)
"""With an answer to each point of a review."""
