"""`evidence.json`: the record of a verification in its published form. Pure.

The schema is generated from the record's own types (`docs/evidence.schema.json`), so the two can't part.
"""

import json
from dataclasses import asdict
from typing import Any, Final

from pydantic import TypeAdapter

from bot.domain.evidence import Evidence

FORMAT: Final = 1
"""Grows when a reader of an older format would misread a newer file."""


def render_evidence(evidence: Evidence) -> bytes:
    """Canonical JSON: sorted keys, no blanks, UTF-8. The same evidence gives the same bytes, so it can be signed."""
    body = {"format": FORMAT, "evidence": asdict(evidence)}
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse_evidence(content: bytes) -> Evidence:
    """The inverse. Raises ValueError for anything else."""
    body = json.loads(content)
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise ValueError("this is no evidence of a known format")
    return _ADAPTER.validate_python(body["evidence"])


def evidence_schema() -> dict[str, Any]:
    """JSON Schema of the whole file."""
    inner = _ADAPTER.json_schema(ref_template="#/$defs/{model}")
    definitions = inner.pop("$defs", {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pullwright evidence",
        "type": "object",
        "properties": {"format": {"const": FORMAT}, "evidence": inner},
        "required": ["format", "evidence"],
        "additionalProperties": False,
        "$defs": definitions,
    }


_ADAPTER: Final = TypeAdapter(Evidence)
