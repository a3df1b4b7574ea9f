"""GitHub's published API description as a judge of requests and answers.

Requests are judged strictly: nothing may be missing, wrong or unknown. Answers have to have everything that the
description demands, in the right types; `format: uri` is not looked at (GitHub's own `{/number}` templates are none).
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

HERE = Path(__file__).parent
Json = dict[str, Any]
_ERRORS = (400, 401, 403, 404, 409, 410, 415, 422, 429, 451)  # what any operation may answer: `basic-error`
_MOVED = (301, 307)  # reads and writes after a rename, as GitHub documents for all and was recorded
_UNCHANGED = 304  # to a read that names the answer it knows, as GitHub documents for all
_SWALLOWS = ("path", "ref", "basehead", "branch")  # parameters that hold slashes


@cache
def load(name: str) -> Any:
    """The JSON of one of the files beside this one."""
    return json.loads(gzip.decompress((HERE / name).read_bytes()))


@dataclass(frozen=True)
class Operation:
    name: str  # "GET /repos/{owner}/{repo}"
    body: Json
    parameters: tuple[Json, ...]


class Description:
    """The 94 operations; compiled validators are kept, because a full pull request has a hundred schemas."""

    def __init__(self) -> None:
        self._api = load("api.json.gz")
        self._kept: dict[str, Any] = {}
        self._routes = sorted(self._read_routes(), key=lambda route: route[0])

    def _read_routes(self) -> Iterator[tuple[tuple[int, ...], str, re.Pattern[str], Operation]]:
        for path, item in self._api["paths"].items():
            parts = path.strip("/").split("/")
            # The more literal parts, the more exactly a path is meant.
            rank = (-sum(not p.startswith("{") for p in parts), sum(p[1:-1] in _SWALLOWS for p in parts))
            shape = re.compile("/" + "/".join(_pattern(p) for p in parts))
            for method, body in item.items():
                given = (*item.get("parameters", ()), *body.get("parameters", ()))
                parameters = tuple(self._resolved(p) for p in given)
                yield rank, method.upper(), shape, Operation(f"{method.upper()} {path}", body, parameters)

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation that a request means; None when GitHub's description (our cut of it) has none."""
        path = re.sub(r"^/repositories/\d+", "/repos/o/r", unquote(path))  # where a rename leads
        return next((o for _, m, shape, o in self._routes if m == method and shape.fullmatch(path)), None)

    def operations(self) -> list[str]:
        return sorted(o.name for *_, o in self._routes)

    def request_problems(self, operation: Operation, query: Mapping[str, str], raw: bytes) -> list[str]:
        """What GitHub would refuse or silently ignore in a request."""
        known = {p["name"]: p["schema"] for p in operation.parameters if p["in"] == "query"}
        problems = [f"?{name}: unknown" for name in query if name not in known]
        for name, text in query.items():
            if name in known:
                value = int(text) if known[name].get("type") == "integer" and text.isdigit() else text
                problems += self._problems(f"query {operation.name} {name}", known[name], value, f"?{name}")
        content = self._resolved(operation.body.get("requestBody", {})).get("content", {})
        if not content:
            return problems + (
                [f"a body where none is: {raw[:60]!r}"] if raw.strip() not in (b"", b"{}") else []
            )
        schema = content["application/json"]["schema"]
        body = json.loads(raw or b"{}")
        return problems + self._problems(f"request {operation.name}", schema, body, "", close=True)

    def response_problems(self, operation: Operation, status: int, raw: bytes) -> list[str]:
        """What GitHub's clients would stumble over in an answer."""
        described = operation.body["responses"].get(str(status))
        if status == _UNCHANGED:
            return ["304 with a body"] if raw else []
        if described is None and status not in (*_ERRORS, *_MOVED):
            return [f"status {status} is not described"]
        content = self._resolved(described).get("content", {}) if described else {}
        schema = next(
            (c["schema"] for media, c in content.items() if "json" in media and "schema" in c), None
        )
        if status >= 400 or (described is None and status in _MOVED):
            body = json.loads(raw)
            return [] if isinstance(body.get("message"), str) else [f"{status} without a message"]
        if schema is None:
            return [f"a body with {status}"] if raw and status in (204, 205, 304) else []
        where = f"response {operation.name} {status}"
        return self._problems(where, schema, json.loads(raw), "")

    def _problems(
        self, where: str, described: Json, value: Any, prefix: str, *, close: bool = False
    ) -> list[str]:
        validator = self._kept.get(where)
        if validator is None:
            schema = json_schema(described, close=close)
            whole = {**schema, "components": {"schemas": self._closure(schema)}}
            validator = self._kept[where] = jsonschema_rs.Draft7Validator(whole, validate_formats=True)
        return [describe(error, prefix) for error in validator.iter_errors(value)]

    def _resolved(self, item: Json) -> Json:
        if "$ref" not in item:
            return item
        _, _, kind, name = item["$ref"].split("/")
        return dict(self._api["components"][kind][name])

    def _closure(self, schema: Json) -> Json:
        """Every schema that this one leads to: all of them in each validator would take the memory of the host."""
        return {n: json_schema(s) for n, s in closure(schema, self._api["components"]["schemas"]).items()}


def closure(schema: Any, every: Mapping[str, Json]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    open_ones = [schema]
    while open_ones:
        for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(open_ones.pop())):
            if name not in found:
                found[name] = every[name]
                open_ones.append(every[name])
    return found


def json_schema(node: Any, *, close: bool = False) -> Any:
    """OpenAPI 3.0's dialect as JSON Schema: `nullable`, and no formats that are not GitHub's word.

    `close`: objects with listed properties take no others.
    """
    if isinstance(node, list):
        return [json_schema(item, close=close) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: json_schema(value, close=close) for key, value in node.items() if key != "nullable"}
    if made.get("format") in ("uri", "timestamp", "repo.nwo", "email", "int64"):
        del made["format"]
    if close and isinstance(made.get("properties"), dict) and "type" in made:
        made.setdefault("additionalProperties", False)
    if node.get("nullable") is True:
        return {"anyOf": [made, {"type": "null"}]}
    return made


def describe(error: Any, prefix: str) -> str:
    at = "".join(f"/{part}" for part in error.instance_path)
    words = error.message if len(error.message) <= 200 else f"{error.message[:60]} ... {error.message[-120:]}"
    return f"{prefix}{at}: {words}"


def _pattern(part: str) -> str:
    if not part.startswith("{"):
        return "".join(
            _pattern(p) if p.startswith("{") else re.escape(p) for p in re.split(r"(\{[^}]*\})", part) if p
        )
    return ".+" if part[1:-1] in _SWALLOWS else "[^/]+"
