"""What `pullwright run` does once its clone is read and a sandbox works (`run.py`): the attempts, and what becomes of
the change.
"""

import getpass
import secrets
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from bot.agent.contract import AgentTask, RepositoryFacts
from bot.cli.run import Prepared, RunOptions
from bot.cli.run_codes import decide_exit_code
from bot.cli.run_events import JsonView, RunView
from bot.compose_host import SystemClock, budget_of, find_means
from bot.domain.budget import Spent, add_spent, decide_budget, remaining
from bot.domain.outcomes import Outcome
from bot.errors import RepositoryFault, RetryLater, SetupFailed
from bot.llm.contract import Model
from bot.llm.features import features_for
from bot.repos.contract import Checkout, FileMode
from bot.settings import LocalSettings
from bot.tasks.change.attempt import AttemptEnd, AttemptTools, run_attempt
from bot.tasks.change.attempts import Candidate, choose_best, decide_fresh, render_earlier
from bot.tasks.change.ground import (
    Ground,
    Named,
    Place,
    choose_commands,
    list_files,
    read_texts,
    settle_setup,
    settle_test,
)
from bot.tasks.change.prepare import agents_paths, render_commands
from bot.tasks.change.side_by_side import Numbered, run_side_by_side
from bot.tasks.file_log import FileEventLog
from bot.verify.evidence_file import render_evidence


@dataclass(frozen=True)
class _Kept:
    """`folder`: where all that this run leaves is kept."""

    prepared: Prepared
    models: tuple[Model, ...]
    folder: Path
    view: RunView


async def work(prepared: Prepared, models: tuple[Model, ...], view: RunView | None) -> int:
    """The exit code. Without a `view`: as the options say."""
    shown = view or (JsonView(sys.stdout) if prepared.options.as_json else _terminal())
    try:
        return await _run(_Kept(prepared, models, _new_folder(prepared.settings.data_dir), shown))
    finally:
        shown.close()


async def _run(kept: _Kept) -> int:
    options, settings, checkout = kept.prepared.options, kept.prepared.settings, kept.prepared.checkout
    about = {"root": str(checkout.root), "commit": checkout.commit, "model": settings.model}
    kept.view.begun({**about, "uncommitted": kept.prepared.uncommitted, "instruction": options.instruction})
    end = await _work(kept)
    diff = await kept.prepared.repos.diff(kept.prepared.key, checkout.files, end.tree)
    _keep(kept.folder, end, diff)
    kept.view.ended(end, diff, str(kept.folder))
    if diff:
        await _hand_over(kept, end, diff)
    return decide_exit_code(end.outcome)


async def _work(kept: _Kept) -> AttemptEnd:
    """Everything between the two looks at the clone. A fault that a person can mend is a named end here: the log of
    what was done is kept."""
    kept.view.phase("prepare")
    settings, checkout = kept.prepared.settings, kept.prepared.checkout
    try:
        ground, task = await _prepare(kept)
        return await _attempt(kept.prepared.options, ground, task, _Tools(settings, kept.models, kept))
    except SetupFailed as fault:
        return _failed(Outcome.SETUP_FAILED, str(fault), checkout)
    except RepositoryFault as fault:
        return _failed(Outcome.REPOSITORY_UNUSABLE, str(fault), checkout)
    except RetryLater as fault:
        return _failed(Outcome.CRASHED, f"It did not pass: {fault}. Try again.", checkout)


async def _prepare(kept: _Kept) -> tuple[Ground, AgentTask]:
    """The base with its commands, set up; and what the model is told. Raises SetupFailed and others."""
    prepared, settings, checkout = kept.prepared, kept.prepared.settings, kept.prepared.checkout
    place = Place(
        prepared.repos, prepared.sandbox, prepared.key, find_means(settings), settings.data_dir / "baselines"
    )
    files = await list_files(place, checkout.files)
    chosen, tests = await choose_commands(place, files, Named(settings.setup_command, settings.test_command))
    ground = Ground(place, checkout.commit, checkout.files, chosen, owner=kept.folder.name)
    ground = replace(ground, chosen=replace(chosen, setup=await settle_setup(ground)))
    ground = replace(ground, chosen=replace(ground.chosen, test=await settle_test(ground, tests)))
    return ground, await _describe(prepared.options.instruction, ground, checkout, files)


