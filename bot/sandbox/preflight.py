"""Whether the sandbox works on this host: the real command with everything on, and the cure for what does not.

It must never report a part as working that was not tried just now.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Generic, TypeVar

from bot.domain.limits import SANDBOX_REFUSAL_S
from bot.errors import SandboxUnavailable
from bot.sandbox import trees
from bot.sandbox.arguments import SANDBOX_UID
from bot.sandbox.cgroups import CgroupHost
from bot.sandbox.contract import Check, Command, CommandResult, EgressPolicy, Preflight
from bot.sandbox.egress import EgressLog
from bot.sandbox.remedies import refusal
from bot.sandbox.runner import make_upper
from bot.sandbox.seam import PROXY_ADDRESS, CommandRunner, Mounts

_TIMEOUT_S: Final = 20  # both probes together take 0.2 s
_ANSWER: Final = "planted"
_CONNECT: Final = f"exec 3<>/dev/tcp/{PROXY_ADDRESS[0]}/{PROXY_ADDRESS[1]}"

_PROBE: Final = f"""
python=$1
say() {{ echo "$1=$2"; }}
read_status() {{ sed -n "s/^$1:[[:space:]]*//p" /proc/self/status; }}
say user "$(id -u)"
say capabilities "$(read_status CapEff)$(read_status CapBnd)"
say filter "$(read_status Seccomp)"
say overlay "$(cat below.txt && echo changed > below.txt && cat below.txt)"
(: > /usr/pullwright-probe || : > /pullwright-probe || : > /dev/pullwright-probe) 2>/dev/null \\
  && say readonly no || say readonly yes
