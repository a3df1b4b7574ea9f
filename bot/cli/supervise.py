"""Starts the product's own processes (receiver, worker, local hub) and ends them together.

Never runs anything of a repository: that is `sandbox/` alone. Children get a signal when this process dies in
whatever way (PR_SET_PDEATHSIG, bound to the thread that starts them: call from the main thread).
"""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from bot.errors import ForPerson

_PR_SET_PDEATHSIG = 1
STOP_WITHIN_S = 15.0  # a worker hands its tasks over in under 10


@dataclass
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path | None

    @property
    def log_tail(self) -> str:
        """The last 30 lines of its log, for a report of its death."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])


@dataclass
class Supervisor:
    """A set of child processes that live and end together. Use as a context manager.

    `cwd`: where they run, so that a `.env` of ours is not theirs; None: where we are. `stop_within_s`: for each.
    """

    cwd: Path | None = None
    stop_within_s: float = STOP_WITHIN_S

    children: list[Child] = field(default_factory=list)

    def start(
        self, name: str, arguments: list[str], env: Mapping[str, str], log: Path | None = None
    ) -> Child:
        """Start `pullwright <arguments>` with exactly `env`; output goes to `log` (None: to ours)."""
        output = log.open("ab") if log else None
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot", *arguments],
                env=dict(env),
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        finally:
            if output:
                output.close()
        child = Child(name, process, log)
        self.children.append(child)
        return child

    def check(self) -> None:
        """Raise ForPerson, with its log's tail, if a child has ended although nobody stopped it."""
        for child in self.children:
            code = child.process.poll()
            if code is not None:
                raise ForPerson(f"The {child.name} process ended with code {code}.", child.log_tail)

    def wait_until(self, ready: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Poll `ready` until it is true; raises ForPerson when a child dies or time is up."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ForPerson(f"{what} did not get ready within {timeout_s:.0f} s.")
            time.sleep(0.02)

    def stop(self, child: Child) -> int:
        """SIGTERM, then SIGKILL if it takes too long; returns its exit code. Idempotent."""
        if child.process.poll() is None:
            child.process.send_signal(signal.SIGTERM)
        try:
            return child.process.wait(self.stop_within_s)
        except subprocess.TimeoutExpired:
            child.process.kill()
            return child.process.wait()
        finally:
            if child in self.children:
                self.children.remove(child)

    def run_until_signal(self) -> int:
        """Wait until SIGTERM or SIGINT, or until a child ends by itself (exit code 1). A further signal, while children
        are stopped, is handed on to those that are left."""
        stopping: list[int] = []

        def note(received: int, _frame: object) -> None:
            for child in self.children if stopping else ():
                if child.process.poll() is None:
                    child.process.send_signal(signal.SIGTERM)
            stopping.append(received)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, note)
        while not stopping:
            if any(child.process.poll() is not None for child in self.children):
                return 1
            time.sleep(0.2)
        return 0

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for child in reversed(list(self.children)):
            self.stop(child)


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
