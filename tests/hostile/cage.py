"""One workspace of one back end, and what is set out on the host for it to be stolen."""

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.sandbox.contract import Command, CommandResult, Sandbox, Workspace
from tests.hostile.points import PRELUDE, Attempt


@dataclass(frozen=True)
class Canaries:
    """Live things on the host. `secret` stands in the worker's environment, in the key file and the database."""

    secret: str
    folder: Path  # the worker's own: key, database, socket
    tcp: socket.socket
    abstract: socket.socket
    unix: socket.socket

    @property
    def shown(self) -> dict[str, Any]:
        """What a probe is told: where to look, never the secret itself."""
        return {
            "folder": str(self.folder),
            "key": str(self.folder / "app.pem"),
            "database": str(self.folder / "pullwright.db"),
            "socket": str(self.folder / "worker.sock"),
            "tcp": self.tcp.getsockname()[1],
            "abstract": self.abstract.getsockname()[1:].decode(),
            "worker": os.getpid(),
            "home": str(Path.home()),
        }


@dataclass(frozen=True)
class Backend:
    """A back end that this machine can start. `python`: the one inside."""

    name: str
    sandbox: Sandbox
    python: str


@dataclass(frozen=True)
class Cage:
    backend: Backend
    workspace: Workspace
    template: Path
    canaries: Canaries

    async def run(self, script: str, timeout_s: float = 30, **more: Any) -> CommandResult:
        return await self.workspace.run(Command(script, timeout_s=timeout_s, **more))

    async def python(self, program: str, timeout_s: float = 30) -> CommandResult:
        """A probe's program, behind the prelude and with `HOST`."""
        files = {"/pullwright/probe.py": probe(self.canaries, program).encode()}
        return await self.run(
            f"{self.backend.python} -I -S /pullwright/probe.py 2>&1", timeout_s, files=files
        )

    async def hold(self, one: Attempt) -> None:
        """The attempt is refused in all its parts, and its twin works."""
        said = _lines(await self.python(one.program))
        assert [line for line in said if not line.startswith("blocked ")] == [], "\n".join(said)
        assert len(said) >= one.least, said
        twin = _lines(await self.python(one.twin))
        assert twin, "the twin says nothing"
        assert [line for line in twin if not line.startswith("works ")] == [], "\n".join(twin)


def probe(canaries: Canaries, program: str) -> str:
    """The whole text of a probe."""
    return f"{PRELUDE}\nHOST = {json.dumps(canaries.shown)}\n{program}\nprint('end', flush=True)\n"


def _lines(result: CommandResult) -> list[str]:
    text = result.output.decode("utf-8", "backslashreplace")
    assert result.ok, (result.ended_by, result.detail, text[-2000:])
    lines = text.splitlines()
    assert lines, "a probe did not run"
    assert lines[-1] == "end", text
    return lines[:-1]
