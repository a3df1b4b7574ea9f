"""The one comment that a task keeps up to date: state, plan, time, cost. Pure."""

from dataclasses import dataclass
from typing import Final

from bot.domain.budget import Spent
from bot.domain.limits import QUEUE_SHOWN
from bot.domain.tasks import Phase
from bot.texts.sanitise import sanitise_line

DOING: Final = {
    Phase.ACCEPT: "starting",
    Phase.PREPARE: "preparing the repository and its environment",
    Phase.WORK: "working on it",
    Phase.ASK: "waiting for an answer",
    Phase.VERIFY: "verifying the change in fresh sandboxes",
    Phase.PUBLISH: "publishing",
    Phase.REPORT: "writing the report",
}
_MARKS: Final = {"completed": "x", "in_progress": " ", "pending": " "}


@dataclass(frozen=True)
class TrackingState:
    """A task that runs. `plan`: (step, status) in the model's words."""

    phase: Phase
    round: int
    plan: tuple[tuple[str, str], ...]
    spent: Spent
    notes: tuple[str, ...]
    marker: str
    before: int | None = None  # tasks in the queue before it; None: it is at work


def render_tracking(state: TrackingState) -> str:
    """While the task runs, and while it waits for its turn."""
    again = f" (round {state.round + 1})" if state.round else ""
    doing = f"👀 I am {DOING[state.phase]}{again}."
    lines = [doing if state.before is None else f"⏳ I have seen this; {render_place(state.before)}."]
    if state.plan:
        lines += ["", *render_plan(state.plan)]
    lines += [f"\n- {sanitise_line(note, 600)}" for note in state.notes]
    if state.spent.turns:
        lines += ["", f"<sub>{render_spent(state.spent)}</sub>"]
    return "\n".join([*lines, "", state.marker, ""])


def render_place(before: int) -> str:
    """Where in the queue a task is that has so many before it."""
    if before >= QUEUE_SHOWN:
        return f"more than {QUEUE_SHOWN} tasks are before it in the queue"
    if before == 0:
        return "it is next in the queue"
    return "1 task is before it in the queue" if before == 1 else f"{before} tasks are before it in the queue"


def render_questions(questions: tuple[str, ...], spent: str, marker: str) -> str:
    """While the task rests: what it asks, who may answer, and where."""
    lines = [
        "❓ I need an answer before I can go on:",
        "",
        *(f"{number}. {sanitise_line(one, 500)}" for number, one in enumerate(questions, start=1)),
        "",
        "Answer in a new comment here; everybody with write access may. I go on from where I stopped.",
    ]
    if spent:
        lines += ["", f"<sub>{spent}</sub>"]
    return "\n".join([*lines, "", marker, ""])


def render_call(login: str, questions: int, url: str, marker: str) -> str:
    """Calls the person who asked for the task: the one mention that we make, for GitHub tells nobody of an edit."""
    person = "".join(c for c in login if c.isalnum() or c == "-")
    what = "a question" if questions == 1 else f"{questions} questions"
    return f"@{person} I have [{what}]({url}) before I can go on. Answer in a comment here.\n{marker}\n"


def render_plan(plan: tuple[tuple[str, str], ...]) -> list[str]:
    """A line for each (step, status), as a checklist."""
    return [_step(*step) for step in plan]


def render_spent(spent: Spent) -> str:
    """Replies, tokens, money and minutes in one line; an unknown price is said as such."""
    tokens = f"{spent.tokens / 1000:.0f}k tokens" if spent.tokens >= 1000 else f"{spent.tokens} tokens"
    money = f"${spent.cost_usd:.2f}" if spent.priced else "price unknown"
    if spent.priced and not spent.cost_usd:
        money = "nothing paid"
    minutes = f"{spent.seconds / 60:.0f} min" if spent.seconds >= 90 else f"{spent.seconds:.0f} s"
    replies = "1 model reply" if spent.turns == 1 else f"{spent.turns} model replies"
    return f"{replies}, {tokens}, {money}, {minutes}."


def _step(step: str, status: str) -> str:
    text = sanitise_line(step, 200)
    mark = _MARKS.get(status, " ")
    return f"- [{mark}] **{text}**" if status == "in_progress" else f"- [{mark}] {text}"
