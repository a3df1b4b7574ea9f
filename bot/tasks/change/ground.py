"""What a change stands on: one base of one repository, its set-up and its tests. Knows neither GitHub nor a database.

Everything here can be had again from the same values: an environment is found by its key, a template by its tree, a
baseline by what it was measured on. So a phase that goes on after a crash just asks again. On another host
the objects have to be brought there first: `carry.py`.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.domain.devcontainer import DEVCONTAINER_PATHS, parse_devcontainer_image
from bot.domain.ids import CommitSha, TreeSha
from bot.domain.repo_config import REPO_CONFIG_PATH, ConfigFault, GateRule, RepoConfig, parse_repo_config
from bot.errors import Bug, RepositoryFault, SetupFailed
from bot.repos.contract import Conflict, FileMode, RepoKey, Repos
from bot.sandbox.contract import NO_SETUP, EgressPolicy, Environment, Sandbox, SetupSpec
from bot.sandbox.registries import Preset
from bot.tasks.change.baselines import keep_baseline, load_baseline
from bot.tasks.change.facts import Chosen, CommandFacts, SetupFacts
from bot.tasks.change.history import name_base, with_history
from bot.tasks.change.prepare import (
    decide_egress,
    decide_setup,
    decide_setup_egress,
    house_rules,
    named_test_command,
)
from bot.tasks.worktree import Keep, WorkTree, keep_nowhere
from bot.verify.choose import choose_test_command
from bot.verify.command import NO_TESTS, Runner, TestCommand
from bot.verify.detect_commands import detect_test_commands, manifest_paths
from bot.verify.execute import TestBench
from bot.verify.gate.contract import Policy
from bot.verify.manifests import is_setup_input
from bot.verify.merged import MergedSubject
from bot.verify.runners import recognise
from bot.verify.setups import VARIABLES, detect_environment, setup_paths
from bot.verify.subject import Subject
from bot.verify.verifier import Sides as VerifierSides
from bot.verify.verifier import Verifier

_LOG_TAIL = 600  # characters of a failed set-up that people and the model are shown


def no_secrets() -> Mapping[str, str]:
    """For a place whose set-up needs none."""
    return {}


@dataclass(frozen=True)
class SetupMeans:
    """What a set-up can use on this host. The work itself reaches what the repository's file allows."""

    egress: EgressPolicy  # the operator's hosts, for every set-up
    ask_presets: Callable[[], Awaitable[Mapping[str, Preset]]]  # by ecosystem; asked when first wanted


@dataclass(frozen=True)
class Place:
    """A repository in our cache, and what everybody who works on it uses."""

    repos: Repos
    sandbox: Sandbox
    key: RepoKey
    means: SetupMeans
    baselines: Path  # where measured baselines are kept
    setup_secrets: Callable[[], Mapping[str, str]] = no_secrets  # opens a file: not on the loop


@dataclass(frozen=True)
class Sides:
    """What a base that is a merge was made of: commits and trees of the branch (ours), of what was merged into it
    (theirs), and of where they had parted; and what could not be merged."""

    ours: tuple[CommitSha, TreeSha]
    theirs: tuple[CommitSha, TreeSha]
    began: tuple[CommitSha, TreeSha]
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True)
class Ground:
    """A prepared base. `owner` names the one task that an environment of its own patch belongs to.

    `trunk`: what somebody with write access has merged, where the base itself is the head of a pull request: only its
    set-up gets secrets, and is shared. `foreign`: the head of a fork, of which nothing is set up at all.
    """

    place: Place
    base_commit: CommitSha
    base_tree: TreeSha
    chosen: Chosen
    owner: str
    trunk: TreeSha = TreeSha("")
    foreign: bool = False
    sides: Sides | None = None


@dataclass(frozen=True)
class Named:
    """The operator's own commands, for repositories that name none; empty: look for them."""

    setup: str = ""
    test: str = ""


async def list_files(place: Place, tree: TreeSha) -> dict[str, tuple[FileMode, str]]:
    """Every path of a tree with its mode and blob."""
    return await place.repos.list_tree(place.key, tree)


async def read_texts(
    place: Place, files: dict[str, tuple[FileMode, str]], paths: tuple[str, ...]
) -> dict[str, str]:
    """Texts of regular files; missing, binary and special ones are left out."""
    wanted = {
        path: files[path][1]
        for path in paths
        if path in files and files[path][0] in (FileMode.REGULAR, FileMode.EXECUTABLE)
    }
    blobs = await place.repos.read_blobs(place.key, tuple(set(wanted.values())))
    texts: dict[str, str] = {}
    for path, blob in wanted.items():
        content = blobs.get(blob)
        if content is not None and b"\0" not in content:
            texts[path] = content.decode("utf-8", "replace")
    return texts


