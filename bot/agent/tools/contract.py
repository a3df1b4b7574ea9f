"""What a tool is: a name, a flat schema, and one function that acts in the sandbox.

A tool refuses by raising ForModel; every other exception of our tree ends the run. Nothing a tool is given
reaches the host's files or the network.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from bot.agent.contract import Gate, Mode, Observer, PlanStep, Settled, Snapshots, Submission, TestRunner
from bot.agent.tools.background import Backgrounds
from bot.agent.tools.outputs import OutputShelf
from bot.domain.findings import Finding
from bot.domain.ids import TreeSha
from bot.sandbox.contract import Workspace


class Arguments(BaseModel):
    """Base of every tool's arguments: unknown names are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)  # a run has half of the tools


@dataclass(frozen=True)
class ToolContext:
    """What a call may use. `label` names its full output when that has to be put on the shelf."""

    workspace: Workspace
    tests: TestRunner
    snapshots: Snapshots
    gate: Gate
    observer: Observer
    shelf: OutputShelf
    backgrounds: Backgrounds
    base_tree: TreeSha
    read_paths: frozenset[str] = frozenset()  # files that this run has read, for whole replacement
    findings: int = 0  # how many this review has kept
    points: int = 0  # of a review that are to be answered
    settleable: frozenset[int] = frozenset()  # numbers of earlier findings
    asked: int = 0  # how often people were asked already
    mode: Mode = Mode.CHANGE
    label: str = "output"


@dataclass(frozen=True)
class ToolResult:
    """`ok` is for people's progress only. An accepted submission carries the tree that was checked."""

    text: str
    ok: bool = True
    submission: Submission | None = None
    tree: TreeSha | None = None
    plan: tuple[PlanStep, ...] = ()
    questions: tuple[str, ...] = ()
    finding: Finding | None = None
    settled: Settled | None = None


@dataclass(frozen=True)
class Tool:
    """`describe` gives the line that people see while it runs. `mutates`: a snapshot follows the batch."""

    name: str
    description: str
    arguments: type[Arguments]
    example: str
    describe: Callable[[Any], str]
    run: Callable[[Any, ToolContext], Awaitable[ToolResult]]
    mutates: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)  # argument names of other harnesses
