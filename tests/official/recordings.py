"""What real GitHub answered, as a judge of what our hub answers: the keys that every recording of an operation
shares have to be there, with one of the recorded types. Recordings are old and young; only those of 2021 and
later are asked, unless there are no others."""

import gzip
import json
from collections import defaultdict
from functools import cache
from typing import Any

from tests.official.description import HERE

_YOUNG = 2021
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}


@cache
def recorded() -> dict[tuple[str, int], list[Any]]:
    """Bodies by (operation, status)."""
    lines = gzip.decompress((HERE / "recordings.jsonl.gz").read_bytes()).decode().splitlines()
    every = defaultdict(list)
    for line in lines:
        one = json.loads(line)
        every[one["op"], one["status"]].append(one)
    return {
        key: [o["body"] for o in some if o["date"][0] >= _YOUNG] or [o["body"] for o in some]
        for key, some in every.items()
    }


def disagreements(operation: str, status: int, body: Any) -> list[str]:
    """Where an answer differs in keys or types from every recorded one; nothing when none was recorded."""
    bodies = recorded().get((operation, status))
    return list(_compare("", bodies, body)) if bodies else []


def _compare(at: str, theirs: list[Any], ours: Any) -> Any:
    kinds = {kind(value) for value in theirs}
    if kind(ours) not in kinds | {"null"} and kinds != {"null"}:
        yield f"{at}: {kind(ours)} instead of {' or '.join(sorted(kinds))}"
        return
    if isinstance(ours, dict):
        objects = [value for value in theirs if isinstance(value, dict)]
        shared = set.intersection(*map(set, objects)) if objects else set()
        for key in sorted(shared):
            if key not in ours:
                yield f"{at}/{key}: missing"
            else:
                yield from _compare(f"{at}/{key}", [value[key] for value in objects], ours[key])
    elif isinstance(ours, list):
        items = [item for value in theirs if isinstance(value, list) for item in value]
        for item in ours[:2] if items else []:
            yield from _compare(f"{at}/*", items, item)


def kind(value: Any) -> str:
    return "null" if value is None else _KINDS[type(value)]
