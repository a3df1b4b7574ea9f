"""How a command ends, and what of it is kept."""

import asyncio
from pathlib import Path

import pytest

from bot.sandbox.backend import BubblewrapSandbox
from bot.sandbox.contract import Command, EndedBy, Environment, FileKind, Workspace
from bot.sandbox.output import HeadTail
from tests.sandbox.processes import descriptors, descriptors_fall_to, host_processes, made_ahead, nap


async def test_a_command_says_what_it_wrote_and_how_it_ended(workspace: Workspace) -> None:
    result = await workspace.run(Command("echo out; echo err >&2; exit 3"))
    assert (result.ended_by, result.exit_code, result.ok) == (EndedBy.EXIT, 3, False)
    assert result.output == b"out\nerr\n"
    assert (await workspace.run(Command("true"))).ok


async def test_stdin_workdir_variables_and_files_reach_the_command(workspace: Workspace) -> None:
    command = Command(
        'cat; pwd; echo "$WORD"; cat /pullwright/a/tool; echo x > /pullwright/a/tool',
        workdir="pkg",
        stdin=b"typed\n",
        env={"WORD": "spoken"},
        files={"/pullwright/a/tool": b"tool\n"},
    )
    result = await workspace.run(command)
    assert result.output.startswith(b"typed\n/workspace/pkg\nspoken\ntool\n")
    assert b"Read-only file system" in result.output or b"Permission denied" in result.output


async def test_a_missing_workdir_is_the_shells_error(workspace: Workspace) -> None:
    result = await workspace.run(Command("true", workdir="nowhere"))
    assert result.exit_code == 1
    assert b"nowhere" in result.output


async def test_a_script_longer_than_an_argument_runs(workspace: Workspace) -> None:
    result = await workspace.run(Command("#" + "x" * 200_000 + "\necho ran"))
    assert result.output == b"ran\n"


async def test_files_persist_between_commands_and_the_template_stays(
    workspace: Workspace, template: Path
) -> None:
    await workspace.run(
        Command("echo more >> README; rm pkg/run.sh; mkdir new; echo x > new/file; chmod 700 pkg")
    )
    result = await workspace.run(Command("cat README new/file; ls pkg"))
    assert result.output == b"below\nmore\nx\n"
    assert (template / "README").read_text() == "below\n"
    assert (template / "pkg" / "run.sh").exists()
    assert not (template / "new").exists()


async def test_two_workspaces_of_one_template_do_not_see_each_other(
    sandbox: BubblewrapSandbox, template: Path
) -> None:
    one, two = await sandbox.open_workspace(template), await sandbox.open_workspace(template)
    await asyncio.gather(one.run(Command("echo 1 > README")), two.run(Command("echo 2 > README")))
    assert (await one.read_file("README")).content == b"1\n"
    assert (await two.read_file("README")).content == b"2\n"
    await one.close()
    await two.close()


async def test_long_output_keeps_head_and_tail(workspace: Workspace) -> None:
    result = await workspace.run(Command("echo first; yes | head -c 3000000; echo last", output_bytes=1000))
    assert len(result.output) == 1000
    assert result.output.startswith(b"first\n")
    assert result.output.endswith(b"last\n")
    assert result.cut_bytes == 3_000_000 + 11 - 1000


@pytest.mark.parametrize("sizes", [[10], [3, 3, 4], [1] * 25, [40, 1, 1], [7, 30, 2]])
def test_head_and_tail_add_up(sizes: list[int]) -> None:
    whole = bytes(range(sum(sizes)))
    kept, start = HeadTail(9), 0
    for size in sizes:
        kept.feed(whole[start : start + size])
        start += size
    assert kept.cut_bytes == max(0, len(whole) - 9)
    assert kept.text == (whole if len(whole) <= 9 else whole[:5] + whole[-4:])


