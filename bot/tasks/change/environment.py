"""Prepare, and what later phases need of it again: the environment, the verifier, the work tree.

Everything here can be had again from the facts alone: an environment is found by its key, a template by its tree, a
baseline by what it was measured on. So a phase that goes on after a crash just asks again. (On the same host: the
cache of objects is in the data directory.)
"""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

from bot.domain.evidence import RunPurpose, RunRecord
from bot.domain.ids import TreeSha
from bot.domain.repo_config import REPO_CONFIG_PATH, ConfigFault, GateRule, RepoConfig, parse_repo_config
from bot.errors import RepositoryFault, SetupFailed
from bot.sandbox.contract import NO_SETUP, Environment, SetupSpec
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import CommandFacts, SetupFacts
from bot.tasks.change.prepare import decide_setup, named_test_command
from bot.tasks.worktree import WorkTree
from bot.verify.baseline import Baseline
from bot.verify.choose import choose_test_command
from bot.verify.command import NO_TESTS, Runner, TestCommand
from bot.verify.detect import detect_setup, is_manifest
from bot.verify.detect_commands import detect_test_commands, manifest_paths
from bot.verify.execute import TestBench
from bot.verify.gate.contract import Policy
from bot.verify.runners import recognise
from bot.verify.verification import Subject
from bot.verify.verifier import Verifier

_LOG_TAIL = 600  # characters of a failed set-up that people and the model are shown


async def prepare(desk: Desk) -> None:
    """Fetch the pinned commit, read the repository's file, decide on set-up and tests, run the set-up once.

    Raises RepositoryFault, SetupFailed (a set-up that somebody named), SandboxUnavailable.
    """
    request, services = desk.request, desk.services
    ref = f"refs/heads/{request.repository.default_branch}"
    base = await desk.with_remote(
        desk.fetch_remote, lambda remote: services.repos.fetch(desk.key, remote, ref, desk.facts.base_commit)
    )
    await desk.learn(base_tree=base.tree)
    config = await _read_config(desk)
    paths = tuple(sorted(await desk.base_files()))
    texts = await desk.read_base(manifest_paths(paths))
    candidates = _find_tests(desk, config, paths, texts)
    test = candidates[0] if candidates else NO_TESTS
    found = detect_setup(paths, texts, test)
    detected = SetupFacts(found.script, found.source) if found else SetupFacts()
    setup = decide_setup(config, services.settings.setup_command, detected)
    policy = {"protected": config.protected, "allowed": tuple(rule.value for rule in config.allow)}
    await desk.learn(setup=setup, test=_told(test), **policy)
    try:
        environment = await open_environment(desk)
    except SetupFailed as fault:
        if not setup.detected:
            raise
        why = fault.message[-_LOG_TAIL:]
        await desk.learn(setup=replace(setup, script="", failed=why))
        environment = NO_SETUP
    bench = TestBench(services.repos, services.sandbox, desk.key)
    test, passed_over = await choose_test_command(bench, base.tree, environment, candidates)
    await desk.learn(test=_told(test, passed_over))


def _told(test: TestCommand, passed_over: tuple[str, ...] = ()) -> CommandFacts:
    return CommandFacts(test.runner.value, test.command, test.source, test.report, passed_over)


async def _read_config(desk: Desk) -> RepoConfig:
    texts = await desk.read_base((REPO_CONFIG_PATH,))
    try:
        return parse_repo_config(texts.get(REPO_CONFIG_PATH, ""))
    except ConfigFault as fault:
        place = f"{REPO_CONFIG_PATH}, line {fault.line}" if fault.line else REPO_CONFIG_PATH
        raise RepositoryFault(f"{place}: {fault.message}", fault.remedy) from fault


def _find_tests(
    desk: Desk, config: RepoConfig, paths: tuple[str, ...], texts: dict[str, str]
) -> tuple[TestCommand, ...]:
    """What somebody named is taken as it is; what is detected has to show a test on the base."""
    named = named_test_command(config, desk.services.settings.test_command)
    if named is not None:
        return (recognise(named.command, named.source, named.report, texts),)
    return detect_test_commands(paths, texts)


