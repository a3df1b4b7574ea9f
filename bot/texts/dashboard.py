"""The dashboard: one issue that says what is done without being asked for, and takes two kinds of ticks. Pure.

Only the part between the marks is ours: what people write around it stays.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain import limits
from bot.domain.boxes import BEGIN, END, Box, render_box
from bot.domain.config_nodes import REPO_CONFIG_PATH
from bot.domain.evidence import Evidence
from bot.domain.limits import SCHEDULE_FAILURES, SCHEDULE_NEGLECT_S
from bot.domain.schedules import Pause, ScheduleResult
from bot.texts.claims import drop_claims, render_dropped
from bot.texts.endings import render_patch
from bot.texts.evidence_table import render_remarks, render_runs, render_verdict, render_whole
from bot.texts.sanitise import code, sanitise_block, sanitise_line

DASHBOARD_TITLE: Final = "Scheduled maintenance"
_DETAIL: Final = 500  # characters; SCHEDULES rows of it fit an issue, whatever has to be escaped in them

# Every result and every pause has its words; tests see to it.
RESULTS: Final = {
    ScheduleResult.OPENED: "opened {pull}",
    ScheduleResult.UPDATED: "brought {pull} up to date",
    ScheduleResult.PREVIEWED: "previewed: shown in a comment below, not proposed",
    ScheduleResult.NOTHING_TO_DO: "nothing to do",
    ScheduleResult.OPEN_PULL_EXISTS: "its pull request is open and nothing was merged since",
    ScheduleResult.CLOSED_BY_PERSON: "somebody closed its pull request: not proposed again. *Run now* goes past that",
    ScheduleResult.EDITED_BY_PERSON: "somebody else committed to its branch, which is left alone. Delete the branch to "
    "have it back",
    ScheduleResult.LIMIT_OPEN: "passed over: enough pull requests of schedules are open",
    ScheduleResult.LIMIT_DAY: "passed over: enough pull requests were opened today",
    ScheduleResult.LIMIT_MONEY: "passed over: what may be spent is used up",
    ScheduleResult.NOT_DUE: "missed while I was away; the next turn was near",
    ScheduleResult.PAUSED: "paused: its pull request waits for somebody",
    ScheduleResult.REMOVED: "the file does not name it any more",
    ScheduleResult.CONFIG_INVALID: "passed over: the file can't be used",
    ScheduleResult.TESTS_RED_AT_BASE: "no test of the default branch passes, so nothing could be proven",
    ScheduleResult.GAVE_UP: "gave up",
    ScheduleResult.STOPPED: "stopped",
    ScheduleResult.ERROR: "something went wrong on my side",
}
PAUSES: Final = {
    Pause.PERSON: "somebody paused it",
    Pause.FAILURES: f"{SCHEDULE_FAILURES} failures in a row",
    Pause.NEGLECT: f"its pull request is open for {SCHEDULE_NEGLECT_S / 86_400:.0f} days",
}


@dataclass(frozen=True)
class DashboardRow:
    """One schedule. `when` and `zone` as the file says; times in seconds since the epoch. `result` None: it had no turn
    yet; `running`: one is under way."""

    name: str
    when: str
    zone: str
    what: str  # of `uses`, or the prompt's first line
    next_at: float
    result: ScheduleResult | None = None
    detail: str = ""
    pull: int = 0
    ended_at: float = 0.0
    report: str = ""  # the address of the comment that says what it found
    running: bool = False
    wanted: bool = False
    pause: Pause | None = None


@dataclass(frozen=True)
class Dashboard:
    """`fault`: why the file can't be used. `previewed`: the first turn was shown already. `file`: the page of the
    repository's own file, which has what is cut here."""

    rows: tuple[DashboardRow, ...]
    previewed: bool
    file: str
    fault: str = ""


def render_dashboard(dashboard: Dashboard) -> str:
    """Our part of the issue's text, marks included. It fits: there are at most SCHEDULES of bounded size."""
    fault = f"> [!WARNING]\n> {sanitise_line(dashboard.fault, 600)}\n> Nothing runs until it is mended."
    first = (
        "> [!NOTE]\n> This is new here, so the first turn is a preview: what it would propose is shown in a comment "
        "below, and nothing is pushed."
    )
    parts = [
        BEGIN,
        f"What [`{REPO_CONFIG_PATH}`]({dashboard.file}) on the default branch asks for at set times. Each schedule "
        "keeps one branch and one pull request up to date. People with write access can tick the boxes.",
        fault if dashboard.fault else "",
        first if dashboard.rows and not dashboard.previewed else "",
        *(_row(row) for row in dashboard.rows),
        "" if dashboard.rows else "The file names no schedule at the moment.",
    ]
    return "\n\n".join((*filter(None, parts), END))


