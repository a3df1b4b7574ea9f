"""A host that can't do it is told why; a host that can is told what keeps each limit."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.limits import SANDBOX_REFUSAL_S
from bot.errors import SandboxUnavailable
from bot.sandbox import remedies, trees
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.bwrap import find_bubblewrap
from bot.sandbox.cgroups import find_cgroups
from bot.sandbox.contract import Command, EgressPolicy
from bot.sandbox.egress import EgressLog
from bot.sandbox.launch import Told
from bot.sandbox.preflight import Prepared, Readiness
from bot.sandbox.remedies import Host
from bot.sandbox.runner import Runner, default_toolchains, make_upper
from bot.sandbox.seam import CA_BUNDLE_PATH, Mounts

UID = 64738


async def test_a_host_that_can_passes_every_check(sandbox: BubblewrapSandbox) -> None:
    found = await sandbox.preflight()
    assert found.backend == "bubblewrap"
    assert {check.name for check in found.checks} >= {"bubblewrap", "start", "overlay", "planted proxy"}
    assert found.enforced_by["bytes and files on disk"] == "watchdog"
    assert found.enforced_by["memory"]
    assert await sandbox.preflight() is found  # asked once


def false_bwrap(folder: Path, says: str) -> Path:
    path = folder / "bwrap"
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("says", "reason"),
    [("echo bubblewrap 0.7.1", "older than 0.8"), ("echo hello", "hello"), ("exit 1", "exit status 1")],
)
async def test_a_useless_bubblewrap_is_named_with_the_cure(tmp_path: Path, says: str, reason: str) -> None:
    settings = SandboxSettings(tmp_path / "state", UID, bwrap=false_bwrap(tmp_path, says))
    found = await BubblewrapSandbox(settings).preflight()
    assert (found.ok, found.backend) == (False, "")
    assert reason in found.checks[0].detail
    assert "apt install bubblewrap" in found.checks[0].remedy


async def test_a_missing_bubblewrap_refuses_workspaces(tmp_path: Path) -> None:
    sandbox = BubblewrapSandbox(SandboxSettings(tmp_path / "state", UID, bwrap=tmp_path / "none"))
    with pytest.raises(SandboxUnavailable, match="apt install bubblewrap"):
        await sandbox.open_workspace(tmp_path)


async def test_a_set_uid_bubblewrap_is_refused(tmp_path: Path) -> None:
    path = false_bwrap(tmp_path, "echo bubblewrap 0.11.0")
    path.chmod(0o4755)
    with pytest.raises(SandboxUnavailable, match="set-uid"):
        find_bubblewrap(path)


async def test_one_that_fails_at_the_start_is_a_failed_check(tmp_path: Path) -> None:
    script = (
        '[ "$1" = --version ] && exec echo bubblewrap 0.9.0; echo "bwrap: Failed RTM_NEWADDR" >&2; exit 1'
    )
    (tmp_path / "bin").mkdir()
    settings = SandboxSettings(tmp_path / "state", UID, bwrap=false_bwrap(tmp_path / "bin", script))
    found = await BubblewrapSandbox(settings).preflight()
    failed = [check for check in found.checks if not check.ok]
    assert [check.name for check in failed] == ["start"]
    assert "RTM_NEWADDR" in failed[0].detail
    assert failed[0].remedy


async def test_a_data_directory_without_rights_is_a_failed_check(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = await BubblewrapSandbox(SandboxSettings(tmp_path / "file" / "state", UID)).preflight()
    assert [(check.name, check.ok) for check in found.checks] == [("data directory", False)]


async def test_a_host_that_failed_is_asked_again_but_not_at_once(
    sandbox: BubblewrapSandbox, tmp_path: Path
) -> None:
    """It was only too busy, say. Nothing is opened before it has passed."""
    now, busy, asked = [0.0], [True], []

    def prepare() -> Prepared[Runner]:
        asked.append(now[0])
        if busy[0]:
            raise SandboxUnavailable("too busy")
        return sandbox._prepare()  # the real one, from here on

    readiness = Readiness("bubblewrap", tmp_path, prepare, lambda: now[0])
    assert not (await readiness.preflight()).ok
    now[0] = SANDBOX_REFUSAL_S - 0.1
    with pytest.raises(SandboxUnavailable, match="too busy"):
        await readiness.runner()
    now[0], busy[0] = SANDBOX_REFUSAL_S, False
    assert isinstance(await readiness.runner(), Runner)
    now[0] = 1_000.0
    assert (await readiness.preflight()).ok
    assert asked == [0.0, SANDBOX_REFUSAL_S]


@pytest.mark.parametrize(
    ("step", "said", "host", "word"),
    [
        ("overlay", "", Host(), "local disk"),
        ("cgroup", "", Host(), "Delegate"),
        ("user namespace", "", Host(), "user.max_user_namespaces"),
        ("user namespace", "", Host(ordinary_users_may="0"), "unprivileged_userns_clone=1"),
        (
            "user namespace",
            "",
            Host(most_user_namespaces="9", apparmor_restricts="1"),
            "profile pullwright-bwrap /b",
        ),
        ("user namespace", "", Host(container=True), "unmask=ALL"),
        ("", "bwrap: loopback: Failed RTM_NEWADDR", Host(apparmor_restricts="1"), "apparmor_parser"),
        ("", "bwrap: Can't mount proc on /newroot/proc", Host(), "ProcSubset"),
        ("", "bwrap: Can't mount proc on /newroot/proc", Host(container=True), "systempaths"),
        ("", "bwrap: pivot_root: Operation not permitted", Host(container=True), "deploy/seccomp.json"),
        ("", "bwrap: Can't set hostname to sandbox", Host(), "ProtectHostname"),
        ("", "bwrap: Can't mkdir parents for /etc: Function not implemented", Host(), "RestrictSUIDSGID"),
        ("limits", "", Host(), "doctor"),
    ],
)
def test_each_refusal_has_its_own_cure(step: str, said: str, host: Host, word: str) -> None:
    error = remedies.start_failed(Told(fault=step, fault_errno=1), said.encode(), host, ("/p", "/b"))
    assert word in error.remedy
    if step:
        assert f"{step} was refused (EPERM)" in error.message


async def test_folders_of_dead_workers_are_removed_and_of_living_ones_kept(tmp_path: Path) -> None:
    state = tmp_path / "state"
    dead = state / "workspaces" / "dead" / "x"
    dead.mkdir(parents=True)
    one, two = (BubblewrapSandbox(SandboxSettings(state, UID)) for _ in range(2))
    assert (await one.preflight()).ok
    assert not dead.exists()
    (template := tmp_path / "template").mkdir()
    workspace = await one.open_workspace(template)
    assert (await two.preflight()).ok
    assert (await workspace.run(Command("true"))).ok


async def test_the_planted_listener_is_reached_and_served(tmp_path: Path) -> None:
    asked = []

    @asynccontextmanager
    async def serve(listener: socket.socket, policy: EgressPolicy) -> AsyncIterator[EgressLog]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readline())
            writer.write(b"HTTP/1.1 403 no\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, sock=listener)
        asked.append(policy.hosts)
        try:
            yield EgressLog()
        finally:
            server.close()

    uid = UID if os.geteuid() == 0 else None
    (template := tmp_path / "template").mkdir()
    env = trees.make_owned(tmp_path / "env", uid or os.geteuid())
    runner = Runner(find_bubblewrap(None), uid, default_toolchains(()), find_cgroups(), serve=serve)
    mounts = Mounts((template,), make_upper(tmp_path / "upper", uid), env_upper=env)
    policy = EgressPolicy(hosts=("example.org",), ca_bundle=b"a certificate")
    script = f"""
        exec 3<>/dev/tcp/127.0.0.1/3128; echo CONNECT >&3; head -1 <&3; echo $https_proxy $SSL_CERT_FILE
        cat {CA_BUNDLE_PATH}; mkdir /env/bin && echo built > /env/bin/tool; echo product > built.txt
    """
    result = await runner.run(mounts, Command(script), policy)
    assert (
        result.output == f"HTTP/1.1 403 no\r\nhttp://127.0.0.1:3128 {CA_BUNDLE_PATH}\na certificate".encode()
    )
    assert asked == [("example.org",), b"CONNECT\n"]
    assert (env / "bin" / "tool").read_text() == "built\n"
    assert (mounts.changes / "built.txt").read_text() == "product\n"
    without = await runner.run(mounts, Command("exec 3<>/dev/tcp/127.0.0.1/3128"), EgressPolicy())
    assert without.exit_code == 1
    with pytest.raises(SandboxUnavailable, match="proxy"):
        await replace(runner, serve=None).run(mounts, Command("true"), policy)
