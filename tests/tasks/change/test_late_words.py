"""Words that come too late for the run: the work goes on with them, once, while there is something left to spend."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.agent.contract import EventKind, Feedback
from bot.domain import limits
from bot.domain.ids import TreeSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskKind
from bot.llm.contract import UserMessage
from bot.llm.serialise import render_message
from bot.store.events import Events
from bot.store.tasks import STEERING, Taken
from bot.tasks.answer import AnswerSteps
from bot.tasks.change.desk import Desk, open_desk
from bot.tasks.change.facts import HouseRules, SubmissionFacts, parse_facts
from bot.tasks.change.late_words import call_attempt, hear_late_words
from bot.tasks.change.steps import ChangeSteps
from bot.tasks.review.steps import ReviewSteps
from bot.tasks.workflow import Finished, Next
from tests.stories.own_pull import request_of
from tests.stories.world import NAME
from tests.tasks.follow_up.room import Room, open_room

SUBMISSION = SubmissionFacts("fixed", "Add", "Why.")
TREE = TreeSha("a" * 40)


@dataclass
class Named:
    """A model that nobody asks."""

    name: str = "m"


@asynccontextmanager
async def open_late(room: Room, taken: Taken) -> AsyncIterator[Desk]:
    services = replace(room.services, models=(Named(),))  # type: ignore[arg-type]
    async with open_desk(services, room.look(taken)) as desk:
        yield desk


def say(room: Room, taken: Taken, comment: int) -> int:
    body = {"id": comment, "author": "ada", "text": f"and {comment}"}
    return Events(room.database).append(taken.id, taken.epoch, STEERING, body, 1.0)


def record(room: Room, taken: Taken, kind: EventKind, body: dict[str, Any], attempt: str = "") -> None:
    Events(room.database).append(taken.id, taken.epoch, kind.value + attempt, body, 1.0)


def submitted(room: Room, **facts: Any) -> Taken:
    """A task whose only turn was a submission."""
    taken = room.take(
        replace(request_of(room.hub, 1), comment_id=78), submission=SUBMISSION, tree=TREE, **facts
    )
    begin(room, taken)
    return taken


def begin(room: Room, taken: Taken, attempt: str = "") -> None:
    messages = [render_message(UserMessage("fix this"))]
    started = {"messages": messages, "tools": [], "cache_key": "", "tree": TREE}
    record(room, taken, EventKind.STARTED, started, attempt)
    cost = {"requests": 1, "input_tokens": 1, "cached_tokens": 0, "output_tokens": 1, "cost_usd": 0.0}
    record(room, taken, EventKind.PAID, {"usage": cost, "seconds": 70.0}, attempt)


@pytest.mark.parametrize("phase", [Phase.PUBLISH, Phase.REPORT])
async def test_the_work_goes_on_with_late_words_and_once_for_the_same_ones(
    tmp_path: Path, phase: Phase
) -> None:
    with open_room(tmp_path) as room:
        taken = submitted(room, round=1)
        async with open_late(room, taken) as desk:
            assert await hear_late_words(desk, phase) is None, "nobody spoke"
            first = say(room, taken, 80)
            back = await hear_late_words(desk, phase)
            assert back is not None
            assert back.phase is Phase.WORK
            desk.facts = parse_facts(back.facts or {})
            assert (desk.facts.called_back, desk.facts.round) == (first, 2)
            assert "wrote to you meanwhile" in desk.facts.feedback
            assert await hear_late_words(desk, phase) is None, "a run that could not hear them comes back"
            second = say(room, taken, 79)
            again = await hear_late_words(desk, phase)
            assert again is not None
            assert parse_facts(again.facts or {}).called_back == second


async def test_without_anything_left_to_spend_the_end_stands(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        taken = submitted(room)
        say(room, taken, 80)
        async with open_late(room, taken) as desk:
            limited = replace(desk.facts, rules=replace(desk.facts.rules, minutes=1.0))
            assert await hear_late_words(desk, Phase.PUBLISH) is not None
            desk.facts = limited
            assert await hear_late_words(desk, Phase.PUBLISH) is None


async def test_what_the_run_heard_is_no_late_word(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        taken = submitted(room)
        seq = say(room, taken, 80)
        record(room, taken, EventKind.MESSAGE, {"source": "steering", "text": "and 80", "id": 80, "seq": seq})
        async with open_late(room, taken) as desk:
            assert await hear_late_words(desk, Phase.PUBLISH) is None


async def test_each_attempt_is_called_that_did_not_hear_and_gets_the_same_after_a_death(
    tmp_path: Path,
) -> None:
    numbered = limits.VERIFY_ROUNDS + 1
    with open_room(tmp_path) as room:
        taken = submitted(room)
        begin(room, taken, ".2")
        seq = say(room, taken, 80)
        heard = {"source": "steering", "text": "and 80", "id": 80, "seq": seq}
        record(room, taken, EventKind.MESSAGE, heard, ".2")
        async with open_late(room, taken) as desk:
            assert await call_attempt(desk, 1) is None, "the work did not begin again"
            desk.facts = replace(desk.facts, round=1)
            called = await call_attempt(desk, 1)
            assert isinstance(called, Feedback)
            assert called.round == numbered
            assert await call_attempt(desk, 2) is None, "it has heard"
            said = {"source": "feedback", "text": called.text, "id": called.round}
            record(room, taken, EventKind.MESSAGE, said)
            record(room, taken, EventKind.MESSAGE, heard)
            assert await call_attempt(desk, 1) == called, "it dies behind that"
            desk.facts = replace(desk.facts, round=2)
            assert await call_attempt(desk, 1) is None, "the next beginning is for others"


@pytest.mark.parametrize(
    ("outcome", "goes_on"),
    [
        (Outcome.BLOCKED, True),
        (Outcome.DECLINED, True),
        (Outcome.MODEL_MISBEHAVED, True),
        (Outcome.ANSWERED, True),
        (Outcome.OUT_OF_TURNS, False),
        (Outcome.OUT_OF_MONEY, False),
        (Outcome.MODEL_UNAVAILABLE, False),
        (Outcome.STALE, False),
    ],
)
async def test_an_end_of_the_agents_own_is_no_end_for_words_that_came_before_it_was_told(
    tmp_path: Path, outcome: Outcome, goes_on: bool
) -> None:
    with open_room(tmp_path) as room:
        taken = room.take(replace(request_of(room.hub, 1), comment_id=78), outcome=outcome.value)
        begin(room, taken)
        say(room, taken, 80)
        async with open_late(room, taken) as desk:
            assert (await hear_late_words(desk, Phase.REPORT) is not None) is goes_on


async def test_what_was_not_heard_is_told_where_the_task_ends(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        issue = room.hub.seed.open_issue(NAME, "eve", "Sums are wrong", "They are.")
        taken = room.take(replace(request_of(room.hub, issue), comment_id=78))
        say(room, taken, 80)
        await ChangeSteps(room.services).run_failure(taken, Outcome.STOPPED, "Stopped by ada.")
        (comment,) = [c["body"] for c in room.hub.seed.thread(NAME, issue)["comments"]]
        assert "**Not considered**" in comment
        assert "> ada: and 80" in comment


@pytest.mark.parametrize("minutes", [0.0, 1.0])
async def test_an_answer_hears_what_came_in_its_last_turn_or_says_that_it_did_not(
    tmp_path: Path, minutes: float
) -> None:
    with open_room(tmp_path) as room:
        issue = room.hub.seed.open_issue(NAME, "eve", "Sums are wrong", "They are.")
        asked = room.hub.seed.comment(NAME, issue, "ada", "@agent explain")
        request = replace(request_of(room.hub, issue), kind=TaskKind.ANSWER, comment_id=asked)
        told = SubmissionFacts("no_change_needed", "Why", "It subtracts.")
        rules = HouseRules(minutes=minutes)
        taken = room.take(request, submission=told, outcome=Outcome.ANSWERED.value, rules=rules)
        steps = AnswerSteps(replace(room.services, models=(Named(),)))  # type: ignore[arg-type]
        await steps.run_phase(taken, Phase.ACCEPT)
        begin(room, taken)
        say(room, taken, 80)
        end = await steps.run_phase(room.look(taken), Phase.REPORT)
        if not minutes:
            assert isinstance(end, Next)
            assert end.phase is Phase.WORK
            return
        assert end == Finished(Outcome.ANSWERED)
        (comment,) = [
            c["body"] for c in room.hub.seed.thread(NAME, issue)["comments"] if c["user"]["login"] != "ada"
        ]
        assert "It subtracts." in comment
        assert "> ada: and 80" in comment


async def test_a_review_whose_head_had_moved_begins_for_a_person_who_spoke(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        request = replace(
            request_of(room.hub, room.pull),
            kind=TaskKind.REVIEW,
            comment_id=0,
            cause="e1",
            head="f" * 40,
            is_pull=True,
        )
        taken, steps = room.take(request), ReviewSteps(room.services)
        assert await steps.run_phase(taken, Phase.ACCEPT) == Next(Phase.REPORT)
        say(room, taken, 80)
        assert await steps.run_phase(room.look(taken), Phase.REPORT) == Next(Phase.ACCEPT)
        assert await steps.run_phase(room.look(taken), Phase.ACCEPT) == Next(Phase.PREPARE)


async def test_a_review_whose_head_had_moved_is_over(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        request = replace(
            request_of(room.hub, room.pull),
            kind=TaskKind.REVIEW,
            comment_id=0,
            cause="e1",
            head="f" * 40,
            is_pull=True,
        )
        taken, steps = room.take(request), ReviewSteps(room.services)
        assert await steps.run_phase(taken, Phase.ACCEPT) == Next(Phase.REPORT)
        end = await steps.run_phase(room.look(taken), Phase.REPORT)
        assert isinstance(end, Finished)
        assert end.outcome is Outcome.STALE