async def open_environment(desk: Desk, patch: TreeSha | None = None) -> Environment:
    """The environment of the base, or of a patch that changes what it is made from (then of its own trust
    class: never shared with other tasks)."""
    facts, services = desk.facts, desk.services
    if not facts.setup.script:
        return NO_SETUP
    tree = patch or facts.base_tree
    spec = SetupSpec(
        script=facts.setup.script,
        template=await services.repos.materialise(desk.key, tree),
        key_parts=(
            f"repository {desk.key.installation}/{desk.key.repository}",
            f"trust {'patch ' + desk.taken.id if patch else 'base'}",
            *(f"{path} {blob}" for path, blob in await _manifest_blobs(desk, tree)),
        ),
        egress=services.settings.egress,
    )
    return await services.sandbox.ensure_environment(spec)


async def _manifest_blobs(desk: Desk, tree: TreeSha) -> list[tuple[str, str]]:
    """What the set-up's result depends on, beside its script. An editable install points into /workspace, so
    the code itself is no part of the key."""
    files = await desk.services.repos.list_tree(desk.key, tree)
    return [(path, blob) for path, (_, blob) in sorted(files.items()) if is_manifest(path)]


@asynccontextmanager
async def open_verifier(desk: Desk, patch: TreeSha | None = None) -> AsyncIterator[Verifier]:
    """The verifier of this task; `patch` when one is to be verified and may need its own environment."""
    facts = desk.facts
    setup = facts.setup
    failed = (f"The detected set-up failed and was left out: {setup.failed}",) if setup.failed else ()
    notes = (*failed, *facts.test.passed_over)
    environment = await open_environment(desk)
    subject = Subject(
        key=desk.key,
        base_commit=facts.base_commit,
        base_tree=facts.base_tree,
        test=TestCommand(Runner(facts.test.runner), facts.test.command, facts.test.source, facts.test.report),
        environment=environment,
        patch_environment=await _patch_environment(desk, patch) if patch else None,
        notes=notes,
        setup=setup.script,
        policy=Policy(frozenset(GateRule(rule) for rule in facts.allowed), facts.protected),
    )
    cache = _baseline_path(desk, subject)
    verifier = Verifier(
        desk.services.repos,
        desk.services.sandbox,
        subject,
        load=lambda: load_baseline(cache),
        keep=lambda baseline: keep_baseline(cache, baseline),
    )
    try:
        yield verifier
    finally:
        await verifier.close()


async def _patch_environment(desk: Desk, patch: TreeSha) -> Environment | None:
    """Its own where the change touches what the environment is made from."""
    changes = await desk.services.repos.changes(desk.key, desk.facts.base_tree, patch)
    if not any(is_manifest(change.path) for change in changes):
        return None
    return await open_environment(desk, patch)


@asynccontextmanager
async def open_work_tree(desk: Desk) -> AsyncIterator[WorkTree]:
    """The agent's work tree; what it wrote and was not taken is gone afterwards."""
    services = desk.services
    environment = await open_environment(desk)
    work = WorkTree(services.repos, services.sandbox, desk.key, desk.facts.base_tree, environment)
    try:
        yield work
    finally:
        await work.close()


# -- the baseline's cache ---------------------------------------------------------------------------------------


def _baseline_path(desk: Desk, subject: Subject) -> Path:
    """By base, environment and command: whatever task measures the same finds it."""
    key = json.dumps(
        [subject.base_tree, subject.environment.digest, subject.test.command, subject.test.report]
    )
    name = hashlib.sha256(f"{desk.key}{key}".encode()).hexdigest()
    return desk.services.settings.data_dir / "baselines" / f"{name}.json"


def load_baseline(path: Path) -> Baseline | None:
    """None when there is none, or when it can't be read: then it is measured again."""
    try:
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
    """One that could not be measured is not kept: the next task may be luckier."""
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
    part = path.with_suffix(".part")
    part.write_text(json.dumps(body), encoding="utf-8")
    part.replace(path)
