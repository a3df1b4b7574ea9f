"""A proven pull request of the agent's own, as the task that opened it leaves it behind; without the time it takes.

The stories of `test_follow_up.py` go the whole way; those that are about what comes later begin here.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.domain.admission import AdmissionLimits
from bot.domain.ids import CommitSha, InstallationId, RepositoryId
from bot.domain.outcomes import Outcome
from bot.domain.tasks import RepositoryRef, TaskRequest
from bot.localhub.server import HubServer
from bot.store.database import Database
from bot.store.migrations import migrate
from bot.store.tasks import Tasks, insert_task
from bot.tasks.change.facts import ChangeFacts, SubmissionFacts, render_facts
from bot.texts.markers import pull_marker
from bot.texts.pull_request import PullText, render_pull_body
from tests.stories.model import Turn
from tests.stories.world import FILES, NAME, NEW_TEST, World, story
from tests.texts.examples import PROVEN

BRANCH = "agent/1-add-not-subtract"
COMMENT = 77  # by which Ada asked for it
FIXED = "def add(a, b):\n    return a + b\n"


@contextmanager
def seeded_pull(
    tmp_path: Path, turns: Any = (), files: dict[str, str] | None = None, **settings: str
) -> Iterator[World]:
    """The world's issue is the pull request. `turns`: what the model does in the next task."""
    script: Any = turns or _never
    with story(tmp_path, script, files or FILES, worker=False, **settings) as world:
        migrate(world.database)  # the receiver listens before it has made the tables
        world.issue = seed_pull(world.hub, world.database, world.issue)
        world.start_worker()
        yield world


def seed_pull(hub: HubServer, database: Database, issue: int) -> int:
    """Its number. The repository has FILES, and Ada may write there."""
    seed = hub.seed
    changed = {"app.py": FIXED.encode(), "tests/test_app.py": NEW_TEST.encode()}
    commit = CommitSha(seed.commit(NAME, changed, "Add, not subtract", branch=BRANCH))
    request = request_of(hub, issue)
    text = PullText(
        "Add, not subtract", "Why.", "", "", issue, "ada", PROVEN, "f" * 64, "", "",
        marker=pull_marker(request.task_id),
        checks_url="",
    )  # fmt: skip
    pull = seed.open_pull(NAME, "pullwright[bot]", text.title, render_pull_body(text), BRANCH)
    facts = ChangeFacts(
        base_commit=CommitSha(seed.refs(NAME)["refs/heads/main"]),
        submission=SubmissionFacts("fixed", text.title, text.summary),
        evidence=PROVEN,
        evidence_sha256="f" * 64,
        branch=BRANCH,
        commit=commit,
        pull=pull,
        outcome=Outcome.PROVEN.value,
    )
    finish(database, request, facts)
    assert seed.wait_idle()
    return pull


def _never(_seen: object) -> Turn:
    raise AssertionError("the model is not to be asked")


def request_of(server: HubServer, issue: int) -> TaskRequest:
    """What Ada asked for."""
    hub = server.hub
    record = hub.repository(NAME)
    assert record is not None
    (place,) = [one for one in hub.installations_for(record) if one.app.slug == "pullwright"]
    ada = hub.account("ada")
    assert ada is not None
    return TaskRequest(
        installation=InstallationId(place.id),
        repository=RepositoryRef(RepositoryId(record.id), NAME, "main"),
        issue=issue,
        issue_title="Sums are wrong",
        issue_body="`add(1, 2)` gives -1, I expected 3.",
        comment_id=COMMENT,
        instruction="",
        requested_by="ada",
        requested_by_id=ada.id,
        requested_at="2026-11-26T10:00:00Z",
    )


def finish(database: Database, request: TaskRequest, facts: ChangeFacts) -> None:
    """The task's row, as it is when all is over."""
    tasks, now = Tasks(database), time.time()
    with database.write() as connection:
        insert_task(connection, request, now - 60)
    tasks.admit(AdmissionLimits(1, 1, 1), now)
    taken = tasks.take(request.task_id, "w")
    tasks.save_facts(taken, render_facts(facts))
    tasks.finish(taken, Outcome.PROVEN, "", now - 1)