def replace_dashboard(body: str, ours: str) -> str:
    """`body` with our part of it exchanged; at the end where somebody has taken the marks away."""
    begin, end = body.find(BEGIN), body.find(END)
    if begin < 0 or end < begin:
        return f"{body.strip()}\n\n{ours}\n".lstrip()
    return f"{body[:begin]}{ours}{body[end + len(END) :]}"


def _row(row: DashboardRow) -> str:
    what = f": {sanitise_line(row.what, 120)}" if row.what else ""
    return "\n".join(
        [
            f"### {row.name}",
            "",
            f"{code(row.when)}{what}",
            "",
            f"- Last: {_last(row)}",
            f"- Next: {_next(row)}",
            f"{render_box(Box.RUN, row.name, on=row.wanted)} Run now",
            f"{render_box(Box.PAUSE, row.name, on=row.pause is not None)} Pause",
        ]
    )


def _last(row: DashboardRow) -> str:
    if row.result is None:
        return "working on it" if row.running else "no turn yet"
    said = RESULTS[row.result].format(pull=f"#{row.pull}" if row.pull else "a pull request")
    detail = f" ({sanitise_line(drop_claims(row.detail)[0], _DETAIL)})" if row.detail else ""
    report = f", [its report]({row.report})" if row.report else ""
    now = "; working on it again" if row.running else ""
    return f"{said}{detail}{report}, {_time(row.ended_at, row.zone)} (`{row.result}`){now}"


def _next(row: DashboardRow) -> str:
    if row.pause is not None:
        return f"paused, {PAUSES[row.pause]}. Clear the box to wake it"
    return "as soon as there is a free place" if row.wanted else _time(row.next_at, row.zone)


def _time(at: float, zone: str) -> str:
    """`Mon 30 Nov 2026, 03:12 (Europe/Berlin)`, whatever the host's language."""
    local = datetime.fromtimestamp(at, ZoneInfo(zone))
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[local.weekday()]
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    month = months[local.month - 1]
    return f"{day} {local.day} {month} {local.year}, {local:%H:%M} ({zone})"


@dataclass(frozen=True)
class Preview:
    """What a turn would have proposed. `summary`: the model's words."""

    schedule: str
    title: str
    summary: str
    evidence: Evidence
    patch: str
    spent: str
    marker: str


def render_preview(preview: Preview) -> str:
    """The comment on the dashboard, of any length: what does not fit goes on in further ones."""
    words, _ = drop_claims(preview.summary)
    evidence = preview.evidence
    sections = [
        f"This is what `{preview.schedule}` would have proposed: **{sanitise_line(preview.title, 120)}**. Nothing was "
        "pushed. From the next turn on there is a pull request.",
        sanitise_block(words, limits.SUMMARY_CHARACTERS),
        "### What was measured",
        render_verdict(evidence),
        render_remarks(evidence),
        f"<details><summary>All test runs</summary>\n\n{render_runs(evidence)}\n\n</details>",
        render_whole(evidence, ""),
        render_patch(preview.patch),
    ]
    head = "\n\n".join(section for section in sections if section)
    return f"{head}\n\n<sub>{preview.spent}</sub>\n{preview.marker}\n"


@dataclass(frozen=True)
class TurnReport:
    """What a turn says that reads GitHub's pages and changes nothing: `title` and `summary` are the model's words."""

    schedule: str
    title: str
    summary: str
    commit: str
    spent: str
    marker: str


def render_report(report: TurnReport) -> str:
    """The comment on the dashboard, of any length. Numbers of threads in it are links; nobody is called and nothing
    is closed by them."""
    told, dropped = drop_claims(report.summary)
    left_out = render_dropped(dropped, "about test results left out: nothing was measured for a report.")
    parts = [
        f"**{sanitise_line(report.title, 120)}**",
        sanitise_block(told, limits.ANSWER_CHARACTERS),
        left_out,
        f"<sub>A model's report for the schedule `{report.schedule}`, from `{report.commit[:10]}` and what was open "
        f"then. Nothing was done on GitHub. {report.spent}</sub>\n{report.marker}\n",
    ]
    return "\n\n".join(filter(None, parts))
