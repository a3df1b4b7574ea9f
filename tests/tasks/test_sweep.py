"""Deliveries that were lost, against a real hub: what GitHub sent in vain, and what it never sent."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.domain import limits
from bot.domain.ids import DeliveryId
from bot.domain.tasks import TaskRequest
from bot.domain.triggers import decide_trigger
from bot.errors import GitHubFault
from bot.forge.forge import Forge, ForgeSettings
from bot.localhub.seed_ground import NewApp
from bot.localhub.server import HubServer
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.inbox import Delivery, store_batch
from bot.store.received import Received
from bot.tasks.sweep import Sweep
from tests.localhub.receiver import Receiver, receiving
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

    def fail_many(self, count: int) -> list[DeliveryId]:
        """As many deliveries that failed a while ago, as GitHub lists them; their ids, newest first."""
        hub = self.hub.hub
        with hub.lock:
            model = hub.courier.deliveries[-1]
            made = [
                replace(model, id=hub.new_id("delivery"), guid=hub.new_guid(), delivered_at=hub.now())
                for _ in range(count)
            ]
            hub.courier.deliveries.extend(made)
        self.ahead += limits.SWEEP_SETTLE_S + 60.0
        return [DeliveryId(one.guid) for one in reversed(made)]

    def requests(self, method: str, part: str) -> int:
        return sum(r["method"] == method and part in r["path"] for r in self.hub.seed.requests())

    def store(self, receiver: Receiver) -> None:
        """What the receiver took, as a receiver of ours would have."""
        store_batch(
            self.database,
            [
                Delivery(
                    DeliveryId(headers["x-github-delivery"]), headers["x-github-event"], body, self.now()
                )
                for headers, body in receiver.taken
            ],
        )

    def sweep_again(self) -> int:
        """The next pass, with whatever it sends sent."""
        self.ahead += limits.SWEEP_S
        count = self.sweep.redeliver()
        assert self.hub.seed.wait_idle(60.0)
        return count

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


NOWHERE = "http://127.0.0.1:9/webhook"  # nobody listens


def test_what_failed_before_2500_others_that_have_arrived_since_is_sent_again(lost: Lost) -> None:
    lost.send_to(NOWHERE)
    lost.comment()
    oldest = lost.guid()
    healed = lost.fail_many(2_500)
    store_batch(lost.database, [Delivery(guid, "issue_comment", b"{}", lost.now()) for guid in healed])
    with receiving() as receiver:
        lost.send_to(receiver.url)
        assert [lost.sweep_again() for _ in range(2)] == [0, 1], "read on where the first look had to stop"
        ((headers, _body),) = receiver.taken
        assert headers["x-github-delivery"] == oldest
        lost.store(receiver)
    read = lost.requests("GET", "/hook/deliveries")
    assert read == limits.SWEEP_PAGES + 7, "26 pages, and the newest one again"
    assert lost.sweep_again() == 0
    assert lost.requests("GET", "/hook/deliveries") == read + 1, "at rest"


def test_a_list_that_grows_faster_than_one_look_reads_is_read_whole(lost: Lost) -> None:
    lost.send_to(NOWHERE)
    lost.comment()
    first = lost.guid()
    known = lost.fail_many(limits.SWEEP_PAGES * 100)
    store_batch(lost.database, [Delivery(guid, "issue_comment", b"{}", lost.now()) for guid in known])
    assert lost.sweep_again() == 0
    lost.ahead += 3_600.0
    lost.comment()
    second = lost.guid()
    known = lost.fail_many(limits.SWEEP_PAGES * 100)
    store_batch(lost.database, [Delivery(guid, "issue_comment", b"{}", lost.now()) for guid in known])
    with receiving() as receiver:
        lost.send_to(receiver.url)
        assert [lost.sweep_again() for _ in range(2)] == [0, 2]
        assert [headers["x-github-delivery"] for headers, _ in receiver.taken] == [first, second]


def test_a_cursor_that_github_does_not_know_any_more_costs_one_look(lost: Lost) -> None:
    lost.send_to(NOWHERE)
    lost.comment()
    known = lost.fail_many(limits.SWEEP_PAGES * 100)
    store_batch(lost.database, [Delivery(guid, "issue_comment", b"{}", lost.now()) for guid in known])
    assert lost.sweep_again() == 0
    lost.hub.seed.order_fault(method="GET", path="/app/hook/deliveries", status=422, passes=1)
    lost.ahead += 3_600.0
    with pytest.raises(GitHubFault):
        lost.sweep.redeliver()
    assert [lost.sweep_again() for _ in range(2)] == [0, 1]


def test_after_an_outage_of_20_hours_everything_arrives_and_little_was_asked_meanwhile(lost: Lost) -> None:
    lost.send_to(NOWHERE)
    lost.comment()
    wanted = {lost.guid(), *lost.fail_many(29)}
    for _ in range(20):  # an hour each: the clock jumps between the looks
        lost.ahead += 3_600.0 - limits.SWEEP_S
        lost.sweep_again()
    tries = lost.requests("POST", "/attempts")
    assert tries <= 30 + 19 * limits.SWEEP_PROBES
    with receiving() as receiver:
        lost.send_to(receiver.url)
        for _ in range(int(limits.REDELIVERY_LONGEST_S / limits.SWEEP_S) + 2):
            lost.sweep_again()
            lost.store(receiver)
        assert {headers["x-github-delivery"] for headers, _ in receiver.taken} == wanted
        assert len(receiver.taken) == len(wanted), "each once"


def test_one_that_github_does_not_send_again_keeps_no_other_waiting(lost: Lost) -> None:
    lost.send_to(NOWHERE)
    lost.comment()
    lost.comment()
    lost.hub.seed.order_fault(method="POST", path="/attempts", status=400)
    with receiving() as receiver:
        lost.send_to(receiver.url)
        assert lost.sweep_again() == 2
        assert [headers["x-github-delivery"] for headers, _ in receiver.taken] == [lost.guid()]
        lost.store(receiver)
        assert lost.sweep_again() == 1


def test_a_repository_that_answers_404_keeps_no_other_waiting_and_is_read_when_it_answers(lost: Lost) -> None:
    seed = lost.hub.seed
    others = [f"octo/{name}" for name in ("a", "z")]
    for other in others:
        seed.add_repository(other, {"app.py": b"x = 1\n"})
        seed.set_role(other, "ada", "write")
        seed.open_issue(other, "ada", "Sums", "They are wrong.")
    assert lost.sweep.look_for_comments() == 0
    lost.ahead = 600.0
    wanted = {lost.comment(), *(seed.comment(other, 1, "ada", "@agent fix this") for other in others)}
    lost.ahead = 900.0
    seed.order_fault(method="GET", path=f"/repos/{NAME}/issues/comments", status=404)
    assert lost.sweep.look_for_comments() == 2
    lost.ahead = 2_700.0
    assert lost.sweep.look_for_comments() == 1
    assert {json.loads(one.body)["comment"]["id"] for one in lost.waiting()} == wanted
    lost.ahead = 4_500.0
    assert lost.sweep.look_for_comments() == 0


def test_a_comment_whose_thread_is_gone_keeps_no_other_waiting(lost: Lost) -> None:
    assert lost.sweep.look_for_comments() == 0
    lost.ahead = 600.0
    lost.comment()
    other = lost.hub.seed.open_issue(NAME, "ada", "Products", "They are wrong.")
    wanted = lost.hub.seed.comment(NAME, other, "ada", "@agent fix this")
    lost.ahead = 900.0
    lost.hub.seed.order_fault(method="GET", path=f"/issues/{lost.issue}", status=410)
    assert lost.sweep.look_for_comments() == 1
    (found,) = lost.waiting()
    assert json.loads(found.body)["comment"]["id"] == wanted


def test_an_installation_that_is_limited_is_read_from_where_it_was_left(lost: Lost) -> None:
    assert lost.sweep.look_for_comments() == 0
    lost.ahead = 600.0
    lost.comment()
    lost.ahead = 900.0
    lost.hub.seed.order_fault(method="GET", path="/installation/repositories", status=429)
    assert lost.sweep.look_for_comments() == 0
    lost.ahead = 2_700.0
    assert lost.sweep.look_for_comments() == 1


def test_more_comments_than_one_look_reads_are_read_in_the_next(lost: Lost) -> None:
    assert lost.sweep.look_for_comments() == 0
    record = lost.hub.hub.repository(NAME)
    assert record is not None
    lost.ahead = 600.0
    for _ in range(2):
        lost.comment("Nothing to see here.")
    model = record.threads[lost.issue].comments
    with lost.hub.hub.lock:
        for _ in range(limits.SCAN_PAGES * 100 + 50):
            lost.ahead += 1.0
            at = lost.hub.hub.now()
            model.append(replace(model[-1], id=lost.hub.hub.new_id("comment"), created_at=at, updated_at=at))
    lost.ahead += 1.0
    lost.comment()
    lost.ahead += 300.0
    assert lost.sweep.look_for_comments() == 0
    lost.ahead += 1_800.0
    assert lost.sweep.look_for_comments() == 1
