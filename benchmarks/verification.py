"""Historical bugs with their upstream fixes: which tier each part of a fix gets, and what a verification costs.

    python benchmarks/verification.py CASES.json MIRRORS [--only NAME] [--mutants 20] [--uid 64738]

`CASES.json`: a list of objects with name, repo (owner/name), base, fix (commits), setup, test. `MIRRORS`: a folder
with the bare repositories, `owner+name/repo` or `owner+name`. Set-up reaches the hosts of this machine's package
index, with PULLWRIGHT_EGRESS_PINS as in the operator's settings. Everything runs in the real sandbox, on real trees.

Printed for each case: the tier of the whole fix, of its source part alone, of its test part alone; seconds of one run
of the suite by hand and of the verification with and without a cached baseline; and of so many mutants of the fixed
source lines how many the fix's own tests kill, and how many of those came out as tier A (each would be a false proof).
"""

import argparse
import ast
import asyncio
import json
import os
import random
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dulwich.repo import Repo

from bot.domain.evidence import Evidence, Tier
from bot.domain.ids import CommitSha, TreeSha
from bot.repos.contract import RepoKey, TreeChange
from bot.repos.git_repos import GitRepos
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.contract import Command, CommandResult, EgressPolicy, Environment, SetupSpec
from bot.sandbox.registries import effective_registry_hosts
from bot.verify.baseline import Baseline
from bot.verify.runners import recognise
from bot.verify.split import split_change
from bot.verify.subject import Subject
from bot.verify.verifier import Verifier


@dataclass
class Bench:
    """One case, ready to verify changes of."""

    case: dict[str, Any]
    repos: GitRepos
    sandbox: BubblewrapSandbox
    key: RepoKey
    environment: Environment
    base: TreeSha
    fixed: TreeSha
    known: Baseline | None = None

    async def verify(self, tree: TreeSha, *, fresh: bool = False) -> tuple[Evidence, float]:
        test = recognise(self.case["test"], "the case")
        subject = Subject(self.key, CommitSha(self.case["base"]), self.base, test, self.environment)
        verifier = Verifier(
            self.repos, self.sandbox, subject, lambda: None if fresh else self.known, self._keep
        )
        begun = time.perf_counter()
        evidence = await verifier.verify(tree)
        return evidence, time.perf_counter() - begun

    def _keep(self, baseline: Baseline) -> None:
        self.known = baseline

    async def by_hand(self, tree: TreeSha) -> CommandResult:
        """One run of the suite on a tree, as a person would make it: the exit code is all that is believed."""
        template = await self.repos.materialise(self.key, tree)
        workspace = await self.sandbox.open_workspace(template, self.environment)
        try:
            return await workspace.run(Command(self.case["test"], timeout_s=900))
        finally:
            await workspace.close()


async def prepare(case: dict[str, Any], number: int, mirrors: Path, parts: tuple[Path, int]) -> Bench:
    state, uid = parts
    sandbox = BubblewrapSandbox(SandboxSettings(state / "sandbox", uid))
    found = await sandbox.preflight()
    if not found.ok:
        raise SystemExit(
            "\n".join(f"{one.name}: {one.detail} {one.remedy}" for one in found.checks if not one.ok)
        )
    repos = GitRepos(state / "repos", sandbox.owner_uid)
    key = RepoKey(1, number)
    await repos.store_blob(key, b"")  # makes the cache
    name = case["repo"].replace("/", "+")
    mirror = mirrors / name / "repo" if (mirrors / name / "repo").is_dir() else mirrors / name
    pack = state / "repos" / "1" / str(number) / "cache.git" / "objects" / "pack"
    for file in (mirror / "objects" / "pack").iterdir():
        if file.suffix in (".pack", ".idx"):
            shutil.copy(file, pack)
    with Repo(str(mirror), bare=True) as bare:
        base, fixed = (TreeSha(bare[case[one].encode()].tree.decode()) for one in ("base", "fix"))
    pins = dict(pair.split("=") for pair in os.environ.get("PULLWRIGHT_EGRESS_PINS", "").split(",") if pair)
    hosts = (*await effective_registry_hosts(), *pins)
    spec = SetupSpec(
        script=f"python3 -m venv /env\n. /env/bin/activate\n{case['setup']}",
        template=await repos.materialise(key, base),
        key_parts=(case["name"],),
        egress=EgressPolicy(hosts, pins),
    )
    return Bench(case, repos, sandbox, key, await sandbox.ensure_environment(spec), base, fixed)


async def parts_of(bench: Bench) -> tuple[TreeSha, TreeSha, tuple[TreeChange, ...]]:
    """The fix's source part on the base, its test part on the base, and the changes of its source."""
    changes = await bench.repos.changes(bench.key, bench.base, bench.fixed)
    split = split_change(changes)
    source = await bench.repos.derive(bench.key, bench.base, split.code)
    tests = await bench.repos.derive(bench.key, bench.base, split.tests)
    return source, tests, split.code


# -- mutants ------------------------------------------------------------------------------------------------


