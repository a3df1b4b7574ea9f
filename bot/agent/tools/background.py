"""Background processes of one run: each in a sandbox of its own, over a copy of the work tree as it was at its start.

Why a copy: the work tree may be mounted for writing once at a time, and is read by the harness after each batch, when
no process of it may live. So what a background process writes is no part of the change, and it sees no later edit.

Must never outlive the run: `close` ends all of them. They do not survive a crash or a pause; a handle of an earlier
segment is answered with that.
"""

import shlex
from dataclasses import dataclass, field

from bot.agent.contract import Snapshots
from bot.domain import limits
from bot.errors import ForModel
from bot.sandbox.contract import Session, SessionAnswer, Workspace

_JOB = "main"
_ANSWER_S = 30.0  # an answer takes milliseconds; a host that needs longer is out of order


@dataclass
class Backgrounds:
    """Handles are `bg1`, `bg2` ... in the order of starting, never used again within a run."""

    _open: dict[str, tuple[Workspace, Session]] = field(default_factory=dict)
    _started: int = 0

    async def start(self, snapshots: Snapshots, command: str, workdir: str) -> tuple[str, SessionAnswer]:
        """The handle, and what it said in its first second. Raises ForModel."""
        if len(self._open) >= limits.BACKGROUNDS:
            raise ForModel(
                f"Nothing was started: {', '.join(self._open)} are open, at most {limits.BACKGROUNDS} may be. "
                "End one with signal KILL."
            )
        workspace = await snapshots.fork()
        try:
            session = await workspace.open_session()
        except BaseException:
            await workspace.close()
            raise
        self._started += 1
        handle = f"bg{self._started}"
        self._open[handle] = (workspace, session)
        request = {"op": "start", "job": _JOB, "command": command, "workdir": workdir}
        try:
            return handle, await session.ask({**request, "wait_s": limits.BACKGROUND_WAIT_S}, _ANSWER_S)
        except BaseException:
            await self._end(handle)
            raise

    async def poll(self, handle: str) -> SessionAnswer:
        return await self._find(handle).ask({"op": "poll", "job": _JOB}, _ANSWER_S)

    async def signal(self, handle: str, name: str) -> SessionAnswer:
        """`name` as in `kill -l`. KILL ends the sandbox with everything in it, after a last look."""
        session = self._find(handle)
        request = {"op": "signal", "job": _JOB, "signal": f"SIG{name}", "wait_s": limits.BACKGROUND_WAIT_S}
        try:
            return await session.ask(request, _ANSWER_S)
        finally:
            if name == "KILL":
                await self._end(handle)

    async def run(self, handle: str, command: str, workdir: str, timeout_s: float) -> SessionAnswer:
        """A command beside the process: the same network, the same copy of the tree."""
        request = {"op": "run", "command": command, "workdir": workdir, "timeout_s": timeout_s}
        return await self._find(handle).ask(request, timeout_s + _ANSWER_S)

    async def close(self) -> None:
        """End all of them. Idempotent."""
        for handle in tuple(self._open):
            await self._end(handle)

    def _find(self, handle: str) -> Session:
        if handle not in self._open:
            known = f"Open: {', '.join(self._open)}." if self._open else "None is open."
            raise ForModel(
                f"There is no background process {shlex.quote(handle)[:40]}. {known} They end with signal KILL and "
                "whenever the work is interrupted; start it again."
            )
        return self._open[handle][1]

    async def _end(self, handle: str) -> None:
        workspace, session = self._open.pop(handle)
        try:
            await session.close()
        finally:
            await workspace.close()
