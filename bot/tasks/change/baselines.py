"""Baselines that were measured already, as files: whatever task measures the same finds them.

Must never hold one that could not be measured.

Races: two tasks keep the same one; each writes a file of its own and gives it the name. One is removed, for nothing
used it for long, while somebody reads it: it is read to its end, or it is measured again.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bot.domain.evidence import RunPurpose, RunRecord
from bot.verify.baseline import Baseline

_PART: Final = ".part"


def load_baseline(path: Path) -> Baseline | None:
    """None when there is none, or when it can't be read: then it is measured again. Notes its use."""
    try:
        os.utime(path)
        body = json.loads(path.read_text(encoding="utf-8"))
        runs = tuple(RunRecord(**{**run, "purpose": RunPurpose(run["purpose"])}) for run in body["runs"])
        return Baseline(
            passing=frozenset(body["passing"]),
            failing=frozenset(body["failing"]),
            skipped=frozenset(body["skipped"]),
            flaky=frozenset(body["flaky"]),
            seconds=float(body["seconds"]),
            runs=runs,
            messages=body["messages"],
            only_exit_code=bool(body["only_exit_code"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_baseline(path: Path, baseline: Baseline) -> None:
    """One that could not be measured is not kept: the next task may be luckier. Raises OSError."""
    if baseline.problem:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {
        **{name: sorted(getattr(baseline, name)) for name in ("passing", "failing", "skipped", "flaky")},
        "seconds": baseline.seconds,
        "runs": [asdict(run) for run in baseline.runs],
        "messages": dict(baseline.messages or {}),
        "only_exit_code": baseline.only_exit_code,
    }
    descriptor, part = tempfile.mkstemp(suffix=_PART, dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(body, file)
    Path(part).replace(path)


def clear_baselines(folder: Path, unused_since: float) -> int:
    """Remove those that no task used since then (seconds since the epoch), and halves that a death left; how many."""
    gone = 0
    for path in _files(folder):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < unused_since:
                path.unlink()
                gone += 1
    return gone


def _files(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*.json")
    yield from folder.glob(f"*{_PART}")
