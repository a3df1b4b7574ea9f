"""New lines put into a file over a matched span, so that everything that stays keeps its very bytes.

A change is a list of steps over the span: keep the next line, drop it, put a line in. A kept line is the
file's own line, with its own ending, blanks and punctuation, however loosely it was matched. A line put in
takes the ending of the line that it replaces, else the span's, else the file's commonest one.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.editing.match import NO_SHIFT, Rung, Shift, fold
from bot.editing.text import BLANKS, SourceText, body_of, dominant_ending, ending_of

_DIFF_CELLS: Final = 250_000
"""Lines times lines given to difflib (near quadratic); a larger middle is replaced as a whole."""


class Step(StrEnum):
    KEEP = " "
    DROP = "-"
    PUT = "+"


@dataclass(frozen=True)
class StepLine:
    """`body` as the model sent it: what it believed to stand there (keep, drop) or the new line (put)."""

    step: Step
    body: str


@dataclass(frozen=True)
class Replacement:
    """`raw` lines in place of the file's lines `start` up to, not including, `end`."""

    start: int
    end: int
    raw: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """The span that the steps run over, how it was matched, and what becomes of the end of the file."""

    start: int
    end: int
    rung: Rung = Rung.EXACT
    shift: Shift = NO_SHIFT
    final_newline: bool | None = None  # None: as the file has it
    last_ending: str | None = None  # of the last line, when the change ended before that ending


def diff_steps(old: Sequence[str], new: Sequence[str]) -> list[StepLine]:
    """The steps from `old` to `new`: equal lines are kept."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    steps = [StepLine(Step.KEEP, body) for body in old[:head]]
    if len(middle_old) * len(middle_new) > _DIFF_CELLS:
        blocks = [("replace", 0, len(middle_old), 0, len(middle_new))]
    else:
        blocks = list(difflib.SequenceMatcher(None, middle_old, middle_new, autojunk=False).get_opcodes())
    for tag, a, b, c, d in blocks:
        if tag == "equal":
            steps.extend(StepLine(Step.KEEP, body) for body in middle_old[a:b])
        else:
            steps.extend(StepLine(Step.DROP, body) for body in middle_old[a:b])
            steps.extend(StepLine(Step.PUT, body) for body in middle_new[c:d])
    steps.extend(StepLine(Step.KEEP, body) for body in old[len(old) - tail :])
    return steps


def splice(text: SourceText, place: Place, steps: Sequence[StepLine]) -> Replacement:
    """Run the steps over the span. Keep and drop steps must be as many as the span has lines."""
    span = text.raw[place.start : place.end]
    usual = dominant_ending(span) or text.ending
    raw: list[str] = []
    last_is_put = False
    next_line = 0
    dropped: list[tuple[str, str]] = []  # sent, raw: of the change that runs on until the next kept line
    put: list[str] = []

    def flush() -> None:
        nonlocal last_is_put
        for number, body in enumerate(put):
            pair = dropped[number] if number < len(dropped) else None
            raw.append(_put_line(body, pair, place) + ((pair and ending_of(pair[1])) or usual))
        last_is_put = last_is_put or bool(put)
        put.clear()
        dropped.clear()

    for step in steps:
        match step.step:
            case Step.PUT:
                put.append(step.body)
            case Step.DROP:
                dropped.append((step.body, span[next_line]))
                next_line += 1
            case Step.KEEP:
                flush()
                raw.append(span[next_line] if ending_of(span[next_line]) else span[next_line] + usual)
                last_is_put = False
                next_line += 1
    flush()
    if place.end == len(text.raw) and raw:
        raw[-1] = _last_line(raw[-1], text, place.final_newline, last_is_put or _ends_as_file(steps))
    if place.last_ending is not None and raw:
        raw[-1] = body_of(raw[-1]) + place.last_ending
    return Replacement(place.start, place.end, tuple(raw))


def _ends_as_file(steps: Sequence[StepLine]) -> bool:
    return bool(steps) and steps[-1].step is Step.KEEP


def _last_line(raw: str, text: SourceText, final_newline: bool | None, as_file: bool) -> str:
    if final_newline is None:
        if as_file and not text.ends_in_newline:
            return body_of(raw)
        return raw
    return raw if final_newline else body_of(raw)


def _put_line(body: str, pair: tuple[str, str] | None, place: Place) -> str:
    shifted = place.shift.apply(body)
    line = body if shifted is None else shifted
    if place.rung is not Rung.PUNCTUATION or pair is None:
        return line
    sent = place.shift.apply(pair[0])
    return line if sent is None else _keep_punctuation(line, sent, body_of(pair[1]))


def _keep_punctuation(line: str, sent: str, there: str) -> str:
    """The new line, with the file's own characters in the parts that the model left as they were."""
    trimmed = there[: len(fold(there).rstrip(BLANKS))]
    sent = sent[: len(fold(sent).rstrip(BLANKS))]
    if len(trimmed) != len(sent):
        return line
    head = 0
    while head < min(len(line), len(sent)) and line[head] == sent[head]:
        head += 1
    tail = 0
    while tail < min(len(line), len(sent)) - head and line[-1 - tail] == sent[-1 - tail]:
        tail += 1
    return trimmed[:head] + line[head : len(line) - tail] + trimmed[len(trimmed) - tail :]


def assemble(text: SourceText, replacements: Sequence[Replacement]) -> list[str]:
    """The whole file with the replacements, which are in order and do not overlap.

    Lines put behind a last line that has no ending: that line gets one here.
    """
    raw: list[str] = []
    at = 0
    for replacement in replacements:
        raw.extend(text.raw[at : replacement.start])
        if raw and replacement.raw and not ending_of(raw[-1]):
            raw[-1] += text.ending
        raw.extend(replacement.raw)
        at = replacement.end
    raw.extend(text.raw[at:])
    return raw
