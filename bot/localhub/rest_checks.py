"""REST: check runs."""

from bot.localhub.actions_checks import create_check_run, update_check_run
from bot.localhub.api import Call, Route
from bot.localhub.records import CheckRun, Json
from bot.localhub.replies import CREATED, Reply, not_found, unprocessable
from bot.localhub.shapes import repo_html
from bot.localhub.shapes_checks import check_run


def _run(call: Call) -> CheckRun:
    run = call.repository.check_runs.get(int(call.params["run_id"]))
    if run is None:
        raise not_found()
    return run


def create(call: Call) -> Reply:
    run = create_check_run(call.hub, call.repository, call.actor, call.json())
    return Reply(check_run(call.hub, call.repository, run), CREATED)


def update(call: Call) -> Reply:
    run = _run(call)
    update_check_run(call.hub, call.repository, run, call.actor, call.json())
    return Reply(check_run(call.hub, call.repository, run))


def get(call: Call) -> Reply:
    return Reply(check_run(call.hub, call.repository, _run(call)))


def list_annotations(call: Call) -> Reply:
    run = _run(call)
    return Reply(call.page(run.annotations, lambda a: _annotation(call, run, a)))


def _annotation(call: Call, run: CheckRun, given: Json) -> Json:
    optional = ("start_column", "end_column", "title", "raw_details")
    path = given["path"]
    return {
        "path": path,
        "blob_href": repo_html(call.hub, call.repository, f"/blob/{run.head_sha}/{path}"),
        "start_line": given["start_line"],
        "end_line": given["end_line"],
        "annotation_level": given["annotation_level"],
        "message": given["message"],
        **{key: given.get(key) for key in optional},
    }


def list_for_ref(call: Call) -> Reply:
    """Filters `check_name`, `status`, `app_id`; `filter=latest` (the default) keeps the newest of each name
    of a suite."""
    sha = call.repository.git.resolve(str(call.params["ref"]))
    if sha is None:
        raise unprocessable(f"No commit found for SHA: {call.params['ref']}")
    query = call.query
    found = [
        r
        for r in call.hub.check_runs_for(call.repository, sha)
        if query.get("check_name", r.name) == r.name
        and query.get("status", r.status) == r.status
        and query.get("app_id", str(r.suite.app.id)) == str(r.suite.app.id)
    ]
    if query.get("filter", "latest") == "latest":
        found = list({(r.suite.id, r.name): r for r in found}.values())
    found.sort(key=lambda r: r.id, reverse=True)
    shown = call.page(found, lambda r: check_run(call.hub, call.repository, r))
    return Reply({"total_count": len(found), "check_runs": shown})


_READ, _WRITE = ("checks:read",), ("checks:write",)
_REPO = "/repos/{owner}/{repo}"
ROUTES = (
    Route("POST", _REPO + "/check-runs", create, _WRITE),
    Route("GET", _REPO + "/check-runs/{run_id:int}", get, _READ),
    Route("PATCH", _REPO + "/check-runs/{run_id:int}", update, _WRITE),
    Route("GET", _REPO + "/check-runs/{run_id:int}/annotations", list_annotations, _READ),
    Route("GET", _REPO + "/commits/{ref:path}/check-runs", list_for_ref, _READ),
)
