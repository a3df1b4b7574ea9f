"""The other end of the control API: seeds, steers and reads a hub that runs in another process."""

import base64
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2

from bot.errors import Bug, RetryLater
from bot.localhub.control import TOKEN_HEADER
from bot.localhub.records import Json
from bot.localhub.seed_ground import NewApp

_TIMEOUT_S = 300.0  # importing a large repository takes a minute or two


class HubControl:
    """The same methods as `seed.Seed`, over HTTP. Close it, or use it as a context manager."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx2.Client(timeout=_TIMEOUT_S, trust_env=False, headers={TOKEN_HEADER: token})

    def call(self, operation: str, **arguments: Any) -> Any:
        """Any operation by name. Raises Bug when it is refused, RetryLater when the hub does not answer."""
        try:
            answer = self._http.post(f"{self.url}/_hub/{operation}", json=arguments)
        except httpx2.TransportError as error:
            raise RetryLater(f"the local hub does not answer: {error}", 0.2) from error
        body = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else {}
        if answer.status_code != 200:
            raise Bug(f"the local hub refused {operation}: {answer.status_code} {body.get('error', '')}")
        return body["result"]

    def add_person(self, login: str, name: str = "") -> str:
        return str(self.call("add_person", login=login, name=name))

    def add_app(self, new: NewApp) -> dict[str, int]:
        return dict(self.call("add_app", **asdict(new)))

    def set_webhook(self, app_id: int, url: str, secret: str) -> None:
        self.call("set_webhook", app_id=app_id, url=url, secret=secret)

    def announce(self, app_id: int) -> None:
        self.call("announce", app_id=app_id)

    def add_repository(
        self, full_name: str, files: Mapping[str, bytes], *, private: bool = True, description: str = ""
    ) -> str:
        encoded = {path: base64.b64encode(content).decode() for path, content in files.items()}
        options = {"private": private, "description": description}
        return str(self.call("add_repository", full_name=full_name, files=encoded, **options))

    def import_repository(
        self, full_name: str, source: Path, base: str, *, private: bool = True, description: str = ""
    ) -> str:
        options = {"private": private, "description": description}
        return str(
            self.call("import_repository", full_name=full_name, source=str(source), base=base, **options)
        )

    def set_role(self, full_name: str, login: str, role: str) -> None:
        self.call("set_role", full_name=full_name, login=login, role=role)

    def open_issue(self, full_name: str, login: str, title: str, body: str) -> int:
        return int(self.call("open_issue", full_name=full_name, login=login, title=title, body=body))

    def comment(self, full_name: str, number: int, login: str, body: str) -> int:
        return int(self.call("comment", full_name=full_name, number=number, login=login, body=body))

    def thread(self, full_name: str, number: int) -> Json:
        return dict(self.call("thread", full_name=full_name, number=number))

    def threads(self, full_name: str) -> list[Json]:
        return list(self.call("threads", full_name=full_name))

    def refs(self, full_name: str) -> dict[str, str]:
        return dict(self.call("refs", full_name=full_name))

    def file(self, full_name: str, revision: str, path: str) -> bytes | None:
        found = self.call("file", full_name=full_name, revision=revision, path=path)
        return None if found is None else base64.b64decode(found)

    def deliveries(self) -> list[Json]:
        return list(self.call("deliveries"))

    def redeliver(self, delivery_id: int) -> int:
        return int(self.call("redeliver", delivery_id=delivery_id))

    def wait_idle(self, timeout_s: float = 10.0) -> bool:
        return bool(self.call("wait_idle", timeout_s=timeout_s))

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> "HubControl":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()
