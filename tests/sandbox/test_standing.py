"""A sandbox that is made before its command is known: taken once, for what it was made for, and never in the way."""

import asyncio
import errno
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ForModel, SandboxUnavailable
from bot.sandbox.backend import BubblewrapSandbox
from bot.sandbox.contract import Command, EndedBy, Workspace
from bot.sandbox.launch import Running
from bot.sandbox.launcher import GATE, WORDS
from bot.sandbox.runner import Runner
from bot.sandbox.standing import Wanted, render_words
from bot.sandbox.workspace import SandboxWorkspace
from tests.sandbox.processes import descriptors, descriptors_fall_to, made_ahead

WHERE = Command("readlink /proc/self/ns/pid")


def namespace(running: Running) -> bytes:
    """Of its processes, as they would name it."""
    return f"{Path(f'/proc/{running.told.child}/ns/pid').readlink()}\n".encode()


def is_gone(running: Running) -> bool:
    return not Path(f"/proc/{running.told.child}").exists()


async def test_a_command_begins_in_the_one_that_waits_and_the_next_in_another(workspace: Workspace) -> None:
    running = await made_ahead(workspace)
    there = namespace(running)
    with Path(f"/proc/{running.told.child}/ns/pid").open():  # else its number may be the next one's
        assert (await workspace.run(WHERE)).output == there
        assert (await workspace.run(WHERE)).output != there


async def test_it_has_everything_that_the_command_brings(workspace: Workspace) -> None:
    await made_ahead(workspace)
    command = Command(
        'cat; pwd; echo "$WORD" "${PWD}"; ls -x /proc/self/fd; exit 7',
        workdir="pkg",
        stdin=b"typed\n",
        env={"WORD": "it's $spoken\n", "not-a-name": "x"},
    )
    result = await workspace.run(command)
    assert result.exit_code == 7
    assert result.output == b"typed\n/workspace/pkg\nit's $spoken\n /workspace/pkg\n0  1  2  3\n", "3: of ls"


async def test_variables_are_ours_and_the_commands_and_no_others(workspace: Workspace) -> None:
    cold = (await workspace.run(Command("/usr/bin/env -u _ -u SHLVL"))).output
    await made_ahead(workspace)
    assert (await workspace.run(Command("/usr/bin/env -u _ -u SHLVL"))).output == cold
    assert b"OLDPWD" not in cold


async def test_it_sees_what_was_written_before_and_files_are_read_and_written_in_it(
    workspace: Workspace,
) -> None:
    await workspace.run(Command("echo more > new"))
    there = await made_ahead(workspace)
    assert (await workspace.read_file("new")).content == b"more\n"
    assert is_gone(there)
    await made_ahead(workspace)
    assert (await workspace.run(Command("cat new"))).output == b"more\n"


async def test_one_that_was_made_for_something_else_is_ended_first(workspace: Workspace) -> None:
    there = await made_ahead(workspace)
    result = await workspace.run(Command("cat /pullwright/tool", files={"/pullwright/tool": b"sharp"}))
    assert result.output == b"sharp"
    assert is_gone(there)


async def test_one_that_died_waiting_is_not_taken(workspace: Workspace) -> None:
    there = await made_ahead(workspace)
    assert there.pidfd is not None
    signal.pidfd_send_signal(there.pidfd, signal.SIGKILL)
    while there.is_alive:
        await asyncio.sleep(0.01)
    assert (await workspace.run(Command("echo ran"))).output == b"ran\n"


async def test_a_command_that_comes_while_it_is_made_waits_for_it(workspace: Workspace) -> None:
    workspace.prepare()
    workspace.prepare()  # one is enough
    assert (await workspace.run(Command("echo ran"))).output == b"ran\n"


async def test_a_stamp_a_session_and_the_end_do_not_find_it(
    sandbox: BubblewrapSandbox, template: Path
) -> None:
    opened = await sandbox.open_workspace(template)
    there = await made_ahead(opened)
    await opened.stamp()
    assert is_gone(there)
    there = await made_ahead(opened)
    session = await opened.open_session()
    assert is_gone(there)
    opened.prepare()  # not beside it
    answer = await session.ask({"op": "run", "command": "echo in", "workdir": ".", "timeout_s": 5}, 10)
    assert answer.output == b"in\n"
    await session.close()
    there = await made_ahead(opened)
    await opened.close()
    assert is_gone(there)
    opened.prepare()  # it is closed: nothing


