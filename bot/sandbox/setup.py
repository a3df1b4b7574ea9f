"""Environments: a repository's set-up run once in the sandbox, kept under the hash of all that it depends on.

    state_dir/<digest>/env         becomes /env, read-only
    state_dir/<digest>/workspace   what set-up left in the repository's folder, a lower layer
    state_dir/<digest>/ready       written last: without it the folder is thrown away

Set-up reaches the hosts of its policy through the proxy; the work later does not. What it made is only ever a lower
layer afterwards, so no task can change it for another.

Races. Two tasks want the same one: a lock on a file, the second finds it ready. Death in the middle: no `ready`, the
next one starts over. A failed set-up is not kept.
"""

import asyncio
import fcntl
import hashlib
import json
import platform
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bot.domain import limits
from bot.errors import SetupFailed
from bot.sandbox import trees
from bot.sandbox.contract import Command, CommandResult, EgressPolicy, EndedBy, Environment, SetupSpec
from bot.sandbox.registries import effective_index
from bot.sandbox.runner import make_upper
from bot.sandbox.seam import Mounts, RunInSandbox

_READY: Final = "ready"
_LOG_LINES: Final = 40
_LOCK_POLL_S: Final = 0.1


@dataclass(frozen=True)
class Layers:
    """Where environments lie and how a back end makes their layers. `settle`: turns what a set-up left in
    `Mounts.changes` into a layer (nothing to do for an overlay). `image`: what they are made in."""

    state_dir: Path
    uid: int | None
    settle: Callable[[Mounts], None] = lambda _mounts: None
    image: str = ""


async def ensure_environment(spec: SetupSpec, run: RunInSandbox, layers: Layers) -> Environment:
    """The environment for this specification, made if there is none. Raises SetupFailed, SandboxUnavailable."""
    digest = await asyncio.to_thread(environment_digest, spec)
    folder = layers.state_dir / digest
    if not _is_ready(folder):
        async with _locked(_lock_path(layers.state_dir, digest)):
            if not _is_ready(folder):
                await _make(spec, run, folder, layers)
    return replace(_described(digest, folder), image=layers.image)


def _is_ready(folder: Path) -> bool:
    return (folder / _READY).exists()


def _lock_path(state_dir: Path, digest: str) -> Path:
    state_dir.mkdir(parents=True, exist_ok=True)
    return state_dir / f"{digest}.lock"


def environment_digest(spec: SetupSpec) -> str:
    """Everything that can change what set-up makes. The repository's code is none of it: it is mounted later."""
    parts = {
        "script": spec.script,
        "key": spec.key_parts,
        "hosts": sorted(spec.egress.hosts),
        "python": sys.version,
        "machine": platform.machine(),
        "system": _system(),
        "index": effective_index(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


async def _make(spec: SetupSpec, run: RunInSandbox, folder: Path, layers: Layers) -> None:
    mounts = await asyncio.to_thread(_prepare, spec.template, folder, layers)
    command = Command(spec.script, timeout_s=spec.timeout_s, env=_variables())
    try:
        result = await run(mounts, command, _with_certificates(spec.egress))
        if not result.ok:
            raise _failure(spec, result)
        await asyncio.to_thread(layers.settle, mounts)
    except BaseException:
        await asyncio.to_thread(trees.remove, folder)
        raise
    await asyncio.to_thread(_finish, folder, spec.script, result.seconds)


def _prepare(template: Path, folder: Path, layers: Layers) -> Mounts:
    """Empty layers; what a dead set-up left behind is removed first."""
    uid = layers.uid
    trees.remove(folder)
    folder.mkdir(mode=0o711)
    if uid is not None:
        trees.adopt(template, uid)
    env = trees.make_owned(folder / "env", -1 if uid is None else uid)
    env.chmod(0o755)
    return Mounts((template,), make_upper(folder / "layer", uid), env_upper=env, image=layers.image)


def _finish(folder: Path, script: str, seconds: float) -> None:
    (folder / "layer" / "upper").rename(folder / "workspace")
    trees.remove(folder / "layer")
    (folder / _READY).write_text(json.dumps({"script": script, "seconds": seconds}))


def _described(digest: str, folder: Path) -> Environment:
    return Environment(
        digest,
        env_layer=folder / "env",
        workspace_layer=folder / "workspace",
        variables={"VIRTUAL_ENV": "/env"} if (folder / "env" / "pyvenv.cfg").exists() else {},
    )


def _variables() -> dict[str, str]:
    """How this host's package manager finds its index. Local extra indexes are not visible inside."""
    index, extra = effective_index()
    remote = [url for url in extra if url.startswith("https://")]
    variables = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1", "PIP_NO_INPUT": "1"}
    if index:
        variables["PIP_INDEX_URL"] = index
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


def _failure(spec: SetupSpec, result: CommandResult) -> SetupFailed:
    how = f"exit code {result.exit_code}" if result.ended_by is EndedBy.EXIT else result.ended_by.value
    lines = result.output.decode("utf-8", "replace").splitlines()[-_LOG_LINES:]
    hosts = ", ".join(spec.egress.hosts) or "none"
    return SetupFailed(
        f"The set-up ended with {how} after {result.seconds:.0f} s. The end of its log:\n" + "\n".join(lines),
        f"It can reach these hosts: {hosts}. The operator adds others with PULLWRIGHT_EGRESS_HOSTS, and pins "
        "mirrors inside a company with PULLWRIGHT_EGRESS_PINS.",
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
