"""The files for more than one machine: PostgreSQL with Compose, and Kubernetes. As confined as on one machine."""

import json
import re
from typing import Any

import pytest
import yaml
from typer.main import get_command

from bot.cli.main import app
from bot.domain import limits
from bot.settings import Settings
from tests.deploy.files import DEPLOY, compose

KNOWN = {n.upper() if n.startswith("openai_") else f"PULLWRIGHT_{n.upper()}" for n in Settings.model_fields}
CONFINEMENT = (
    "user",
    "read_only",
    "cap_drop",
    "security_opt",
    "tmpfs",
    "mem_limit",
    "pids_limit",
    "healthcheck",
)
PARTS = ("receiver", "worker")


def many() -> dict[str, Any]:
    found = yaml.safe_load((DEPLOY / "compose.postgres.yml").read_text())
    assert isinstance(found, dict)
    return found


def objects(kind: str) -> dict[str, dict[str, Any]]:
    """By their part: receiver, worker."""
    found = {}
    for path in sorted((DEPLOY / "kubernetes").glob("*.yml")):
        for one in yaml.safe_load_all(path.read_text()):
            if one["kind"] == kind:
                found[one["metadata"]["name"].removeprefix("pullwright-")] = one
    return found


def pod(part: str) -> dict[str, Any]:
    found = objects("Deployment")[part]["spec"]["template"]["spec"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("part", PARTS)
def test_many_are_confined_as_one_is(part: str) -> None:
    one, here = compose()["services"][part], many()["services"][part]
    assert {key: here[key] for key in CONFINEMENT} == {key: one[key] for key in CONFINEMENT}
    assert here["command"] == one["command"]
    assert here["stop_grace_period"] == one["stop_grace_period"]
    wide = {"cap_add", "privileged", "network_mode", "pid", "ipc", "userns_mode", "devices", "cgroup"}
    assert not wide & set(here)


def test_there_are_three_workers_each_with_a_volume_of_its_own() -> None:
    worker = many()["services"]["worker"]
    assert worker["deploy"] == {"replicas": 3}
    assert worker["volumes"] == ["/var/lib/pullwright"]  # without a name: one for each container


def test_the_receiver_has_no_model_key_and_nobody_but_the_database_its_password() -> None:
    services = many()["services"]
    assert "OPENAI_API_KEY" not in services["receiver"]["secrets"]
    assert services["database"]["secrets"] == ["postgres-password"]
    assert all("postgres-password" not in services[part]["secrets"] for part in PARTS)
    assert "ports" not in services["database"]


def test_every_secret_file_is_a_setting_or_the_databases_own() -> None:
    assert set(many()["secrets"]) <= KNOWN | {"postgres-password"}
    for name, one in many()["secrets"].items():
        assert one == {"file": f"./secrets/{name}"}


@pytest.mark.parametrize("part", PARTS)
def test_pods_get_no_more_than_containers(part: str) -> None:
    spec = pod(part)
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    own = dict(container["securityContext"])
    own.pop("procMount", None)
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert all("hostPath" not in volume for volume in spec["volumes"])
    assert container["args"][0] in get_command(app).commands  # type: ignore[attr-defined]
    assert spec["terminationGracePeriodSeconds"] > limits.HAND_OVER_S
    assert "livenessProbe" in container
    patience = container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"]
    assert patience >= 300, "a migration, or the wait for another pod's, is no reason to be killed"


def test_a_rolled_worker_has_time_to_drain_and_to_hand_over() -> None:
    (config,) = objects("ConfigMap").values()
    drain = float(config["data"]["PULLWRIGHT_DRAIN_S"])
    assert drain > 0
    assert pod("worker")["terminationGracePeriodSeconds"] >= drain + 2 * limits.HAND_OVER_S


def test_a_receiver_goes_on_until_nobody_is_sent_to_it() -> None:
    (container,) = pod("receiver")["containers"]
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]


def test_what_runs_at_once_can_be_said_in_the_operators_own_file() -> None:
    """`environment` would go before it."""
    worker = many()["services"]["worker"]
    own, given = (DEPLOY / one["path"] for one in worker["env_file"])
    assert given == DEPLOY / "../.env"
    named = dict(line.split("=") for line in own.read_text().splitlines() if not line.startswith("#"))
    assert set(named) == {"PULLWRIGHT_FLEET_TASKS", "PULLWRIGHT_WORKER_TASKS"} <= KNOWN
    assert not set(named) & set(worker["environment"])
    replicas = worker["deploy"]["replicas"]
    assert int(named["PULLWRIGHT_WORKER_TASKS"]) * replicas == int(named["PULLWRIGHT_FLEET_TASKS"])


def test_only_the_workers_pod_is_loosened() -> None:
    receiver, worker = pod("receiver"), pod("worker")
    assert receiver["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "procMount" not in receiver["containers"][0]["securityContext"]
    assert worker["securityContext"]["seccompProfile"]["type"] == "Localhost"
    assert worker["containers"][0]["securityContext"]["procMount"] == "Unmasked"
    assert worker["hostUsers"] is False, "Unmasked is allowed in a user namespace only"


def test_the_receivers_pod_has_no_model_key() -> None:
    (secrets,) = (one["secret"] for one in pod("receiver")["volumes"] if "secret" in one)
    assert "OPENAI_API_KEY" not in json.dumps(secrets)


@pytest.mark.parametrize("part", PARTS)
def test_a_disruption_leaves_somebody(part: str) -> None:
    budget = objects("PodDisruptionBudget")[part]["spec"]
    deployment = objects("Deployment")[part]["spec"]
    assert budget["selector"] == deployment["selector"]
    left = budget.get("minAvailable", deployment["replicas"] - budget.get("maxUnavailable", 0))
    assert 1 <= left < deployment["replicas"]


def test_every_variable_of_the_manifests_is_a_setting() -> None:
    for path in sorted((DEPLOY / "kubernetes").glob("*.yml")):
        named = set(re.findall(r"\b(?:PULLWRIGHT|OPENAI)_[A-Z_]+\b", path.read_text()))
        assert named <= KNOWN
