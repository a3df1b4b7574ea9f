"""The host's end of a conversation with `session_inside`: requests out, answers in. Decides nothing.

What comes in was written by untrusted processes too (they share the sandbox with the program that answers), so it is
only ever data: lines that are no answer to a request of ours are dropped, and what is kept of them is bounded.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.domain import limits
from bot.errors import ForModel, PullwrightError
from bot.sandbox.contract import CommandResult, SessionAnswer

JsonObject = dict[str, Any]


@dataclass
class Conversation:
    """Implements `contract.Session`. `stdin`: our end of the program's standard input, ours to close."""

    stdin: int
    _heard: bytearray = field(default_factory=bytearray, init=False)
    _waiting: dict[int, asyncio.Future[JsonObject]] = field(default_factory=dict, init=False)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1), init=False)
    _work: asyncio.Task[CommandResult] | None = field(default=None, init=False)
    _over: str = field(default="", init=False)

    def attach(self, work: asyncio.Task[CommandResult], at_end: Callable[[], None]) -> None:
        """`work` runs the sandbox; `at_end` is called once, when it is dead."""

        def ended(task: asyncio.Task[CommandResult]) -> None:
            self._over = _why(task)
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ForModel(self._over))
            at_end()

        self._work = work
        work.add_done_callback(ended)

    # -- the sandbox's output ----------------------------------------------------------------------------------
    def feed(self, chunk: bytes) -> None:
        """What the sandbox wrote: takes the place of `HeadTail`."""
        *lines, rest = (bytes(self._heard) + chunk).split(b"\n")
        self._heard = bytearray(rest[-limits.SESSION_LINE_BYTES :])
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):
                said = json.loads(line)
                future = self._waiting.get(said["id"]) if isinstance(said, dict) and "id" in said else None
                if future is not None and not future.done():
                    future.set_result(said)

    text = b""
    cut_bytes = 0

    # -- for the agent -----------------------------------------------------------------------------------------
    async def ask(self, request: JsonObject, within_s: float) -> SessionAnswer:
        """See `contract.Session`."""
        if self._over:
            raise ForModel(self._over)
        number = next(self._numbers)
        future: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            line = json.dumps({**request, "id": number}).encode() + b"\n"
            await asyncio.to_thread(_write_all, self.stdin, line)
            return _parse(await asyncio.wait_for(future, within_s))
        except (TimeoutError, OSError) as error:
            raise ForModel("The background sandbox does not answer. Start it again.") from error
        finally:
            del self._waiting[number]

    async def close(self) -> None:
        """See `contract.Session`."""
        if self._work is None or self._work.done():
            return
        self._work.cancel()
        with contextlib.suppress(asyncio.CancelledError, PullwrightError):
            await self._work


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _parse(said: JsonObject) -> SessionAnswer:
    """Raises ForModel: for what the program refused, and for an answer that somebody else has forged badly."""
    if "fault" in said:
        raise ForModel(f"Nothing ran: {str(said['fault'])[:500]}")
    try:
        output = base64.b64decode(str(said["output"]))
        code = said["exit"]
        return SessionAnswer(
            None if code is None else int(code), output, int(said["cut"]), bool(said.get("timed_out"))
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ForModel("The background sandbox answers nonsense. Start it again.") from error


def _why(task: asyncio.Task[CommandResult]) -> str:
    if task.cancelled() or task.exception() is not None:
        return "The background sandbox is closed."
    result = task.result()
    detail = f" ({result.detail})" if result.detail else ""
    return f"The background sandbox has ended by {result.ended_by.value}{detail}, with all its processes."
