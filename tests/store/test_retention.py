"""What is old goes, what is not over stays."""

from bot.domain import limits
from bot.domain.admission import AdmissionLimits
from bot.domain.ids import DeliveryId, TaskId
from bot.domain.outcomes import Ignored, Outcome
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.effects import Effects
from bot.store.events import Events
from bot.store.inbox import Delivery, store_batch
from bot.store.received import Received
from bot.store.retention import Cleared, clear_old
from bot.store.tasks import Tasks, insert_task
from tests.store.requests import request

DAY = 86_400.0


def test_decided_deliveries_go_after_a_month_and_waiting_ones_never(database: Database) -> None:
    names = [DeliveryId(name) for name in ("old", "waiting", "new")]
    received = dict(zip(names, (0.0, 0.0, 20 * DAY), strict=True))
    store_batch(database, [Delivery(name, "issues", b"{}", at) for name, at in received.items()])
    for name in ("old", "new"):
        Deliveries(database).ignore(DeliveryId(name), Ignored.NO_MENTION, 1.0)
    assert clear_old(database, limits.KEEP_DELIVERIES_S + DAY) == Cleared(1, 0)
    assert Received(database).known(names) == {"waiting", "new"}
    assert clear_old(database, limits.KEEP_DELIVERIES_S + DAY) == Cleared(0, 0)


def test_rows_of_a_task_go_three_months_after_its_end_and_the_task_is_still_known(database: Database) -> None:
    tasks, events, effects = Tasks(database), Events(database), Effects(database)
    with database.write() as connection:
        for comment in (1, 2):
            insert_task(connection, request(comment, issue=comment), 0.0)
    for admitted in tasks.admit(AdmissionLimits(2, 2, 2), 0.0):
        taken = tasks.take(admitted.task, "w")
        events.append(taken.id, taken.epoch, "reply", {}, 0.0)
        effects.plan(taken.id, taken.epoch, f"{taken.id}:comment")
        if taken.id == "t-1":
            tasks.finish(taken, Outcome.PROVEN, "", 0.0)
    assert clear_old(database, limits.KEEP_EVENTS_S - DAY) == Cleared(0, 0)
    assert clear_old(database, limits.KEEP_EVENTS_S + DAY) == Cleared(0, 1)
    assert events.load(TaskId("t-1")) == ()
    assert effects.find("t-1:comment") is None
    found = tasks.find(TaskId("t-1"))
    assert found is not None
    assert found.outcome == Outcome.PROVEN
    assert len(events.load(TaskId("t-2"))) == 1
    assert effects.find("t-2:comment") is not None
    assert clear_old(database, limits.KEEP_EVENTS_S + DAY) == Cleared(0, 0)
