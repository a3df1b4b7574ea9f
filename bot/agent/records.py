"""What the harness itself knows about a run, kept beside the conversation and folded from the same rows. Pure.

After a compaction these records stand in place of the conversation, so nothing in them is the model's memory
of what happened: calls and their first lines of output, the last test difference, the plan, people's words.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from bot.agent.contract import PlanStep, StepStatus

JsonObject = dict[str, Any]

_READ_HEADER: Final = re.compile(r"`(.+)`, lines \d+-\d+ of \d+\n")
_LINE_CHARACTERS: Final = 160
_CALLS_KEPT: Final = 60  # more than a reader takes in; the newest ones matter


@dataclass(frozen=True)
class Records:
    """`calls`: one line each, newest last. `said`: what people with access wrote while the work went on."""

    plan: tuple[PlanStep, ...] = ()
    tests: str = ""  # the last answer of run_tests, as the model saw it
    calls: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    feedback: str = ""  # the last verification's findings
    read_paths: frozenset[str] = frozenset()  # files that read_file has shown
    repairs: tuple[str, ...] = ()  # arguments that were mended, one entry each


def note_output(records: Records, output: JsonObject) -> Records:
    """One answered call more. Rows of older versions name neither tool nor label."""
    tool, label, text = output.get("tool") or "", output.get("label") or "", output["text"]
    first = _cut(text.partition("\n")[0])
    line = f"{label or tool or 'a call'} -> {output['fault'] or first}"
    records = replace(
        records,
        calls=(*records.calls, line)[-_CALLS_KEPT:],
        repairs=(*records.repairs, *output["repairs"]),
    )
    if tool == "read_file" and (header := _READ_HEADER.match(text)):
        return replace(records, read_paths=records.read_paths | {header.group(1)})
    return replace(records, tests=text) if tool == "run_tests" and not output["fault"] else records


def note_plan(records: Records, plan: list[list[str]]) -> Records:
    """`plan`: [step, status] as the row holds it; empty: unchanged."""
    steps = tuple(PlanStep(step, StepStatus(status)) for step, status in plan)
    return replace(records, plan=steps) if steps else records


def _cut(line: str) -> str:
    return line if len(line) <= _LINE_CHARACTERS else f"{line[: _LINE_CHARACTERS - 1]}…"
