"""Answers to `help`, `status` and `config`. Pure."""

from dataclasses import dataclass

from bot.domain.budget import Spent
from bot.domain.commands import AVAILABLE, CommandWord
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
    CommandWord.CONFIG: "the settings that hold here, and where they come from",
    CommandWord.HELP: "this list",
}


def render_help(handle: str, models: tuple[str, ...]) -> str:
    """What can be asked for here. `models`: that may be named by `--model`; the first is the default."""
    at = f"@\u200b{handle}"
    rows = [f"| `{word}` | {text} |" for word, text in _HELP.items() if word in AVAILABLE]
    named = ", ".join(f"`{model}`" for model in models)
    return "\n".join(
        [
            f"Mention {at} at the beginning, then one of these words:",
            "",
            "| word | what you get |",
            "|---|---|",
            *rows,
            "",
            f"Flags: `--model` ({named}), `--base` (a branch to start from), `--budget` (US dollars at most).",
            "",
            f"The label `{handle}:fix` asks for a change too, `{handle}:review` for a review. While I work, a further "
            "comment that mentions me changes the task, and closing the issue ends it. People with write access can "
            "ask; what others ask for waits until one of them says `go`.",
        ]
    )


def render_config(config: RepoConfig, models: tuple[str, ...]) -> str:
    """Every key of the repository's file: what holds, and whether the file says so."""
    commands = (("setup", config.setup), ("test", config.test))
    rows = [
        _setting(key, value, "found in the repository", key in config.model_fields_set)
        for key, value in commands
    ]
    review = config.review
    for key in type(review).model_fields:
        value = getattr(review, key)
        shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        rows.append(_setting(f"review.{key}", shown, "", key in review.model_fields_set))
    named = ", ".join(code(model) for model in models)
    return "\n".join(
        [
            f"What holds here, from `{REPO_CONFIG_PATH}` on the default branch:",
            "",
            "| setting | value | from |",
            "|---|---|---|",
            *rows,
            f"| models | {named} | the operator |",
        ]
    )


def _setting(key: str, value: str | None, otherwise: str, said: bool) -> str:
    shown = code(value, 120).replace("|", "\\|") if value else otherwise or "none"
    return f"| `{key}` | {shown} | {'the file' if said else 'default'} |"


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


def render_status(state: TaskState) -> str:
    """State, plan, time and cost."""
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
    if state.spent.turns:
        lines += ["", f"<sub>{render_spent(state.spent)}</sub>"]
    return "\n".join(lines)
