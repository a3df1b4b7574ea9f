"""Runs the calls of one reply, in order, and answers each of them.

Every call gets exactly one output, whatever happens to it: refused, failed, or not run. Faults that are the
model's to mend come back as text; faults of the machinery (no sandbox, task taken over) go up and leave no
row, so that the batch runs again from the last snapshot.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from bot.agent.contract import Deps, PlanStep
from bot.agent.decide import CIRCLE, STILL
from bot.agent.history import JsonObject, State, render_submission
from bot.agent.loopguard import Circle, decide_circle, print_call
from bot.agent.tools.arguments import CallFault, Prepared, Refused, prepare_call
from bot.agent.tools.contract import Tool, ToolContext, ToolResult
from bot.domain import limits
from bot.domain.budget import Spent, decide_notice
from bot.domain.ids import TreeSha
from bot.errors import Bug, ForModel
from bot.llm.contract import FinishReason, ToolCall
from bot.llm.sanitise import clean_text

_LABEL_CHARACTERS = 200


@dataclass(frozen=True)
class _Answer:
    call: ToolCall
    text: str
    fault: CallFault | None = None
    repairs: tuple[str, ...] = ()
    mutated: bool = False
    result: ToolResult | None = None
    tool: str = ""
    label: str = ""


async def run_batch(
    state: State, tools: tuple[Tool, ...], context: ToolContext, deps: Deps, elapsed: Callable[[], float]
) -> JsonObject:
    """The body of the OUTPUTS row for the pending reply. `elapsed`: active seconds of the whole task."""
    reply = state.pending
    if reply is None:
        raise Bug("there are no calls to run")
    time_is_up = 60 * deps.budget.minutes
    answers: list[_Answer] = []
    submitted: ToolResult | None = None
    for index, call in enumerate(reply.message.calls):
        why_not = _not_run(index, submitted, late=elapsed() >= time_is_up)
        if why_not:
            answers.append(_Answer(call, f"Not run: {why_not}", CallFault.NOT_RUN))
            continue
        cut = reply.finish is FinishReason.LENGTH
        labelled = replace(context, label=f"{state.spent.turns}-{index + 1}")
        answer = await _run_call(prepare_call(call, tools, cut), call, labelled, deps)
        answers.append(answer)
        submitted = answer.result if answer.result and answer.result.submission else submitted
    tree = await _tree_after(answers, submitted, state, deps)
    return _render(state, answers, tree, replace(state.spent, seconds=elapsed()), deps)


def _not_run(index: int, submitted: ToolResult | None, late: bool) -> str:
    if submitted is not None:
        return "you have submitted."
    if index >= limits.MODEL_CALLS_PER_REPLY:
        return f"at most {limits.MODEL_CALLS_PER_REPLY} calls of one reply are run. Send it again."
    return "the time is used up." if late else ""


async def _run_call(
    prepared: Prepared | Refused, call: ToolCall, context: ToolContext, deps: Deps
) -> _Answer:
    if isinstance(prepared, Refused):
        return _Answer(call, clean_text(prepared.text), prepared.fault)
    label = _one_line(prepared.tool.describe(prepared.arguments))
    begun = deps.clock.now()
    deps.observer.command_started(label)
    try:
        result = await prepared.tool.run(prepared.arguments, context)
    except ForModel as refusal:
        result = ToolResult(str(refusal), ok=False)
    deps.observer.command_ended(label, result.ok, deps.clock.now() - begun)
    return _Answer(
        call,
        clean_text(result.text),
        repairs=prepared.repairs,
        mutated=prepared.tool.mutates,
        result=result,
        tool=prepared.tool.name,
        label=label,
    )


async def _tree_after(
    answers: list[_Answer], submitted: ToolResult | None, state: State, deps: Deps
) -> TreeSha:
    """The submitted tree, or a new snapshot if anything may have changed, or the one that we have."""
    if submitted is not None and submitted.tree is not None:
        return submitted.tree
    return await deps.snapshots.take() if any(answer.mutated for answer in answers) else state.tree


def _render(state: State, answers: list[_Answer], tree: TreeSha, spent: Spent, deps: Deps) -> JsonObject:
    """Notices stand at the end of the last output: the prefix of the conversation never changes."""
    prints = tuple(print_call(answer.call, answer.text) for answer in answers)
    notices = []
    circle = decide_circle((*state.prints, *prints))
    if circle is not Circle.NONE and state.circle is Circle.NONE:
        notices.append(CIRCLE.format(count=limits.SAME_CALL_LIMIT))
    if _is_still(state, answers, tree):
        notices.append(STILL.format(count=limits.STILL_TURNS))
    if notice := decide_notice(deps.budget, state.spent_when_told, spent):
        notices.append(notice)
    texts = [answer.text for answer in answers]
    texts[-1] = "\n\n".join([texts[-1], *notices])
    submission = next(
        (answer.result.submission for answer in answers if answer.result and answer.result.submission), None
    )
    return {
        "outputs": [
            {
                "call_id": answer.call.id,
                "text": text,
                "fault": answer.fault.value if answer.fault else None,
                "repairs": list(answer.repairs),
                "print": fingerprint,
                "tool": answer.tool,
                "label": answer.label,
            }
            for answer, text, fingerprint in zip(answers, texts, prints, strict=True)
        ],
        "plan": [[step.step, step.status.value] for step in _last_plan(answers)],
        "questions": [
            question for answer in answers if answer.result for question in answer.result.questions
        ],
        "findings": [
            asdict(answer.result.finding) for answer in answers if answer.result and answer.result.finding
        ],
        "settled": [
            asdict(answer.result.settled) for answer in answers if answer.result and answer.result.settled
        ],
        "tree": tree,
        "submission": render_submission(submission) if submission else None,
        "seconds": spent.seconds,
    }


def _is_still(state: State, answers: list[_Answer], tree: TreeSha) -> bool:
    """Told at the fifteenth such reply, and again after as many more."""
    reads = any(
        answer.tool in ("read_file", "report_finding", "settle_finding") and not answer.fault
        for answer in answers
    )
    return tree == state.tree and not reads and (state.still + 1) % limits.STILL_TURNS == 0


def _last_plan(answers: list[_Answer]) -> tuple[PlanStep, ...]:
    plans = [answer.result.plan for answer in answers if answer.result and answer.result.plan]
    return plans[-1] if plans else ()


def _one_line(label: str) -> str:
    lines = clean_text(label).splitlines()
    first = lines[0] if lines else ""
    more = len(lines) > 1 or len(first) > _LABEL_CHARACTERS
    return first[:_LABEL_CHARACTERS] + (" …" if more else "")
