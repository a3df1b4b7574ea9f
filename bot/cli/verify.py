"""`pullwright verify`: the evidence of a pull request, checked by whoever does not want to believe it.

Form and signature need the file alone, trees a clone, the proof itself the sandbox. Nothing of the clone is run or
opened on the host: its objects are copied into a cache of our own.
"""

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from bot.compose_host import build_repos, build_sandbox, find_means, require_sandbox
from bot.domain.evidence import Evidence, TestProof
from bot.domain.repo_config import REPO_CONFIG_PATH
from bot.errors import ForPerson, RepositoryFault
from bot.repos.contract import Remote, RepoKey
from bot.repos.git_repos import GitRepos
from bot.repos.local import copy_objects
from bot.sandbox.contract import NO_SETUP, Environment, Sandbox, SetupSpec
from bot.settings import ProofSettings, load_proof_settings
from bot.tasks.change.ground import parse_config
from bot.tasks.change.prepare import decide_egress, decide_setup_egress
from bot.verify.command import Runner, TestCommand
from bot.verify.evidence_file import parse_evidence
from bot.verify.signature import PUBLIC_NAME, is_genuine
from bot.verify.subject import Subject
from bot.verify.verifier import Verifier

_KEY = RepoKey(0, 0)
_NOWHERE = Remote("", "")


@dataclass(frozen=True)
class VerifyOptions:
    evidence: Path
    repo: Path | None = None
    signature: Path | None = None
    key: Path | None = None
    again: bool = False


@dataclass(frozen=True)
class Line:
    """One thing that was checked; `ok` None: it could not be."""

    ok: bool | None
    text: str


def run_verify(options: VerifyOptions) -> int:
    """Prints a line for each check. Exit code 0: all that was checked holds, and something was."""
    record = _read(options.evidence).rstrip(b"\r\n")  # copied from a check run it may end in a line break
    try:
        evidence = parse_evidence(record)
    except ValueError as error:
        raise ForPerson(
            f"{options.evidence} is no evidence: {_why(error)}.",
            "Take evidence.json byte for byte as it was written: one that was changed is worth nothing.",
        ) from error
    lines = [
        Line(True, f"form: evidence for tree {evidence.patch_tree[:12]}, tier {evidence.tier.value}"),
        Line(True, f"SHA-256: {hashlib.sha256(record).hexdigest()} (compare it with the pull request's)"),
        check_signature(options, record),
    ]
    if options.again and not options.repo:
        raise ForPerson("--again needs a clone.", "Name it with --repo.")
    for line in lines:
        _show(line)
    if options.repo:
        # A file that somebody changed says nothing about what to run.
        again = options.again and not any(line.ok is False for line in lines)
        lines += asyncio.run(_check_repository(replace(options, again=again), evidence))
    print(f"\n{conclude(tuple(lines), evidence.reason)}")
    return 0 if all(line.ok is not False for line in lines) else 1


def conclude(lines: tuple[Line, ...], reason: str) -> str:
    """The last sentence: what the file says is repeated only where nothing speaks against it."""
    wrong = [line.text for line in lines if line.ok is False]
    if wrong:
        return f"This evidence is not to be believed: {wrong[0]}."
    unknown = [line.text.partition(":")[0] for line in lines if line.ok is None]
    rest = f" (Not checked: {', '.join(unknown)}.)" if unknown else ""
    return f"The evidence says: {reason}{rest}"


def _show(line: Line) -> Line:
    print(f"{'?' if line.ok is None else '✓' if line.ok else '✗'} {line.text}", flush=True)
    return line


