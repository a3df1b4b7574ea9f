"""The command line of the engines: every wall stands on it; what an engine says is read."""

import json
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import SandboxUnavailable
from bot.sandbox.bounds import Bounds
from bot.sandbox.container_cli import (
    Engine,
    Inside,
    find_engine,
    find_image,
    is_allowed_image,
    run_arguments,
)
from bot.sandbox.seccomp import build_profile

PODMAN = Engine(Path("/usr/bin/podman"), "podman", "5.0", rootless=False)
DOCKER = Engine(Path("/usr/bin/docker"), "docker", "28.0", rootless=False)
INSIDE = Inside(
    "pullwright-1", {"pullwright.worker": "w"}, "registry.example/dev:1", "64738:64738",
    ((Path("/state/w"), "/workspace", True), (Path("/state/env"), "/env", False)),
    {"HOME": "/home/agent"}, Path("/state/seccomp.json"), Bounds(memory_bytes=1 << 30, processes=100, cpus=2),
)  # fmt: skip


@pytest.mark.parametrize("engine", [PODMAN, DOCKER], ids=lambda engine: engine.kind)
def test_every_wall_stands(engine: Engine) -> None:
    argv = run_arguments(engine, INSIDE, ("/bin/bash", "-c", "true"))
    said = " ".join(argv)
    for wall in (
        "--network none", "--ipc private", "--cgroupns private", "--cap-drop ALL", "--user 64738:64738",
        "--security-opt no-new-privileges", "--security-opt seccomp=/state/seccomp.json", "--read-only",
        "--memory 1073741824 --memory-swap 1073741824", "--pids-limit 100", "--cpus 2", "--pull never",
        "--log-driver none", "--ulimit core=0:0",
        "type=bind,source=/state/w,target=/workspace --mount", "target=/env,readonly",
    ):  # fmt: skip
        assert wall in said, wall
    for hole in (
        "--privileged",
        "docker.sock",
        "podman.sock",
        "--network host",
        "--pid host",
        "--device",
        "--cap-add",
    ):
        assert hole not in said
    assert argv[argv.index("registry.example/dev:1") + 1 :] == ["-c", "true"]
    assert argv[argv.index("--entrypoint") + 1] == "/bin/bash"
    assert "--runtime" not in argv


def test_a_runtime_and_a_rootless_engine_are_told() -> None:
    argv = run_arguments(replace(PODMAN, rootless=True), replace(INSIDE, runtime="runsc"), ("/bin/true",))
    assert argv[argv.index("--runtime") + 1] == "runsc"
    assert "keep-id:uid=1000,gid=1000" in argv


def engine_script(tmp_path: Path, name: str, script: str) -> str:
    """A recorded engine: answers as the real one did."""
    path = tmp_path / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_engines_describe_themselves(tmp_path: Path) -> None:
    info = json.dumps({"host": {"security": {"rootless": True}, "cpus": 2}, "version": {"Version": "5.2.1"}})
    podman = engine_script(
        tmp_path, "podman", f"[ $1 = info ] && exec echo '{info}'; echo podman version 5.2.1"
    )
    assert find_engine(podman) == Engine(Path(podman), "podman", "5.2.1", rootless=True, cpus=2)
    info = json.dumps(
        {"ServerVersion": "28.2.2", "NCPU": 2, "SecurityOptions": ["name=seccomp,profile=builtin"]}
    )
    docker = engine_script(
        tmp_path, "docker", f"[ $1 = info ] && exec echo '{info}'; echo Docker version 28.2.2"
    )
    assert find_engine(docker) == Engine(Path(docker), "docker", "28.2.2", rootless=False, cpus=2)


def test_a_docker_without_its_daemon_is_no_engine(tmp_path: Path) -> None:
    info = json.dumps(
        {"ServerErrors": ["Cannot connect to the Docker daemon at unix:///var/run/docker.sock."]}
    )
    docker = engine_script(
        tmp_path, "docker", f"[ $1 = info ] && exec echo '{info}'; echo Docker version 28.2.2"
    )
    with pytest.raises(SandboxUnavailable, match="Cannot connect to the Docker daemon") as refused:
        find_engine(docker)
    assert "PULLWRIGHT_CONTAINER_ENGINE" in refused.value.remedy


