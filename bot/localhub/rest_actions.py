"""REST: commit statuses, check suites, GitHub Actions as seeded, dispatches, a repository's own webhooks.

Nothing here runs a workflow or sends a repository's own webhook: both are told as they were seeded or made.
"""

from bot.localhub.actions_ci import create_status as add_status
from bot.localhub.api import ANYBODY, Call, Route
from bot.localhub.records import CheckSuite, Hook, Job, Json, Status, WorkflowRun
from bot.localhub.replies import CREATED, NO_CONTENT, Reply, invalid, not_found, unprocessable
from bot.localhub.shapes import node_id, repo_api, repo_html, repository, user
from bot.localhub.shapes_checks import check_suite, commit_status, pulls_on
from bot.localhub.shapes_git import git_commit_short

_STATES = ("error", "failure", "pending", "success")
_STATUSES_A_CONTEXT = 1000  # GitHub: 1,000 statuses per sha and context


def create_status(call: Call) -> Reply:
    body, sha = call.json(), str(call.params["sha"])
    record = call.repository
    if record.git.commit(sha) is None:
        raise unprocessable(f"No commit found for SHA: {sha}")
    if body.get("state") not in _STATES:
        raise invalid("Status", "state", "custom", "state is not included in the list")
    context = str(body.get("context") or "default")
    if sum(1 for s in record.statuses if (s.sha, s.context) == (sha, context)) >= _STATUSES_A_CONTEXT:
        message = "This SHA and context has reached the maximum number of statuses."
        raise invalid("Status", "", "custom", message)
    about, target = body.get("description"), body.get("target_url")
    made = Status(
        call.hub.new_id("status"),
        sha,
        str(body["state"]),
        context,
        None if about is None else str(about),
        None if target is None else str(target),
        call.actor.account,
        call.hub.now(),
    )
    add_status(call.hub, record, call.actor.account, made)
    return Reply({**commit_status(call.hub, record, made), "creator": user(call.hub, made.creator)}, CREATED)


def combined_status(call: Call) -> Reply:
    """The newest status of each context; pending while there is none."""
    record = call.repository
    sha = record.git.resolve(str(call.params["ref"]))
    if sha is None:
        raise not_found()
    newest = {s.context: s for s in record.statuses if s.sha == sha}
    states = {s.state for s in newest.values()}
    whole = "failure" if states & {"error", "failure"} else "success" if states == {"success"} else "pending"
    return Reply(
        {
            "state": whole,
            "statuses": call.page(list(newest.values()), lambda s: commit_status(call.hub, record, s)),
            "sha": sha,
            "total_count": len(newest),
            "repository": repository(call.hub, record),
            "commit_url": repo_api(call.hub, record, f"/commits/{sha}"),
            "url": repo_api(call.hub, record, f"/commits/{sha}/status"),
        }
    )


def list_suites(call: Call) -> Reply:
    record = call.repository
    sha = record.git.resolve(str(call.params["ref"]))
    if sha is None:
        raise unprocessable(f"No commit found for SHA: {call.params['ref']}")
    mine = {r.suite.id for r in record.check_runs.values()}
    found: list[CheckSuite] = [s for s in call.hub.suites.values() if s.head_sha == sha and s.id in mine]
    shown = call.page(found, lambda s: check_suite(call.hub, record, s))
    return Reply({"total_count": len(found), "check_suites": shown})


def _run(call: Call) -> WorkflowRun:
    run = call.repository.workflow_runs.get(int(call.params["run_id"]))
    if run is None:
        raise not_found()
    return run


def workflow_run(call: Call, run: WorkflowRun) -> Json:
    hub, record = call.hub, call.repository
    at = repo_api(hub, record, f"/actions/runs/{run.id}")
    path = f".github/workflows/{run.name}.yml"
    links = {"jobs": "jobs", "logs": "logs", "cancel": "cancel", "rerun": "rerun", "artifacts": "artifacts"}
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("WFR", run.id),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": path,
        "run_number": 1,
        "run_attempt": 1,
        "display_title": run.name,
        "event": run.event,
        "status": "completed" if run.conclusion else "in_progress",
        "conclusion": run.conclusion,
        "workflow_id": run.id + 1,
        "workflow_url": repo_api(hub, record, f"/actions/workflows/{run.id + 1}"),
        "check_suite_id": run.suite.id,
        "check_suite_node_id": node_id("CS", run.suite.id),
        "check_suite_url": repo_api(hub, record, f"/check-suites/{run.suite.id}"),
        "url": at,
        "html_url": repo_html(hub, record, f"/actions/runs/{run.id}"),
        **{f"{name}_url": f"{at}/{end}" for name, end in links.items()},
        "previous_attempt_url": None,
        "pull_requests": pulls_on(hub, record, run.head_sha),
        "referenced_workflows": [],
        "created_at": run.created_at,
        "updated_at": run.created_at,
        "run_started_at": run.created_at,
        "actor": user(hub, record.owner),
        "triggering_actor": user(hub, record.owner),
        "head_commit": git_commit_short(record, run.head_sha),
        "repository": repository(hub, record),
        "head_repository": repository(hub, record),
        "head_repository_id": record.id,
    }


def get_run(call: Call) -> Reply:
    return Reply(workflow_run(call, _run(call)))


def list_jobs(call: Call) -> Reply:
    run = _run(call)
    return Reply({"total_count": len(run.jobs), "jobs": call.page(run.jobs, lambda j: _job(call, run, j))})


