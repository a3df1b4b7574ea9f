"""A review that was at work and waits for a free place again shows that in its check run."""

from collections.abc import Iterator

import pytest

from bot.domain.admission import AdmissionLimits
from bot.domain.ids import DeliveryId
from bot.domain.limits import QUEUE_QUIET_S
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase
from bot.store.deliveries import Deliveries
from bot.store.inbox import Delivery, store_batch
from bot.store.tasks import Tasks
from bot.tasks.change.facts import render_facts
from bot.tasks.queue_notices import QueueNotices
from tests.forge.conftest import NAME, key, world  # noqa: F401 - fixtures
from tests.tasks.review.test_deaths import TASK, Machine, Ready, ready  # noqa: F401 - a fixture


def wait_again(ready: Ready, phase: Phase) -> None:  # noqa: F811 - the fixture
    """The model's server asked to wait, and now there is no place."""
    tasks = Tasks(ready.database)
    taken = tasks.take(TASK, "w")
    tasks.move(taken, phase, render_facts(ready.facts))
    tasks.wait(taken, 10.0)
    assert tasks.admit(AdmissionLimits(0, 0, 0), 20.0) == ()
    assert [one.id for one in tasks.queue(9)] == [TASK]


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine()
    yield made
    made.shutdown()


async def tell(ready: Ready, machine: Machine) -> dict[str, object]:  # noqa: F811 - the fixture
    """What its check run shows when it has waited long enough to be told of."""
    now = 1_000.0
    notices = QueueNotices(ready.services(machine), lambda: now)
    await notices.tell()
    now += QUEUE_QUIET_S + 1
    await notices.tell()
    (check,) = ready.world.server.seed.thread(NAME, ready.pull)["check_runs"]
    return check


async def test_the_place_stands_in_the_check_run_with_a_button_to_stop(
    ready: Ready,  # noqa: F811 - the fixture
    machine: Machine,
) -> None:
    wait_again(ready, Phase.WORK)
    check = await tell(ready, machine)
    assert check["status"] == "queued"
    assert "it is next in the queue" in str(check["output"])
    record = ready.world.server.hub.repository(NAME)
    assert record is not None
    (run,) = record.check_runs.values()
    assert [action["identifier"] for action in run.actions] == ["stop"]


async def test_one_that_only_has_to_tell_its_end_is_left_alone(
    ready: Ready,  # noqa: F811 - the fixture
    machine: Machine,
) -> None:
    wait_again(ready, Phase.REPORT)
    assert (await tell(ready, machine))["status"] == "in_progress"


async def test_one_that_is_stopped_in_that_moment_shows_its_end(
    ready: Ready,  # noqa: F811 - the fixture
    machine: Machine,
) -> None:
    wait_again(ready, Phase.WORK)
    issue = f"{ready.world.repository}#{ready.pull}"
    store_batch(ready.database, [Delivery(DeliveryId("s"), "issue_comment", b"{}", 30.0)])

    def stop() -> None:
        ending = (Outcome.STOPPED, "Stopped by ada.")
        assert Deliveries(ready.database).end_task(DeliveryId("s"), issue, ending, 31.0) is not None

    ready.world.server.seed.order_fault(method="PATCH", path="/check-runs/", happens=stop)
    check = await tell(ready, machine)
    assert (check["status"], check["conclusion"]) == ("completed", "cancelled")
