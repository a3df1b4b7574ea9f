"""Whom commands run as on the host: a user of its own for each workspace, and nobody who owns a file on disk."""

import asyncio
import os
from pathlib import Path

import pytest

from bot.errors import SandboxUnavailable
from bot.sandbox.backend import BubblewrapSandbox
from bot.sandbox.contract import Command, EgressPolicy, SetupSpec, Workspace
from bot.sandbox.identities import Identities
from tests.sandbox.conftest import UID

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary worker has one user, its own")


async def host_uid(workspace: Workspace, mark: str) -> int:
    """Who runs `sleep <mark>` of the workspace, seen from the host."""
    task = asyncio.create_task(workspace.run(Command(f"exec sleep {mark}", timeout_s=5)))
    try:
        while True:
            for entry in Path("/proc").iterdir():
                try:
                    if (entry / "cmdline").read_bytes() == f"sleep\0{mark}\0".encode():
                        return entry.stat().st_uid
                except OSError:
                    continue
            assert not task.done(), task.result()
            await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_two_workspaces_run_as_two_users_and_the_files_of_both_belong_to_a_third(
    sandbox: BubblewrapSandbox, template: Path
) -> None:
    one, other = await sandbox.open_workspace(template), await sandbox.open_workspace(template)
    try:
        users = {await host_uid(one, "3.1471"), await host_uid(other, "3.1472")}
        assert len(users) == 2
        assert UID not in users
        assert 0 not in users
        done = await one.run(
            Command("umask 077; echo mine > own; echo more >> README; rm pkg/run.sh; ls -l own")
        )
        assert b"agent agent" in done.output, done
        layer = one.mounts.changes  # type: ignore[attr-defined]
        assert {entry.lstat().st_uid for entry in layer.rglob("*")} == {UID}
        assert (layer / "own").read_text() == "mine\n"
        assert (await other.run(Command("cat README"))).output == b"below\n"
    finally:
        await one.close()
        await other.close()


async def test_a_user_is_given_back_with_its_workspace(sandbox: BubblewrapSandbox, template: Path) -> None:
    first = await sandbox.open_workspace(template)
    user = await host_uid(first, "3.1473")
    await first.close()
    second = await sandbox.open_workspace(template)
    assert await host_uid(second, "3.1474") == user
    await second.close()


async def test_what_a_set_up_made_as_one_user_another_can_read_even_where_it_is_private(
    sandbox: BubblewrapSandbox, template: Path
) -> None:
    spec = SetupSpec(
        script="umask 077; echo made > /env/private; echo built > built",
        template=template,
        key_parts=("users",),
        egress=EgressPolicy(hosts=()),
    )
    environment = await sandbox.ensure_environment(spec)
    held = await sandbox.open_workspace(template)  # takes the id that the set-up had
    workspace = await sandbox.open_workspace(template, environment)
    try:
        done = await workspace.run(Command("cat /env/private built; echo more >> built; cat built"))
        assert done.output == b"made\nbuilt\nbuilt\nmore\n"
    finally:
        await workspace.close()
        await held.close()


def test_an_id_that_another_worker_holds_is_passed_over(tmp_path: Path) -> None:
    ours, theirs = Identities(tmp_path / "users", UID), Identities(tmp_path / "users", UID)
    one, other, third = ours.lease(), theirs.lease(), ours.lease()
    assert [one.uid, other.uid, third.uid] == [UID + 1, UID + 2, UID + 3]
    other.give_back()
    assert ours.lease().uid == UID + 2


def test_when_all_are_taken_people_are_told_what_to_do(tmp_path: Path) -> None:
    users = Identities(tmp_path / "users", UID, count=1)
    users.lease()
    with pytest.raises(SandboxUnavailable, match="taken"):
        users.lease()


async def test_the_preflight_says_whom_commands_run_as(sandbox: BubblewrapSandbox) -> None:
    found = await sandbox.preflight()
    assert found.enforced_by["user on the host"].startswith("one for each workspace")