async def choose_commands(
    place: Place, files: dict[str, tuple[FileMode, str]], operator: Named
) -> tuple[Chosen, tuple[TestCommand, ...]]:
    """How the base is set up and tested: named by the repository, by the operator, or found; and the test commands that
    are to be tried on the base, the likeliest first (`settle_test`).

    Raises RepositoryFault when the repository's file can't be read.
    """
    config = parse_config((await read_texts(place, files, (REPO_CONFIG_PATH,))).get(REPO_CONFIG_PATH, ""))
    paths = tuple(sorted(files))
    wanted = (*setup_paths(paths), *manifest_paths(paths), *DEVCONTAINER_PATHS)
    texts = await read_texts(place, files, tuple(dict.fromkeys(wanted)))
    tests = _find_tests(config, operator, paths, texts)
    test = tests[0] if tests else NO_TESTS
    found = detect_environment(paths, texts, test)
    detected = SetupFacts(found.script, found.source) if found else SetupFacts()
    images = (parse_devcontainer_image(texts[path]) for path in DEVCONTAINER_PATHS if path in texts)
    chosen = Chosen(
        setup=decide_setup(config, operator.setup, detected),
        test=_told(test),
        network=config.network,
        maintenance=config.maintenance,
        image=next(filter(None, images), ""),
        protected=config.protected,
        allowed=tuple(rule.value for rule in config.allow),
        rules=house_rules(config),
    )
    return chosen, tests


def _find_tests(
    config: RepoConfig, operator: Named, paths: tuple[str, ...], texts: dict[str, str]
) -> tuple[TestCommand, ...]:
    """What somebody named is taken as it is; what is detected has to show a test on the base."""
    named = named_test_command(config, operator.test)
    if named is not None:
        return (recognise(named.command, named.source, named.report, texts),)
    return detect_test_commands(paths, texts)


async def settle_test(ground: Ground, tests: tuple[TestCommand, ...]) -> CommandFacts:
    """The first of the commands that shows a test on the base, and why others were passed over."""
    place = ground.place
    bench = TestBench(place.repos, place.sandbox, place.key)
    environment = await open_base(ground)
    test, passed_over = await choose_test_command(bench, ground.base_tree, environment, tests)
    return _told(test, passed_over)


def _told(test: TestCommand, passed_over: tuple[str, ...] = ()) -> CommandFacts:
    return CommandFacts(test.runner.value, test.command, test.source, test.report, passed_over)


def parse_config(text: str) -> RepoConfig:
    """The repository's own file. Raises RepositoryFault that names the line."""
    try:
        return parse_repo_config(text)
    except ConfigFault as fault:
        place = f"{REPO_CONFIG_PATH}, line {fault.line}" if fault.line else REPO_CONFIG_PATH
        raise RepositoryFault(f"{place}: {fault.message}", fault.remedy) from fault


async def open_base(ground: Ground) -> Environment:
    """The environment of the base, whoever wrote it. Raises SetupFailed, SandboxUnavailable."""
    if not ground.trunk or ground.foreign or not await _touches_setup(ground, ground.trunk, ground.base_tree):
        return await open_environment(ground)
    if ground.sides and any(is_setup_input(one.path) for one in ground.sides.conflicts):
        return await open_environment(ground)  # nothing can be made from a file with markers
    return await open_environment(ground, ground.base_tree)


async def open_environment(ground: Ground, patch: TreeSha | None = None) -> Environment:
    """The environment of what was merged, or of a patch that changes what it is made from (then of its own trust
    class: never shared with other tasks). Raises SetupFailed, SandboxUnavailable."""
    place, chosen, means = ground.place, ground.chosen, ground.place.means
    presets = await means.ask_presets() if chosen.setup.script or chosen.network else {}
    work = decide_egress(means.egress, presets, chosen.network)
    named = dict(chosen.rules.variables)
    if not chosen.setup.script:
        return replace(NO_SETUP, egress=work, image=chosen.image, variables=named)
    tree = patch or ground.trunk or ground.base_tree
    spec = SetupSpec(
        script=chosen.setup.script,
        template=await place.repos.materialise(place.key, tree),
        key_parts=(
            f"repository {place.key.installation}/{place.key.repository}",
            f"trust {'patch ' + ground.owner if patch else 'base'}",
        ),
        lock_parts=tuple(f"{path} {blob}" for path, blob in await _input_blobs(place, tree)),
        egress=decide_setup_egress(means.egress, presets, work),
        # A patch could write them down; a base was merged by somebody with write access.
        secrets={} if patch else await asyncio.to_thread(place.setup_secrets),
        maintenance="" if patch else chosen.maintenance,
        variables=VARIABLES | _index_variables(presets) | named,
        image=chosen.image,
    )
    made = await place.sandbox.ensure_environment(spec)
    return replace(made, egress=work, variables={**VARIABLES, **named, **made.variables})


def _index_variables(presets: Mapping[str, Preset]) -> dict[str, str]:
    """How the ecosystems' managers find their index inside."""
    return {name: url for one in presets.values() for name, url in one.variables.items()}


