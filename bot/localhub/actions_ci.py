"""CI as others run it: GitHub Actions with its suites, check runs and jobs, and commit statuses; with their webhooks.

Nothing here runs anything: a job ends as it is told to. The caller holds `Hub.lock`.
"""

from collections.abc import Sequence
from typing import Final

from bot.localhub.events import emit_check_run, emit_check_suite, emit_status
from bot.localhub.records import (
    Account,
    AccountKind,
    Actor,
    App,
    CheckRun,
    CheckSuite,
    Job,
    Json,
    Repository,
    Status,
    WorkflowRun,
)
from bot.localhub.shapes import repo_html
from bot.localhub.shapes_checks import suite_status
from bot.localhub.state import Hub

ACTIONS: Final = "github-actions"


def begin_workflow(
    hub: Hub, record: Repository, place: tuple[str, str], jobs: Sequence[str], workflow: str = "ci"
) -> WorkflowRun:
    """A run on `place` (branch, commit) whose jobs have begun. The number of a job is its check run's, as on GitHub."""
    branch, sha = place
    suite = CheckSuite(hub.new_id("suite"), _actions_app(hub), sha, hub.now())
    hub.suites[suite.id] = suite
    number = hub.new_id("workflow run")
    run = WorkflowRun(number, workflow, branch, sha, "push", None, hub.now(), [], suite)
    record.workflow_runs[run.id] = run
    for name in jobs:
        begin_job(hub, record, run, name)
    return run


def begin_job(hub: Hub, record: Repository, run: WorkflowRun, name: str) -> Job:
    """One more job, or the same one again: a re-run has a number of its own in the same suite."""
    job = Job(hub.new_id("job"), name, None, "")
    run.jobs.append(job)
    run.conclusion = None
    at = repo_html(hub, record, f"/actions/runs/{run.id}/job/{job.id}")
    check = CheckRun(
        job.id, run.suite, name, run.head_sha, "in_progress", None, hub.now(), None, at, str(job.id)
    )
    record.check_runs[check.id] = check
    emit_check_run(hub, record, check, "created", _actor(run.suite.app))
    return job


def end_job(
    hub: Hub, record: Repository, job: Job, conclusion: str, log: str, annotations: list[Json]
) -> None:
    """The job is over, and with the last one its suite and the workflow's run."""
    check = record.check_runs[job.id]
    run = next(run for run in record.workflow_runs.values() if job in run.jobs)
    job.conclusion, job.log = conclusion, log
    check.status, check.conclusion, check.completed_at = "completed", conclusion, hub.now()
    check.annotations = annotations
    emit_check_run(hub, record, check, "completed", _actor(run.suite.app))
    status, whole = suite_status(record, run.suite)
    if status == "completed":
        run.conclusion = whole
        emit_check_suite(hub, record, run.suite, _actor(run.suite.app))


def create_status(hub: Hub, record: Repository, creator: Account, made: Status) -> None:
    record.statuses.append(made)
    emit_status(hub, record, made, Actor(creator))


def _actor(app: App) -> Actor:
    return Actor(app.bot, app)


def _actions_app(hub: Hub) -> App:
    """GitHub's own App: installed nowhere, and without a key, so nobody can speak for it."""
    found = next((app for app in hub.apps.values() if app.slug == ACTIONS), None)
    if found is None:
        owner = hub.ensure_account("github", AccountKind.ORGANIZATION)
        bot = hub.ensure_account(f"{ACTIONS}[bot]", AccountKind.BOT)
        number = hub.new_id("app")
        rights = {"actions": "write", "checks": "write", "metadata": "read"}
        found = App(
            number,
            ACTIONS,
            "GitHub Actions",
            owner,
            bot,
            None,
            "",
            "",
            rights,
            (),
            hub.new_id("hook"),
            hub.now(),
        )
        hub.apps[found.id] = found
    return found