async def _describe(
    instruction: str, ground: Ground, checkout: Checkout, files: dict[str, tuple[FileMode, str]]
) -> AgentTask:
    paths = tuple(sorted(files))
    agents = await read_texts(ground.place, files, agents_paths(paths))
    facts = RepositoryFacts(
        checkout.root.name,
        paths,
        render_commands(ground.chosen),
        tuple((path, agents[path]) for path in agents_paths(paths) if path in agents),
    )
    return AgentTask(facts, checkout.commit, checkout.files, instruction, getpass.getuser())


@dataclass(frozen=True)
class _Tools:
    settings: LocalSettings
    models: tuple[Model, ...]
    kept: _Kept

    def open(self, number: int, *, alone: bool) -> AttemptTools:
        """What attempt `number` works with; `alone`: no other one runs beside it."""
        model = self.models[min(number, len(self.models)) - 1]
        name = "events.jsonl" if number == 1 else f"events-{number}.jsonl"
        folder, view = self.kept.folder, self.kept.view
        log = FileEventLog(folder / name, folder.name, time.time)
        budget = decide_budget(budget_of(self.settings), features_for(model.name).budget)
        return AttemptTools(model, log, view if alone else Numbered(view, number), SystemClock(), budget)


async def _attempt(options: RunOptions, ground: Ground, task: AgentTask, tools: _Tools) -> AttemptEnd:
    """As many as were asked for; a single one that ends red is tried once more from the start."""
    if options.attempts > 1:
        best = await run_side_by_side(
            ground, task, lambda number: tools.open(number, alone=False), options.attempts
        )
        return best.end
    first_tools = tools.open(1, alone=True)
    first = await run_attempt(ground, task, first_tools)
    evidence, allowed = first.evidence, tools.settings.fresh_attempt
    if not (evidence and allowed and decide_fresh(evidence, 1, first.spent, first_tools.budget)):
        return first
    told = render_earlier(evidence, first.submission.summary if first.submission else "")
    second_tools = tools.open(2, alone=True)
    left = replace(second_tools, budget=remaining(second_tools.budget, first.spent))
    second = await run_attempt(ground, replace(task, earlier=told), left)
    better = choose_best(
        (
            Candidate(1, first.outcome, first.tree, first.evidence),
            Candidate(2, second.outcome, second.tree, second.evidence),
        )
    )
    return replace(first if better.number == 1 else second, spent=add_spent(first.spent, second.spent))


def _failed(outcome: Outcome, detail: str, checkout: Checkout) -> AttemptEnd:
    return AttemptEnd(outcome, detail, checkout.files, Spent())


def _keep(folder: Path, end: AttemptEnd, diff: str) -> None:
    (folder / "patch.diff").write_text(diff, encoding="utf-8")
    if end.evidence is not None:
        (folder / "evidence.json").write_bytes(render_evidence(end.evidence))


async def _hand_over(kept: _Kept, end: AttemptEnd, diff: str) -> None:
    """The patch to where the person wants it. Without a word of theirs it stays where it is kept."""
    options, view = kept.prepared.options, kept.view
    if options.patch is not None:
        options.patch.write_text(diff, encoding="utf-8")
        view.said(f"The patch is in {options.patch}.")
    good = decide_exit_code(end.outcome) == 0
    if options.apply and not good:
        view.said(f"Not applied: the change is {end.outcome.value}. The patch is kept.")
    elif options.apply or (options.patch is None and _asks(options) and _consents(good)):
        written = await kept.prepared.repos.write_back(kept.prepared.key, kept.prepared.checkout, end.tree)
        view.said(f"Applied to {', '.join(written)}.")
    elif options.patch is None:
        view.said(f"Not applied. To apply it: git apply {kept.folder / 'patch.diff'}")


def _asks(options: RunOptions) -> bool:
    return not options.as_json and sys.stdin.isatty() and sys.stdout.isatty()


def _terminal() -> RunView:
    from rich.console import Console  # see `run_events.py`

    from bot.cli.run_view import RichView

    return RichView(Console())


def _consents(good: bool) -> bool:
    from rich.prompt import Confirm

    question = "Apply this change to your files?" if good else "It is not proven. Apply it all the same?"
    return Confirm.ask(question, default=False)


def _new_folder(data_dir: Path) -> Path:
    """Of this run alone: by time, and a few letters against two in one second."""
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
    folder = data_dir / "runs" / name
    folder.mkdir(parents=True)
    return folder