async def mutants_of(bench: Bench, code: tuple[TreeChange, ...], count: int) -> list[TreeSha]:
    """Trees of the fix with one small change each in a function that the fix touched."""
    found = []
    for change in code:
        if not change.path.endswith(".py") or change.new_blob is None:
            continue
        ids = tuple(blob for blob in (change.old_blob, change.new_blob) if blob)
        blobs = await bench.repos.read_blobs(bench.key, ids)
        before = blobs.get(change.old_blob or "", b"").decode()
        for text in mutate(before, blobs[change.new_blob].decode()):
            blob = await bench.repos.store_blob(bench.key, text.encode())
            one = replace(change, old_blob=change.new_blob, old_mode=change.new_mode, new_blob=blob)
            found.append(await bench.repos.derive(bench.key, bench.fixed, (one,)))
    return random.Random(7).sample(found, min(count, len(found)))  # noqa: S311 - the same ones each time


_SWAPS = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def mutate(before: str, after: str) -> list[str]:
    """The operators of the usual mutation tools (comparison, arithmetic, boolean, condition, constant, return), on
    every node of the functions and top-level statements that hold a line of the fix; lines outside keep their text."""
    old = set(before.splitlines())
    lines = after.splitlines()
    touched = {at for at, line in enumerate(lines, 1) if line not in old and line.strip()}
    tree = ast.parse(after)
    regions = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and touched & set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    ]  # fmt: skip
    statements = [
        node for node in tree.body
        if not isinstance(node, ast.FunctionDef | ast.ClassDef)
        and touched & set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    ]  # fmt: skip
    texts = []
    for region in (*regions, *statements):
        for node in ast.walk(region):
            for mutant in _variants(node):
                start, end = _span(node, lines)
                text = after.encode()
                texts.append((text[:start] + ast.unparse(mutant).encode() + text[end:]).decode())
    return [text for text in dict.fromkeys(texts) if text != after and _parses(text)]


def _span(node: Any, lines: list[str]) -> tuple[int, int]:
    ends = [0]
    for line in lines:
        ends.append(ends[-1] + len(line.encode()) + 1)
    return ends[node.lineno - 1] + node.col_offset, ends[node.end_lineno - 1] + node.end_col_offset


def _variants(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Compare(left, [op], comparators) if type(op) in _SWAPS:
            return [ast.Compare(left, [_SWAPS[type(op)]()], comparators)]
        case ast.BinOp(left, op, right) if type(op) in _SWAPS:
            return [ast.BinOp(left, _SWAPS[type(op)](), right)]
        case ast.BoolOp(op, values):
            return [ast.BoolOp(_SWAPS[type(op)](), values)]
        case ast.UnaryOp(ast.Not(), operand):
            return [operand]
        case ast.IfExp(test, body, orelse):
            return [ast.IfExp(test, orelse, body)]
        case ast.Constant(bool() as value):
            return [ast.Constant(not value)]
        case ast.Constant(int() as value):
            return [ast.Constant(value + 1)]
        case ast.Constant(str() as value) if value and "\n" not in value:
            return [ast.Constant(value + "x")]
    return []


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


# -- the table ----------------------------------------------------------------------------------------------


async def measure(bench: Bench, mutants: int) -> None:
    source, tests, code = await parts_of(bench)
    whole, cold = await bench.verify(bench.fixed, fresh=True)
    hand = min([(await bench.by_hand(bench.fixed)).seconds for _ in range(2)])
    _, warm = await bench.verify(bench.fixed)
    alone, _ = await bench.verify(source)
    only, _ = await bench.verify(tests)
    print(f"\n{bench.case['name']} ({bench.case['repo']})")
    for words, evidence in (("whole fix", whole), ("source only", alone), ("tests only", only)):
        print(f"  {words:<12} tier {evidence.tier.value}: {evidence.reason}")
    for note in whole.notes:
        print(f"  note: {note}")
    print(f"  suite by hand {hand:.2f} s; verification {cold:.2f} s without a baseline ({cold / hand:.1f} times), "
          f"{warm:.2f} s with it cached ({warm / hand:.1f} times)")  # fmt: skip
    if mutants:
        killed = false = alive = 0
        for tree in await mutants_of(bench, code, mutants):
            dead = not (await bench.by_hand(tree)).ok
            evidence, _ = await bench.verify(tree)
            killed += dead
            false += dead and evidence.tier is Tier.A
            alive += not dead and evidence.tier is Tier.A
        print(f"  mutants: {killed} killed by the suite with the fix's tests, {false} of those called proven; "
              f"{alive} that no test kills called proven")  # fmt: skip


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", type=Path)
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--mutants", type=int, default=0)
    parser.add_argument("--uid", type=int, default=64738)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as folder:
        state = Path(folder)
        state.chmod(0o711)  # noqa: ASYNC240 - before anything runs
        for number, case in enumerate(json.loads(chosen.cases.read_text()), 1):
            if chosen.only in case["name"]:
                bench = await prepare(case, number, chosen.mirrors, (state, chosen.uid))
                await measure(bench, chosen.mutants)


if __name__ == "__main__":
    asyncio.run(main())