async def settle_setup(ground: Ground) -> SetupFacts:
    """Run the set-up once. One that was only detected and fails is left out, and says why.

    Raises SetupFailed when somebody named it, SandboxUnavailable.
    """
    setup = ground.chosen.setup
    try:
        await open_base(ground)
    except SetupFailed as fault:
        if not setup.detected:
            raise
        return replace(setup, script="", failed=fault.message[-_LOG_TAIL:])
    return setup


async def _input_blobs(place: Place, tree: TreeSha) -> list[tuple[str, str]]:
    """What the set-up's result depends on, beside its script. An editable install points into /workspace, so
    the code itself is no part of the key."""
    files = await list_files(place, tree)
    return [(path, blob) for path, (_, blob) in sorted(files.items()) if is_setup_input(path)]


@asynccontextmanager
async def open_verifier(ground: Ground, patch: TreeSha | None = None) -> AsyncIterator[Verifier]:
    """The verifier of this base; `patch` when one is to be verified and may need its own environment. Of a merge: that
    of what was merged, which knows the other sides."""
    if ground.sides is None:
        async with _open_verifier(ground, patch) as verifier:
            yield verifier
        return
    sides = ground.sides
    async with (
        _open_verifier(_stand_on(ground, sides.theirs), patch) as verifier,
        _open_side(_stand_on(ground, sides.ours, sides.began[1])) as ours,
        _open_side(_stand_on(ground, sides.began)) as began,
    ):
        merged = MergedSubject(sides.ours[1], ground.base_tree, sides.conflicts)
        verifier.subject = replace(verifier.subject, merged=merged)
        verifier.sides = VerifierSides(ours, began)
        yield verifier


@asynccontextmanager
async def _open_side(ground: Ground) -> AsyncIterator[Verifier | None]:
    """None: nothing can be set up there."""
    try:
        await open_base(ground)
    except SetupFailed:
        yield None
        return
    async with _open_verifier(ground, None) as verifier:
        yield verifier


def stand_on_theirs(ground: Ground) -> Ground:
    """What is merged, by itself. Raises Bug: nothing is."""
    if ground.sides is None:
        raise Bug("this base is no merge")
    return _stand_on(ground, ground.sides.theirs)


def _stand_on(ground: Ground, side: tuple[CommitSha, TreeSha], trunk: TreeSha = TreeSha("")) -> Ground:
    return replace(ground, base_commit=side[0], base_tree=side[1], trunk=trunk, sides=None)


@asynccontextmanager
async def _open_verifier(ground: Ground, patch: TreeSha | None = None) -> AsyncIterator[Verifier]:
    place, setup, test = ground.place, ground.chosen.setup, ground.chosen.test
    failed = (f"The detected set-up failed and was left out: {setup.failed}",) if setup.failed else ()
    environment = await open_base(ground)
    subject = Subject(
        key=place.key,
        base_commit=ground.base_commit,
        base_tree=ground.base_tree,
        test=TestCommand(Runner(test.runner), test.command, test.source, test.report),
        environment=environment,
        patch_environment=await _patch_environment(ground, patch) if patch else None,
        notes=(*failed, *test.passed_over),
        setup=setup.script,
        lint=ground.chosen.rules.lint,
        policy=Policy(frozenset(GateRule(rule) for rule in ground.chosen.allowed), ground.chosen.protected),
    )
    cache = _baseline_path(place, subject)
    verifier = Verifier(
        place.repos,
        place.sandbox,
        subject,
        load=lambda: load_baseline(cache),
        keep=lambda baseline: keep_baseline(cache, baseline),
    )
    try:
        yield verifier
    finally:
        await verifier.close()


async def _patch_environment(ground: Ground, patch: TreeSha) -> Environment | None:
    """Its own where the change touches what the environment is made from."""
    if ground.foreign or not await _touches_setup(ground, ground.base_tree, patch):
        return None
    return await open_environment(ground, patch)


async def _touches_setup(ground: Ground, old: TreeSha, new: TreeSha) -> bool:
    changes = await ground.place.repos.changes(ground.place.key, old, new)
    return any(is_setup_input(change.path) for change in changes)


@asynccontextmanager
async def open_work_tree(ground: Ground, keep: Keep = keep_nowhere) -> AsyncIterator[WorkTree]:
    """The agent's work tree; what it wrote and was not taken is gone afterwards."""
    place = ground.place
    template = await place.repos.materialise(place.key, ground.base_tree)
    environment = await with_history(
        place.sandbox, await open_base(ground), template, name_base(place.key, ground.base_tree)
    )
    work = WorkTree(place.repos, place.sandbox, place.key, ground.base_tree, environment, keep)
    try:
        yield work
    finally:
        await work.close()


def _baseline_path(place: Place, subject: Subject) -> Path:
    """By base, environment and command: whatever task measures the same finds it."""
    environment, test = subject.environment, subject.test
    key = json.dumps(
        [
            subject.base_tree,
            environment.digest,
            test.command,
            test.report,
            environment.egress.hosts,
            sorted(environment.variables.items()),
        ]
    )
    name = hashlib.sha256(f"{place.key}{key}".encode()).hexdigest()
    return place.baselines / f"{name}.json"
