"""`pullwright replay`: plays an exported log again, offline, and says where this version decides otherwise."""

from collections import Counter
from pathlib import Path

from rich.console import Console

from bot.agent.replay import Replayed, replay
from bot.errors import RecordingMismatch
from bot.tasks.export import TaskLog, parse_log
from bot.texts.tracking import render_spent


def run_replay(path: Path) -> int:
    """Exit code 0: the same decisions at every row; 1: a difference. Raises RecordingMismatch."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingMismatch(f"{path} can't be read: {error}.") from error
    log = parse_log(text, path.name)
    replayed = replay(log.events)
    console = Console(highlight=False, soft_wrap=True)
    for line in render_replayed(log, replayed):
        console.print(line, markup=False)
    return 1 if replayed.divergence else 0


def render_replayed(log: TaskLog, replayed: Replayed) -> list[str]:
    """What was played, what it had cost, and the first difference."""
    lines = [f"{log.about['task']}: {len(log.rows)} rows, {len(log.events)} of the agent."]
    if replayed.state.spent.turns:
        lines.append(render_spent(replayed.state.spent))
    if repairs := Counter(replayed.state.records.repairs):
        mended = ", ".join(f"{name} ({count})" for name, count in repairs.most_common())
        lines.append(f"Mended in the model's calls: {mended}.")
    if replayed.divergence is None:
        return [*lines, f"The same at every row. Next it would: {replayed.end}."]
    found = replayed.divergence
    return [
        *lines,
        f"Row {found.row} of the agent differs.",
        f"  recorded: {found.recorded}",
        f"  now:      {found.now}",
    ]
