"""Runs inside a sandbox: background processes that several requests can talk to; run there by the worker's own Python.

Standard library only, for nothing else of ours is visible inside. Requests are JSON lines on stdin, answers JSON lines
on stdout, told apart by `id`. Everything that is started here dies with this program, which is the first process of
its sandbox. Output is kept within a bound, the newest part. It must never be run on the host.
"""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

KEPT = 1 << 20  # bytes of output of one process that nobody has read yet
_LINES = threading.Lock()


class Job:
    """One process group and what it wrote."""

    def __init__(self, command: str, workdir: str) -> None:
        self.lock = threading.Lock()
        self.output, self.dropped = bytearray(), 0
        read, write = os.pipe()
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", command],
            cwd=workdir,
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.close(write)
        self.reader = threading.Thread(target=self._read, args=(read,), daemon=True)
        self.reader.start()

    def _read(self, pipe: int) -> None:
        while chunk := os.read(pipe, 65536):
            with self.lock:
                self.output += chunk
                over = len(self.output) - KEPT
                if over > 0:
                    del self.output[:over]
                    self.dropped += over
        os.close(pipe)

    def take(self) -> dict[str, Any]:
        """What was written since the last time, and how the process is."""
        code = self.process.poll()
        if code is not None:
            self.reader.join(1)  # a child of its own may hold the pipe open
        with self.lock:
            text, cut = bytes(self.output), self.dropped
            self.output, self.dropped = bytearray(), 0
        return {"exit": code, "output": base64.b64encode(text).decode(), "cut": cut}

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def answer(request: dict[str, Any], jobs: dict[str, Job]) -> None:
    """One request. What goes wrong is an answer too."""
    try:
        said = act(request, jobs)
    except (OSError, ValueError, KeyError) as error:
        said = {"fault": f"{type(error).__name__}: {error}"}
    with _LINES:
        sys.stdout.write(json.dumps({"id": request.get("id"), **said}) + "\n")
        sys.stdout.flush()


def act(request: dict[str, Any], jobs: dict[str, Job]) -> dict[str, Any]:
    match request["op"]:
        case "start":
            jobs[request["job"]] = Job(request["command"], request["workdir"])
            time.sleep(request["wait_s"])
            return jobs[request["job"]].take()
        case "poll":
            return jobs[request["job"]].take()
        case "signal":
            jobs[request["job"]].send(signal.Signals[request["signal"]])
            time.sleep(request["wait_s"])
            return jobs[request["job"]].take()
        case "run":
            return run(request)
    raise ValueError(f"unknown operation {request['op']!r}")


def run(request: dict[str, Any]) -> dict[str, Any]:
    """A command beside the processes; its whole group is killed at its end."""
    job = Job(request["command"], request["workdir"])
    timed_out = False
    try:
        job.process.wait(request["timeout_s"])
    except subprocess.TimeoutExpired:
        timed_out = True
    job.send(signal.SIGKILL)
    job.process.wait()
    return {**job.take(), "timed_out": timed_out}


def main() -> None:
    """Answer until stdin ends."""
    jobs: dict[str, Job] = {}
    for line in sys.stdin:
        threading.Thread(target=answer, args=(json.loads(line), jobs), daemon=True).start()
    os._exit(0)  # threads may still wait for processes


if __name__ == "__main__":
    main()
