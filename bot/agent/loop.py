"""The agent's loop: ask the model, act in the sandbox, observe, until it submits or a bound is reached.

Each round reads the state, decides one step (`decide.py`), does it, appends one row and applies it
(`history.py`). Nothing is remembered outside the log but the workspace.

Races and deaths, and how each is closed:
- Dies after a reply was recorded, before its outputs were: the next run restores the last recorded snapshot
  and runs the calls again. The reply is not asked for twice.
- Dies while a request is in flight: that request, and only that, is sent again.
- Dies after the last row: the next run finds the submission and returns it.
- Another worker has taken the task: the next append raises Superseded, and nothing more happens here.
- A person writes between two turns: taken from the inbox by its number there, once, before the next request.
- Dies while it compacts: the stubs, the request for a note, the note and the rebuilt conversation are rows each.
"""

import json
from dataclasses import asdict, dataclass, field

from bot.agent.batch import run_batch
from bot.agent.compaction import plan_stubs, render_handover
from bot.agent.context import load_system_prompt, render_cache_key, render_first_messages, render_steering
from bot.agent.contract import (
    AgentTask,
    Deferred,
    Deps,
    End,
    Event,
    EventKind,
    Exhausted,
    Feedback,
    Finished,
    Waiting,
)
from bot.agent.decide import Ask, AskNote, Done, GiveUp, LeaveOut, Rebuild, RunCalls, Say, Wait, decide_next
from bot.agent.history import Handover, JsonObject, Source, State, apply_event, fold
from bot.agent.replay import render_bounds
from bot.agent.tools.arguments import render_spec
from bot.agent.tools.background import Backgrounds
from bot.agent.tools.contract import ToolContext
from bot.agent.tools.outputs import OutputShelf
from bot.agent.tools.registry import known_tools, tools_for
from bot.domain.outcomes import Outcome
from bot.errors import Bug, ModelFault, RetryLater
from bot.llm.contract import ContextOverflow, ModelRequest, paid_for
from bot.llm.features import features_for
from bot.llm.sanitise import clean_text
from bot.llm.serialise import render_message, render_reply, render_tool
from bot.sandbox.contract import Workspace


async def run(task: AgentTask, deps: Deps, feedback: Feedback | None = None) -> End:
    """Work on the task from where its event log ends. `feedback` says why the last submission was not enough.

    Raises Superseded (another worker has the task), and every fault of the machinery: SandboxUnavailable,
    RepositoryFault, RecordingMismatch, RetryLater from a snapshot. The log then holds all that was done.
    """
    state = fold(await deps.events.load())
    begun = deps.clock.now() - state.spent.seconds
    loop = _Loop(task, deps, state, begun)
    if not state.messages:
        await loop.record(EventKind.STARTED, render_start(task, deps))
    workspace = await deps.snapshots.restore(loop.state.tree)
    if feedback is not None and feedback.round > loop.state.feedback_round:
        await loop.say(Source.FEEDBACK, feedback.text, feedback.round)
    try:
        return await loop.work(workspace)
    finally:
        await loop.backgrounds.close()


def render_start(task: AgentTask, deps: Deps) -> JsonObject:
    """The first row: the messages and tools exactly as every request of the run will send them, and the bounds that
    decisions depend on, for a replay."""
    prompt, model = load_system_prompt(), deps.model.name
    return {
        "messages": [render_message(message) for message in render_first_messages(task, prompt)],
        "tools": [
            render_tool(render_spec(tool)) for tool in tools_for(features_for(model).edit_style, task.mode)
        ],
        "cache_key": render_cache_key(task, model, prompt),
        "tree": task.base_tree,
        "model": model,
        "bounds": render_bounds(deps.budget, deps.window),
    }


