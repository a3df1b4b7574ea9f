"""The compose file: one service is loosened, for one reason, and neither gets more than it needs."""

from typing import Any

import pytest
from typer.main import get_command

from bot.cli.main import app
from tests.deploy.files import ALL, DEPLOY, ROOT, compose

SERVICES = ("receiver", "worker")
LOOSENED = {"seccomp:./seccomp.json", "systempaths=unconfined", "apparmor=${PULLWRIGHT_APPARMOR:-unconfined}"}


def service(name: str) -> dict[str, Any]:
    found = compose()["services"][name]
    assert isinstance(found, dict)
    return found


def test_there_are_two_services() -> None:
    assert set(compose()["services"]) == set(SERVICES)


def test_only_the_worker_is_loosened() -> None:
    assert set(service("receiver")["security_opt"]) == {"no-new-privileges:true"}
    assert set(service("worker")["security_opt"]) == {"no-new-privileges:true", *LOOSENED}


@pytest.mark.parametrize("name", SERVICES)
def test_both_are_confined(name: str) -> None:
    found = service(name)
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["user"] == "10001:10001"
    assert found["mem_limit"]
    assert found["pids_limit"] > 0
    wide = {"cap_add", "privileged", "network_mode", "pid", "ipc", "userns_mode", "devices", "cgroup"}
    assert not wide & set(found)


@pytest.mark.parametrize("name", SERVICES)
def test_both_share_the_volume_and_no_folder_of_the_host(name: str) -> None:
    assert service(name)["volumes"] == ["data:/var/lib/pullwright"]
    assert "data" in compose()["volumes"]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_nobody_gets_the_socket_of_docker(path: object) -> None:
    assert "docker.sock" not in path.read_text()  # type: ignore[attr-defined]
    assert "podman.sock" not in path.read_text()  # type: ignore[attr-defined]


def test_secrets_are_files_and_the_receiver_has_no_model_key() -> None:
    secrets = compose()["secrets"]
    assert set(service("worker")["secrets"]) == {"vault.key", "OPENAI_API_KEY"}
    assert set(service("receiver")["secrets"]) == {"vault.key"}
    assert all(set(one) == {"file"} for one in secrets.values())
    assert service("receiver")["environment"]["OPENAI_API_KEY"] == "not-given-to-the-receiver"
    assert "OPENAI_API_KEY" not in service("worker")["environment"]


def test_the_folder_of_secrets_is_in_no_commit_and_in_no_image() -> None:
    folders = {DEPLOY / one["file"] for one in compose()["secrets"].values()}
    assert {path.parent for path in folders} == {DEPLOY / "secrets"}
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("name", SERVICES)
def test_commands_and_health_checks_exist(name: str) -> None:
    found = service(name)
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert found["command"][0] in known
    assert found["healthcheck"]["test"] == ["CMD", "pullwright", "health", name]


def test_the_receiver_is_reached_from_this_host_only() -> None:
    assert all(port.startswith("127.0.0.1:") for port in service("receiver")["ports"])
    assert "ports" not in service("worker")


def test_a_stopping_worker_has_time_to_hand_over() -> None:
    from bot.domain import limits

    assert int(service("worker")["stop_grace_period"].removesuffix("s")) > limits.HAND_OVER_S
