"""Everything around the loop, in memory, behind the loop's own protocols."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.agent.contract import (
    AgentTask,
    Deps,
    End,
    Event,
    EventKind,
    Feedback,
    Heard,
    PlanStep,
    RepositoryFacts,
    Steering,
    Submission,
)
from bot.agent.loop import run
from bot.domain.budget import Budget, Spent
from bot.domain.findings import Shown
from bot.domain.ids import CommitSha, TreeSha
from bot.errors import Superseded
from bot.llm.contract import Model
from bot.sandbox.contract import Command, CommandResult, EndedBy, FileKind, FileRead, FileWrite, SessionAnswer
from tests.agent.scripted import ScriptedModel

FILES = {
    "app.py": b"def add(a, b):\n    return a - b\n",
    "tests/test_app.py": b"from app import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n",
}


class Died(BaseException):
    """The process is gone: nothing may catch it."""


@dataclass
class MemoryLog:
    """Keeps rows as JSON text, as a database would. Dies before or after the append with a given number."""

    rows: list[tuple[EventKind, str]] = field(default_factory=list)
    die_before: int | None = None
    die_after: int | None = None
    superseded_at: int | None = None

    async def load(self) -> tuple[Event, ...]:
        return tuple(Event(kind, json.loads(text)) for kind, text in self.rows)

    async def append(self, kind: EventKind, body: dict[str, Any]) -> None:
        number = len(self.rows)
        if number == self.superseded_at:
            raise Superseded("another worker")
        if number == self.die_before:
            raise Died
        self.rows.append((kind, json.dumps(body)))
        if number == self.die_after:
            raise Died

    def kinds(self) -> list[EventKind]:
        return [kind for kind, _ in self.rows]

    def bodies(self, kind: EventKind) -> list[dict[str, Any]]:
        return [json.loads(text) for row_kind, text in self.rows if row_kind is kind]


Script = Callable[["MemoryWorkspace", Command], CommandResult]


def result(output: str | bytes = "", code: int = 0, seconds: float = 0.1) -> CommandResult:
    data = output.encode() if isinstance(output, str) else output
    return CommandResult(code, EndedBy.EXIT, seconds, data)


@dataclass
class MemoryWorkspace:
    """Files in a dictionary; commands do what `scripts` says, `write NAME` writes a file."""

    files: dict[str, bytes]
    scripts: dict[str, Script]
    commands: list[Command] = field(default_factory=list)
    prepared: list[int] = field(default_factory=list)  # how many commands there had been each time
    closed: bool = False

    async def run(self, command: Command) -> CommandResult:
        self.commands.append(command)
        if command.script.startswith("write "):
            name = command.script.split()[1]
            self.files[name] = self.files.get(name, b"") + b"written\n"
            return result(f"wrote {name}\n")
        if command.script in self.scripts:
            return self.scripts[command.script](self, command)
        return result(f"{command.script}: command not found\n", 127)

    async def read_file(self, path: str, max_bytes: int = 1 << 23) -> FileRead:
        if path in self.files:
            content = self.files[path]
            return FileRead(FileKind.FILE, len(content), content if len(content) <= max_bytes else None)
        prefix = "" if path == "." else f"{path}/"
        below = {name[len(prefix) :] for name in self.files if name.startswith(prefix)}
        if not below:
            return FileRead(FileKind.MISSING)
        entries = sorted({name.split("/")[0] + ("/" if "/" in name else "") for name in below})
        return FileRead(FileKind.DIRECTORY, entries=tuple(entries))

    async def write_files(self, writes: tuple[FileWrite, ...]) -> None:
        for write in writes:
            if write.content is None:
                self.files.pop(write.path, None)
            else:
                self.files[write.path] = write.content

    def prepare(self) -> None:
        self.prepared.append(len(self.commands))

    async def open_session(self) -> "MemorySession":
        return MemorySession(self)

    def view_command(self, argv: list[str]) -> list[str]:
        return argv

    async def stamp(self) -> str | None:
        return None

    @property
    def view_root(self) -> Path:
        return Path("/workspace")

    @property
    def written_layers(self) -> tuple[Path, ...]:
        return ()

    async def close(self) -> None:
        self.files = {}
        self.closed = True


@dataclass
class MemorySession:
    """One background process that says `up`, and commands beside it."""

    workspace: MemoryWorkspace
    news: bytes = b"up\n"
    exit: int | None = None
    closed: bool = False

    async def ask(self, request: dict[str, Any], within_s: float) -> SessionAnswer:
        assert not self.closed
        if request["op"] == "run":
            ran = await self.workspace.run(Command(request["command"]))
            return SessionAnswer(ran.exit_code, ran.output)
        if request["op"] == "signal":
            self.exit = -15
        news, self.news = self.news, b""
        return SessionAnswer(self.exit, news)

    async def close(self) -> None:
        self.closed = True


@dataclass
class MemorySnapshots:
    """Trees by the hash of their content. `restore` throws away what no snapshot holds."""

    files: dict[str, bytes]
    scripts: dict[str, Script]
    trees: dict[str, dict[str, bytes]] = field(default_factory=dict)
    taken: int = 0
    forks: list[MemoryWorkspace] = field(default_factory=list)
    workspace: MemoryWorkspace | None = None

    def __post_init__(self) -> None:
        self.base = self._keep(self.files)

    def _keep(self, files: dict[str, bytes]) -> TreeSha:
        tree = TreeSha(hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest())
        self.trees[tree] = dict(files)
        return tree

    async def take(self) -> TreeSha:
        assert self.workspace is not None
        self.taken += 1
        return self._keep(self.workspace.files)

    async def restore(self, tree: TreeSha) -> MemoryWorkspace:
        self.workspace = MemoryWorkspace(dict(self.trees[tree]), self.scripts)
        return self.workspace

    async def fork(self) -> MemoryWorkspace:
        assert self.workspace is not None
        forked = MemoryWorkspace(dict(self.workspace.files), self.scripts)
        self.forks.append(forked)
        return forked

    async def summarise(self, tree: TreeSha) -> str:
        base, now = self.trees[self.base], self.trees[tree]
        return "\n".join(name for name in sorted({*base, *now}) if base.get(name) != now.get(name))


@dataclass
class NotedProgress:
    """An observer that remembers."""

    notes: list[str] = field(default_factory=list)

    def turn(self, spent: Spent) -> None:
        self.notes.append(f"turn {spent.turns}")

    def plan(self, steps: tuple[PlanStep, ...]) -> None:
        self.notes.append("plan " + ", ".join(f"{step.step}: {step.status.value}" for step in steps))

    def command_started(self, label: str) -> None:
        self.notes.append(f"> {label}")

    def command_ended(self, label: str, ok: bool, seconds: float) -> None:
        self.notes.append(f"{'ok' if ok else 'failed'} {label}")

    def text(self, delta: str) -> None:
        self.notes.append(f"says {delta}")


@dataclass
class SteppingClock:
    """Every look at it takes `step_s` seconds."""

    time: float = 1_000_000.0
    step_s: float = 0.0

    def now(self) -> float:
        self.time += self.step_s
        return self.time


@dataclass
class World:
    """One task with all that its runs share; `go` starts a run, again after a death."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    scripts: dict[str, Script] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    window: int = 128_000
    log: MemoryLog = field(default_factory=MemoryLog)
    clock: SteppingClock = field(default_factory=SteppingClock)
    progress: NotedProgress = field(default_factory=NotedProgress)
    inbox: list[Steering] = field(default_factory=list)
    gate_answers: list[tuple[str, ...]] = field(default_factory=list)
    checked: list[tuple[Submission, TreeSha]] = field(default_factory=list)
    test_answer: str = "1 newly passing."
    test_selections: list[tuple[str, ...]] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)  # reproductions
    shown: Shown = field(default_factory=lambda: Shown("exit 1", "exit 0", "ZeroDivisionError"))

    def __post_init__(self) -> None:
        self.snapshots = MemorySnapshots(self.files, self.scripts)
        self.task = AgentTask(
            repository=RepositoryFacts("octo/app", tuple(sorted(self.files))),
            base_commit=CommitSha("c" * 40),
            base_tree=self.snapshots.base,
            instruction="fix this",
            requested_by="ada",
            issue=7,
            issue_title="Sums are wrong",
            issue_body="add(1, 2) gives -1",
        )

    async def go(self, model: Model, feedback: Feedback | None = None) -> End:
        world = self

        class Tests:
            async def run(self, selection: tuple[str, ...]) -> str:
                world.test_selections.append(selection)
                return world.test_answer

            async def reproduce(self, script: str) -> Shown:
                world.tried.append(script)
                return world.shown

        class Clean:
            async def check(self, submission: Submission, tree: TreeSha) -> tuple[str, ...]:
                world.checked.append((submission, tree))
                return world.gate_answers.pop(0) if world.gate_answers else ()

        class Letters:
            async def drain(self, heard: Heard) -> tuple[Steering, ...]:
                return tuple(one for one in world.inbox if not heard.has(one.seq, one.id))

        if isinstance(model, ScriptedModel):
            model.watch(lambda: self.log.kinds().count(EventKind.COMPACTED))
        deps = Deps(
            model=model,
            events=self.log,
            inbox=Letters(),
            observer=self.progress,
            clock=self.clock,
            tests=Tests(),
            snapshots=self.snapshots,
            gate=Clean(),
            budget=self.budget,
            window=self.window,
        )
        return await run(self.task, deps, feedback)

    def outputs(self) -> list[str]:
        """All tool outputs so far."""
        return [output["text"] for body in self.log.bodies(EventKind.OUTPUTS) for output in body["outputs"]]

    def said(self) -> list[str]:
        """All later messages so far."""
        return [body["text"] for body in self.log.bodies(EventKind.MESSAGE)]
