"""Answers to `help`, `status` and `config`. Pure."""

from dataclasses import dataclass

from bot.domain.budget import Spent
from bot.domain.commands import CommandWord
from bot.domain.effective import Effective
from bot.domain.repo_config import REPO_CONFIG_PATH, RepoConfig
from bot.domain.tasks import Phase, TaskStatus
from bot.texts.sanitise import code, sanitise_line
from bot.texts.tracking import DOING, render_place, render_plan, render_spent

_HELP = {
    CommandWord.FIX: "a change, proven by tests where that is possible, as a pull request. Free text means the same",
    CommandWord.IMPLEMENT: "the same, for something new",
    CommandWord.REVIEW: "a review of the pull request; words behind it say what to look at",
    CommandWord.ASK: "an answer from the code, as a comment; `explain` means the same",
    CommandWord.PLAN: "a plan for the change, as a comment; nothing is changed",
    CommandWord.STATUS: "how far I am",
    CommandWord.STOP: "end what runs here; the work so far is shown",
    CommandWord.RETRY: "the last request once more; words behind it are added to it",
    CommandWord.GO: "release the request of somebody without write access",
    CommandWord.REBASE: "the base branch is merged into the pull request's branch, conflicts settled, proven by tests",
    CommandWord.UNDO: "take back my newest commit on the pull request, by one more commit",
    CommandWord.CONFIG: "the settings that hold here, and where they come from",
    CommandWord.HELP: "this list",
}


def render_help(handle: str, models: tuple[str, ...], config: RepoConfig) -> str:
    """What can be asked for here, and how. `models`: that may be named by `--model`; the first is the default.
    `config`: the repository's file."""
    at = f"@\u200b{handle}"
    rows = [f"| `{word}` | {text} |" for word, text in _HELP.items()]
    named = ", ".join(f"`{model}`" for model in models)
    return "\n".join(
        [
            f"Mention {at} at the beginning, then one of these words:",
            "",
            "| word | what you get |",
            "|---|---|",
            *rows,
            "",
            f"Flags: `--model` ({named}), `--base` (a branch to start from), `--budget` (US dollars at most), "
            "`--attempts` (tries at once).",
            "",
            "In this repository I am asked by:",
            "",
            *_ways(handle, config),
            "",
            "While I work, a further comment that mentions me changes the task, and closing the issue ends it. People "
            "with write access can ask; what others ask for waits until one of them says `go`.",
        ]
    )


def _ways(handle: str, config: RepoConfig) -> list[str]:
    """The ways in that the repository's file leaves open."""
    triggers, review = config.triggers, config.review
    assigned = ", ".join(code(one) for one in triggers.assign)
    requested = ", ".join(code(one) for one in triggers.review_request)
    moments = ", ".join(code(one) for one in review.when)
    ways = (
        (triggers.mention, "a comment that mentions me"),
        (triggers.opened, "a new issue or pull request that mentions me in its title or text"),
        (triggers.label, f"the label `{handle}:fix` for a change, `{handle}:review` for a review"),
        (bool(assigned), f"assigning {assigned} to an issue, for a change"),
        (bool(requested), f"requesting a review from {requested}"),
    )
    lines = [f"- {text}" for is_on, text in ways if is_on]
    lines = lines or ["- nothing: `triggers` in `.github/pullwright.yml` closes every way"]
    unasked = (
        (
            bool(moments),
            f"Pull requests are reviewed without being asked for: {moments}, where the file says so.",
        ),
        (triggers.reviews, "Reviews of my own pull requests are answered point by point, mention or not."),
        (triggers.checks, "I repair what my own commits break in CI without being asked."),
    )
    said = [text for is_on, text in unasked if is_on]
    return [*lines, "", *said] if said else lines


def render_config(rows: tuple[Effective, ...], models: tuple[str, ...], file: str) -> str:
    """Every key of the repository's file: what holds, and who says so. `file`: its page, for what is cut here."""
    named = ", ".join(code(model) for model in models)
    return "\n".join(
        [
            "What holds here, and where it comes from:",
            "",
            "| setting | value | from |",
            "|---|---|---|",
            *map(_setting, rows),
            f"| `--model` may name | {named} | the operator |",
            "",
            f"The file is [`{REPO_CONFIG_PATH}`]({file}) on the default branch.",
        ]
    )


def _setting(row: Effective) -> str:
    shown = code(row.value, 120).replace("|", "\\|") if row.value else row.otherwise
    return f"| `{row.key}` | {shown} | {row.origin} |"


def render_config_fault(fault: str) -> str:
    """`fault` names the file and the line."""
    return f"The repository's file can't be used, so I can't start here: {sanitise_line(fault, 600)}"


@dataclass(frozen=True)
class TaskState:
    """A task as people ask about it. `seconds` since it was asked for."""

    status: TaskStatus
    phase: Phase
    plan: tuple[tuple[str, str], ...]
    spent: Spent
    seconds: float
    before: int  # tasks in the queue before it
    url: str  # of the comment or check run that is kept up to date; empty: none yet
    waiting: tuple[
        tuple[str, str], ...
    ] = ()  # what waits until it is over, oldest first: the word, and who asked


def render_status(state: TaskState) -> str:
    """State, plan, time and cost, and what comes next."""
    match state.status:
        case TaskStatus.QUEUED:
            doing = f"waiting for a free place; {render_place(state.before)}"
        case TaskStatus.WAITING if state.phase is not Phase.ASK:
            doing = "waiting for a server that asked me to; I go on by myself"
        case _:
            doing = DOING[state.phase]
    minutes = f"{state.seconds / 60:.0f} min" if state.seconds >= 90 else f"{state.seconds:.0f} s"
    lines = [f"I am {doing} (asked {minutes} ago)."]
    if state.plan:
        lines += ["", *render_plan(state.plan)]
    if state.url:
        lines += ["", f"[Here]({state.url}) it is kept up to date."]
    if state.waiting:
        count = "1 request waits" if len(state.waiting) == 1 else f"{len(state.waiting)} requests wait"
        asked = ", ".join(f"`{word}` ({sanitise_line(by, 60)})" for word, by in state.waiting)
        lines += ["", f"{count} until that is over, in this order: {asked}."]
    if state.spent.turns:
        lines += ["", f"<sub>{render_spent(state.spent)}</sub>"]
    return "\n".join(lines)
