"""The control API: the seeding face for another process, under `/_hub/`, guarded by a random token.

`POST /_hub/<method of Seed>` with a JSON object of arguments; the answer is `{"result": ...}`, bytes as base64.
Only the methods listed here can be called. `client.HubControl` is the other end.
"""

import base64
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from bot.localhub.replies import Refused
from bot.localhub.seed import Seed
from bot.localhub.seed_ground import NewApp

TOKEN_HEADER: Final = "X-Hub-Control"  # noqa: S105 - a header's name
_METHODS: Final = (
    "add_person",
    "set_webhook",
    "announce",
    "set_role",
    "open_issue",
    "comment",
    "close_issue",
    "thread",
    "threads",
    "refs",
    "deliveries",
    "redeliver",
    "requests",
    "wait_idle",
    "order_fault",
    "clear_faults",
    "end_tokens",
    "rename_repository",
    "add_workflow_run",
    "begin_workflow",
    "begin_job",
    "end_job",
    "set_status",
)


def install_control(app: FastAPI, seed: Seed, token: str) -> None:
    operations: dict[str, Callable[..., Any]] = {name: getattr(seed, name) for name in _METHODS}
    operations["add_app"] = lambda **given: seed.add_app(_new_app(given))
    operations["add_repository"] = lambda files, **given: seed.add_repository(files=_decoded(files), **given)
    operations["commit"] = lambda files, **given: seed.commit(files=_decoded(files), **given)
    operations["import_repository"] = lambda source, **given: seed.import_repository(
        source=Path(source), **given
    )
    operations["file"] = lambda **given: _encoded(seed.file(**given))

    async def control(request: Request) -> Response:
        given = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(), token.encode()):
            return JSONResponse({"error": "wrong control token"}, 403)
        operation = operations.get(str(request.path_params["operation"]))
        if operation is None:
            return JSONResponse({"error": "no such operation"}, 404)
        arguments = json.loads(await request.body() or b"{}")
        return await run_in_threadpool(_run, operation, arguments)

    app.add_route("/_hub/{operation}", control, methods=["POST"])


def _run(operation: Callable[..., Any], arguments: dict[str, Any]) -> Response:
    try:
        return JSONResponse({"result": operation(**arguments)})
    except Refused as refused:
        return JSONResponse({"error": str(refused)}, 422)
    except (KeyError, ValueError, TypeError) as error:
        return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)


def _new_app(given: dict[str, Any]) -> NewApp:
    for key in ("events", "repositories"):
        if given.get(key) is not None:
            given[key] = tuple(given[key])
    return NewApp(**given)


def _decoded(files: dict[str, str | None]) -> dict[str, Any]:
    return {path: None if text is None else base64.b64decode(text) for path, text in files.items()}


def _encoded(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()
