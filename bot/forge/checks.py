"""Check runs of ours: found by external id, created once, updated."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.domain.ids import CommitSha
from bot.forge.answers import Json
from bot.forge.client import RepositoryClient, quoted


@dataclass(frozen=True)
class CheckAction:
    """A button. GitHub's limits: label 20, description 40, identifier 20 characters, three buttons."""

    label: str
    description: str
    identifier: str


@dataclass(frozen=True)
class CheckContent:
    """What a check run shows. `conclusion` empty: not completed. `text` empty: none."""

    status: str  # queued, in_progress, completed
    title: str
    summary: str
    conclusion: str = ""  # success, neutral, failure, cancelled, action_required, skipped, timed_out
    text: str = ""
    details_url: str = ""
    actions: tuple[CheckAction, ...] = field(default=())


@dataclass(frozen=True)
class CheckState:
    """A check run as GitHub has it."""

    id: int
    url: str
    name: str
    head_sha: CommitSha
    external_id: str
    status: str
    conclusion: str


class Checks:
    def __init__(self, client: RepositoryClient, app_id: int) -> None:
        self._client, self._app_id = client, app_id

    def find_check(self, head_sha: CommitSha, name: str, external_id: str) -> CheckState | None:
        """Our check run `name` on the commit with this external id; the oldest, should there be several.
        Raises GitHubFault (422: no such commit), RetryLater: no answer is not "none"."""
        query = {"check_name": name, "filter": "all"}
        runs = self._client.pages(f"/commits/{quoted(head_sha)}/check-runs", query, key="check_runs")
        found = [run for run in runs if self._is_ours(run, name, external_id)]
        found.sort(key=lambda run: int(run["id"]))
        return _state(found[0]) if found else None

    def _is_ours(self, run: Json, name: str, external_id: str) -> bool:
        app = run.get("app") or {}
        return bool(
            app.get("id") == self._app_id
            and run.get("name") == name
            and run.get("external_id") == external_id
        )

    def create_check(
        self, head_sha: CommitSha, name: str, external_id: str, content: CheckContent
    ) -> CheckState:
        """Sent once. Raises GitHubFault, WriteUnclear, RetryLater."""
        body = {"name": name, "head_sha": head_sha, "external_id": external_id, **_body(content)}
        return _state(self._client.write("POST", "/check-runs", body))

    def update_check(
        self, check_id: int, content: CheckContent, still: Callable[[], None] = lambda: None
    ) -> CheckState:
        """Replace what it shows; doing it twice does no harm. `still`: see `RepositoryClient.write`. Raises
        GitHubFault, RetryLater."""
        return _state(self._client.write("PATCH", f"/check-runs/{check_id}", _body(content), still))


def _body(content: CheckContent) -> dict[str, Any]:
    output = {"title": content.title, "summary": content.summary}
    if content.text:
        output["text"] = content.text
    body: dict[str, Any] = {
        "status": content.status,
        "output": output,
        "actions": [vars(action) for action in content.actions],
    }
    if content.conclusion:
        body["conclusion"] = content.conclusion
    if content.details_url:
        body["details_url"] = content.details_url
    return body


def _state(run: Json) -> CheckState:
    return CheckState(
        int(run["id"]),
        str(run.get("html_url") or ""),
        str(run.get("name") or ""),
        CommitSha(str(run.get("head_sha") or "")),
        str(run.get("external_id") or ""),
        str(run.get("status") or ""),
        str(run.get("conclusion") or ""),
    )