async def test_what_is_refused_is_said_by_the_command(sandbox: BubblewrapSandbox, template: Path) -> None:
    opened = await sandbox.open_workspace(template)
    assert isinstance(opened, SandboxWorkspace)
    assert isinstance(opened.runner, Runner)
    runner = opened.runner
    opened.runner = replace(runner, bwrap=replace(runner.bwrap, path=runner.bwrap.path.parent / "not-there"))
    opened.prepare()
    with pytest.raises(SandboxUnavailable):
        await opened.run(Command("true"))
    opened.runner = runner
    await opened.close()


async def test_any_failure_while_it_is_made_is_forgotten(sandbox: BubblewrapSandbox, template: Path) -> None:
    opened = await sandbox.open_workspace(template)
    assert isinstance(opened, SandboxWorkspace)
    assert isinstance(opened.runner, Runner)
    assert opened.runner.ahead is not None
    lost = replace(opened.mounts, lowers=(Path("/not\0there"),))  # no step of a start can deal with it
    opened.runner.ahead.prepare(opened.runner, Wanted(lost, {"/elsewhere": b""}))
    assert (await opened.run(Command("echo on"))).output == b"on\n"
    opened.runner.ahead.prepare(opened.runner, Wanted(lost, {"/elsewhere": b""}))
    await opened.close()
    assert not opened.folder.exists()


async def test_who_is_cancelled_while_it_ends_leaves_no_second_one(workspace: Workspace) -> None:
    for turns in range(1, 6):
        there = await made_ahead(workspace)
        stamping = asyncio.create_task(workspace.stamp())
        for _ in range(turns):
            await asyncio.sleep(0)
        stamping.cancel()
        await asyncio.gather(stamping, return_exceptions=True)
        workspace.prepare()
        assert (await workspace.run(Command("echo on"))).output == b"on\n"
        assert is_gone(there)


async def test_a_start_that_fails_half_way_spoils_no_later_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_pid: int, _flags: int = 0) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("os.pidfd_open", refuse)
        with pytest.raises(SandboxUnavailable, match="Too many open files"):
            await workspace.run(Command("true"))
    for _ in range(3):
        assert (await asyncio.wait_for(workspace.run(Command("echo on")), 20)).output == b"on\n"


async def test_the_time_that_it_waits_is_nobodys_and_it_is_watched_from_its_begin(
    workspace: Workspace,
) -> None:
    await made_ahead(workspace)
    await asyncio.sleep(1.1)
    assert (await workspace.run(Command("echo in time", timeout_s=1))).output == b"in time\n"
    await made_ahead(workspace)
    full = await workspace.run(Command("head -c 90M /dev/zero > much; sleep 20", timeout_s=15))
    assert full.ended_by is EndedBy.DISK


async def test_cancelling_the_command_leaves_nothing_of_it(workspace: Workspace) -> None:
    there = await made_ahead(workspace)
    running = asyncio.create_task(workspace.run(Command("sleep 30")))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert is_gone(there)


async def test_no_descriptor_is_left_behind(workspace: Workspace) -> None:
    async def round_of_both() -> None:
        await made_ahead(workspace)
        await workspace.run(Command("true"))
        await made_ahead(workspace)
        await workspace.stamp()
        await made_ahead(workspace)  # it has some open as well

    await round_of_both()
    before = descriptors()
    for _ in range(3):
        await round_of_both()
        await descriptors_fall_to(before)


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)
NAMES = st.text(st.characters(exclude_characters="\0=", exclude_categories=("Cs",)), min_size=1, max_size=8)
SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


@given(st.lists(TEXT, max_size=4), st.dictionaries(NAMES, TEXT, max_size=4))
@settings(max_examples=25, deadline=None)
def test_words_become_exactly_these_arguments_and_variables(
    words: list[str], variables: dict[str, str]
) -> None:
    variables = {
        "PWD": "/here",
        **variables,
        "LC_CTYPE": "C.UTF-8",
    }  # as a command's: a shell would add the first
    script = render_words((sys.executable, "-I", "-S", "-X", "utf8", "-c", SHOW, *words), variables)
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, env={})
    assert json.loads(done.stdout) == [words, variables]
    assert f"{GATE}<&- {WORDS}<&-".encode() in script


def test_what_a_variable_holds_is_no_argument_of_a_program() -> None:
    script = render_words(("/bin/true",), {"TOKEN": "secret", "not-a-name": "x", "-S": "y"})
    assert b"export TOKEN=secret\n" in script
    assert b"secret" not in script.partition(b"exec ")[2]
    assert b"exec /usr/bin/env -- not-a-name=x -S=y /bin/true" in script


def test_a_nul_byte_is_refused_with_a_way_out() -> None:
    with pytest.raises(ForModel, match="NUL byte"):
        render_words(("/bin/bash", "-c", "echo \0"), {})
    with pytest.raises(ForModel, match="NUL byte"):
        render_words(("true",), {"A": "\0"})
