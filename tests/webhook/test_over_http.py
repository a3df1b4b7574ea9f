"""The receiver as it is deployed: uvicorn, real sockets."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.inbox import Inbox
from bot.webhook.body import Bodies
from bot.webhook.receiver import build_receiver
from bot.webhook.signature import sign

SECRET = b"0123456789abcdef"
BODY = b'{"action": "created"}'
Address = tuple[str, int]


@contextmanager
def serving(database: Database, bodies: Bodies | None = None) -> Iterator[Address]:
    app = build_receiver(Inbox(database), (SECRET,), lambda: 5.0, bodies)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def head(length: int, body: bytes = BODY, name: str = "d1") -> bytes:
    lines = (
        "POST /webhook HTTP/1.1",
        "Host: localhost",
        "X-GitHub-Event: issue_comment",
        f"X-GitHub-Delivery: {name}",
        f"X-Hub-Signature-256: {sign(body, SECRET)}",
        f"Content-Length: {length}",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(connection: socket.socket) -> tuple[int, dict[str, str]]:
    received = b""
    while piece := connection.recv(65_536):
        received += piece
    first, _, rest = received.partition(b"\r\n")
    return int(first.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2])


def test_a_body_that_comes_in_pieces_is_signed_as_a_whole(database: Database) -> None:
    with serving(database) as address, socket.create_connection(address) as connection:
        connection.sendall(head(len(BODY)) + BODY[:5])
        time.sleep(0.05)
        connection.sendall(BODY[5:])
        assert answer(connection) == (202, {"delivery": "d1", "stored": "new"})
    assert [one.body for one in Deliveries(database).waiting(10)] == [BODY]


def test_a_sender_that_stops_in_the_middle_is_sent_away(database: Database) -> None:
    bodies = Bodies(read_s=0.2)
    with serving(database, bodies) as address, socket.create_connection(address) as connection:
        connection.sendall(head(len(BODY)) + BODY[:5])
        assert answer(connection)[0] == 408
    assert Deliveries(database).waiting(10) == ()


def test_a_sender_that_hangs_up_leaves_nothing_behind(database: Database) -> None:
    bodies = Bodies(together=len(BODY))
    with serving(database, bodies) as address:
        for _ in range(3):
            with socket.create_connection(address) as connection:
                connection.sendall(head(len(BODY)) + BODY[:-1])
        deadline = time.monotonic() + 10
        while True:  # the budget comes back as soon as the server sees the end
            with socket.create_connection(address) as connection:
                connection.sendall(head(len(BODY)) + BODY)
                if answer(connection)[0] == 202:
                    break
            assert time.monotonic() < deadline
    assert len(Deliveries(database).waiting(10)) == 1


@pytest.mark.parametrize("count", [60])
def test_many_at_once_are_each_answered_after_they_are_stored(database: Database, count: int) -> None:
    with serving(database) as address:
        connections = [socket.create_connection(address) for _ in range(count)]
        for number, connection in enumerate(connections):
            connection.sendall(head(len(BODY), name=f"d{number % 40}") + BODY)
        statuses = [answer(connection)[0] for connection in connections]
        for connection in connections:
            connection.close()
    assert (statuses.count(202), statuses.count(200)) == (40, 20)
    assert len(Deliveries(database).waiting(100)) == 40
