"""The systemd units: nothing that breaks bubblewrap on the worker, everything that does not on both."""

import pytest
from typer.main import get_command

from bot.cli.main import app
from bot.domain import limits
from tests.deploy.files import DEPLOY, compose, unit

UNITS = ("pullwright-receiver", "pullwright-worker")

# Measured with systemd 257: with any of these the sandbox's preflight fails.
BREAKS_BUBBLEWRAP = {
    "RestrictNamespaces",
    "ProtectKernelTunables",
    "ProtectKernelLogs",
    "ProcSubset",
    "ProtectHostname",
    "RestrictSUIDSGID",
}
# The sandbox starts, and something else does not work.
BREAKS_MORE = {"ProtectControlGroups", "MemoryDenyWriteExecute", "PrivateUsers", "PrivateNetwork"}

HARDENED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectProc": "invisible",
    "ProtectClock": "yes",
    "ProtectKernelModules": "yes",
    "RestrictRealtime": "yes",
    "LockPersonality": "yes",
    "SystemCallArchitectures": "native",
    "StateDirectoryMode": "0700",
    "User": "pullwright",
}


@pytest.mark.parametrize("name", UNITS)
def test_both_are_hardened(name: str) -> None:
    found = unit(name)
    assert {setting: found.get(setting) for setting in HARDENED} == {
        setting: [value] for setting, value in HARDENED.items()
    }


def test_nothing_breaks_the_sandbox_of_the_worker() -> None:
    assert not (BREAKS_BUBBLEWRAP | BREAKS_MORE) & set(unit("pullwright-worker"))


def test_the_receiver_has_what_the_worker_can_not_have() -> None:
    assert set(unit("pullwright-receiver")) >= BREAKS_BUBBLEWRAP


def test_the_worker_may_limit_each_command() -> None:
    (delegated,) = unit("pullwright-worker")["Delegate"]
    assert {"memory", "pids"} <= set(delegated.split())


@pytest.mark.parametrize("name", UNITS)
def test_secrets_are_credentials(name: str) -> None:
    found = unit(name)
    assert "PULLWRIGHT_SECRETS_DIR=%d" in found["Environment"]
    assert "PULLWRIGHT_VAULT_KEY_PATH=%d/vault.key" in found["Environment"]
    given = {one.partition(":")[0] for one in found["LoadCredential"]}
    assert given == ({"vault.key", "OPENAI_API_KEY"} if name == "pullwright-worker" else {"vault.key"})


@pytest.mark.parametrize("name", UNITS)
def test_the_command_exists_and_has_time_to_end(name: str) -> None:
    found = unit(name)
    program, command = found["ExecStart"][0].split()
    assert program.endswith("/pullwright")
    assert command in get_command(app).commands  # type: ignore[attr-defined]
    assert int(found["TimeoutStopSec"][0]) > limits.HAND_OVER_S


def test_the_profile_of_apparmor_is_the_one_that_is_named() -> None:
    text = (DEPLOY / "apparmor-pullwright").read_text()
    assert "profile pullwright-worker flags=(unconfined) {\n  userns,\n}" in text
    assert unit("pullwright-worker")["AppArmorProfile"] == ["-pullwright-worker"]
    assert "apparmor=${PULLWRIGHT_APPARMOR:-unconfined}" in compose()["services"]["worker"]["security_opt"]
