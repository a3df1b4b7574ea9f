"""What the demo shows: live progress in the terminal, then the result. Renders data, decides nothing."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.rule import Rule
from rich.spinner import Spinner
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from bot.domain.tasks import Phase

_RECENT = 8  # lines of recent activity: a screen of 24 lines holds them beside the phases

_PHASE_TEXT = {
    Phase.ACCEPT: "accept: reaction and tracking comment",
    Phase.PREPARE: "prepare: fetch, template, environment",
    Phase.WORK: "work: model, edits, tests; baseline beside it",
    Phase.ASK: "ask: questions in the tracking comment",
    Phase.VERIFY: "verify: fail-to-pass, regressions, integrity",
    Phase.PUBLISH: "publish: push, pull request, check run",
    Phase.REPORT: "report: tracking comment",
}


@dataclass(frozen=True)
class PhaseTime:
    """A phase that has begun; `seconds` so far or in all, over all rounds."""

    phase: Phase
    seconds: float
    running: bool


@dataclass(frozen=True)
class Progress:
    """Everything the live view shows."""

    phases: tuple[PhaseTime, ...] = ()
    plan: tuple[tuple[str, str], ...] = ()  # (step, status)
    recent: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class DemoResult:
    """Everything the end shows."""

    outcome: str
    tier: str
    pull_title: str
    pull_body: str
    pull_url: str
    issue_url: str
    diff: str
    phases: tuple[PhaseTime, ...]
    total_seconds: float
    ending: str = ""  # without a pull request: the last comment on the issue


def render_progress(progress: Progress, phases: tuple[Phase, ...] = tuple(Phase)) -> RenderableType:
    """The live view: phases with their time, the model's plan, the last things that happened."""
    begun = {entry.phase: entry for entry in progress.phases}
    table = Table.grid(padding=(0, 2))
    for phase in phases:
        entry = begun.get(phase)
        if entry is None and phase is Phase.ASK:
            continue  # only where the model asks
        if entry is None:
            table.add_row(Text("·", style="dim"), Text(_PHASE_TEXT[phase], style="dim"), "")
        elif entry.running:
            table.add_row(Spinner("dots"), Text(_PHASE_TEXT[phase], style="bold"), f"{entry.seconds:.1f} s")
        else:
            table.add_row(Text("✓", style="green"), _PHASE_TEXT[phase], f"{entry.seconds:.1f} s")
    parts: list[RenderableType] = [table]
    if progress.plan:
        marks = {"completed": "[green]✓[/]", "in_progress": "[yellow]▸[/]"}
        plan = Table.grid(padding=(0, 1))
        for step, status in progress.plan:
            plan.add_row(marks.get(status, "·"), Text(step))
        parts += [Text(), Text("the model's plan", style="dim"), plan]
    if progress.recent:
        parts += [
            Text(),
            *(
                Text(line, style="dim", overflow="ellipsis", no_wrap=True)
                for line in progress.recent[-_RECENT:]
            ),
        ]
    return Group(*parts)


def print_result(console: Console, result: DemoResult) -> None:
    """The pull request's text (evidence table included), the diff, the time by phase, the address."""
    console.print()
    if result.pull_url:
        console.print(
            Panel(
                Markdown(result.pull_body), title=f"pull request: {result.pull_title}", border_style="green"
            )
        )
        console.print(Rule("diff", style="dim"))
        console.print(
            Syntax(
                result.diff.rstrip() or "(empty)",
                "diff",
                theme="ansi_dark",
                background_color="default",
                word_wrap=True,
            )
        )
    elif result.ending:
        console.print(
            Panel(Markdown(result.ending), title="the last comment on the issue", border_style="yellow")
        )
    console.print(Rule("time by phase", style="dim"))
    console.print(phase_table(result.phases, result.total_seconds))
    style = "bold green" if result.tier == "A" else "bold yellow"
    tier = f", tier {result.tier}" if result.tier else ""
    console.print(Text(f"outcome: {result.outcome}{tier}", style=style))
    console.print(f"issue        {result.issue_url}")
    if result.pull_url:
        console.print(f"pull request {result.pull_url}")


def print_check(console: Console, words: tuple[str, ...]) -> None:
    """How the evidence is checked, to be copied as it stands; nothing where there is none."""
    if words:
        console.print(
            "\nDo not believe it? This checks the evidence and its signature, and runs the proof once more:"
        )
        console.print(Text(shlex.join(words)), soft_wrap=True)


def phase_table(phases: Iterable[PhaseTime], total: float, whole: str = "comment to pull request") -> Table:
    """Seconds and share of each phase; `whole` names the last line."""
    table = Table(box=None, pad_edge=False)
    table.add_column("phase")
    table.add_column("seconds", justify="right")
    table.add_column("share", justify="right")
    for entry in phases:
        share = entry.seconds / total if total else 0.0
        table.add_row(entry.phase.value, f"{entry.seconds:.2f}", f"{share:.0%}")
    table.add_row(whole, f"{total:.2f}", "", style="bold")
    return table
