"""The command line of Docker or Podman for one command in a container of its own. Pure, but for finding the engine.

It must never mount a socket of an engine, share a namespace of the host, nor take a privilege in. No path of the
host stands in the environment or on a command line inside; the mount table does (the kernel shows it).
"""

import fnmatch
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.domain import limits
from bot.errors import SandboxUnavailable
from bot.sandbox.arguments import HOME, SANDBOX_UID
from bot.sandbox.bounds import Bounds

ASK_TIMEOUT_S: Final = 30  # one question to the engine: 0.1 s; a cold daemon takes a few seconds
PULL_TIMEOUT_S: Final = 900  # a large development image over a slow line
STATE_LABEL: Final = "pullwright.state"  # which state directory it belongs to
WORKER_LABEL: Final = "pullwright.worker"  # which worker's folder

_TASKS: Final = 32
"""RLIMIT_NPROC counts all processes of a uid on the host, those of other tasks too: the cgroup bounds each task, and
this only what all of them could do together."""
_ENGINES: Final = ("podman", "docker")  # the one without a daemon first
_IMAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}")  # no option, no blank, no shell
_REMEDY: Final = (
    "Install Podman 4 or newer, or Docker with its daemon running, or set PULLWRIGHT_CONTAINER_ENGINE to one."
)


@dataclass(frozen=True)
class Engine:
    """`kind`: podman or docker. `rootless`: containers run as the worker's own user. `cpus`: its host's, if told."""

    path: Path
    kind: str
    version: str
    rootless: bool
    cpus: int = 0

    def argv(self, *arguments: str) -> list[str]:
        return [str(self.path), *arguments]


@dataclass(frozen=True)
class Image:
    """An image that is there. `path` and `variables` are what its configuration sets."""

    name: str
    digest: str
    path: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Inside:
    """What one container is given. `mounts`: (host path, path inside, writable)."""

    name: str
    labels: Mapping[str, str]
    image: str
    user: str
    mounts: tuple[tuple[Path, str, bool], ...]
    variables: Mapping[str, str]
    seccomp: Path
    bounds: Bounds
    runtime: str = ""


def find_engine(chosen: str) -> Engine:
    """`chosen`: a name or path, the only candidate then. Raises SandboxUnavailable with each candidate's fault."""
    faults = []
    for name in (chosen,) if chosen else _ENGINES:
        found = shutil.which(name)
        if found is None:
            faults.append(f"{name}: not found")
            continue
        try:
            return _describe(Path(found))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            faults.append(f"{name}: {_reason(error)}")
    raise SandboxUnavailable("No usable container engine: " + "; ".join(faults) + ".", _REMEDY)


def ask(engine: Engine, *arguments: str, timeout_s: float = ASK_TIMEOUT_S) -> str:
    """What the engine answers. Raises subprocess.SubprocessError, OSError."""
    argv = engine.argv(*arguments)
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=True).stdout


