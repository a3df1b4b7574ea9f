"""The receiver over HTTP, with a real database behind it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bot.domain import limits
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.inbox import Inbox
from bot.store.migrations import migrate
from bot.webhook.body import Bodies
from bot.webhook.receiver import build_receiver
from bot.webhook.signature import sign
from tests.databases import new_database

SECRET = b"0123456789abcdef"
BODY = b'{"action": "created"}'


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    with TestClient(build_receiver(Inbox(database), (SECRET, b"fedcba9876543210"), lambda: 5.0)) as opened:
        yield opened


def headers(body: bytes = BODY, **more: str) -> dict[str, str]:
    given = {
        "x-hub-signature-256": sign(body, SECRET),
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-github-event": "issue_comment",
        "content-type": "application/json",
    }
    return {**given, **{name.replace("_", "-"): value for name, value in more.items()}}


def stored(database: Database) -> list[bytes]:
    return [one.body for one in Deliveries(database).waiting(100)]


def test_a_signed_delivery_is_stored_before_it_is_answered(client: TestClient, database: Database) -> None:
    answer = client.post("/webhook", content=BODY, headers=headers())
    assert answer.status_code == 202
    assert answer.json() == {"delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "stored": "new"}
    assert stored(database) == [BODY]


def test_the_key_of_the_evidence_is_published(database: Database) -> None:
    keys: list[bytes] = []
    app = build_receiver(
        Inbox(database), (SECRET,), lambda: 5.0, public_key=lambda: keys[0] if keys else None
    )
    with TestClient(app) as client:
        assert client.get("/evidence.pub.pem").status_code == 404
        keys.append(b"-----BEGIN PUBLIC KEY-----\n")
        answer = client.get("/evidence.pub.pem")
    assert (answer.status_code, answer.content) == (200, keys[0])


def test_a_known_delivery_is_answered_200_and_stored_once(client: TestClient, database: Database) -> None:
    client.post("/webhook", content=BODY, headers=headers())
    assert client.post("/webhook", content=BODY, headers=headers()).status_code == 200
    assert stored(database) == [BODY]


@pytest.mark.parametrize(
    "changed",
    [
        {"x_hub_signature_256": ""},
        {"x_hub_signature_256": "sha256=" + "0" * 64},
        {"x_hub_signature_256": sign(BODY, b"another secret!!")},
        {"x_hub_signature_256": sign(BODY + b" ", SECRET)},
        {"x_hub_signature_256": sign(BODY, SECRET).replace("sha256", "sha1")},
    ],
)
def test_unsigned_bodies_are_refused_and_not_stored(
    client: TestClient, database: Database, changed: dict[str, str]
) -> None:
    assert client.post("/webhook", content=BODY, headers=headers(**changed)).status_code == 401
    assert stored(database) == []


def test_a_signature_outside_ascii_is_refused_not_a_crash(client: TestClient) -> None:
    strange = [
        *headers(x_hub_signature_256="").items(),
        ("x-hub-signature-256", "sha256=\xe4".encode("latin-1")),
    ]
    wanted = [(k, v) for k, v in strange if v]
    assert client.post("/webhook", content=BODY, headers=wanted).status_code == 401  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed", [{"x_github_delivery": ""}, {"x_github_delivery": "a b"}, {"x_github_event": "../x"}]
)
def test_missing_or_strange_headers_are_400(
    client: TestClient, database: Database, changed: dict[str, str]
) -> None:
    assert client.post("/webhook", content=BODY, headers=headers(**changed)).status_code == 400
    assert stored(database) == []


def test_a_body_over_the_cap_is_not_read_to_its_end(client: TestClient, database: Database) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent <= limits.WEBHOOK_BODY_BYTES:
            sent += limits.MIB
            yield b"x" * limits.MIB

    assert client.post("/webhook", content=endless(), headers=headers()).status_code == 413
    declared = headers(content_length=str(limits.WEBHOOK_BODY_BYTES + 1))
    assert client.post("/webhook", content=b"x", headers=declared).status_code == 413
    assert stored(database) == []


def test_the_other_secret_serves_too(client: TestClient) -> None:
    changed = headers(x_hub_signature_256=sign(BODY, b"fedcba9876543210"))
    assert client.post("/webhook", content=BODY, headers=changed).status_code == 202


@pytest.mark.parametrize("length", ["9" * 5_000, "\xb2", "-1"])
def test_a_strange_length_is_no_crash(client: TestClient, length: str) -> None:
    given = [(k, v.encode()) for k, v in headers().items()] + [("content-length", length.encode("latin-1"))]
    assert client.post("/webhook", content=BODY, headers=given).status_code == 202  # type: ignore[arg-type]


def test_all_bodies_together_stay_under_one_budget(database: Database) -> None:
    bodies = Bodies(together=len(BODY))
    with TestClient(build_receiver(Inbox(database), (SECRET,), lambda: 5.0, bodies)) as client:
        assert client.post("/webhook", content=BODY + b" ", headers=headers(BODY + b" ")).status_code == 503
        for number in range(3):  # what was given back can be used again
            changed = headers(x_github_delivery=f"d{number}")
            assert client.post("/webhook", content=BODY, headers=changed).status_code == 202
    assert len(stored(database)) == 3


def test_an_event_that_nobody_knows_is_stored_for_the_intake(client: TestClient, database: Database) -> None:
    changed = headers(x_github_event="ping")
    assert client.post("/webhook", content=BODY, headers=changed).status_code == 202
    assert stored(database) == [BODY]


def test_it_is_not_ready_while_the_database_has_no_tables(tmp_path: Path) -> None:
    with (
        new_database(tmp_path / "empty.db") as url,
        closing(Database(url)) as empty,
        TestClient(build_receiver(Inbox(empty), (SECRET,), lambda: 5.0)) as client,
    ):
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert client.post("/webhook", content=BODY, headers=headers()).status_code == 503


def test_a_file_that_is_damaged_while_it_runs_refuses_instead_of_breaking(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    before = Database(f"sqlite:///{path}")
    migrate(before)
    before.close()
    whole = bytearray(path.read_bytes())
    whole[4_096:] = b"\xff" * (len(whole) - 4_096)
    path.write_bytes(whole)
    damaged = Database(f"sqlite:///{path}")
    with TestClient(build_receiver(Inbox(damaged), (SECRET,), lambda: 5.0)) as client:
        assert client.get("/readyz").status_code == 503
        assert client.post("/webhook", content=BODY, headers=headers()).status_code == 503
    damaged.close()


def test_health_and_nothing_else(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"ok": True}
    assert client.get("/readyz").json() == {"ready": True}
    assert client.get("/webhook").status_code == 405
    assert client.get("/openapi.json").status_code == 404
