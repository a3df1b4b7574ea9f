"""The tracking comment when a task is over: one honest text for each named end (law 8). Pure.

Of any length: what does not fit into the comment goes on in further ones (`size.split_pages`).
"""

import re
from dataclasses import dataclass
from typing import Final

from bot.domain import limits
from bot.domain.evidence import Evidence
from bot.domain.outcomes import Outcome
from bot.texts.claims import drop_claims
from bot.texts.evidence_table import render_remarks, render_runs, render_verdict, render_whole
from bot.texts.sanitise import code, fenced, sanitise_block, sanitise_line

_LEFT_OUT_SHOWN: Final = 20  # files of a patch that are named; the rest is counted
_AGAIN: Final = "Mention `{handle}` again to try once more."

# Every outcome has one; tests see to it.
_HEADLINES: Final = {
    Outcome.PROVEN: "✅ {pull} is open: a test failed before the change and passes with it.",
    Outcome.CHECKED: "☑️ {pull} is open: nothing broke, but no test shows the difference.",
    Outcome.UNTESTED: "⚠️ {pull} is open as a draft: the tests of this repository could not be run.",
    Outcome.UNVERIFIED: "❌ There is a change, but it did not stand the verification: no pull request.",
    Outcome.ANSWERED: "",
    Outcome.CLEAN: "🔎 I have reviewed this and found nothing.",
    Outcome.FINDINGS: "🔎 I have reviewed this; the review says what I found.",
    Outcome.UNDONE: "↩️ I have taken my newest commit back.",
    Outcome.FLAKY: "🎲 What is red passed on this very commit before, so I changed nothing.",
    Outcome.HANDED_OVER: "🖐️ The checks are still red, so I stop here: a person has to look.",
    Outcome.STALE: "⌛ The pull request moved on meanwhile.",
    Outcome.NO_CHANGE_NEEDED: "🔎 I found nothing to change.",
    Outcome.NEEDS_CLARIFICATION: "❓ I need an answer before I can go on:",
    Outcome.BLOCKED: "✋ I could not do this.",
    Outcome.DECLINED: "✋ The model declined to work on this.",
    Outcome.OUT_OF_TURNS: "⏳ I stopped at a limit before I was done.",
    Outcome.OUT_OF_TOKENS: "⏳ I stopped at a limit before I was done.",
    Outcome.OUT_OF_MONEY: "⏳ I stopped at a limit before I was done.",
    Outcome.OUT_OF_TIME: "⏳ I stopped at a limit before I was done.",
    Outcome.MODEL_MISBEHAVED: "❌ The model did not get anywhere, so I stopped it.",
    Outcome.MODEL_UNAVAILABLE: "❌ The model can't be used at the moment.",
    Outcome.NO_SANDBOX: "❌ I did not start: no sandbox works on my host, and I never work without one.",
    Outcome.SETUP_FAILED: "❌ The repository's set-up failed in the sandbox, so I could not start.",
    Outcome.REPOSITORY_UNUSABLE: "❌ I can't use this repository as it is.",
    Outcome.ACCESS_LOST: "❌ I may not do this (any more).",
    Outcome.ACCESS_WITHDRAWN: "❌ Who asked for this may not write here any more, so I went no further.",
    Outcome.BRANCH_TAKEN: "❌ Somebody else has moved my branch, so I left it alone.",
    Outcome.STOPPED: "⏹️ Stopped.",
    Outcome.NOT_RUN: "⏭️ Nothing was begun.",
    Outcome.CLOSED: "⏹️ Closed, so I stopped.",
    Outcome.CRASHED: "❌ Something went wrong on my side.",
}


@dataclass(frozen=True)
class Ending:
    """How a task ended. `detail` is the harness's sentence; `summary` and `questions` are the model's words.
    `patch`: the change so far as a unified diff, empty when there is none or it is a pull request."""

    outcome: Outcome
    detail: str
    handle: str
    summary: str = ""
    questions: tuple[str, ...] = ()
    pull_url: str = ""
    pull_number: int = 0
    evidence: Evidence | None = None
    patch: str = ""
    spent: str = ""
    marker: str = ""
    about: str = ""  # what it was about: red checks, points of a review
    branch: str = ""  # that has our commit, where no pull request tells of it
    commit: str = ""
    unheard: str = ""  # what people said too late, as `render_unheard` gives it


