"""What to tell an operator when the host refuses a part of the sandbox: the part, the reason, the exact cure.

Pure, but for looking at what kind of host this is. It must never suggest a weaker sandbox.
"""

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.errors import SandboxUnavailable
from bot.sandbox.contract import Preflight
from bot.sandbox.launch import Told

_APPARMOR: Final = (
    "AppArmor restricts user namespaces here (Ubuntu 23.10 and newer). Write /etc/apparmor.d/pullwright-bwrap:\n"
    "  abi <abi/4.0>,\n  include <tunables/global>\n"
    "  profile pullwright-python {python} flags=(unconfined) {{ userns, }}\n"
    "  profile pullwright-bwrap {bwrap} flags=(unconfined) {{ userns, }}\n"
    "and load it: `apparmor_parser -r /etc/apparmor.d/pullwright-bwrap`."
)
_CONTAINER: Final = (
    "The container's seccomp profile or masked /proc refuses it. Start the container as deploy/compose.yml does: "
    "`--security-opt seccomp=deploy/seccomp.json --security-opt systempaths=unconfined` (Podman: `unmask=ALL`) "
    "`--security-opt apparmor=unconfined`, or run the worker on the host."
)
_SYSCTL: Final = (
    "User namespaces are switched off: `sysctl -w user.max_user_namespaces=15000` and, where it exists, "
    "`sysctl -w kernel.unprivileged_userns_clone=1`; keep both in /etc/sysctl.d/."
)
_DATA: Final = (
    "The data directory must lie on a local disk (ext4, XFS, btrfs) and the kernel be 5.11 or newer: overlays "
    "can't be written on a container's own root nor on a network file system. Mount a volume there."
)
_SYSTEMD: Final = (
    "If the worker is a systemd unit, leave out ProcSubset=pid, ProtectKernelTunables, ProtectKernelLogs, "
    "ProtectHostname, RestrictNamespaces and RestrictSUIDSGID (deploy/pullwright-worker.service is a whole one)."
)

# bubblewrap's own words where a system call of its was refused: /proc, sethostname, pivot_root, umount2, openat2.
_REFUSED_BY_HOST: Final = ("proc", "hostname", "pivot_root", "unmount", "Function not implemented")


@dataclass(frozen=True)
class Host:
    """What tells one kind of refusal from another. Texts as the kernel gives them, "" where there is none."""

    container: bool = False
    most_user_namespaces: str = ""
    ordinary_users_may: str = ""  # Debian's own switch
    apparmor_restricts: str = ""


def look_at_host() -> Host:
    """Read the switches. Never raises."""
    return Host(
        Path("/.dockerenv").exists() or Path("/run/.containerenv").exists(),
        _reads("/proc/sys/user/max_user_namespaces"),
        _reads("/proc/sys/kernel/unprivileged_userns_clone"),
        _reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
    )


def _reads(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def namespaces_remedy(host: Host, python: str, bwrap: str) -> str:
    """Why user namespaces are refused there; both programs need the right to make them."""
    if "0" in (host.most_user_namespaces, host.ordinary_users_may):
        return _SYSCTL
    if host.apparmor_restricts == "1":
        return _APPARMOR.format(python=python, bwrap=bwrap)
    if host.container:
        return _CONTAINER
    return f"{_SYSCTL} {_SYSTEMD}"


def remedy_for(step: str, said: str, host: Host, programs: tuple[str, str]) -> str:
    """The cure for a start that failed in `step` (a step of the launcher, or "" for bubblewrap itself)."""
    match step:
        case "user namespace" | "stage":
            return namespaces_remedy(host, *programs)
        case "overlay":
            return _DATA
        case "cgroup":
            return "Let the worker write its own cgroup: `Delegate=yes` in its systemd unit."
        case "" if "RTM_NEWADDR" in said or "setting up uid map" in said or "namespace" in said:
            return namespaces_remedy(host, *programs)
        case "" if any(word in said for word in _REFUSED_BY_HOST):
            return _CONTAINER if host.container else _SYSTEMD
        case _:
            return "`pullwright doctor` tries each part and says more."


def refusal(found: Preflight) -> SandboxUnavailable:
    """The whole report of a preflight that failed, as the error of whoever needed it."""
    failed = [check for check in found.checks if not check.ok]
    lines = [f"  - {check.name}: {check.detail}" for check in failed]
    remedies = list(dict.fromkeys(check.remedy for check in failed if check.remedy))
    return SandboxUnavailable(
        "The sandbox does not work on this host:\n" + "\n".join(lines), "\n".join(remedies)
    )


def start_failed(told: Told, output: bytes, host: Host, programs: tuple[str, str]) -> SandboxUnavailable:
    """The refusal for a start that ended before the command began. `programs`: our Python and bubblewrap."""
    said = output[-1000:].decode("utf-8", "replace").strip()
    if told.fault:
        name = errno.errorcode.get(told.fault_errno, "")
        said = f"{told.fault} was refused ({name}): {said}"
    message = f"The sandbox did not start: {said or 'no reason was given'}."
    return SandboxUnavailable(message, remedy_for(told.fault, said, host, programs))
