"""False proofs by number: how many mutants of known fixes, with the fix's own tests in the patch, come out as tier A.

    pip install --target DIR cosmic-ray==8.7.0
    PYTHONPATH=DIR python -m benchmarks.mutants CASES.json MIRRORS [--count 20] [--only NAME] [--tests TESTS.json]
        [--uid 64738]

Cases and mirrors as in `benchmarks/cases.py`. Mutants are made by cosmic-ray (none of the project's dependencies),
one change each in a line of a function or statement that the fix touched; the same ones each time. A mutant is killed
when the suite with the fix's tests, run once by hand, is red on it or does not end in ten times the fix's time (20 s at
least). Each killed one that is tier A is a false proof. One that no test kills is rightly tier A: no verification knows
more than its tests.

`--tests` asks how much the tests of somebody else are worth, who knew the issue alone: an object of the cases' names,
each an object of paths and of the text that is put at the end of that file. They stand in the patch in place of the
fix's own tests, which stay the referee: what these kill and the others call proven is a wrong fix that looks right.
"""

import argparse
import ast
import asyncio
import json
import random
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from benchmarks.cases import Bench, historical
from bot.domain.evidence import Tier
from bot.domain.ids import RepoPath, TreeSha
from bot.repos.contract import FileMode, TreeChange


async def mutants_of(bench: Bench, code: tuple[TreeChange, ...], count: int) -> list[TreeChange]:
    """Changes of the fix, each of one place in what the fix touched."""
    found = []
    for change in code:
        if not change.path.endswith(".py") or change.new_blob is None:
            continue
        ids = tuple(blob for blob in (change.old_blob, change.new_blob) if blob)
        blobs = await bench.repos.read_blobs(bench.key, ids)
        before = blobs.get(change.old_blob or "", b"").decode()
        found += [(change, text) for text in mutate(before, blobs[change.new_blob].decode())]
    mutants = []
    for change, text in random.Random(7).sample(found, min(count, len(found))):  # noqa: S311 - the same each time
        blob = await bench.repos.store_blob(bench.key, text.encode())
        mutants.append(replace(change, old_blob=change.new_blob, old_mode=change.new_mode, new_blob=blob))
    return mutants


async def with_tests(bench: Bench, source: TreeSha, tests: dict[str, str]) -> TreeSha:
    """The fix's source with these texts at the end of its test files."""
    files = await bench.repos.list_tree(bench.key, source)
    changes = []
    for path, text in tests.items():
        mode, old = files.get(RepoPath(path), (FileMode.REGULAR, None))
        before = (await bench.repos.read_blobs(bench.key, (old,)))[old] if old else b""
        blob = await bench.repos.store_blob(bench.key, before + text.encode())
        changes.append(TreeChange(RepoPath(path), mode if old else None, old, mode, blob))
    return await bench.repos.derive(bench.key, source, tuple(changes))


def mutate(before: str, after: str) -> list[str]:
    """Every text that an operator of cosmic-ray makes of `after` in one place of what was touched."""
    lines = _touched(before, after)
    tree = get_ast(after)
    texts: dict[str, None] = {}
    for name in sorted(operator_names()):
        operator_class = get_operator(name)
        if operator_class.arguments():
            continue  # needs settings of its own
        operator = operator_class()
        places = [start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for occurrence, (line, _) in enumerate(places):
            text = mutate_code(after, operator, occurrence) if line in lines else None
            if text and text != after and _parses(text):
                texts[text] = None
    return list(texts)


def _touched(before: str, after: str) -> set[int]:
    """Lines of the innermost functions, and of the statements outside of any, that hold a line of the fix."""
    old = set(before.splitlines())
    new = {at for at, line in enumerate(after.splitlines(), 1) if line not in old and line.strip()}
    tree = ast.parse(after)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    others = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    spans = [set(range(node.lineno, (node.end_lineno or node.lineno) + 1)) for node in (*functions, *others)]
    return set().union(*(span for span in spans if span & new))


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


async def measure(bench: Bench, count: int, tests: dict[str, str] | None) -> None:
    """Prints a line for the case, and each false proof. `tests`: in place of the fix's own in what is verified."""
    source, _, code = await bench.parts()
    proposed = bench.fixed if tests is None else await with_tests(bench, source, tests)
    whole, _ = await bench.verify(proposed)
    longest = max(20.0, 10 * (await bench.by_hand(bench.fixed)).seconds)
    tiers: Counter[tuple[bool, Tier]] = Counter()
    mutants = await mutants_of(bench, code, count)
    for mutant in mutants:
        refereed = await bench.repos.derive(bench.key, bench.fixed, (mutant,))
        killed = not (await bench.by_hand(refereed, longest)).ok
        tree = await bench.repos.derive(bench.key, proposed, (mutant,))
        evidence, _ = await bench.verify(tree)
        tiers[killed, evidence.tier] += 1
        if killed and evidence.tier is Tier.A:
            wrong = "FALSE PROOF" if tests is None else "wrong, and looks right"
            print(f"  {wrong}: {refereed}: {evidence.reason}", flush=True)
    dead = {tier.value: number for (killed, tier), number in sorted(tiers.items()) if killed}
    alive = {tier.value: number for (killed, tier), number in sorted(tiers.items()) if not killed}
    print(f"{bench.name}: the fix is tier {whole.tier.value}; {len(mutants)} mutants; killed, by tier: {dead}; "
          f"not killed, by tier: {alive}", flush=True)  # fmt: skip


async def main(chosen: argparse.Namespace) -> None:
    played = json.loads(chosen.tests.read_text()) if chosen.tests else {}
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as folder:
        for number, case in enumerate(json.loads(chosen.cases.read_text()), 1):
            if chosen.only in case["name"]:
                bench = await historical(case, number, chosen.mirrors, Path(folder), chosen.uid)
                await measure(bench, chosen.count, played.get(case["name"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", type=Path)
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--only", default="")
    parser.add_argument("--tests", type=Path)
    parser.add_argument("--uid", type=int, default=64738)
    asyncio.run(main(parser.parse_args()))