async def test_a_timeout_kills_daemons_too(workspace: Workspace) -> None:
    script = f"trap '' TERM INT; (setsid sleep {nap(5)} >/dev/null 2>&1 &) ; echo started; sleep {nap(5)}"
    result = await workspace.run(Command(script, timeout_s=0.4))
    assert result.ended_by is EndedBy.TIMEOUT
    assert result.output == b"started\n"
    assert "0.4 s" in result.detail
    assert host_processes(nap(5)) == []


async def test_a_background_process_ends_with_its_command(workspace: Workspace) -> None:
    result = await workspace.run(Command(f"setsid sleep {nap(4)} & echo done"))
    assert result.output == b"done\n"
    assert host_processes(nap(4)) == []


async def test_cancelling_kills_everything_first(workspace: Workspace) -> None:
    running = asyncio.create_task(workspace.run(Command(f"setsid sleep {nap(3)} & sleep {nap(3)}")))
    while not host_processes(nap(3)):
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert host_processes(nap(3)) == []
    assert (await workspace.run(Command("echo alive"))).output == b"alive\n"


@pytest.mark.parametrize("wait_s", [0.0, 0.005, 0.015, 0.03])
async def test_cancelling_at_any_moment_of_the_start_leaves_nothing(
    workspace: Workspace, wait_s: float
) -> None:
    running = asyncio.create_task(workspace.run(Command(f"sleep {nap(2)}")))
    await asyncio.sleep(wait_s)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert host_processes(nap(2)) == []


async def test_a_signal_of_its_own_is_named(workspace: Workspace) -> None:
    result = await workspace.run(Command("kill -SEGV $$"))
    assert (result.ended_by, result.exit_code, result.detail) == (EndedBy.SIGNAL, None, "SIGSEGV")


async def test_no_descriptor_is_left_behind(workspace: Workspace) -> None:
    """Counted while the launcher of the next command stands: it has some as well."""
    await workspace.run(Command("true"))
    await made_ahead(workspace)
    before = descriptors()
    for _ in range(3):
        await workspace.run(Command("true"))
    await made_ahead(workspace)
    await descriptors_fall_to(before)


async def test_the_environment_is_a_read_only_layer(
    sandbox: BubblewrapSandbox, template: Path, tmp_path: Path
) -> None:
    env, extra = tmp_path / "env", tmp_path / "extra"
    (env / "bin").mkdir(parents=True)
    (env / "bin" / "greet").write_text("#!/bin/sh\necho from env\n")
    (env / "bin" / "greet").chmod(0o755)
    extra.mkdir()
    (extra / "built.txt").write_text("built\n")
    prepared = Environment("d", env, extra, {"PATH": "/workspace/node_modules/.bin", "MODE": "test"})
    opened = await sandbox.open_workspace(template, prepared)
    result = await opened.run(
        Command(
            'greet; cat built.txt README; echo "$MODE" "${PATH%%:/usr*}"; touch /env/x; echo y > built.txt'
        )
    )
    await opened.close()
    assert result.output.startswith(b"from env\nbuilt\nbelow\ntest /workspace/node_modules/.bin:/env/bin")
    assert b"/env/x': Read-only file system" in result.output
    assert (extra / "built.txt").read_text() == "built\n"


async def test_closing_removes_everything_and_is_idempotent(
    sandbox: BubblewrapSandbox, template: Path
) -> None:
    opened = await sandbox.open_workspace(template)
    deep = "python3 -c 'import os\nfor _ in range(1500): os.mkdir(chr(100)); os.chdir(chr(100))'"
    await opened.run(Command(f"mkdir shut && touch shut/x && chmod 000 shut; {deep}"))
    folder = opened.view_root.parent
    await opened.close()
    await opened.close()
    assert not folder.exists()


async def test_reading_a_directory_names_what_is_in_it(workspace: Workspace) -> None:
    read = await workspace.read_file(".")
    assert (read.kind, read.entries) == (FileKind.DIRECTORY, ("README", "pkg/"))
