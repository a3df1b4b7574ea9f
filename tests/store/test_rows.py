"""Events, effects, workers, and a database from the future."""

import pytest

from bot.domain.admission import AdmissionLimits
from bot.domain.ids import TaskId, TreeSha
from bot.domain.outcomes import Outcome
from bot.errors import Bug, SettingsFault, Superseded
from bot.store.database import Database
from bot.store.effects import Effect, Effects, EffectState
from bot.store.events import Events
from bot.store.migrations import MIGRATIONS, migrate
from bot.store.schema import schema_version
from bot.store.tasks import Tasks, insert_task
from bot.store.work_trees import WorkTrees
from bot.store.workers import Workers
from tests.store.requests import request

TASK = TaskId("t-1")


@pytest.fixture
def epoch(database: Database) -> int:
    with database.write() as connection:
        insert_task(connection, request(1), 0.0)
    tasks = Tasks(database)
    tasks.admit(AdmissionLimits(1, 1, 1), 0.0)
    return tasks.take(TASK, "w1").epoch


def test_events_are_numbered_in_order_and_can_be_read_on(database: Database, epoch: int) -> None:
    events = Events(database)
    bodies = [{"n": n, "text": "é\u2028"} for n in range(3)]
    assert [events.append(TASK, epoch, "reply", body, float(n)) for n, body in enumerate(bodies)] == [1, 2, 3]
    events.append(TASK, epoch, "lines", {}, 9.0)
    assert [row.body for row in events.load(TASK, kinds=("reply",))] == bodies
    assert [row.seq for row in events.load(TASK, after=2)] == [3, 4]


def test_an_effect_goes_from_planned_to_done(database: Database, epoch: int) -> None:
    effects = Effects(database)
    assert effects.plan(TASK, epoch, "t-1:comment").state is EffectState.PLANNED
    effects.begin_sending(TASK, epoch, "t-1:comment", 5.0)
    assert effects.plan(TASK, epoch, "t-1:comment") == Effect(
        "t-1:comment", EffectState.SENDING, epoch, 5.0, None
    )
    effects.finish(TASK, epoch, "t-1:comment", {"id": 3})
    found = effects.find("t-1:comment")
    assert found is not None
    assert (found.state, found.result) == (EffectState.DONE, {"id": 3})
    assert effects.find("t-1:pull") is None


def test_effects_of_an_old_epoch_are_refused(database: Database, epoch: int) -> None:
    effects = Effects(database)
    effects.plan(TASK, epoch, "k")
    Tasks(database).take(TASK, "w2")
    for write in (
        lambda: effects.plan(TASK, epoch, "k"),
        lambda: effects.begin_sending(TASK, epoch, "k", 1.0),
        lambda: effects.finish(TASK, epoch, "k", None),
    ):
        with pytest.raises(Superseded):
            write()


def test_an_effect_that_was_not_planned_or_is_done_is_a_bug_to_change(database: Database, epoch: int) -> None:
    effects = Effects(database)
    with pytest.raises(Bug, match="never planned"):
        effects.begin_sending(TASK, epoch, "k", 1.0)
    effects.plan(TASK, epoch, "k")
    effects.finish(TASK, epoch, "k", 1)
    with pytest.raises(Bug):
        effects.begin_sending(TASK, epoch, "k", 1.0)
    found = effects.find("k")
    assert found is not None
    assert found.result == 1


def test_two_workers_can_not_have_one_id(database: Database) -> None:
    workers = Workers(database)
    workers.register("w1", 0.0)
    with pytest.raises(Bug, match="w1"):
        workers.register("w1", 1.0)
    assert workers.alive(since=0.0) == ("w1",)


def test_heartbeats_tell_the_living_from_the_dead(database: Database) -> None:
    workers = Workers(database)
    workers.register("w1", 0.0)
    workers.register("w2", 0.0)
    assert workers.beat("w1", 40.0)
    assert workers.dead(before=10.0) == ("w2",)
    assert workers.alive(since=10.0) == ("w1",)
    workers.remove("w2")
    assert not workers.beat("w2", 50.0)


def test_migrating_twice_changes_nothing_and_a_newer_database_is_refused(database: Database) -> None:
    assert migrate(database) == len(MIGRATIONS)
    with database.write() as connection:
        connection.execute(schema_version.insert().values(version=99))
    with pytest.raises(SettingsFault, match="schema version 99"):
        migrate(database)


def test_the_newest_states_of_the_work_are_kept_until_the_task_ends(database: Database) -> None:
    with database.write() as connection:
        insert_task(connection, request(1), 0.0)
    Tasks(database).admit(AdmissionLimits(1, 1, 1), 0.0)
    taken = Tasks(database).take(TASK, "w1")
    trees = WorkTrees(database)
    for name in ("a", "b", "c", "d", "b"):
        trees.keep(taken.id, taken.epoch, TreeSha(name), name.encode())
    assert trees.load(taken.id) == {"c": b"c", "d": b"d", "b": b"b"}
    with pytest.raises(Superseded):
        trees.keep(taken.id, taken.epoch - 1, TreeSha("e"), b"e")
    Tasks(database).finish(taken, Outcome.PROVEN, "", 3.0)
    assert trees.load(taken.id) == {}
