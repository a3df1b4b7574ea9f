"""The health command: sick when the receiver can't store or no worker of this host beats, and it says which."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from bot.cli.health import find_faults, run_health
from bot.cli.main import Part
from bot.compose import build_webhook, open_database
from bot.domain import limits
from bot.settings import Settings, load_settings
from bot.store.workers import Workers
from bot.tasks.workers import HostLocks, new_worker_id, runs_on


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listener: socket.socket) -> Settings:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("PULLWRIGHT_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    for name, value in {
        "PULLWRIGHT_APP_ID": "7",
        "PULLWRIGHT_PRIVATE_KEY": "-----BEGIN RSA PRIVATE KEY-----",
        "PULLWRIGHT_WEBHOOK_SECRETS": "0123456789abcdef",
        "OPENAI_API_KEY": "sk-x",
        "PULLWRIGHT_DATA_DIR": str(tmp_path / "data"),
        "PULLWRIGHT_HOST": "0.0.0.0",
        "PULLWRIGHT_PORT": str(listener.getsockname()[1]),
        "http_proxy": "http://127.0.0.1:9",  # nobody: the receiver is asked directly
    }.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def beat(settings: Settings, worker: str, seconds_ago: float = 0) -> None:
    database = open_database(settings)
    Workers(database).register(worker, time.time() - seconds_ago)
    database.close()


def here(token: str) -> str:
    return new_worker_id(socket.gethostname(), token)


def test_a_receiver_that_serves_is_healthy(settings: Settings, listener: socket.socket) -> None:
    server = uvicorn.Server(uvicorn.Config(build_webhook(settings), log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while find_faults(Part.RECEIVER, settings) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert find_faults(Part.RECEIVER, settings) == []
    finally:
        server.should_exit = True
        thread.join()


def test_a_port_without_a_receiver_is_sick(settings: Settings, listener: socket.socket) -> None:
    listener.close()
    (fault,) = find_faults(Part.RECEIVER, settings)
    assert "receiver is not ready" in fault


def test_a_worker_that_beats_here_is_healthy(settings: Settings) -> None:
    beat(settings, here("0a"))
    assert find_faults(Part.WORKER, settings) == []


def test_a_worker_that_hangs_is_sick(settings: Settings) -> None:
    beat(settings, here("0a"), seconds_ago=limits.WORKER_DEAD_S + 1)
    (fault,) = find_faults(Part.WORKER, settings)
    assert "has beaten in the last 30 s" in fault


def test_the_worker_of_another_container_is_not_ours(settings: Settings) -> None:
    beat(settings, new_worker_id(f"{socket.gethostname()}-b", "0a"))
    assert find_faults(Part.WORKER, settings) != []


def test_a_worker_that_was_killed_is_sick_at_once(settings: Settings) -> None:
    worker = here("0a")
    beat(settings, worker)
    locks = HostLocks(settings.data_dir / "workers")
    locks.hold(worker)
    assert find_faults(Part.WORKER, settings) == []
    os.close(locks._held.pop())  # as the kernel does when the process ends
    assert find_faults(Part.WORKER, settings) != []


def test_before_the_first_start_the_worker_is_sick(settings: Settings) -> None:
    (fault,) = find_faults(Part.WORKER, settings)
    assert "can't be read" in fault


def test_the_exit_code_tells(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_health(Part.WORKER) == 1
    beat(settings, here("0a"))
    assert run_health(Part.WORKER) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "healthy"


def test_ids_of_workers_name_their_host_and_nothing_odd() -> None:
    assert new_worker_id("build-7.example", "0a") == "worker-build-7.example-0a"
    assert "/" not in new_worker_id("../x", "0a")
    assert runs_on(new_worker_id("a-b", "0a"), "a-b")
    assert not runs_on(new_worker_id("a-b", "0a"), "a")