def _why(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"it has not the form of docs/evidence.schema.json ({place or 'evidence'}: {first['msg']})"


def check_signature(options: VerifyOptions, record: bytes) -> Line:
    """Against the key that was named, else the one beside the file."""
    path = options.signature or options.evidence.with_name(options.evidence.name + ".sig")
    key = options.key or options.evidence.with_name(PUBLIC_NAME)
    if not path.is_file() or not key.is_file():
        missing = path if not path.is_file() else key
        named = options.signature or options.key
        return Line(False if named else None, f"signature: not checked, there is no {missing}")
    genuine = is_genuine(_read(key), record, _read(path))
    return Line(genuine, f"signature: {'by the key in' if genuine else 'NOT by the key in'} {key}")


async def _check_repository(options: VerifyOptions, evidence: Evidence) -> list[Line]:
    with tempfile.TemporaryDirectory(prefix="pullwright-verify-", dir=_roomy()) as name:
        state = Path(name)
        state.chmod(0o711)  # noqa: ASYNC240 - before anything runs
        settings = load_proof_settings().model_copy(update={"data_dir": state})
        sandbox = build_sandbox(settings)
        if options.again:
            require_sandbox(await sandbox.preflight())
        repos = build_repos(settings)
        await repos.store_blob(_KEY, b"")  # makes the cache
        objects = state / "repos" / str(_KEY.installation) / str(_KEY.repository) / "cache.git" / "objects"
        await asyncio.to_thread(copy_objects, options.repo or Path(), objects)
        lines = [_show(line) for line in await check_trees(repos, evidence)]
        if options.again and all(line.ok for line in lines):
            print("… again: every run once more", flush=True)
            lines += [_show(line) for line in await _prove_again(repos, sandbox, evidence, settings)]
        return lines


async def check_trees(repos: GitRepos, evidence: Evidence) -> list[Line]:
    """The base commit has the base tree, and the tree that was tested is there."""
    lines = []
    try:
        found = await repos.fetch(_KEY, _NOWHERE, "refs/heads/none", evidence.base_commit)
        same = found.tree == evidence.base_tree
        lines.append(
            Line(same, f"base: commit {evidence.base_commit[:12]} has {'' if same else 'NOT '}the base tree")
        )
    except RepositoryFault:
        lines.append(Line(False, f"base: commit {evidence.base_commit[:12]} is not in the clone (fetch it)"))
    try:
        changes = await repos.changes(_KEY, evidence.base_tree, evidence.patch_tree)
        lines.append(Line(True, f"change: {len(changes)} files differ between the base and the tested tree"))
    except RepositoryFault:
        lines.append(
            Line(False, f"change: tree {evidence.patch_tree[:12]} is not in the clone (fetch its branch)")
        )
    return lines


async def _prove_again(
    repos: GitRepos, sandbox: Sandbox, evidence: Evidence, settings: ProofSettings
) -> list[Line]:
    named = await _read_variables(repos, evidence)
    environment: Environment = replace(NO_SETUP, variables=named)
    if evidence.setup:
        means = find_means(settings)
        presets = await means.ask_presets()
        spec = SetupSpec(
            evidence.setup,
            await repos.materialise(_KEY, evidence.base_tree),
            ("verified again",),
            decide_setup_egress(means.egress, presets, decide_egress(means.egress, presets, ())),
            variables=named,
        )
        made = await sandbox.ensure_environment(spec)
        environment = replace(made, variables={**named, **made.variables})
    test = TestCommand(Runner(evidence.runner), evidence.command, "evidence.json", evidence.report)
    subject = Subject(_KEY, evidence.base_commit, evidence.base_tree, test, environment, setup=evidence.setup)
    verifier = Verifier(repos, sandbox, subject)
    again = await verifier.verify(
        evidence.patch_tree,
        lambda label, ok, seconds: print(f"  {'·' if ok else '!'} {label} ({seconds:.1f} s)"),
    )
    return compare_again(evidence, again)


async def _read_variables(repos: GitRepos, evidence: Evidence) -> dict[str, str]:
    """Those that the repository's file sets on the base, as the worker did."""
    entry = (await repos.list_tree(_KEY, evidence.base_tree)).get(REPO_CONFIG_PATH)
    blobs = await repos.read_blobs(_KEY, (entry[1],)) if entry else {}
    text = (blobs.get(entry[1]) or b"").decode("utf-8", "replace") if entry else ""
    return dict(parse_config(text).environment)


def compare_again(told: Evidence, again: Evidence) -> list[Line]:
    """What was told against what was measured now; more proofs than told are no fault."""
    same = told.tier is again.tier
    lines = [Line(same, f"again: tier {again.tier.value}, told {told.tier.value}: {again.reason}")]
    lost = sorted(_ids(told.proofs) - _ids(again.proofs))
    lines += [Line(False, f"again: not proven this time: {name}") for name in lost]
    more = sorted(set(again.regressions) - set(told.regressions))
    lines += [Line(False, f"again: broken, and not told: {name}") for name in more]
    return lines


def _ids(proofs: tuple[TestProof, ...]) -> set[str]:
    return {proof.test_id for proof in proofs}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ForPerson(f"{path} can't be read: {error.strerror}.", "Name the file.") from error


def _roomy() -> str | None:
    """Environments and trees are large: not into a /tmp that may be memory."""
    return "/var/tmp" if Path("/var/tmp").is_dir() else None  # noqa: S108 - a folder of our own is made below it
