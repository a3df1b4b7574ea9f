"""What a verification costs, against running the suite once by hand; and which tier the parts of a known fix get.

    python -m benchmarks.verification CASES.json MIRRORS [--rounds 5] [--only NAME] [--uid 64738]
    python -m benchmarks.verification --made-up [--files 50] [--rounds 5]

The first form takes historical bugs with their upstream fixes (`benchmarks/cases.py`); the second makes a project up
and needs no network. For each: the tier of the whole fix, of its source part alone, of its test part alone. Then in
each round, one after the other: the suite once by hand on the fixed tree; a verification of the whole fix with a cached
baseline; one that measures the baseline too. Medians, and the median of the rounds' own ratios: what else the machine
does slows all three. The seconds by hand are those of the command alone.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.cases import Bench, historical, made_up


async def measure(bench: Bench, rounds: int) -> None:
    """Prints what this module's docstring says, and the runs that one verification makes."""
    source, tests, _ = await bench.parts()
    print(f"\n{bench.name}", flush=True)
    whole, _ = await bench.verify(bench.fixed)
    source_only, _ = await bench.verify(source)
    tests_only, _ = await bench.verify(tests)
    found = (("whole fix", whole), ("source only", source_only), ("tests only", tests_only))
    for words, evidence in found:
        print(f"  {words:<12} tier {evidence.tier.value}: {evidence.reason}")
    for note in whole.notes:
        print(f"  note: {note}")
    made = [run for run in whole.runs if run.purpose.value != "baseline"]
    print(f"  runs of one verification: {', '.join(run.purpose.value for run in made)}", flush=True)
    times = [await _one_round(bench) for _ in range(rounds)]
    hand, warm, cold = (statistics.median(column) for column in zip(*times, strict=True))
    ratios = [statistics.median(one[part] / one[0] for one in times) for part in (1, 2)]
    print(f"  suite by hand {hand:.2f} s; verification {warm:.2f} s with a cached baseline "
          f"({ratios[0]:.1f} times), {cold:.2f} s without ({ratios[1]:.1f} times)", flush=True)  # fmt: skip


async def _one_round(bench: Bench) -> tuple[float, float, float]:
    hand = (await bench.by_hand(bench.fixed)).seconds
    _, warm = await bench.verify(bench.fixed)
    _, cold = await bench.verify(bench.fixed, fresh=True)
    return hand, warm, cold


async def main(chosen: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as folder:
        state = Path(folder)
        if chosen.made_up:
            await measure(await made_up(state, chosen.uid, chosen.files), chosen.rounds)
            return
        for number, case in enumerate(json.loads(chosen.cases.read_text()), 1):
            if chosen.only in case["name"]:
                bench = await historical(case, number, chosen.mirrors, state, chosen.uid)
                await measure(bench, chosen.rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", type=Path, nargs="?")
    parser.add_argument("mirrors", type=Path, nargs="?")
    parser.add_argument("--made-up", action="store_true")
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--uid", type=int, default=64738)
    given = parser.parse_args()
    if not given.made_up and not (given.cases and given.mirrors):
        parser.error("name CASES.json and MIRRORS, or say --made-up")
    asyncio.run(main(given))
