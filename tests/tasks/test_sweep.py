"""Deliveries that were lost, against a real hub: what GitHub sent in vain, and what it never sent."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.domain.ids import DeliveryId
from bot.domain.tasks import TaskRequest
from bot.domain.triggers import decide_trigger
from bot.forge.forge import Forge, ForgeSettings
from bot.localhub.seed_ground import NewApp
from bot.localhub.server import HubServer
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.inbox import Delivery, store_batch
from bot.store.received import Received
from bot.tasks.sweep import Sweep
from tests.localhub.receiver import receiving
from tests.official.judge import judged_hub
from tests.stories.world import NAME, make_key

SECRET = "a secret of the test"


@dataclass
class Lost:
    hub: HubServer
    sweep: Sweep
    database: Database
    app_id: int
    issue: int
    ahead: float = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    def comment(self, body: str = "@agent fix this") -> int:
        number = self.hub.seed.comment(NAME, self.issue, "ada", body)
        assert self.hub.seed.wait_idle()
        return number

    def guid(self) -> DeliveryId:
        return DeliveryId(str(self.hub.hub.courier.deliveries[-1].guid))

    def send_to(self, url: str) -> None:
        self.hub.seed.set_webhook(self.app_id, url, SECRET)

    def waiting(self) -> list[Delivery]:
        return list(Deliveries(self.database).waiting(100))


@pytest.fixture
def lost(tmp_path: Path, database: Database) -> Iterator[Lost]:
    private, public = make_key()
    with judged_hub(tmp_path / "hub", lambda: made.now() if made else time.time()) as hub:
        made: Lost | None = None
        seed = hub.seed
        seed.add_person("ada")
        app = seed.add_app(NewApp("pullwright", "octo", public, webhook_secret=SECRET))
        seed.add_repository(NAME, {"app.py": b"x = 1\n"})
        seed.set_role(NAME, "ada", "write")
        issue = seed.open_issue(NAME, "ada", "Sums", "They are wrong.")
        forge = Forge(ForgeSettings(hub.api_url, app["app_id"], private, 0), now=lambda: now())
        sweep = Sweep(forge, Received(database), "agent", lambda: now())
        made = Lost(hub, sweep, database, app["app_id"], issue)
        now = made.now
        yield made
        forge.close()


def test_what_was_sent_in_vain_is_sent_again_once_there_is_somebody(lost: Lost) -> None:
    lost.send_to("http://127.0.0.1:9/webhook")  # nobody listens
    lost.comment()
    guid = lost.guid()
    lost.ahead = 60.0
    assert lost.sweep.redeliver() == 1
    assert lost.hub.seed.wait_idle()
    assert lost.sweep.redeliver() == 0, "it was just tried"
    with receiving() as receiver:
        lost.send_to(receiver.url)
        lost.ahead = 200.0
        assert lost.sweep.redeliver() == 1
        assert lost.hub.seed.wait_idle()
        ((headers, body),) = receiver.taken
        assert headers["x-github-delivery"] == guid
    store_batch(lost.database, [Delivery(guid, "issue_comment", body, lost.now())])
    lost.ahead = 2_000.0
    assert lost.sweep.redeliver() == 0, "it is stored"


def test_a_comment_that_no_delivery_brought_is_stored_as_if_one_had(lost: Lost) -> None:
    assert lost.sweep.look_for_comments() == 0
    lost.ahead = 600.0
    asked, _talk = lost.comment(), lost.comment("Nothing to see here.")
    lost.ahead = 900.0
    assert lost.sweep.look_for_comments() == 1
    (found,) = lost.waiting()
    decision = decide_trigger(found.event, json.loads(found.body), "agent")
    assert isinstance(decision, TaskRequest)
    assert (decision.comment_id, decision.requested_by, decision.issue) == (asked, "ada", lost.issue)
    lost.ahead = 1_200.0
    assert lost.sweep.look_for_comments() == 0


def test_a_comment_whose_delivery_came_is_not_stored_again_whatever_became_of_it(lost: Lost) -> None:
    assert lost.sweep.look_for_comments() == 0
    with receiving() as receiver:
        lost.send_to(receiver.url)
        lost.ahead = 600.0
        lost.comment()
        _headers, body = receiver.taken[-1]
    store_batch(lost.database, [Delivery(lost.guid(), "issue_comment", body, lost.now())])
    lost.ahead = 900.0
    assert lost.sweep.look_for_comments() == 0
    assert len(lost.waiting()) == 1


def test_what_was_there_before_the_first_start_and_what_is_very_new_is_left(lost: Lost) -> None:
    lost.comment()
    lost.ahead = 600.0
    assert lost.sweep.look_for_comments() == 0
    lost.comment()
    assert lost.sweep.look_for_comments() == 0, "its webhook may be under way"
    lost.ahead = 900.0
    assert lost.sweep.look_for_comments() == 1


def test_an_edited_comment_is_found_and_then_ignored(lost: Lost) -> None:
    assert lost.sweep.look_for_comments() == 0
    lost.ahead = 600.0
    lost.comment("Nothing.")
    with lost.hub.hub.lock:
        record = lost.hub.hub.repository(NAME)
        assert record is not None
        comment = record.threads[lost.issue].comments[-1]
        lost.ahead = 660.0
        comment.body, comment.updated_at = "@agent fix this", lost.hub.hub.now()
    lost.ahead = 900.0
    assert lost.sweep.look_for_comments() == 1
    (found,) = lost.waiting()
    assert not isinstance(decide_trigger(found.event, json.loads(found.body), "agent"), TaskRequest)
