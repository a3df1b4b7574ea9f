"""Environments: a repository's set-up run once in the sandbox, kept under the hash of all that it depends on.

    state_dir/<digest>/env         becomes /env, read-only
    state_dir/<digest>/workspace   what set-up left in the repository's folder, a lower layer
    state_dir/<digest>/ready       written last: without it the folder is thrown away
    state_dir/<digest>.use         held by workspaces (`environments`)

Set-up reaches the hosts of its policy through the proxy; the work later does not. What it made is only ever a lower
layer afterwards, so no task can change it for another. Where the repository names a maintenance, an environment of
the same family with other lock files is brought up to date by it; when that fails, all is done from nothing.

Races. Two tasks want the same one: a lock on a file, the second finds it ready. Death in the middle: no `ready`, the
next one starts over. A failed set-up is not kept.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import platform
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bot.domain import limits
from bot.errors import SetupFailed
from bot.log import LateLog
from bot.sandbox import trees
from bot.sandbox.contract import (
    BlockedHost,
    Command,
    CommandResult,
    EgressPolicy,
    EndedBy,
    Environment,
    SetupSpec,
)
from bot.sandbox.environments import READY, Shelf, evict, hold, is_ready, list_kept, note_use, read_told
from bot.sandbox.leaks import find_leaks
from bot.sandbox.propose import propose_script
from bot.sandbox.runner import make_upper
from bot.sandbox.seam import Mounts, RunInSandbox
from bot.sandbox.watchdog import measure

log = LateLog()

_LOG_LINES: Final = 40
_LEAKS_SHOWN: Final = 5
_LOCK_POLL_S: Final = 0.1
_SECRET_CHARACTERS: Final = 8  # a shorter value stands everywhere by chance


@dataclass(frozen=True)
class Layers:
    """Where environments lie and how a back end makes their layers. `settle`: turns what a set-up left in
    `Mounts.changes` into a layer (nothing to do for an overlay). `image`: what they are made in."""

    shelf: Shelf
    uid: int | None
    settle: Callable[[Mounts], None] = lambda _mounts: None
    image: str = ""


async def ensure_environment(spec: SetupSpec, run: RunInSandbox, layers: Layers) -> Environment:
    """The environment for this specification, made if there is none. Raises SetupFailed, SandboxUnavailable."""
    short = [name for name, value in spec.secrets.items() if len(value) < _SECRET_CHARACTERS]
    if short:
        raise SetupFailed(
            f"The set-up secrets {', '.join(short)} are too short to be looked for in what the set-up leaves.",
            f"Give values of at least {_SECRET_CHARACTERS} characters.",
        )
    digest = await asyncio.to_thread(environment_digest, spec)
    folder = layers.shelf.folder / digest
    if not is_ready(folder):
        async with _locked(_lock_path(layers.shelf.folder, digest)):
            if not is_ready(folder):
                await _make(spec, run, folder, layers)
                await asyncio.to_thread(_evict, layers.shelf)
    await asyncio.to_thread(note_use, folder)
    return replace(_described(digest, folder), image=layers.image)


def _evict(shelf: Shelf) -> None:
    for digest in evict(shelf):
        log.info("environment.removed", digest=digest[:16])


def _lock_path(state_dir: Path, digest: str) -> Path:
    state_dir.mkdir(parents=True, exist_ok=True)
    return state_dir / f"{digest}.lock"


def environment_digest(spec: SetupSpec) -> str:
    """Everything that can change what set-up makes. The repository's code is none of it: it is mounted later."""
    return _hash({**_family_parts(spec), "locks": spec.lock_parts, "maintenance": spec.maintenance})


def environment_family(spec: SetupSpec) -> str:
    """The same for all lock files of a repository, trust class and script."""
    return _hash({**_family_parts(spec), "maintenance": spec.maintenance})