@dataclass
class _Loop:
    """One run. `begun` is the time at which it would have begun, had it never paused."""

    task: AgentTask
    deps: Deps
    state: State
    begun: float
    shelf: OutputShelf = field(default_factory=OutputShelf)
    backgrounds: Backgrounds = field(default_factory=Backgrounds)

    async def work(self, workspace: Workspace) -> End:
        while True:
            match decide_next(self.state, self.deps.budget, self.deps.window):
                case Done():
                    return self._finished()
                case GiveUp(outcome, detail):
                    return self._exhausted(outcome, detail)
                case Wait():
                    if not await self._hear():
                        return Waiting(self.state.questions, self.state.tree, self.state.spent)
                case Ask():
                    workspace.prepare()  # while the model thinks
                    if (end := await self._ask()) is not None:
                        return end
                case RunCalls():
                    await self._run_calls(workspace)
                case step:
                    await self._extend(step)

    async def _extend(self, step: Say | AskNote | LeaveOut | Rebuild) -> None:
        """Rows of our own making."""
        match step:
            case Say(text):
                await self.say(Source.NUDGE, text)
            case AskNote(text):
                await self.say(Source.HANDOVER, text)
            case LeaveOut():
                await self.record(EventKind.COMPACTED, {"stubs": plan_stubs(self.state).texts})
            case Rebuild():
                await self._rebuild(overflow=False)

    async def record(self, kind: EventKind, body: JsonObject) -> None:
        """Durable first, applied second; through JSON, so that a resume sees exactly what we see."""
        plain = json.loads(json.dumps(body))
        await self.deps.events.append(kind, plain)
        self.state = apply_event(self.state, Event(kind, plain))

    async def say(self, source: Source, text: str, number: int = 0) -> None:
        body = {"source": source.value, "text": clean_text(text), "id": number}
        await self.record(EventKind.MESSAGE, body)

    async def _hear(self) -> bool:
        """Take in what people wrote; whether there was anything."""
        said = await self.deps.inbox.drain(self.state.heard)
        for steering in said:
            first = f"Message from {steering.author}, who has write access and may change the instruction:"
            text = clean_text(f"{first}\n\n{render_steering(steering.text)}")
            body = {"source": Source.STEERING.value, "text": text, "id": steering.id, "seq": steering.seq}
            await self.record(EventKind.MESSAGE, body)
        return bool(said)

    async def _ask(self) -> End | None:
        if self.state.handover is Handover.NONE:  # else it is heard after the note
            await self._hear()
        request = ModelRequest(self.state.messages, self.state.tools, self.state.cache_key)
        try:
            reply = await self.deps.model.reply(request, self.deps.observer.text)
        except ContextOverflow as overflow:
            await self._note_paid(overflow)
            if not self.state.overflows and len(self.state.messages) > self.state.head:
                await self._rebuild(overflow=True)
                return None
            return self._exhausted(
                Outcome.OUT_OF_TOKENS, f"The conversation is too long for the model: {overflow}"
            )
        except ModelFault as fault:
            await self._note_paid(fault)
            return self._exhausted(Outcome.MODEL_UNAVAILABLE, str(fault))
        except RetryLater as pause:
            await self._note_paid(pause)
            return Deferred(self.deps.clock.now() + pause.after_s, str(pause), self.state.spent)
        await self.record(EventKind.REPLY, {"reply": render_reply(reply), "seconds": self._elapsed()})
        self.deps.observer.turn(self.state.spent)
        return None

    async def _note_paid(self, error: Exception) -> None:
        """Requests without a reply count as well."""
        if (usage := paid_for(error)).requests:
            await self.record(EventKind.PAID, {"usage": asdict(usage), "seconds": self._elapsed()})

    async def _rebuild(self, *, overflow: bool) -> None:
        """Shorten the conversation to the first messages, our own records, and the model's note if there is one."""
        state = self.state
        change = await self.deps.snapshots.summarise(state.tree)
        text = clean_text(render_handover(state.records, change, state.note, overflow=overflow))
        body = {"text": text, "overflow": overflow, "before_tokens": state.context_tokens}
        await self.record(EventKind.COMPACTED, body)

    async def _run_calls(self, workspace: Workspace) -> None:
        context = ToolContext(
            workspace=workspace,
            tests=self.deps.tests,
            snapshots=self.deps.snapshots,
            gate=self.deps.gate,
            observer=self.deps.observer,
            shelf=self.shelf,
            backgrounds=self.backgrounds,
            base_tree=self.task.base_tree,
            read_paths=self.state.records.read_paths,
            asked=self.state.asked,
            mode=self.task.mode,
            findings=len(self.state.findings),
            points=self.task.points,
            settleable=frozenset(one.number for one in self.task.earlier_findings if one.number),
        )
        names = {spec.name for spec in self.state.tools}
        tools = tuple(tool for tool in known_tools(self.task.mode) if tool.name in names)
        body = await run_batch(self.state, tools, context, self.deps, self._elapsed)
        await self.record(EventKind.OUTPUTS, body)

    def _elapsed(self) -> float:
        """Active seconds of all runs of this task so far; never less than the log says."""
        return max(self.state.spent.seconds, self.deps.clock.now() - self.begun)

    def _finished(self) -> End:
        if self.state.submission is None:
            raise Bug("the run is done without a submission")
        state = self.state
        return Finished(self.state.submission, state.tree, state.spent, state.findings, state.settled)

    def _exhausted(self, outcome: Outcome, detail: str) -> End:
        """No work is lost: the recorded tree is the work tree, because a snapshot follows each batch."""
        return Exhausted(outcome, detail, self.state.tree, self.state.spent, self.state.findings)