def is_allowed_image(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a repository may ask for it: a plain name that one of the operator's patterns fits."""
    return bool(_IMAGE.fullmatch(name)) and any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def find_image(engine: Engine, name: str, *, pull: bool) -> Image:
    """The image, fetched when it is missing and `pull`. Raises SandboxUnavailable."""
    if not _IMAGE.fullmatch(name):
        raise SandboxUnavailable(f"{name[:80]!r} is no name of an image.", "Write it as `registry/name:tag`.")
    try:
        try:
            said = ask(engine, "image", "inspect", name)
        except subprocess.CalledProcessError:
            if not pull:
                raise
            ask(engine, "pull", "--quiet", name, timeout_s=PULL_TIMEOUT_S)
            said = ask(engine, "image", "inspect", name)
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxUnavailable(
            f"The image {name} is not there: {_reason(error)}", f"`{engine.kind} pull {name}` on the host."
        ) from error
    return _image(name, json.loads(said)[0])


def _image(name: str, told: dict[str, Any]) -> Image:
    pairs = (entry.partition("=") for entry in (told.get("Config") or {}).get("Env") or [])
    variables = {key: value for key, _, value in pairs}
    return Image(name, str(told.get("Id", "")), variables.pop("PATH", ""), variables)


def _describe(path: Path) -> Engine:
    kind = "podman" if "podman" in subprocess.run(
        [str(path), "--version"], capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=True
    ).stdout.lower() else "docker"  # fmt: skip
    engine = Engine(path, kind, "", rootless=False)
    if kind == "podman":
        info = json.loads(ask(engine, "info", "--format", "json"))
        host = info["host"]
        rootless = bool(host["security"]["rootless"])
        return Engine(path, kind, str(info["version"]["Version"]), rootless, int(host.get("cpus", 0)))
    info = json.loads(ask(engine, "info", "--format", "{{json .}}"))
    if info.get("ServerErrors"):
        raise ValueError("; ".join(info["ServerErrors"]))
    rootless = any("rootless" in option for option in info.get("SecurityOptions") or [])
    return Engine(path, kind, str(info.get("ServerVersion", "")), rootless, int(info.get("NCPU", 0)))


def _reason(error: Exception) -> str:
    said = getattr(error, "stderr", "") or str(error)
    return str(said).strip()[-300:]


def passwd(user: str) -> bytes:
    uid, _, gid = user.partition(":")
    return f"root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:{uid}:{gid}:agent:{HOME}:/bin/bash\n".encode()


def group(user: str) -> bytes:
    return f"root:x:0:\nagent:x:{user.partition(':')[2]}:\n".encode()


def run_arguments(engine: Engine, inside: Inside, argv: tuple[str, ...]) -> list[str]:
    """All of `run`. `argv` is the program and its arguments, taken instead of the image's own."""
    return engine.argv(
        "run",
        *("--name", inside.name, "--pull", "never", "--interactive", "--log-driver", "none"),
        *(part for key, value in inside.labels.items() for part in ("--label", f"{key}={value}")),
        *_runtime(engine, inside.runtime),
        *_walls(engine, inside),
        *_limits(inside.bounds, engine.cpus),
        *_file_systems(inside, engine),
        *(part for key, value in inside.variables.items() for part in ("--env", f"{key}={value}")),
        *("--workdir", "/workspace", "--entrypoint", argv[0]),
        inside.image,
        *argv[1:],
    )


def _runtime(engine: Engine, runtime: str) -> tuple[str, ...]:
    """gVisor by itself makes a network of its own, in which our planted listener would not be: with `network=host` it
    uses the container's, which holds nothing else. It also leaves the system-call filter out if it is not told. Docker
    takes a runtime's flags from its daemon's configuration only."""
    if not runtime:
        return ()
    gvisor = engine.kind == "podman" and Path(runtime).name == "runsc"
    flags = ("--runtime-flag", "network=host", "--runtime-flag", "oci-seccomp") if gvisor else ()
    return ("--runtime", runtime, *flags)


def _walls(engine: Engine, inside: Inside) -> list[str]:
    walls = [
        *("--network", "none", "--ipc", "private", "--cgroupns", "private", "--hostname", "sandbox"),
        *("--user", inside.user, "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--security-opt", f"seccomp={inside.seccomp}"),
    ]
    if engine.kind == "podman" and engine.rootless:
        walls += ["--userns", f"keep-id:uid={SANDBOX_UID},gid={SANDBOX_UID}"]
    return walls


def _limits(bounds: Bounds, cpus: int) -> list[str]:
    """Docker refuses more processors than its host has."""
    memory = str(bounds.memory_bytes)
    ulimits = {
        "nofile": limits.SANDBOX_OPEN_FILES,
        "nproc": bounds.processes * _TASKS,
        "fsize": limits.SANDBOX_FILE_BYTES,
        "core": 0,
    }
    return [
        *("--memory", memory, "--memory-swap", memory, "--pids-limit", str(bounds.processes)),
        *("--cpus", f"{min(bounds.cpus, cpus or bounds.cpus):g}", "--shm-size", str(limits.SHM_BYTES)),
        *(part for key, value in ulimits.items() for part in ("--ulimit", f"{key}={value}:{value}")),
    ]


def _file_systems(inside: Inside, engine: Engine) -> list[str]:
    sizes = {"/tmp": limits.TMP_BYTES, HOME: limits.HOME_BYTES, "/var/tmp": limits.SHM_BYTES}  # noqa: S108
    uid, _, gid = inside.user.partition(":")
    owned = (
        "notmpcopyup,U" if engine.kind == "podman" else f"uid={uid},gid={gid}"
    )  # some runtimes drop the mode
    arguments = ["--read-only", *(("--read-only-tmpfs=false",) if engine.kind == "podman" else ())]
    for path, size in sizes.items():
        arguments += ["--tmpfs", f"{path}:rw,nosuid,nodev,exec,mode=1777,size={size},{owned}"]
    for source, target, writable in inside.mounts:
        mount = f"type=bind,source={source},target={target}"
        arguments += ["--mount", mount if writable else f"{mount},readonly"]
    return arguments