say nested "$("$python" -I -S -c 'import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))')"
say processes "$(ls -d /proc/[0-9]* 2>/dev/null | wc -l)"
say environment "$(wc -c < /proc/1/environ)"
say network "$( ({_CONNECT} && head -c {len(_ANSWER)} <&3) 2>/dev/null)"
"""

# name: (key, what the probe must say, what it means)
_EXPECTED: Final = (
    ("no capabilities", "capabilities", "0" * 32),
    ("system calls are filtered", "filter", "2"),
    ("overlay", "overlay", "below\nchanged"),
    ("the system is read-only", "readonly", "yes"),
    ("no new user namespaces", "nested", "-1"),
)


async def check_host(
    runner: CommandRunner, folder: Path, first: Check, enforced: Mapping[str, str]
) -> Preflight:
    """Run both probes below `folder`, a directory that is ours. Never raises for what the host refuses. `first`:
    what was found before; the caller puts its own name into an answer without a fault."""
    checks = [first]
    try:
        checks += await _probe(runner, folder)
    except SandboxUnavailable as error:
        checks.append(Check("start", False, error.message, error.remedy))
    except OSError as error:
        checks.append(
            Check("data directory", False, f"{folder}: {error}", "Let the worker write its data directory.")
        )
    works = all(check.ok for check in checks)
    return Preflight("works" if works else "", tuple(checks), enforced)


RunnerT = TypeVar("RunnerT", bound=CommandRunner)


@dataclass(frozen=True)
class Prepared(Generic[RunnerT]):
    """A back end before it was tried. `folder`: the worker's own; `found`: what was found, in words for people;
    `enforced`: which limit is kept by what."""

    runner: RunnerT
    folder: Path
    found: str
    enforced: Mapping[str, str]


class Readiness(Generic[RunnerT]):
    """Whether the host can carry a back end, and its runner if it can. A host that passed is not asked again; one
    that did not is, SANDBOX_REFUSAL_S later: it may only have been too busy. `prepare` raises SandboxUnavailable,
    OSError or SubprocessError; it runs in a thread of its own. `ticks`: seconds, of a clock that is never set."""

    def __init__(
        self,
        backend: str,
        state_dir: Path,
        prepare: Callable[[], Prepared[RunnerT]],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._state_dir = state_dir
        self._prepare = prepare
        self._ticks = ticks
        self._asked_at = 0.0
        self._runner: RunnerT | None = None
        self._answer: Preflight | None = None
        self._asking = asyncio.Lock()  # the first two tasks may come at once

    async def preflight(self) -> Preflight:
        """See `contract.Sandbox.preflight`."""
        async with self._asking:
            if self._answer is None or not (self._answer.ok or self._is_fresh()):
                self._answer = await self._ask_host()
                self._asked_at = self._ticks()
            return self._answer

    def _is_fresh(self) -> bool:
        return self._ticks() - self._asked_at < SANDBOX_REFUSAL_S

    async def runner(self) -> RunnerT:
        """The runner of a host that passed. Raises SandboxUnavailable with the whole report."""
        found = await self.preflight()
        if self._runner is None or not found.ok:
            raise refusal(found)
        return self._runner

    async def _ask_host(self) -> Preflight:
        try:
            prepared = await asyncio.to_thread(self._prepare)
        except SandboxUnavailable as error:
            return Preflight("", (Check(self._backend, False, error.message, error.remedy),))
        except (OSError, subprocess.SubprocessError) as error:
            detail = f"{self._state_dir}: {error}"
            return Preflight("", (Check("data directory", False, detail, "Let the worker write there."),))
        first = Check(self._backend, True, prepared.found)
        found = await check_host(prepared.runner, prepared.folder / "preflight", first, prepared.enforced)
        self._runner = prepared.runner
        return replace(found, backend=self._backend if found.ok else "")


def enforced_by(cgroups: CgroupHost) -> dict[str, str]:
    """Which limit is kept by what on this host."""
    group = cgroups.label
    return {
        "memory": group
        if cgroups.enforces("memory")
        else "rlimit (each process) and watchdog (all together)",
        "processes": f"{group} and rlimit" if cgroups.enforces("pids") else "rlimit",
        "processor time": f"{group} and nice" if cgroups.enforces("cpu") else "nice",
        "open files": "rlimit",
        "size of one file": "rlimit",
        "bytes and files on disk": "watchdog",
        "temporary and home directories": "size of the file system",
        "time": "worker",
        "output": "worker",
    }


async def _probe(runner: CommandRunner, folder: Path) -> list[Check]:
    owner = -1 if runner.uid is None else runner.uid
    await asyncio.to_thread(trees.remove, folder)
    trees.make_owned(folder, owner)
    try:
        mounts = await asyncio.to_thread(_lay_out, folder, runner.uid)
        command = Command("", timeout_s=_TIMEOUT_S)
        argv = ("/bin/bash", "-c", _PROBE, "probe", runner.interpreter)
        served = replace(runner, serve=_answer)  # type: ignore[type-var]  # both kinds are dataclasses with it
        planted = await served.execute(mounts, command, argv, EgressPolicy(hosts=("preflight.invalid",)))
        alone = await runner.execute(mounts, command, argv)
        return [*_read(planted, runner), *_networks(planted, alone), _template_check(folder)]
    finally:
        await asyncio.to_thread(trees.remove, folder)


def _lay_out(folder: Path, uid: int | None) -> Mounts:
    owner = -1 if uid is None else uid
    template = trees.make_owned(folder / "template", owner)
    (template / "below.txt").write_text("below\n")
    if os.geteuid() == 0:
        os.chown(template / "below.txt", owner, owner)
    env = trees.make_owned(folder / "env", owner)
    return Mounts((template,), make_upper(folder / "upper", uid), env_lower=env)


def _told(result: CommandResult) -> dict[str, str]:
    told, key = dict[str, str](), ""
    for line in result.output.decode("utf-8", "replace").splitlines():
        name, equals, value = line.partition("=")
        if equals:
            key = name
            told[key] = value
        elif key:
            told[key] += f"\n{line}"
    return told


def _read(result: CommandResult, runner: CommandRunner) -> list[Check]:
    told = _told(result)
    if not result.ok:
        shown = result.output[-500:].decode("utf-8", "replace")
        return [Check("start", False, f"the probe ended by {result.ended_by.value}: {shown}", _unknown())]
    checks = [Check("start", True, f"{result.seconds * 1000:.0f} ms")]
    users = {str(SANDBOX_UID), str(os.geteuid() if runner.uid is None else runner.uid)} - {"0"}
    user = told.get("user", "nobody")
    checks.append(
        Check("own user", user in users, "" if user in users else f"the probe runs as {user}", _unknown())
    )
    empty = (
        () if runner.copies else (("empty environment of pid 1", "environment", "0"),)
    )  # an image sets its own
    for name, key, wanted in (*_EXPECTED, *empty):
        got = told.get(key, "nothing")
        remedy = "" if got == wanted else _unknown()
        checks.append(Check(name, got == wanted, "" if got == wanted else f"the probe says {got!r}", remedy))
    return checks


def _networks(planted: CommandResult, alone: CommandResult) -> list[Check]:
    reached = _told(planted).get("network", "") == _ANSWER
    silent = _told(alone).get("network", "?") == ""
    return [
        Check(
            "planted proxy",
            reached,
            "" if reached else "not reached from inside",
            "" if reached else _unknown(),
        ),
        Check(
            "no other network", silent, "" if silent else "something answered", "" if silent else _unknown()
        ),
    ]


def _template_check(folder: Path) -> Check:
    kept = (folder / "template" / "below.txt").read_text() == "below\n"
    return Check(
        "templates stay as they are",
        kept,
        "" if kept else "a command changed one",
        "" if kept else _unknown(),
    )


def _unknown() -> str:
    return f"Please report this with `uname -a` and {sys.version.split()[0]} of Python."


@asynccontextmanager
async def _answer(listener: socket.socket, policy: EgressPolicy) -> AsyncIterator[EgressLog]:
    """Stands where the proxy will: says one word to everybody who connects."""
    del policy

    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_ANSWER.encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, sock=listener)
    try:
        yield EgressLog()
    finally:
        server.close()
