"""Answers and refusals of the REST API as plain values: GitHub's status codes, error bodies, pages and links."""

from dataclasses import dataclass, field
from typing import Any, Final

from bot.errors import PullwrightError
from bot.localhub.records import Json

DOCS: Final = "https://docs.github.com/rest"
PAGE_SIZE: Final = 30  # GitHub's default
PAGE_SIZE_MAX: Final = 100


class Refused(PullwrightError):
    """Ends a request with an error body; caught by the dispatcher, never leaves this room."""

    def __init__(self, status: int, message: str, errors: list[Any] | None = None) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.errors = errors
        self.headers: dict[str, str] = {}
        self.extra: dict[str, str] = {}  # more keys of the body

    def body(self) -> Json:
        body: Json = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        body |= self.extra
        return {**body, "documentation_url": DOCS, "status": str(self.status)}


def not_found() -> Refused:
    return Refused(404, "Not Found")


def bad_credentials() -> Refused:
    return Refused(401, "Bad credentials")


def forbidden(message: str = "Resource not accessible by integration") -> Refused:
    return Refused(403, message)


def invalid(resource: str, field_name: str, code: str, message: str = "") -> Refused:
    """422 "Validation Failed" with one error."""
    error: Json = {"resource": resource, "code": code}
    if field_name:
        error["field"] = field_name
    if message:
        error["message"] = message
    return Refused(422, "Validation Failed", [error])


def unprocessable(message: str) -> Refused:
    """422 with a sentence instead of a list of errors."""
    return Refused(422, message)


@dataclass(frozen=True)
class Reply:
    """`body` None: empty. bytes: sent as they are with `media`. Anything else: JSON."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media: str = "application/json; charset=utf-8"


CREATED: Final = 201
NO_CONTENT: Final = Reply(None, 204)
