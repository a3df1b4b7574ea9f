"""The pull request: what and why in the model's words, what was measured in the harness's. Pure."""

from dataclasses import dataclass

from bot.domain import limits
from bot.domain.config_nodes import REPO_CONFIG_PATH
from bot.domain.evidence import Evidence
from bot.texts.claims import OF_THE_MODEL, drop_claims, render_dropped
from bot.texts.evidence_table import (
    render_proofs,
    render_remarks,
    render_reproduce,
    render_runs,
    render_verdict,
    render_whole,
)
from bot.texts.markers import SECTION
from bot.texts.sanitise import code, sanitise_block, sanitise_line
from bot.texts.size import fit

_SCHEDULE = (
    "later turns bring this pull request up to date, as long as nobody else commits to its branch. "
    "Closing it ends that."
)
_BLOCKED_SHOWN = 10  # hosts; more of them say the same


@dataclass(frozen=True)
class Push:
    """A later commit of ours on a pull request of ours."""

    commit: str
    title: str
    requested_by: str
    tier: str


@dataclass(frozen=True)
class PullText:
    """Everything that the text says. `evidence_sha256`: of the signed evidence.json."""

    title: str
    summary: str
    root_cause: str
    risks: str
    issue: int
    requested_by: str
    evidence: Evidence
    evidence_sha256: str
    setup_note: str  # "" or why a detected set-up was left out
    spent: str  # as render_spent gives it
    marker: str
    checks_url: str  # the page of the commit's check runs, which have the whole evidence
    blocked: tuple[tuple[str, str, str], ...] = ()  # (host, why, the command that wanted it)
    around: tuple[str, ...] = ()  # sentences about where it goes, as `render_surroundings` gives them
    advice: tuple[str, ...] = ()  # a second reader's points: a model's words, never a result
    pushes: tuple[Push, ...] = ()  # since it was opened, oldest first; `evidence` is of the last one
    first_tier: str = ""  # what was measured when it was opened
    schedule: str = ""  # that asked for it, in place of an issue
    merged: str = ""  # the base branch, where the newest commit merges it
    commits_url: str = ""  # of the pull request, once it is there: all that was pushed
    onto: str = ""  # a person's branch: `issue` is the pull request that it comes from, and nothing is closed


def render_pull_title(title: str, issue: int) -> str:
    return sanitise_line(title, limits.TITLE_CHARACTERS) or f"Change for issue #{issue}"


def render_schedule_title(title: str, schedule: str) -> str:
    return sanitise_line(title, limits.TITLE_CHARACTERS) or f"Maintenance: {schedule}"


def render_pull_body(text: PullText) -> str:
    """At most BODY_CHARACTERS. Words are bounded where they come in and never cut; of what was measured the check run
    has all."""
    evidence = text.evidence
    summary, dropped = _told(text.summary)
    cause, more = _told(text.root_cause)
    risks, most = _told(text.risks)
    left_out = dropped + more + most
    measured = [
        summary,
        f"**Cause.** {cause}" if cause else "",
        _since(text.pushes, text.commits_url),
        "### What was measured",
        _measured_of(text),
        render_verdict(evidence),
        render_proofs(evidence),
        _folded("All test runs", render_runs(evidence)),
        render_remarks(evidence),
    ]
    told = [
        render_whole(evidence, text.checks_url),
        text.setup_note and f"- {sanitise_line(text.setup_note, 600)}",
        "\n".join(f"- {sentence}" for sentence in text.around),
        _blocked(text.blocked),
        render_reproduce(evidence),
        f"### Look twice\n\n{risks}" if risks else "",
        _second_look(text.advice),
        render_dropped(left_out, OF_THE_MODEL),
    ]
    head = "\n\n".join((SECTION, *filter(None, measured)))
    rest = "".join(f"\n\n{section}" for section in told if section)
    return fit(head, rest + _footer(text), whole=f"in [the check run of the commit]({text.checks_url})")


def _since(pushes: tuple[Push, ...], page: str) -> str:
    before = len(pushes) - limits.PUSHES_SHOWN
    lines = [f"- {before} earlier ones are among [the commits]({page})"] if before > 0 else []
    lines += [
        f"- `{push.commit[:10]}` {sanitise_line(push.title, 200)} (for {sanitise_line(push.requested_by, 60)}, tier "
        f"{push.tier})"
        for push in pushes[-limits.PUSHES_SHOWN :]
    ]
    return "\n".join(("**Since it was opened**\n", *lines)) if lines else ""


def _measured_of(text: PullText) -> str:
    """What the words below are about, once there is more than one commit."""
    if not text.pushes:
        return ""
    last, before = text.pushes[-1], text.evidence.base_commit
    opened = f" When it was opened it was tier {text.first_tier}." if text.first_tier else ""
    against = (
        f"{code(text.merged)} at `{before[:10]}`" if text.merged else f"the one before it, `{before[:10]}`"
    )
    return f"Of the newest commit, `{last.commit[:10]}`, against {against}.{opened}"


def _blocked(hosts: tuple[tuple[str, str, str], ...]) -> str:
    """Hosts that were wanted and not let out; whoever reads it can add them to the list."""
    lines = [
        f"- {sanitise_line(host, 100)}, wanted by `{sanitise_line(command, 120).replace('`', '')}`: "
        f"{sanitise_line(why, 300)}"
        for host, why, command in hosts[:_BLOCKED_SHOWN]
    ]
    if len(hosts) > _BLOCKED_SHOWN:
        lines.append(f"- and {len(hosts) - _BLOCKED_SHOWN} more")
    return "\n".join(("**Not let out to the network**\n", *lines)) if lines else ""


def _footer(text: PullText) -> str:
    base = text.evidence.base_commit[:10]
    if text.schedule:
        asked = f"---\n<sub>Made by the schedule `{text.schedule}` of `{REPO_CONFIG_PATH}`; {_SCHEDULE}"
    elif text.onto:
        asked = (
            f"Goes onto {code(text.onto)}, the branch of #{text.issue}.\n\n---\n<sub>Requested by "
            f"{sanitise_line(text.requested_by, 60)} in #{text.issue}."
        )
    else:
        asked = (
            f"Fixes #{text.issue}\n\n---\n<sub>Requested by {sanitise_line(text.requested_by, 60)} in "
            f"#{text.issue}."
        )
    return (
        f"\n\n{asked} Base `{base}`, tested tree `{text.evidence.patch_tree[:10]}`, "
        f"evidence `{text.evidence_sha256[:16]}`. {text.spent}</sub>\n{text.marker}\n"
    )


def _told(text: str) -> tuple[str, int]:
    kept, dropped = drop_claims(text)
    return sanitise_block(kept), dropped


def _second_look(points: tuple[str, ...]) -> str:
    kept = [sanitise_line(drop_claims(point)[0], 500) for point in points]
    lines = [f"- {point}" for point in kept if point]
    if not lines:
        return ""
    return "\n".join(
        ["### A second reader asks\n", *lines, "\n<sub>A model's advice; nothing was measured for it.</sub>"]
    )


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>" if content else ""
