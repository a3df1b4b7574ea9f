"""GitHub's JSON for check runs and check suites. Pure."""

from bot.localhub.records import CheckRun, CheckSuite, Json, Repository, Status
from bot.localhub.shapes import app, node_id, repo_api, repo_html, repository, user
from bot.localhub.shapes_git import git_commit_short
from bot.localhub.shapes_threads import pull_minimal
from bot.localhub.state import Hub


def pulls_on(hub: Hub, record: Repository, sha: str) -> list[Json]:
    open_ones = (t for t in record.threads.values() if t.pull and t.state == "open")
    return [pull_minimal(hub, record, t) for t in open_ones if t.pull and t.pull.head_sha == sha]


def check_run(hub: Hub, record: Repository, run: CheckRun) -> Json:
    at = repo_api(hub, record, f"/check-runs/{run.id}")
    html = repo_html(hub, record, f"/runs/{run.id}")
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("CR", run.id),
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": at,
        "html_url": html,
        "details_url": run.details_url or html,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{at}/annotations",
        },
        "check_suite": {"id": run.suite.id},
        "app": app(hub, run.suite.app),
        "pull_requests": pulls_on(hub, record, run.head_sha),
    }


def suite_status(record: Repository, suite: CheckSuite) -> tuple[str, str | None]:
    runs = [r for r in record.check_runs.values() if r.suite.id == suite.id]
    if not runs or any(r.status != "completed" for r in runs):
        return "in_progress" if runs else "queued", None
    newest = {r.name: r for r in runs}.values()  # of a job that was run again, the last one counts
    worst = ("failure", "timed_out", "cancelled", "action_required", "neutral", "skipped", "success")
    return "completed", next(c for c in worst if any(r.conclusion == c for r in newest))


def simple_suite(hub: Hub, record: Repository, suite: CheckSuite) -> Json:
    """simple-check-suite, as it stands in check_run webhooks."""
    status, conclusion = suite_status(record, suite)
    branches = [name for name, sha in record.git.branches().items() if sha == suite.head_sha]
    return {
        "id": suite.id,
        "node_id": node_id("CS", suite.id),
        "head_branch": branches[0] if branches else None,
        "head_sha": suite.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": repo_api(hub, record, f"/check-suites/{suite.id}"),
        "before": None,
        "after": suite.head_sha,
        "pull_requests": pulls_on(hub, record, suite.head_sha),
        "app": app(hub, suite.app),
        "created_at": suite.created_at,
        "updated_at": suite.created_at,
    }


def check_suite(hub: Hub, record: Repository, suite: CheckSuite) -> Json:
    """check-suite, as the REST API lists it."""
    runs = [r for r in record.check_runs.values() if r.suite.id == suite.id]
    at = repo_api(hub, record, f"/check-suites/{suite.id}")
    return {
        **simple_suite(hub, record, suite),
        "latest_check_runs_count": len({r.name for r in runs}),
        "check_runs_url": f"{at}/check-runs",
        "rerequestable": True,
        "runs_rerequestable": True,
        "head_commit": git_commit_short(record, suite.head_sha),
        "repository": repository(hub, record),
    }


def commit_status(hub: Hub, record: Repository, item: Status) -> Json:
    """simple-commit-status, as the REST API lists it."""
    return {
        "url": repo_api(hub, record, f"/statuses/{item.sha}"),
        "avatar_url": user(hub, item.creator)["avatar_url"],
        "id": item.id,
        "node_id": node_id("SC", item.id),
        "state": item.state,
        "description": item.description,
        "target_url": item.target_url,
        "context": item.context,
        "created_at": item.created_at,
        "updated_at": item.created_at,
    }
