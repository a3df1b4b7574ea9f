"""What `pullwright doctor` makes of what it saw: findings with remedies. Pure.

A finding is good, a warning (works, but not as it should), or bad (does not work).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.domain.app_manifest import EVENTS, missing_permissions, needless_permissions
from bot.forge.app import AppFacts, HookFacts
from bot.sandbox.contract import Preflight
from bot.sandbox.toolchains import Toolchain

CLOCK_WARN_S: Final = 20.0  # GitHub takes our tokens up to a minute off; a third of that is time to mend it
CLOCK_BAD_S: Final = 60.0  # beyond it GitHub refuses the App's JWT
DISK_WARN_BYTES: Final = 10 * 1024**3  # a few environments and caches
DISK_BAD_BYTES: Final = 1024**3


class Health(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    subject: str
    health: Health
    said: str
    remedy: str = ""


def judge_clock(ahead_s: float) -> Finding:
    said = (
        "agrees with GitHub's"
        if abs(ahead_s) <= 2
        else f"{abs(ahead_s):.0f} s {'ahead' if ahead_s > 0 else 'behind'}"
    )
    health = Health.GOOD if abs(ahead_s) < CLOCK_WARN_S else Health.WARNING
    if abs(ahead_s) >= CLOCK_BAD_S:
        health = Health.BAD
    return Finding(
        "clock", health, said, "" if health is Health.GOOD else "Let this host follow a time server."
    )


def judge_permissions(app: AppFacts) -> Finding:
    missing, needless = missing_permissions(app.permissions), needless_permissions(app.permissions)
    page = f"{app.html_url} → App settings → Permissions"
    if missing:
        return Finding(
            "permissions",
            Health.BAD,
            f"missing: {', '.join(missing)}",
            f"Grant them ({page}), then accept them at each installation.",
        )
    if needless:
        return Finding(
            "permissions", Health.WARNING, f"never used: {', '.join(needless)}", f"Take them away: {page}."
        )
    return Finding("permissions", Health.GOOD, "what is needed and no more")


def judge_events(app: AppFacts) -> Finding:
    missing = [event for event in EVENTS if event not in app.events]
    if missing:
        words = f"not subscribed: {', '.join(missing)}"
        return Finding(
            "events", Health.BAD, words, f"Tick them: {app.html_url} → App settings → Permissions & events."
        )
    return Finding("events", Health.GOOD, ", ".join(EVENTS))


def judge_installations(app: AppFacts) -> Finding:
    if app.installations == 0:
        return Finding(
            "installations", Health.BAD, "nowhere installed", f"Install it: {app.html_url}/installations/new"
        )
    return Finding("installations", Health.GOOD, f"{app.installations}")


def judge_hook(hook: HookFacts) -> Finding:
    if not hook.url:
        return Finding("webhook", Health.BAD, "no address", "Set the webhook's address on the App's page.")
    failed = [(event, code) for event, code in hook.recent if not 200 <= code < 300]
    if not hook.recent:
        return Finding(
            "webhook", Health.WARNING, f"{hook.url}: nothing was delivered yet", "Install the App."
        )
    if len(failed) == len(hook.recent):
        codes = ", ".join(sorted({str(code) for _, code in failed}))
        return Finding(
            "webhook",
            Health.BAD,
            f"{hook.url}: the last {len(failed)} deliveries failed ({codes})",
            "401: the secrets differ; 502 or 504: GitHub does not reach it; redeliver when it is mended.",
        )
    if failed:
        words = f"{hook.url}: {len(failed)} of the last {len(hook.recent)} deliveries failed"
        return Finding("webhook", Health.WARNING, words, "Redeliver them on the App's page, Advanced.")
    return Finding("webhook", Health.GOOD, f"{hook.url}: the last {len(hook.recent)} deliveries arrived")


def judge_reachable(url: str, status: int | None) -> Finding:
    """`status` of the health page beside the webhook; None: no answer."""
    if status == 200:
        return Finding("receiver", Health.GOOD, f"{url} answers")
    said = f"{url}: no answer" if status is None else f"{url}: status {status}"
    return Finding(
        "receiver",
        Health.WARNING,
        said,
        "Start `pullwright serve`; let the proxy forward /healthz as well. (Asked from here, not from GitHub.)",
    )


def judge_disk(path: str, free_bytes: int) -> Finding:
    said = f"{free_bytes / 1024**3:.1f} GiB free at {path}"
    if free_bytes >= DISK_WARN_BYTES:
        return Finding("disk", Health.GOOD, said)
    health = Health.BAD if free_bytes < DISK_BAD_BYTES else Health.WARNING
    return Finding("disk", health, said, "Caches and environments want at least 10 GiB.")


def judge_sandbox(found: Preflight) -> tuple[Finding, ...]:
    """Which back end was chosen, what others were refused for, and who enforces each limit."""
    failed = [check for check in found.checks if not check.ok]
    if failed:
        return tuple(Finding("sandbox", Health.BAD, f"{c.name}: {c.detail}", c.remedy) for c in failed)
    passed_over = tuple(
        Finding("sandbox", Health.WARNING, f"{c.name}: {c.detail}", c.remedy) for c in found.passed_over
    )
    limits = "\n".join(f"{name}: {by}" for name, by in found.enforced_by.items())
    return (
        *passed_over,
        Finding("sandbox", Health.GOOD, f"{found.backend} ({found.checks[0].detail})"),
        Finding("limits enforced by", Health.GOOD, limits),
        *_weak_limits(found),
    )


def _weak_limits(found: Preflight) -> tuple[Finding, ...]:
    """Bounds that hold, but by weaker means than this kernel could offer."""
    memory = found.enforced_by.get("memory", "")
    if not memory or "cgroup" in memory:
        return ()
    return (
        Finding(
            "cgroup",
            Health.WARNING,
            "none can be written: memory is bounded for each process and added up four times a second, and refused "
            "processes can't be told",
            "systemd: `Delegate=memory pids cpu` in the worker's unit. A container: `--cgroupns private` with a "
            "writable /sys/fs/cgroup, or run the worker on the host.",
        ),
    )


def judge_toolchains(found: tuple[Toolchain, ...]) -> Finding:
    """What the sandbox shows beside /usr."""
    if not found:
        return Finding("toolchains", Health.GOOD, "only what is in /usr")
    return Finding("toolchains", Health.GOOD, "\n".join(f"{one.kind}: {one.path}" for one in found))


def judge_registries(hosts: Mapping[str, tuple[str, ...]]) -> Finding:
    """Which hosts a set-up may reach, by ecosystem."""
    told = [f"{name}: {', '.join(own)}" for name, own in hosts.items() if own]
    if not told:
        return Finding(
            "registries",
            Health.WARNING,
            "no package manager of this host says where its registry is",
            "Install the managers of your repositories' languages, or name hosts in PULLWRIGHT_EGRESS_HOSTS.",
        )
    return Finding("registries", Health.GOOD, "\n".join(told))
