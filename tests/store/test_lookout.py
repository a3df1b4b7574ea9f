"""One look says whether there is anything to do."""

from bot.domain.admission import AdmissionLimits
from bot.domain.ids import DeliveryId
from bot.domain.outcomes import Ignored, Outcome
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.inbox import Delivery, store_batch
from bot.store.lookout import Lookout, look_out
from bot.store.tasks import Tasks, insert_task
from tests.store.requests import request

NOTHING = Lookout(deliveries=False, queued=False, due=False)


def test_a_delivery_is_seen_until_it_is_decided(database: Database) -> None:
    assert look_out(database, 1.0) == NOTHING
    store_batch(database, [Delivery(DeliveryId("d-1"), "issues", b"{}", 1.0)])
    assert look_out(database, 1.0) == Lookout(deliveries=True, queued=False, due=False)
    Deliveries(database).ignore(DeliveryId("d-1"), Ignored.NO_MENTION, 1.0)
    assert look_out(database, 1.0) == NOTHING


def test_a_task_is_seen_while_it_can_be_admitted(database: Database) -> None:
    tasks = Tasks(database)
    with database.write() as connection:
        insert_task(connection, request(1), 0.0)
    assert look_out(database, 1.0) == Lookout(deliveries=False, queued=True, due=False)
    tasks.admit(AdmissionLimits(1, 1, 1), 1.0)
    assert look_out(database, 1.0) == NOTHING
    taken = tasks.take(request(1).task_id, "w")
    tasks.wait(taken, 5.0)
    assert look_out(database, 4.9) == NOTHING
    assert look_out(database, 5.0) == Lookout(deliveries=False, queued=False, due=True)
    tasks.admit(AdmissionLimits(1, 1, 1), 5.0)
    tasks.finish(tasks.take(taken.id, "w"), Outcome.PROVEN, "", 6.0)
    assert look_out(database, 9.0) == NOTHING