def _job(call: Call, run: WorkflowRun, job: Job) -> Json:
    hub, record = call.hub, call.repository
    times = {"started_at": run.created_at, "completed_at": run.created_at if job.conclusion else None}
    state = {"status": "completed" if job.conclusion else "in_progress", "conclusion": job.conclusion}
    return {
        "id": job.id,
        "run_id": run.id,
        "run_url": repo_api(hub, record, f"/actions/runs/{run.id}"),
        "run_attempt": 1,
        "node_id": node_id("CR", job.id),
        "head_sha": run.head_sha,
        "head_branch": run.head_branch,
        "workflow_name": run.name,
        "name": job.name,
        "url": repo_api(hub, record, f"/actions/jobs/{job.id}"),
        "html_url": repo_html(hub, record, f"/actions/runs/{run.id}/job/{job.id}"),
        **state,
        "created_at": run.created_at,
        **times,
        "steps": [{"name": job.name, "number": 1, **state, **times}],
        "check_run_url": repo_api(hub, record, f"/check-runs/{job.id}"),
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "Hosted Agent",
        "runner_group_id": 2,
        "runner_group_name": "GitHub Actions",
    }


def _log_of(call: Call) -> Job:
    wanted = int(call.params["job_id"])
    for run in call.repository.workflow_runs.values():
        for job in run.jobs:
            if job.id == wanted:
                return job
    raise not_found()


def get_job_log(call: Call) -> Reply:
    """A redirect to a plain text that lives for a minute on GitHub."""
    job = _log_of(call)
    at = f"{call.hub.base_url}/api/v3/_job_logs/{call.repository.full_name}/{job.id}"
    return Reply(None, 302, {"Location": at})


def get_log_text(call: Call) -> Reply:
    """What the redirect leads to; on GitHub a signed address that takes no token, so this needs none."""
    record = call.hub.repository(f"{call.params['holder']}/{call.params['name']}")
    if record is None:
        raise not_found()
    call.found = record
    return Reply(_log_of(call).log.encode(), media="text/plain; charset=utf-8")


def dispatch(call: Call) -> Reply:
    """Checked and forgotten: it would start a workflow, and nothing here runs any."""
    body = call.json()
    event = body.get("event_type")
    if not isinstance(event, str) or not 0 < len(event) <= 100:
        raise unprocessable('Invalid request.\n\n"event_type" wasn\'t supplied.')
    payload = body.get("client_payload") or {}
    if not isinstance(payload, dict) or len(payload) > 10:  # GitHub: at most ten top-level properties
        raise unprocessable("Invalid request.\n\nNo more than 10 properties are allowed.")
    return NO_CONTENT


def _hook(call: Call, hook: Hook) -> Json:
    at = repo_api(call.hub, call.repository, f"/hooks/{hook.id}")
    config = {"content_type": "json", "insecure_ssl": "0", "url": hook.url}
    return {
        "type": "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": hook.events,
        "config": config,
        "updated_at": hook.created_at,
        "created_at": hook.created_at,
        "url": at,
        "test_url": f"{at}/test",
        "ping_url": f"{at}/pings",
        "deliveries_url": f"{at}/deliveries",
        "last_response": {"code": None, "status": "unused", "message": None},
    }


def list_hooks(call: Call) -> Reply:
    return Reply(call.page(list(call.repository.hooks.values()), lambda h: _hook(call, h)))


def create_hook(call: Call) -> Reply:
    body = call.json()
    config = body.get("config")
    if not isinstance(config, dict) or not config.get("url"):
        raise invalid("Hook", "url", "missing_field")
    events = [str(e) for e in body.get("events") or ["push"]]
    url = str(config["url"])
    if any(h.url == url and h.events == events for h in call.repository.hooks.values()):
        raise invalid("Hook", "", "custom", "Hook already exists on this repository")
    hook = Hook(call.hub.new_id("hook"), events, url, body.get("active") is not False, call.hub.now())
    call.repository.hooks[hook.id] = hook
    return Reply(_hook(call, hook), CREATED)


_REPO = "/repos/{owner}/{repo}"
_ACTIONS = ("actions:read",)
_HOOKS_READ, _HOOKS_WRITE = ("repository_hooks:read",), ("repository_hooks:write",)
ROUTES = (
    Route("POST", _REPO + "/statuses/{sha}", create_status, ("statuses:write",)),
    Route("GET", _REPO + "/commits/{ref:path}/status", combined_status, ("statuses:read",)),
    Route("GET", _REPO + "/commits/{ref:path}/check-suites", list_suites, ("checks:read",)),
    Route("GET", _REPO + "/actions/runs/{run_id:int}", get_run, _ACTIONS),
    Route("GET", _REPO + "/actions/runs/{run_id:int}/jobs", list_jobs, _ACTIONS),
    Route("GET", _REPO + "/actions/jobs/{job_id:int}/logs", get_job_log, _ACTIONS),
    Route("GET", "/_job_logs/{holder}/{name}/{job_id:int}", get_log_text, (ANYBODY,)),
    Route("POST", _REPO + "/dispatches", dispatch, ("contents:write",)),
    Route("GET", _REPO + "/hooks", list_hooks, _HOOKS_READ),
    Route("POST", _REPO + "/hooks", create_hook, _HOOKS_WRITE),
)
