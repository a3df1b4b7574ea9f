"""GitHub's own 159 example payloads, as a real GitHub would deliver them: stored, then decided with a reason."""

import copy
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog
from starlette.testclient import TestClient

from bot.domain.access import Permission
from bot.domain.decisions import IgnoredDelivery, RefusedRequest
from bot.domain.ids import DeliveryId
from bot.domain.outcomes import Ignored
from bot.domain.tasks import TaskRequest
from bot.domain.triggers import decide_trigger
from bot.store.database import Database
from bot.store.deliveries import Deliveries, Verdict
from bot.store.inbox import Inbox
from bot.store.tasks import Tasks
from bot.tasks.control import ControlParts, Controls
from bot.tasks.engine import RunId
from bot.tasks.intake import Intake
from bot.tasks.workflow import TaskExecution
from bot.webhook.receiver import build_receiver
from bot.webhook.signature import sign
from tests.official.description import load
from tests.tasks.quiet_engine import QuietEngine
from tests.tasks.test_intake import Doorman, Teller

SECRET = b"0123456789abcdef"
Example = tuple[str, dict[str, Any]]


def examples() -> list[Example]:
    """(event, payload); most of the published ones lack the installation that an App's deliveries have."""
    found = [(event, payload) for event, some in load("webhook-examples.json.gz").items() for payload in some]
    return [(event, {"installation": {"id": 5}, **payload}) for event, payload in found]


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    with TestClient(build_receiver(Inbox(database), (SECRET,), lambda: 5.0)) as opened:
        yield opened


def deliver(client: TestClient, number: int, event: str, body: bytes, signature: str | None = None) -> int:
    signed = sign(body, SECRET) if signature is None else signature
    headers = {
        "x-github-delivery": f"example-{number}",
        "x-github-event": event,
        "x-hub-signature-256": signed,
    }
    return client.post("/webhook", content=body, headers=headers).status_code


def test_there_are_159_of_them() -> None:
    assert len(examples()) == 159


async def test_each_is_stored_and_then_ignored_with_a_reason(client: TestClient, database: Database) -> None:
    for number, (event, payload) in enumerate(examples()):
        assert deliver(client, number, event, json.dumps(payload).encode()) == 202
    deliveries = Deliveries(database)
    with ThreadPoolExecutor(4) as executor:
        doorman = Doorman([Permission.WRITE])
        teller, now = Teller(), lambda: 5.0
        parts = ControlParts(
            deliveries, Tasks(database), QuietEngine(), nobody_runs, teller, "agent", executor, now
        )
        intake = Intake(deliveries, doorman, teller, Controls(parts), "agent", executor, now)
        while deliveries.waiting(1):
            assert await intake.decide_waiting() == 0
    for number in range(159):
        handled = deliveries.handled(DeliveryId(f"example-{number}"))
        assert handled is not None
        assert handled.verdict is Verdict.IGNORED, "none of them mentions us"
        assert handled.reason in tuple(Ignored)


def test_a_flipped_byte_a_missing_and_a_strange_signature_are_refused_for_each_of_them(
    client: TestClient, database: Database
) -> None:
    with structlog.testing.capture_logs() as lines:
        for number, (event, payload) in enumerate(examples()):
            body = json.dumps(payload).encode()
            flipped = bytes([*body[:-2], body[-2] ^ 1, body[-1]])
            assert deliver(client, number, event, flipped, sign(body, SECRET)) == 401
        event, payload = examples()[0]
        body = json.dumps(payload).encode()
        for strange in ("", "sha256=", "sha256=" + "g" * 64, sign(body, SECRET)[:-1], "sha1=" + "0" * 40):
            assert deliver(client, 1, event, body, strange) == 401
        raw = {"x-github-delivery": "d", "x-github-event": event, "x-hub-signature-256": "sha256=é".encode()}
        assert client.post("/webhook", content=body, headers=raw).status_code == 401  # type: ignore[arg-type]
    assert Deliveries(database).waiting(1) == ()
    assert len(lines) == 165, "one line each"
    assert max(len(json.dumps(line)) for line in lines) < 120, "and a short one"


def test_a_replayed_id_is_stored_once(client: TestClient, database: Database) -> None:
    event, payload = examples()[0]
    body = json.dumps(payload).encode()
    assert [deliver(client, 7, event, body) for _ in range(3)] == [202, 200, 200]
    assert len(Deliveries(database).waiting(9)) == 1


def nobody_runs(run: RunId) -> TaskExecution:
    raise AssertionError(run)


@pytest.mark.parametrize("event", ["issue_comment", "issues"])
def test_an_action_that_nobody_knows_is_ignored_as_such(event: str) -> None:
    payload = next(p for e, p in examples() if e == event)
    decision = decide_trigger(event, {**payload, "action": "pondered"}, "agent")
    assert isinstance(decision, IgnoredDelivery)
    assert decision.reason is Ignored.UNKNOWN_ACTION


@pytest.mark.parametrize("stamp", [1_700_000_000, "2026-11-20T10:00:00Z"], ids=["integer", "string"])
@pytest.mark.parametrize(("event", "action"), [("issue_comment", "created"), ("issues", "opened")])
def test_times_may_be_integers_or_strings(event: str, action: str, stamp: int | str) -> None:
    """GitHub's examples have both, for installations at least; a mention is found in either."""
    found = next(p for e, p in examples() if e == event and p["action"] == action)
    payload = copy.deepcopy(found)
    payload["installation"] |= {"created_at": stamp, "updated_at": stamp}
    written = payload["comment"] if event == "issue_comment" else payload["issue"]
    written |= {
        "created_at": stamp,
        "updated_at": stamp,
        "body": "@agent fix this",
        "user": payload["sender"],
    }
    payload["issue"] |= {"state": "open", "locked": False}
    decision = decide_trigger(event, payload, "agent")
    assert isinstance(decision, TaskRequest | RefusedRequest), decision
