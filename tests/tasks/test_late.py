"""What shows up behind an end: looked for, told once more, written down, whatever dies meanwhile."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.domain import limits
from bot.domain.ids import TreeSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase
from bot.errors import RepositoryFault, Superseded
from bot.store.effects import Effects, EffectState
from bot.store.tasks import ENDING, Taken
from bot.tasks.half_sent import HalfSentDesk
from bot.tasks.late import LateEffects
from bot.tasks.workflow import PhaseEnd
from bot.texts.markers import asking_marker
from tests.stories.own_pull import request_of
from tests.stories.world import NAME
from tests.tasks.follow_up.room import Room, open_room


class Died(BaseException):
    """The machine is gone: nothing may catch it."""


@dataclass
class Telling:
    """Steps that only tell. `dies`: so often in the middle of it."""

    dies: int = 0
    error: Exception | None = None
    told: list[tuple[Taken, Outcome, str]] = field(default_factory=list)

    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        raise AssertionError("it is over")

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        if self.dies:
            self.dies -= 1
            raise Died
        if self.error is not None:
            raise self.error
        self.told.append((task, outcome, detail))


@dataclass
class Ended:
    """A stopped task of which one comment was sent, and was not read back."""

    room: Room
    taken: Taken
    steps: Telling = field(default_factory=Telling)

    @property
    def effects(self) -> Effects:
        return Effects(self.room.database)

    @property
    def key(self) -> str:
        return f"{self.taken.id}:asking-00"

    def late(self) -> LateEffects:
        """As a leading worker has it that has just started."""
        services, now = self.room.services, self.room.clock.now
        desk = HalfSentDesk(self.effects, services.forge, now, settle_s=50.0)
        return LateEffects(desk, services.tasks, services.events, self.steps, services.executor, now)

    def arrive(self) -> None:
        request = self.taken.request
        with self.room.services.forge.repository(request.installation, NAME, request.repository.id) as github:
            github.threads.create_tracking_comment(request.issue, asking_marker(self.taken.id, "00"))

    def requests(self) -> int:
        return len(list(self.room.hub.hub.requests))


@pytest.fixture
def ended(tmp_path: Path) -> Iterator[Ended]:
    with open_room(tmp_path) as room:
        comment = room.hub.seed.comment(NAME, room.pull, "ada", "@agent fix this")
        taken = room.take(replace(request_of(room.hub, room.pull), comment_id=comment))
        made, now = Ended(room, taken), time.time()
        room.services.work_trees.keep(taken.id, taken.epoch, TreeSha("a" * 40), b"the work so far")
        made.effects.plan(taken.id, taken.epoch, made.key)
        made.effects.begin_sending(taken.id, taken.epoch, made.key, now)
        body = {"outcome": "stopped", "detail": "Stopped by ada."}
        room.services.events.append(taken.id, taken.epoch, ENDING, body, now)
        room.services.tasks.finish(taken, Outcome.STOPPED, "Stopped by ada.", now)
        yield made


async def test_what_has_arrived_is_told_once_and_written_down(ended: Ended) -> None:
    ended.arrive()
    late = ended.late()
    await late.tell()
    await late.tell()
    ((taken, outcome, detail),) = ended.steps.told
    assert (taken.id, outcome, detail) == (ended.taken.id, Outcome.STOPPED, "Stopped by ada.")
    effect = ended.effects.find(ended.key)
    assert effect is not None
    assert effect.state is EffectState.DONE


async def test_what_may_still_come_is_waited_for_and_what_never_came_is_forgotten(ended: Ended) -> None:
    late = ended.late()
    await late.tell()
    assert ended.effects.find(ended.key) is not None
    ended.room.clock.ahead = 49.0
    await late.tell()
    assert ended.effects.find(ended.key) is not None
    ended.room.clock.ahead = 60.0
    await late.tell()
    assert ended.effects.find(ended.key) is None
    assert ended.steps.told == []


async def test_a_death_while_it_is_told_leaves_it_to_the_next_leader(ended: Ended) -> None:
    ended.arrive()
    ended.steps.dies = 1
    with pytest.raises(Died):
        await ended.late().tell()
    assert ended.effects.half_sent(), "it is written down last"
    await ended.late().tell()
    assert len(ended.steps.told) == 1
    assert not ended.effects.half_sent()


async def test_of_two_leaders_the_older_one_writes_no_more(ended: Ended) -> None:
    tasks = ended.room.services.tasks
    first = tasks.hold_ended(ended.taken.id)
    tasks.save_facts(first, {"comment": 1})
    second = tasks.hold_ended(ended.taken.id)
    with pytest.raises(Superseded):
        tasks.save_facts(first, {"comment": 2})
    with pytest.raises(Superseded):
        tasks.check_held(first)
    tasks.check_held(second)


async def test_the_run_that_was_ended_writes_nothing_to_the_task_that_is_over(ended: Ended) -> None:
    with pytest.raises(Superseded):
        ended.effects.finish(ended.taken.id, ended.taken.epoch, ended.key, {"id": 1})
    with pytest.raises(Superseded):
        ended.room.services.tasks.save_facts(ended.taken, {})


async def test_the_work_so_far_is_kept_as_long_as_the_end_may_be_told_again(ended: Ended) -> None:
    trees = ended.room.services.work_trees
    assert trees.load(ended.taken.id)
    ended.arrive()
    await ended.late().tell()
    assert not trees.load(ended.taken.id)


async def test_one_that_was_only_planned_goes_without_a_look(ended: Ended) -> None:
    with ended.room.database.write() as connection:
        connection.exec_driver_sql("update effect set state = 'planned', sent_at = null")
    before = ended.requests()
    await ended.late().tell()
    assert (ended.effects.find(ended.key), ended.requests()) == (None, before)


async def test_github_that_refuses_to_show_it_is_asked_again_later_and_not_for_ever(ended: Ended) -> None:
    late, seed = ended.late(), ended.room.hub.seed
    seed.order_fault(method="GET", path="/comments$", status=403, body={"message": "No."}, times=1)
    await late.tell()
    refused = ended.requests()
    ended.arrive()
    arrived = ended.requests()
    await late.tell()
    assert ended.requests() == arrived > refused
    ended.room.clock.ahead = limits.LATE_AGAIN_S + 1.0
    await late.tell()
    assert len(ended.steps.told) == 1


async def test_the_next_day_it_is_the_doctors(ended: Ended) -> None:
    ended.arrive()
    ended.room.clock.ahead = limits.LATE_S + 60.0
    await ended.late().tell()
    assert ended.steps.told == []
    assert ended.effects.half_sent()


async def test_a_fault_that_nobody_foresaw_is_logged_and_tried_later_and_stops_no_other(ended: Ended) -> None:
    late = ended.late()
    ended.arrive()
    ended.steps.error = RepositoryFault("The cache of this host was cleared.")
    await late.tell()
    assert ended.steps.told == []
    ended.steps.error = None
    await late.tell()
    assert ended.steps.told == [], "not before it may have passed"
    ended.room.clock.ahead += limits.LATE_AGAIN_S + 1
    await late.tell()
    assert len(ended.steps.told) == 1