def test_a_missing_engine_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="not found"):
        find_engine(str(tmp_path / "none"))


def test_an_image_tells_its_path_and_variables(tmp_path: Path) -> None:
    told = json.dumps([{"Id": "sha256:1", "Config": {"Env": ["PATH=/go/bin:/usr/bin", "GOPATH=/go"]}}])
    engine = replace(DOCKER, path=Path(engine_script(tmp_path, "docker", f"echo '{told}'")))
    image = find_image(engine, "golang:1.22", pull=False)
    assert (image.path, dict(image.variables), image.digest) == (
        "/go/bin:/usr/bin",
        {"GOPATH": "/go"},
        "sha256:1",
    )


@pytest.mark.parametrize("name", ["--privileged", "a b", "x;reboot", "$(id)", "", "-v/:/host", "a" * 300])
def test_what_is_no_name_of_an_image_is_refused(name: str) -> None:
    with pytest.raises(SandboxUnavailable, match="no name of an image"):
        find_image(DOCKER, name, pull=True)


def test_a_missing_image_is_pulled_once_and_named(tmp_path: Path) -> None:
    script = f'echo "$@" >> {tmp_path}/asked; echo "no such image" >&2; exit 1'
    engine = replace(PODMAN, path=Path(engine_script(tmp_path, "podman", script)))
    with pytest.raises(SandboxUnavailable, match="is not there: no such image"):
        find_image(engine, "dev:1", pull=True)
    assert (tmp_path / "asked").read_text().splitlines() == ["image inspect dev:1", "pull --quiet dev:1"]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_profile_says_what_the_filter_says(machine: str) -> None:
    profile = build_profile(machine)
    names = {name for rule in profile["syscalls"] for name in rule["names"]}
    assert {"ptrace", "mount", "bpf", "keyctl", "io_uring_setup", "clone3", "unshare"} <= names
    families = [
        argument for rule in profile["syscalls"] if rule["names"] == ["socket"] for argument in rule["args"]
    ]
    refused = {argument["value"] for argument in families if argument["op"] == "SCMP_CMP_EQ"}
    assert refused == set(range(16)) - {1, 2, 10}
    assert [a["value"] for a in families if a["op"] == "SCMP_CMP_GT"] == [16]
    assert profile["archMap"][0]["architecture"] == f"SCMP_ARCH_{machine.upper()}"


def test_this_machine_has_a_profile_or_a_refusal() -> None:
    if platform.machine() in ("x86_64", "aarch64"):
        assert build_profile()["defaultAction"] == "SCMP_ACT_ALLOW"
    with pytest.raises(SandboxUnavailable):
        build_profile("riscv64")


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        ("registry.example/dev/python:3", True),
        ("registry.example/other:1", False),
        ("evil.example/registry.example/dev/x", False),
        ("registry.example/dev/x --privileged", False),
        ("", False),
    ],
)
def test_a_repository_gets_only_images_that_the_operator_lists(image: str, allowed: bool) -> None:
    assert is_allowed_image(image, ("registry.example/dev/*",)) is allowed
    assert not is_allowed_image(image, ())


@pytest.mark.parametrize(("there", "asked"), [(1, "1"), (8, "2"), (0, "2")])
def test_no_more_processors_are_asked_for_than_the_host_has(there: int, asked: str) -> None:
    engine = Engine(Path("/usr/bin/docker"), "docker", "28.2.2", rootless=False, cpus=there)
    argv = run_arguments(engine, INSIDE, ("/bin/true",))
    assert argv[argv.index("--cpus") + 1] == asked


def test_gvisor_uses_the_containers_network_and_heeds_the_filter() -> None:
    inside = replace(INSIDE, runtime="/usr/bin/runsc")
    said = " ".join(run_arguments(PODMAN, inside, ("/bin/true",)))
    assert "--runtime /usr/bin/runsc --runtime-flag network=host --runtime-flag oci-seccomp" in said
    assert "--runtime-flag" not in run_arguments(DOCKER, inside, ("/bin/true",)), (
        "Docker knows no such option"
    )
    assert "--runtime-flag" not in run_arguments(PODMAN, replace(INSIDE, runtime="crun"), ("/bin/true",))
