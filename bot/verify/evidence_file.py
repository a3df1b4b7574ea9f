"""`evidence.json`: the record of a verification in its published form. Pure.

The schema is generated from the record's own types (`docs/evidence.schema.json`), so the two can't part.
"""

import json
from dataclasses import asdict, replace
from typing import Any, Final

from pydantic import TypeAdapter

from bot.domain.evidence import Evidence

FORMAT: Final = 1
"""Grows when a reader of an older format would misread a newer file."""


def render_evidence(evidence: Evidence) -> bytes:
    """Canonical JSON: sorted keys, no blanks, UTF-8. The same evidence gives the same bytes, so it can be signed."""
    body = {"format": FORMAT, "evidence": asdict(evidence)}
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def compact_evidence(evidence: Evidence, characters: int) -> str:
    """A form for places with little room: the same schema, with `compact` saying so, lists and messages cut until it
    fits. The digest of the whole stands beside it. Empty when not even the runs fit."""
    for ids, words in ((1_000, 2_000), (100, 500), (20, 200), (5, 0)):
        small = replace(
            evidence,
            proofs=tuple(
                replace(proof, message_before=proof.message_before[:words]) for proof in evidence.proofs[:ids]
            ),
            notes=tuple(note[:1_000] for note in evidence.notes[:ids]),
            setup=evidence.setup[:words],
            **{name: getattr(evidence, name)[:ids] for name in _LISTS},
        )
        body = {"format": FORMAT, "compact": True, "evidence": asdict(small)}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if len(text) <= characters:
            return text
    return ""


def parse_evidence(content: bytes) -> Evidence:
    """The inverse. Raises ValueError for anything else."""
    try:
        body = json.loads(content)
    except RecursionError as error:
        raise ValueError("this is no evidence: it is nested too deeply") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise ValueError("this is no evidence of a known format")
    if body.get("compact"):
        raise ValueError("this is the compact form; take evidence.json itself")
    return _ADAPTER.validate_python(body.get("evidence"))


def evidence_schema() -> dict[str, Any]:
    """JSON Schema of the whole file."""
    inner = _ADAPTER.json_schema(ref_template="#/$defs/{model}")
    definitions = inner.pop("$defs", {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pullwright evidence",
        "type": "object",
        "properties": {
            "format": {"const": FORMAT},
            "compact": {
                "type": "boolean",
                "description": "Cut to fit a check run; the whole has the digest beside it.",
            },
            "evidence": inner,
        },
        "required": ["format", "evidence"],
        "additionalProperties": False,
        "$defs": definitions,
    }


_LISTS: Final = ("regressions", "failing_before", "flaky", "missing")
_ADAPTER: Final = TypeAdapter(Evidence)
