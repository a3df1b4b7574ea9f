"""The projects of the verification's benchmarks, ready to verify changes of: historical bugs, or one made up.

A historical case is an object with name, repo (owner/name), base, fix (commits), setup, test. Its mirror is a bare
repository, `owner+name/repo` or `owner+name` below the mirrors' folder. Set-up reaches the hosts of this machine's
package index, with PULLWRIGHT_EGRESS_PINS as in the operator's settings. All runs are in the real sandbox.
"""

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dulwich.objects import Tree
from dulwich.repo import Repo

from bot.domain.evidence import Evidence
from bot.domain.ids import CommitSha, RepoPath, TreeSha
from bot.repos.contract import FileMode, RepoKey, TreeChange
from bot.repos.git_repos import GitRepos
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.contract import NO_SETUP, Command, CommandResult, EgressPolicy, Environment, SetupSpec
from bot.sandbox.registries import effective_registry_hosts
from bot.verify.baseline import Baseline
from bot.verify.runners import recognise
from bot.verify.split import split_change
from bot.verify.subject import Subject
from bot.verify.verifier import Verifier

_KEY = RepoKey(1, 999)
_UNITTEST = (
    "import unittest\n\nfrom app import add, spin\n\n\nclass Old{number}(unittest.TestCase):\n"
    "    def test_spin(self):\n        self.assertEqual(spin(), 100_000)\n\n"
    "    def test_zero(self):\n        self.assertEqual(add(0, 0), 0)\n"
)
_APP = "def add(a, b):\n    return a {sign} b\n\n\ndef spin():\n    return sum(1 for _ in range(100_000))\n"
_PROOF = (
    "import unittest\n\nfrom app import add\n\n\nclass New(unittest.TestCase):\n"
    "    def test_sum(self):\n        self.assertEqual(add(1, 2), 3)\n"
)


@dataclass
class Bench:
    """One project. `known`: the baseline's cache."""

    name: str
    test: str
    repos: GitRepos
    sandbox: BubblewrapSandbox
    key: RepoKey
    base: TreeSha
    fixed: TreeSha
    environment: Environment = NO_SETUP
    known: Baseline | None = field(default=None)

    async def verify(self, tree: TreeSha, *, fresh: bool = False) -> tuple[Evidence, float]:
        """The evidence, and the seconds that it took. `fresh`: the baseline is measured as well."""
        command = recognise(self.test, "the case")
        subject = Subject(self.key, CommitSha("c" * 40), self.base, command, self.environment)
        known = None if fresh else self.known
        verifier = Verifier(self.repos, self.sandbox, subject, lambda: known, self._keep)
        begun = time.perf_counter()
        evidence = await verifier.verify(tree)
        return evidence, time.perf_counter() - begun

    def _keep(self, baseline: Baseline) -> None:
        self.known = baseline

    async def by_hand(self, tree: TreeSha, longest_s: float = 900) -> CommandResult:
        """One run of the suite on a tree, as a person would make it: the exit code is all that is believed."""
        template = await self.repos.materialise(self.key, tree)
        workspace = await self.sandbox.open_workspace(template, self.environment)
        try:
            return await workspace.run(Command(self.test, timeout_s=longest_s))
        finally:
            await workspace.close()

    async def parts(self) -> tuple[TreeSha, TreeSha, tuple[TreeChange, ...]]:
        """The fix's source part on the base, its test part on the base, and the changes of its source."""
        split = split_change(await self.repos.changes(self.key, self.base, self.fixed))
        source = await self.repos.derive(self.key, self.base, split.code)
        tests = await self.repos.derive(self.key, self.base, split.tests)
        return source, tests, split.code


async def open_sandbox(state: Path, uid: int) -> BubblewrapSandbox:
    """`state`: an empty folder that others may pass through. Ends the program when there is no sandbox here."""
    state.chmod(0o711)  # noqa: ASYNC240 - before anything runs
    sandbox = BubblewrapSandbox(SandboxSettings(state / "sandbox", uid))
    found = await sandbox.preflight()
    if not found.ok:
        raise SystemExit(
            "\n".join(f"{one.name}: {one.detail} {one.remedy}" for one in found.checks if not one.ok)
        )
    return sandbox


async def historical(case: dict[str, Any], number: int, mirrors: Path, state: Path, uid: int) -> Bench:
    """A case with its objects in a cache and its environment set up."""
    sandbox = await open_sandbox(state, uid)
    repos = GitRepos(state / "repos", sandbox.owner_uid)
    key = RepoKey(1, number)
    await repos.store_blob(key, b"")  # makes the cache
    name = case["repo"].replace("/", "+")
    mirror = mirrors / name / "repo" if (mirrors / name / "repo").is_dir() else mirrors / name
    pack = _cache(state, key) / "objects" / "pack"
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
    environment = await sandbox.ensure_environment(spec)
    return Bench(case["name"], case["test"], repos, sandbox, key, base, fixed, environment)


async def made_up(state: Path, uid: int, files: int) -> Bench:
    """A project of the standard library alone: no network, no set-up, two tests in each of so many files, of some
    milliseconds each."""
    sandbox = await open_sandbox(state, uid)
    repos = GitRepos(state / "repos", sandbox.owner_uid)
    await repos.store_blob(_KEY, b"")  # makes the cache
    with Repo(str(_cache(state, _KEY)), bare=True) as bare:
        empty = Tree()
        bare.object_store.add_object(empty)
    tests = {f"tests/test_old{number}.py": _UNITTEST.format(number=number) for number in range(files)}
    texts = {"app.py": _APP.format(sign="-"), "tests/__init__.py": "", **tests}
    base = await _with(repos, TreeSha(empty.id.decode()), texts)
    fix = {"app.py": _APP.format(sign="+"), "tests/test_new.py": _PROOF}
    fixed = await _with(repos, base, fix)
    return Bench("made up", "python3 -m unittest", repos, sandbox, _KEY, base, fixed)


async def _with(repos: GitRepos, tree: TreeSha, texts: dict[str, str]) -> TreeSha:
    changes = []
    for path, text in texts.items():
        blob = await repos.store_blob(_KEY, text.encode())
        changes.append(TreeChange(RepoPath(path), None, None, FileMode.REGULAR, blob))
    return await repos.derive(_KEY, tree, tuple(changes))


def _cache(state: Path, key: RepoKey) -> Path:
    return state / "repos" / str(key.installation) / str(key.repository) / "cache.git"
