"""What `pullwright run` shows people: live progress, and at the end what came of it. It decides nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bot.agent.contract import PlanStep
from bot.cli.demo_view import PhaseTime, Progress, phase_table, render_progress
from bot.domain.budget import Spent
from bot.domain.evidence import Evidence
from bot.domain.tasks import Phase
from bot.tasks.change.attempt import AttemptEnd
from bot.texts.evidence_table import render_proofs, render_remarks, render_runs, render_verdict
from bot.texts.sanitise import sanitise_block
from bot.texts.tracking import render_spent

PHASES = (Phase.PREPARE, Phase.WORK, Phase.VERIFY)
_KEPT_LINES = 200


@dataclass
class RichView:
    """Implements `RunView` for a terminal. A thread of the library's redraws it; we only change what it draws."""

    console: Console
    now: Callable[[], float] = time.time
    _live: Live | None = field(default=None, init=False)
    _phases: list[tuple[Phase, float, float]] = field(
        default_factory=list, init=False
    )  # begun, ended (0: runs)
    _plan: tuple[tuple[str, str], ...] = field(default=(), init=False)
    _lines: list[str] = field(default_factory=list, init=False)

    def begun(self, about: dict[str, Any]) -> None:
        self.console.print(
            Text.assemble(("pullwright run", "bold"), f"  {about['model']} on {about['root']}")
        )
        changed = about["uncommitted"]
        more = f", with {changed} uncommitted file{'s' if changed != 1 else ''}" if changed else ""
        self.console.print(
            Text(f"from commit {about['commit'][:10]}{more}; your files are not touched", "dim")
        )
        self._live = Live(
            console=self.console, refresh_per_second=8, transient=True, get_renderable=self._render
        )
        self._live.start()

    def phase(self, name: str) -> None:
        self._end_phase()
        self._phases.append((Phase(name), self.now(), 0.0))

    def turn(self, spent: Spent) -> None:
        self._lines.append(render_spent(spent))

    def plan(self, steps: tuple[PlanStep, ...]) -> None:
        self._plan = tuple((one.step, one.status.value) for one in steps)

    def command_started(self, label: str) -> None:
        self._lines.append(label)

    def command_ended(self, label: str, ok: bool, seconds: float) -> None:
        self._lines.append(f"{'ok' if ok else 'failed'} after {seconds:.1f} s: {label}")
        del self._lines[:-_KEPT_LINES]

    def text(self, delta: str) -> None:
        """The model's words while they stream: no evidence, shown to nobody."""

    def verified(self, evidence: Evidence) -> None:
        self._lines.append(f"verification: tier {evidence.tier.value}: {evidence.reason}")

    def ended(self, end: AttemptEnd, diff: str, folder: str) -> None:
        from rich.markdown import Markdown  # 0.1 s, which the first request would wait for
        from rich.syntax import Syntax

        self.close()
        if end.submission is not None and end.submission.summary:
            self.console.print(Rule(Text(" ".join(end.submission.title.split())), style="dim"))
            self.console.print(Markdown(sanitise_block(end.submission.summary)))
        if end.evidence is not None:
            self.console.print(Markdown(_evidence(end.evidence)))
        if diff:
            self.console.print(Rule("diff", style="dim"))
            self.console.print(
                Syntax(diff.rstrip(), "diff", theme="ansi_dark", background_color="default", word_wrap=True)
            )
        self.console.print(Rule("time by phase", style="dim"))
        self.console.print(self._times())
        self.console.print(_verdict(end))
        for question in end.questions:
            self.console.print(Text(f"  ? {question}"))
        self.console.print(Text(f"Spent: {render_spent(end.spent)}", "dim"))
        self.console.print(Text(f"Kept: {folder} (log, patch, evidence)", "dim"), soft_wrap=True)

    def said(self, message: str) -> None:
        self.console.print(Text(message), soft_wrap=True)

    def close(self) -> None:
        self._end_phase()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _end_phase(self) -> None:
        if self._phases and not self._phases[-1][2]:
            phase, begun, _ = self._phases[-1]
            self._phases[-1] = (phase, begun, self.now())

    def _render(self) -> Group:
        return Group(render_progress(Progress(self._spans(), self._plan, tuple(self._lines)), PHASES))

    def _spans(self) -> tuple[PhaseTime, ...]:
        """All rounds of a phase together."""
        spans = []
        for phase in PHASES:
            own = [(begun, ended) for one, begun, ended in self._phases if one is phase]
            if own:
                seconds = sum((ended or self.now()) - begun for begun, ended in own)
                spans.append(PhaseTime(phase, seconds, not own[-1][1]))
        return tuple(spans)

    def _times(self) -> Table:
        spans = self._spans()
        return phase_table(spans, sum(one.seconds for one in spans), "in all")


def _evidence(evidence: Evidence) -> str:
    parts = (render_verdict, render_proofs, render_runs, render_remarks)
    return "\n\n".join(text for part in parts if (text := part(evidence)))


def _verdict(end: AttemptEnd) -> Text:
    tier = f", tier {end.evidence.tier.value}" if end.evidence else ""
    style = "bold green" if tier == ", tier A" else "bold yellow"
    return Text(f"outcome: {end.outcome.value}{tier}" + (f" ({end.detail})" if end.detail else ""), style)
