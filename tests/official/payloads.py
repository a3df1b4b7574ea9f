"""GitHub's published webhook schemas as a judge of payloads."""

from functools import cache
from typing import Any

import jsonschema_rs

from tests.official.description import closure, describe, json_schema, load


def schema_name(event: str, action: str | None) -> str:
    """The schema's name of an event: `check-run-completed`, `push`."""
    return "-".join(event.split("_") + (action.split("_") if action else []))


def payload_problems(event: str, payload: dict[str, Any]) -> list[str]:
    """What a payload lacks or has wrong; one problem when there is no schema for it."""
    validator = _validator(schema_name(event, payload.get("action")))
    if validator is None:
        return [f"no schema for {event} {payload.get('action')}"]
    return [describe(error, "") for error in validator.iter_errors(payload)]


@cache
def _validator(name: str) -> Any:
    every = load("webhooks.json.gz")
    schema = every["webhooks"].get(name)
    if schema is None:
        return None
    needed = {n: json_schema(s) for n, s in closure(schema, every["components"]["schemas"]).items()}
    whole = {**json_schema(schema), "components": {"schemas": needed}}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