def _family_parts(spec: SetupSpec) -> dict[str, Any]:
    return {
        "script": spec.script,
        "key": spec.key_parts,
        "hosts": sorted(spec.egress.hosts),
        "secrets": sorted(spec.secrets),
        "variables": sorted(spec.variables.items()),
        "python": sys.version,
        "machine": platform.machine(),
        "system": _system(),
        "index": _index(spec.egress),
    }


def _hash(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


async def _make(spec: SetupSpec, run: RunInSandbox, folder: Path, layers: Layers) -> None:
    """By maintenance of an older one where that is named and works, else from nothing."""
    older = await asyncio.to_thread(_older, spec, layers.shelf)
    if older is not None:
        try:
            await _run_phase("maintenance", spec, run, (folder, layers, older))
            return
        except SetupFailed as fault:
            log.warning("environment.maintenance_failed", why=fault.message[-500:])
    await _run_phase("set-up", spec, run, (folder, layers, None))


def _older(spec: SetupSpec, shelf: Shelf) -> Path | None:
    """The newest of the family, if there is maintenance to be done on it."""
    if not spec.maintenance:
        return None
    family = environment_family(spec)
    kept = [one for one in list_kept(shelf.folder) if one.family == family]
    return shelf.folder / kept[-1].digest if kept else None


async def _run_phase(
    phase: str, spec: SetupSpec, run: RunInSandbox, where: tuple[Path, Layers, Path | None]
) -> None:
    folder, layers, older = where
    script = spec.maintenance if older is not None else spec.script
    lock = hold(older) if older is not None else None
    try:
        mounts = await asyncio.to_thread(_prepare, spec.template, folder, layers, older)
        env = {**_variables(spec.egress), **spec.variables, **spec.secrets}
        command = Command(script, timeout_s=spec.timeout_s, env=env)
        result = await run(mounts, command, _with_certificates(spec.egress))
        if not result.ok:
            raise _failure(phase, script, spec, result)
        await asyncio.to_thread(layers.settle, mounts)
        await asyncio.to_thread(_refuse_leaks, mounts, spec.secrets)
        told = {
            "phase": phase, "script": script, "seconds": result.seconds, "refused": dict(result.refused),
            "family": environment_family(spec), "bytes": await asyncio.to_thread(_size, mounts),
        }  # fmt: skip
        await asyncio.to_thread(_finish, folder, mounts, told)
    except BaseException:
        await asyncio.to_thread(trees.remove, folder)
        raise
    finally:
        if lock is not None:
            os.close(lock)


def _prepare(template: Path, folder: Path, layers: Layers, older: Path | None) -> Mounts:
    """Empty layers, or copies of an older environment's; what a dead set-up left behind is removed first."""
    uid = layers.uid
    trees.remove(folder)
    folder.mkdir(mode=0o711)
    if uid is not None:
        trees.adopt(template, uid)
    env = trees.make_owned(folder / "env", -1 if uid is None else uid)
    env.chmod(0o755)
    lowers: tuple[Path, ...] = (template,)
    if older is not None:
        trees.copy_at_rest(older / "env", env)
        if uid is not None:
            trees.adopt(env, uid)
        lowers = (older / "workspace", template)
    return Mounts(lowers, make_upper(folder / "layer", uid), env_upper=env, image=layers.image)


def _finish(folder: Path, mounts: Mounts, told: dict[str, Any]) -> None:
    """The products of an older one that were not made anew are products still."""
    workspace = folder / "workspace"
    if len(mounts.lowers) > 1:
        trees.copy_at_rest(mounts.lowers[0], workspace)
        trees.copy_at_rest(mounts.changes, workspace)
    else:
        mounts.changes.rename(workspace)
    trees.remove(folder / "layer")
    (folder / READY).write_text(json.dumps(told))


def _size(mounts: Mounts) -> int:
    paths = (mounts.changes, *((mounts.env_upper,) if mounts.env_upper else ()))
    return sum(int(measure(str(path), limits.SANDBOX_DISK_FILES * 4)[0]) for path in paths)


def _refuse_leaks(mounts: Mounts, secrets: Mapping[str, str]) -> None:
    """Raises SetupFailed when a secret stands in what would be mounted into every task."""
    places = (mounts.changes, *((mounts.env_upper,) if mounts.env_upper else ()))
    leaks = find_leaks(places, secrets)
    if leaks:
        shown = "; ".join(f"{name} in {path}" for name, path in leaks[:_LEAKS_SHOWN])
        raise SetupFailed(
            f"The set-up left a secret behind, so nothing of it was kept: {shown}.",
            "Let the set-up remove what it wrote with the secret in it (credentials, configuration, logs).",
        )


def _described(digest: str, folder: Path) -> Environment:
    refused = read_told(folder).get("refused", {})
    return Environment(
        digest,
        env_layer=folder / "env",
        workspace_layer=folder / "workspace",
        variables={"VIRTUAL_ENV": "/env"} if (folder / "env" / "pyvenv.cfg").exists() else {},
        blocked=tuple(BlockedHost(host, reason, "the set-up") for host, reason in refused.items()),
    )


def _index(egress: EgressPolicy) -> tuple[str, tuple[str, ...]]:
    """This host's package index. Where no host at all may be reached nobody can use it, and it isn't asked for: that
    costs an interpreter with pip, half a second."""
    if not egress.hosts:
        return "", ()
    from bot.sandbox.registries import effective_index

    return effective_index()


def _variables(egress: EgressPolicy) -> dict[str, str]:
    """How this host's package manager finds its index. Local extra indexes are not visible inside."""
    index, extra = _index(egress)
    remote = [url for url in extra if url.startswith("https://")]
    variables = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1", "PIP_NO_INPUT": "1"}
    if index:
        variables["PIP_INDEX_URL"] = index
        variables["UV_DEFAULT_INDEX"] = index
    if remote:
        variables["PIP_EXTRA_INDEX_URL"] = " ".join(remote)
    return variables


def _with_certificates(policy: EgressPolicy) -> EgressPolicy:
    """Without a bundle of the operator's: the host's own, which its package manager uses as well."""
    if policy.ca_bundle is not None:
        return policy
    for path in (ssl.get_default_verify_paths().cafile, "/etc/ssl/certs/ca-certificates.crt"):
        if path and Path(path).is_file():
            return replace(policy, ca_bundle=Path(path).read_bytes())
    return policy


def _failure(phase: str, script: str, spec: SetupSpec, result: CommandResult) -> SetupFailed:
    """Phase, how it ended, the log's tail without secrets, the hosts, and a script to begin with."""
    how = f"exit code {result.exit_code}" if result.ended_by is EndedBy.EXIT else result.ended_by.value
    text = result.output.decode("utf-8", "replace")
    for name, value in spec.secrets.items():
        text = text.replace(value, f"({name})")
    lines = text.splitlines()[-_LOG_LINES:]
    hosts = ", ".join(spec.egress.hosts) or "none"
    refused = ", ".join(result.refused)
    return SetupFailed(
        f"The {phase} ended with {how} after {result.seconds:.0f} s. The end of its log:\n"
        + "\n".join(lines),
        (f"It wanted these hosts and did not get them: {refused}. " if refused else "")
        + f"It can reach these: {hosts}. The repository's file adds others under `network`. The operator adds "
        "others with PULLWRIGHT_EGRESS_HOSTS, and pins mirrors inside a company with PULLWRIGHT_EGRESS_PINS. "
        f"A script to begin with, for `setup` in .github/pullwright.yml:\n{propose_script(script, lines)}",
    )


def _system() -> str:
    """Distribution and version: another base may link other libraries."""
    try:
        return Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return platform.platform()


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """One set-up of a kind at once, over all processes of the host. Waiting blocks nothing."""
    with path.open("a") as lock:
        async with asyncio.timeout(2 * limits.SETUP_TIMEOUT_S):
            while not _try(lock.fileno()):  # noqa: ASYNC110 - another process holds it, no event can tell
                await asyncio.sleep(_LOCK_POLL_S)
        yield


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
