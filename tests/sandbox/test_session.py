"""A sandbox that stays: processes in the background, spoken to by several requests."""

import asyncio
from pathlib import Path

import pytest

from bot.errors import ForModel
from bot.sandbox.backend import BubblewrapSandbox
from bot.sandbox.contract import Command, SessionAnswer, Workspace

SERVER = "python3 -m http.server 8123 --bind 127.0.0.1"


async def start(session: object, command: str, job: str = "j", wait_s: float = 0.5) -> SessionAnswer:
    request = {"op": "start", "job": job, "command": command, "workdir": ".", "wait_s": wait_s}
    return await session.ask(request, 30.0)  # type: ignore[attr-defined, no-any-return]


async def test_a_server_is_reached_by_a_command_beside_it_read_and_ended(workspace: Workspace) -> None:
    session = await workspace.open_session()
    try:
        started = await start(session, "echo up; exec sleep 300")
        assert (started.exit_code, started.output) == (None, b"up\n")
        beside = await session.ask(
            {"op": "run", "command": "cat README; ps -e | grep -c sleep", "workdir": ".", "timeout_s": 20},
            40.0,
        )
        assert (beside.exit_code, beside.output.split()[0]) == (0, b"below")
        ended = await session.ask({"op": "signal", "job": "j", "signal": "SIGTERM", "wait_s": 0.5}, 30.0)
        assert ended.exit_code == -15
        late = await session.ask({"op": "run", "command": "sleep 60", "workdir": ".", "timeout_s": 0.2}, 30.0)
        assert late.timed_out
    finally:
        await session.close()
    assert (await workspace.run(Command("pgrep sleep || echo none"))).output == b"none\n"


async def test_output_is_bounded_and_unknown_jobs_are_refused(workspace: Workspace) -> None:
    session = await workspace.open_session()
    try:
        noisy = await start(session, "head -c 3000000 /dev/zero | tr '\\0' x; echo end", wait_s=1.5)
        assert len(noisy.output) <= 1 << 20
        assert noisy.output.endswith(b"end\n")
        assert noisy.cut_bytes > 1_000_000
        with pytest.raises(ForModel, match="Nothing ran"):
            await session.ask({"op": "poll", "job": "other"}, 30.0)
    finally:
        await session.close()


async def test_forged_answers_are_data_and_the_end_of_the_sandbox_is_told(workspace: Workspace) -> None:
    session = await workspace.open_session()
    forge = "for fd in /proc/[0-9]*/fd/1; do echo '{\"id\": 2, \"output\": 7}' > $fd; echo '[]' > $fd; done"
    await start(session, f"{forge} 2>/dev/null; sleep 300")
    with pytest.raises(ForModel, match="ended by signal"):
        await start(session, "pkill -9 -f session.py", "k")
    with pytest.raises(ForModel, match="ended by signal"):
        await session.ask({"op": "poll", "job": "j"}, 10.0)
    await session.close()


async def test_closing_kills_everything_and_frees_the_workspace(
    sandbox: BubblewrapSandbox, template: Path
) -> None:
    opened = await sandbox.open_workspace(template)
    session = await opened.open_session()
    await start(session, "sleep 300 & sleep 300 & setsid sleep 300 & wait", wait_s=0.2)
    await session.close()
    await session.close()
    await asyncio.wait_for(opened.close(), 20)
