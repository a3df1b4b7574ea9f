"""Changes to check runs, with their rules and webhooks. The caller holds `Hub.lock`."""

from typing import Final

from bot.localhub.events import emit_check_run, emit_check_suite
from bot.localhub.records import Actor, App, CheckRun, CheckSuite, Json, Repository
from bot.localhub.replies import Refused, unprocessable
from bot.localhub.shapes_checks import suite_status
from bot.localhub.state import Hub

TEXT_CHARACTERS: Final = 65_535  # GitHub: summary and text
ANNOTATIONS: Final = 50  # GitHub: a request
ACTIONS: Final = 3
_ACTION_LIMITS: Final = {"label": 20, "description": 40, "identifier": 20}
STATUSES: Final = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
CONCLUSIONS: Final = (
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "success",
    "skipped",
    "timed_out",
)


def create_check_run(hub: Hub, record: Repository, actor: Actor, body: Json) -> CheckRun:
    if actor.app is None:
        raise Refused(403, "You must authenticate via a GitHub App.")
    name, sha = body.get("name"), body.get("head_sha")
    if not isinstance(name, str) or not name or not isinstance(sha, str):
        raise unprocessable('Invalid request.\n\n"name", "head_sha" weren\'t supplied.')
    if record.git.commit(sha) is None:
        raise unprocessable(f"No commit found for SHA: {sha}")
    run = CheckRun(
        hub.new_id("check"), _suite(hub, actor.app, sha), name, sha, "queued", None, None, None, None, ""
    )
    _apply(hub, run, body)
    record.check_runs[run.id] = run
    emit_check_run(hub, record, run, "created", actor)
    if run.status == "completed":
        _tell_completed(hub, record, run, actor)
    return run


def update_check_run(hub: Hub, record: Repository, run: CheckRun, actor: Actor, body: Json) -> None:
    if actor.app is None or actor.app is not run.suite.app:
        raise Refused(
            403, "Invalid app_id `null` - check run can only be modified by the GitHub App that created it."
        )
    was_completed = run.status == "completed"
    _apply(hub, run, body)
    if run.status == "completed" and not was_completed:
        _tell_completed(hub, record, run, actor)


def _tell_completed(hub: Hub, record: Repository, run: CheckRun, actor: Actor) -> None:
    """And with the last run of a suite, that the suite is over."""
    emit_check_run(hub, record, run, "completed", actor)
    if suite_status(record, run.suite)[0] == "completed":
        emit_check_suite(hub, record, run.suite, actor)


def press_button(hub: Hub, record: Repository, run: CheckRun, actor: Actor, identifier: str) -> None:
    """A person clicked one of the check run's actions."""
    if all(action["identifier"] != identifier for action in run.actions):
        raise unprocessable(f"The check run has no action {identifier}")
    requested = {"identifier": identifier}
    emit_check_run(hub, record, run, "requested_action", actor, requested_action=requested)


def _suite(hub: Hub, app: App, sha: str) -> CheckSuite:
    for suite in hub.suites.values():
        if suite.app is app and suite.head_sha == sha:
            return suite
    suite = CheckSuite(hub.new_id("suite"), app, sha, hub.now())
    hub.suites[suite.id] = suite
    return suite


def _apply(hub: Hub, run: CheckRun, body: Json) -> None:
    """All checks first, so that a refused request changes nothing."""
    status, conclusion = body.get("status"), body.get("conclusion")
    if status not in (None, *STATUSES) or conclusion not in (None, *CONCLUSIONS):
        raise unprocessable("Invalid request.\n\nstatus or conclusion is not a member of its list.")
    if status == "completed" and conclusion is None:
        problem = '"conclusion" wasn\'t supplied.\ncompleted is not a member of ["queued", "in_progress"].'
        raise unprocessable(f'Invalid request.\n\nNo subschema in "anyOf" matched.\n{problem}')
    _check_output(body.get("output"))
    _check_actions(body.get("actions") or [])
    if conclusion is not None:
        status = "completed"
    if status is not None:
        run.status, run.conclusion = str(status), conclusion
        run.completed_at = None if status != "completed" else str(body.get("completed_at") or hub.now())
        if run.started_at is None and status != "queued":
            run.started_at = hub.now()
    for key in ("name", "details_url", "external_id", "started_at"):
        if body.get(key) is not None:
            setattr(run, key, str(body[key]))
    if "actions" in body:
        run.actions = list(body["actions"])
    output = body.get("output")
    if output:
        run.title = output.get("title", run.title)
        run.summary = output["summary"]
        run.text = output.get("text", run.text)
        run.annotations += output.get("annotations") or []


def _check_output(output: object) -> None:
    if output is None:
        return
    if not isinstance(output, dict) or not isinstance(output.get("summary"), str):
        raise unprocessable('Invalid request.\n\n"summary" wasn\'t supplied.')
    for key in ("summary", "text"):
        if len(output.get(key) or "") > TEXT_CHARACTERS:
            raise unprocessable(
                f"Invalid request.\n\nOnly {TEXT_CHARACTERS} characters are allowed in {key}."
            )
    if len(output.get("annotations") or []) > ANNOTATIONS:
        raise unprocessable(f"Invalid request.\n\nNo more than {ANNOTATIONS} annotations are allowed.")


def _check_actions(actions: list[Json]) -> None:
    if len(actions) > ACTIONS:
        raise unprocessable(f"Invalid request.\n\nNo more than {ACTIONS} items are allowed in actions.")
    for action in actions:
        for key, limit in _ACTION_LIMITS.items():
            if not 0 < len(str(action.get(key) or "")) <= limit:
                raise unprocessable(f"Invalid request.\n\nOnly {limit} characters are allowed in {key}.")
