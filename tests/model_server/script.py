"""What the model server says and when it misbehaves: turns, faults, and a seeded plan of them. Pure."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Say:
    """Text without a call."""

    text: str


@dataclass(frozen=True)
class Call:
    """`arguments` as an object, or as text that is sent as it stands."""

    name: str
    arguments: JsonObject | str
    id: str = ""  # empty: given by the place in the conversation


@dataclass(frozen=True)
class Reply:
    """Anything: text and several calls."""

    text: str = ""
    calls: tuple[Call, ...] = ()


Turn = Say | Call | Reply


def parts_of(turn: Turn) -> Reply:
    match turn:
        case Say(text):
            return Reply(text)
        case Call():
            return Reply("", (turn,))
        case Reply():
            return turn


class Fault(StrEnum):
    """One way for a request to go wrong. Those of the first group send no part of the turn."""

    RATE_LIMIT = "rate_limit"  # 429 with Retry-After
    RATE_LIMIT_BARE = "rate_limit_bare"  # 429 without
    QUOTA = "quota"  # 429, insufficient_quota
    UNAUTHORISED = "unauthorised"  # 401
    NOT_FOUND = "not_found"  # 404, the model's name
    BAD_REQUEST = "bad_request"  # 400 that names nothing we could leave out
    SERVER_ERROR = "server_error"  # 500
    BAD_GATEWAY = "bad_gateway"  # 502 with an HTML page
    UNAVAILABLE = "unavailable"  # 503
    OVERLOADED = "overloaded"  # 529
    DROPPED = "dropped"  # the connection ends before an answer
    OVERFLOW = "overflow"  # 400, context_length_exceeded
    OVERFLOW_IN_STREAM = "overflow_in_stream"
    FAILED_IN_STREAM = "failed_in_stream"  # server_error after a 200
    CUT_STREAM = "cut_stream"  # the connection ends in the middle
    EMPTY_STREAM = "empty_stream"  # 200, and the stream ends without a word
    IDLE_STREAM = "idle_stream"  # the stream falls silent
    PINGS_ONLY = "pings_only"  # comments for ever, never an event
    BAD_CHUNK = "bad_chunk"  # a chunk that is no JSON
    BAD_BYTES = "bad_bytes"  # a chunk that is no UTF-8

    # A whole reply, but not the turn.
    EMPTY = "empty"
    REASONING_ONLY = "reasoning_only"
    REFUSAL = "refusal"
    FILTERED = "filtered"  # stopped by a content filter
    CUT_BY_LENGTH = "cut_by_length"  # half of the text or of the last call's arguments
    OVERLONG = "overlong"  # more than any reply needs
    TEXT_ONLY = "text_only"
    UNKNOWN_TOOL = "unknown_tool"
    BAD_ARGUMENTS = "bad_arguments"

    # The turn, oddly wrapped.
    SAME_IDS = "same_ids"  # all calls carry an id that was used before
    NO_IDS = "no_ids"
    ODD_IDS = "odd_ids"  # blanks, 200 characters
    UNKNOWN_FINISH = "unknown_finish"
    NO_USAGE = "no_usage"
    SHORT_USAGE = "short_usage"  # the prompt was cut in silence: far fewer tokens than were sent
    SURROGATES = "surrogates"  # lone surrogates and NUL in text


FINAL = frozenset({Fault.QUOTA, Fault.UNAUTHORISED, Fault.NOT_FOUND, Fault.BAD_REQUEST})
"""After one of these a task can only end."""

OVERFLOWS = frozenset({Fault.OVERFLOW, Fault.OVERFLOW_IN_STREAM, Fault.SHORT_USAGE})

Plan = Mapping[int, Sequence[Fault]]
"""By turn (from 0): the faults that this turn meets, one a request; afterwards it goes out unharmed."""


def seeded_faults(seed: int, turns: int, rate: float, kinds: Sequence[Fault] = tuple(Fault)) -> Plan:
    """A plan in which each request of each turn meets a fault with probability `rate` (at most three a turn)."""
    chance = random.Random(seed)
    plan: dict[int, list[Fault]] = {}
    for turn in range(turns):
        while len(plan.get(turn, ())) < 3 and chance.random() < rate:
            plan.setdefault(turn, []).append(chance.choice(list(kinds)))
    return plan
