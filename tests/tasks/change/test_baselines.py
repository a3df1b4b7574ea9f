"""What is kept of measured baselines, and for how long."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bot.tasks.change.baselines import clear_baselines, keep_baseline, load_baseline
from bot.verify.baseline import Baseline

MEASURED = Baseline(
    passing=frozenset({"a"}), failing=frozenset({"b"}), skipped=frozenset(), flaky=frozenset(), seconds=1.5
)


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    keep_baseline(tmp_path / "baselines" / "one.json", MEASURED)
    found = load_baseline(tmp_path / "baselines" / "one.json")
    assert found is not None
    assert (found.passing, found.failing, found.seconds) == (MEASURED.passing, MEASURED.failing, 1.5)


def test_several_tasks_may_keep_the_same_one_at_once(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    with ThreadPoolExecutor(8) as pool:
        for kept in [pool.submit(keep_baseline, path, MEASURED) for _ in range(64)]:
            kept.result()
    assert load_baseline(path) is not None
    assert list(tmp_path.iterdir()) == [path]


def test_what_nothing_used_goes_and_what_was_used_stays(tmp_path: Path) -> None:
    used, unused, half = (tmp_path / name for name in ("used.json", "unused.json", "left.part"))
    for path in (used, unused):
        keep_baseline(path, MEASURED)
    half.write_text("{")
    for path in (used, unused, half):
        os.utime(path, (1_000, 1_000))
    assert load_baseline(used) is not None
    assert clear_baselines(tmp_path, 2_000) == 2
    assert list(tmp_path.iterdir()) == [used]


def test_without_any_there_is_nothing_to_clear(tmp_path: Path) -> None:
    assert clear_baselines(tmp_path / "baselines", 2_000) == 0
