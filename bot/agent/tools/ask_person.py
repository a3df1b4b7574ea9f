"""`ask_person`: questions to the people of the issue. The segment ends; a reply starts the next one."""

from typing import Annotated

from pydantic import Field, StringConstraints

from bot.agent.tools.contract import Arguments, Tool, ToolContext, ToolResult
from bot.domain import limits
from bot.errors import ForModel

Question = Annotated[str, StringConstraints(min_length=1, max_length=limits.QUESTION_CHARACTERS)]


class AskPersonArguments(Arguments):
    questions: Annotated[
        list[Question],
        Field(min_length=1, max_length=limits.QUESTIONS),
    ]


async def _run(arguments: AskPersonArguments, context: ToolContext) -> ToolResult:
    if context.asked >= limits.QUESTION_ROUNDS:
        raise ForModel(
            f"Nothing was asked: people were asked {context.asked} times already. Decide by what you know and "
            "name it under `risks`, or submit with needs_clarification."
        )
    return ToolResult(
        "Asked. The work pauses here until somebody with write access replies; the reply follows as a message.",
        questions=tuple(arguments.questions),
    )


ASK_PERSON = Tool(
    name="ask_person",
    description=(
        "Ask the people of the issue at most 3 one-line questions; pauses until one answers, perhaps for days."
    ),
    arguments=AskPersonArguments,
    example='{"questions": ["Should an empty list give 0 or an error?"]}',
    describe=lambda arguments: f"ask: {arguments.questions[0]}",
    run=_run,
    aliases={"question": "questions", "message": "questions", "text": "questions"},
)