def render_ending(ending: Ending) -> str:
    """Headline, why, what was measured, the patch so far, what to do next, the named end."""
    words, _ = drop_claims(ending.summary)
    evidence = ending.evidence
    pull = f"#{ending.pull_number}" if ending.pull_number else ending.pull_url
    with_evidence = evidence if evidence is not None and not ending.pull_url else None
    sections = [
        _HEADLINES[ending.outcome].format(pull=pull),
        f"{pull} was open already and stays as it is." if _stopped_late(ending) else _render_pushed(ending),
        sanitise_block(ending.detail, limits.ANSWER_CHARACTERS) if _tells_detail(ending) else "",
        f"In the model's words:\n\n{_quoted(words)}" if words and not ending.pull_url else "",
        "\n".join(f"{n}. {sanitise_line(one, 500)}" for n, one in enumerate(ending.questions[:3], start=1)),
        ending.about,
        render_verdict(with_evidence) if with_evidence else "",
        render_remarks(with_evidence) if with_evidence else "",
        _folded("All test runs", render_runs(with_evidence)) if with_evidence else "",
        render_whole(with_evidence, "") if with_evidence else "",
        render_patch(ending.patch),
        ending.unheard,
        _next_step(ending),
    ]
    head = "\n\n".join(section for section in sections if section)
    footer = " ".join(part for part in (f"Ended as `{ending.outcome.value}`.", ending.spent) if part)
    return f"{head}\n\n<sub>{footer}</sub>\n{ending.marker}\n"


def _tells_detail(ending: Ending) -> bool:
    """A pull request tells its own story; a verification's reason stands in its verdict."""
    measured = ending.evidence is not None and ending.outcome is not Outcome.STALE
    return bool(ending.detail) and not ending.pull_url and not measured


def _stopped_late(ending: Ending) -> bool:
    return bool(ending.pull_url) and ending.outcome in (Outcome.STOPPED, Outcome.CLOSED)


def _render_pushed(ending: Ending) -> str:
    if ending.pull_url or not ending.branch:
        return ""
    return f"Before that I had pushed {ending.commit[:10]} to {code(ending.branch)}, where it stays."


def _next_step(ending: Ending) -> str:
    again = _AGAIN.format(handle=f"@\u200b{ending.handle}")
    match ending.outcome:
        case Outcome.PROVEN | Outcome.CHECKED | Outcome.UNTESTED | Outcome.CLEAN | Outcome.FINDINGS:
            return ""
        case Outcome.ANSWERED | Outcome.STOPPED | Outcome.CLOSED | Outcome.NOT_RUN:
            return ""
        case Outcome.ACCESS_WITHDRAWN:
            return ""  # the reason says who can ask
        case Outcome.NEEDS_CLARIFICATION:
            return f"Answer here, and {again[0].lower()}{again[1:]}"
        case Outcome.NO_CHANGE_NEEDED | Outcome.BLOCKED | Outcome.DECLINED | Outcome.UNVERIFIED:
            return f"If something is missing in the issue, add it. {again}"
        case Outcome.OUT_OF_TURNS | Outcome.OUT_OF_TOKENS | Outcome.OUT_OF_MONEY | Outcome.OUT_OF_TIME:
            return f"A smaller or more exact request helps; the operator can raise the limit. {again}"
        case Outcome.SETUP_FAILED:
            return f"Mend the set-up, or name one in `.github/pullwright.yml` (`setup:`). {again}"
        case Outcome.NO_SANDBOX | Outcome.MODEL_UNAVAILABLE:
            return f"The operator has to mend this. {again}"
        case _:
            return again


def render_patch(patch: str) -> str:
    """The work so far, folded: whole files of it, and which ones are too long to be shown."""
    if not patch.strip():
        return ""
    shown, left_out = _choose_files(patch)
    folded = _folded("The change so far, as a patch", fenced(shown, "diff") if shown else "")
    return "\n\n".join(part for part in (folded, _left_out(left_out)) if part)


def _choose_files(patch: str) -> tuple[str, tuple[str, ...]]:
    """The files of a patch that people may still apply by hand; the others."""
    shown, left_out, room = [], [], limits.PATCH_SHOWN_CHARACTERS
    for file in re.split(r"(?m)^(?=diff --git )", patch):
        longest = max(map(len, file.splitlines()), default=0)
        if len(file) > room or longest > limits.PATCH_LINE_CHARACTERS:
            left_out.append(file)
        else:
            shown.append(file)
            room -= len(file)
    return "".join(shown), tuple(left_out)


def _left_out(files: tuple[str, ...]) -> str:
    if not files:
        return ""
    named = (
        f"{code(file.partition(chr(10))[0].rpartition(' b/')[2])} ({file.count(chr(10)):,} lines)"
        for file in files
    )
    shown = ", ".join(list(named)[:_LEFT_OUT_SHOWN])
    more = f" and {len(files) - _LEFT_OUT_SHOWN} more" if len(files) > _LEFT_OUT_SHOWN else ""
    return (
        f"Not in this patch, because nobody applies so much by hand: {shown}{more}. The "
        "operator has it: `pullwright tasks export`."
    )


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in sanitise_block(text, limits.ANSWER_CHARACTERS).splitlines())


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>" if content else ""
