"""The end of a review dies at every point: one review, its threads resolved, its check run ended, and the same words.

The real steps, ledger, database and forge against the hub; only the machine dies, at its n-th call to the database or
to GitHub. (`tests/crash` kills whole processes; this asks the same of the last phase in seconds.)
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from bot.domain.admission import AdmissionLimits
from bot.domain.findings import Finding, Priority
from bot.domain.ids import CommitSha, DeliveryId, TaskId, TreeSha
from bot.domain.tasks import Phase, TaskKind
from bot.errors import AccessWithdrawn
from bot.forge.checks import CheckContent
from bot.forge.reviews import NewReview, ReviewComment
from bot.sandbox.contract import Sandbox
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.effects import Effects
from bot.store.events import Events
from bot.store.evidence import EvidenceRecords
from bot.store.inbox import Delivery, store_batch
from bot.store.tasks import Tasks
from bot.store.work_trees import WorkTrees
from bot.tasks.change.desk import ChangeSettings, Services
from bot.tasks.change.facts import ChangeFacts, ReviewFacts, render_facts
from bot.tasks.change.ground import SetupMeans
from bot.tasks.ledger import Ledger, LedgerTimes
from bot.tasks.review.steps import ReviewSteps
from bot.tasks.workflow import Finished, decide_outcome
from bot.texts.reviews import REVIEW_CHECK_NAME, render_finding
from tests.forge.conftest import NAME, World, key, world  # noqa: F401 - fixtures
from tests.store.requests import request

OLD = Finding("a.py", 1, 1, Priority.P1, "It was wrong", "Once.")
NEW = Finding("a.py", 2, 2, Priority.P2, "It is wrong", "Now.", snippet="y = 3")
TASK = TaskId("t-77")


class SystemTime:
    def now(self) -> float:
        return time.time()


class Died(BaseException):
    """The machine is gone: nothing may catch it."""


class Machine(ThreadPoolExecutor):
    """Dies behind its `last` call (0: never); what is under way then is carried out."""

    def __init__(self, last: int = 0) -> None:
        super().__init__(4)
        self.last, self.calls, self._counting = last, 0, threading.Lock()

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> "Future[Any]":
        def carry_out() -> Any:
            with self._counting:
                if self.last and self.calls >= self.last:
                    raise Died
                self.calls += 1
                dies = self.calls == self.last
            done = fn(*arguments, **named)
            if dies:
                raise Died
            return done

        return super().submit(carry_out)


@dataclass
class Diffs:
    """The one thing that the last phase asks of a repository."""

    text: str

    async def diff(self, *_arguments: Any) -> str:
        return self.text

    async def changes(self, *_arguments: Any) -> tuple[()]:
        return ()


@dataclass
class Ready:
    """A review whose work is done."""

    world: World
    database: Database
    pull: int
    facts: ChangeFacts
    repos: Diffs

    async def report(self, last: int) -> int:
        """Run the last phase on a machine that dies behind its `last` call; how many calls it made."""
        machine = Machine(last)
        tasks = Tasks(self.database)
        services = self.services(machine)
        try:
            end = await ReviewSteps(services).run_phase(tasks.take(TASK, "w"), Phase.REPORT)
            assert isinstance(end, Finished)
        except Died:
            assert last
        finally:
            machine.shutdown()
        return machine.calls

    def services(self, machine: Machine) -> Services:
        settings = ChangeSettings("agent", "http://hub", Path("/nowhere"), cast(SetupMeans, None))
        return Services(
            settings=settings,
            repos=cast(Any, self.repos),
            sandbox=cast(Sandbox, None),
            forge=self.world.forge,
            models=(),
            clock=SystemTime(),
            tasks=Tasks(self.database),
            events=Events(self.database),
            ledger=Ledger(Effects(self.database), machine, time.time, LedgerTimes(settle_s=0.0)),
            executor=machine,
            work_trees=WorkTrees(self.database),
            evidence=EvidenceRecords(self.database),
            sign=cast(Any, None),
        )


@pytest.fixture
def ready(world: World, database: Database) -> Ready:  # noqa: F811 - the fixture
    """An earlier review of ours said OLD; this one found it mended, and NEW."""
    seed = world.server.seed
    head = CommitSha(seed.commit(NAME, {"a.py": b"x = 2\ny = 3\n"}, "Change", branch="change"))
    base = CommitSha(seed.refs(NAME)["refs/heads/main"])
    pull = seed.open_pull(NAME, "ada", "Change", "", "change")
    with world.job() as github:
        told = ReviewComment("a.py", 1, 1, "RIGHT", render_finding(OLD))
        github.reviews.create_review(pull, NewReview(head, "One thing.", (told,)))
        (thread,) = github.review_threads.fetch_own(pull)
        content = CheckContent("in_progress", "Reviewing", "Now.")
        check = github.checks.create_check(head, REVIEW_CHECK_NAME, TASK, content)
    review = ReviewFacts(
        head, "main", base, TreeSha("b" * 40), check=check.id, findings=(asdict(NEW),), first=False,
        threads=(thread.id,), settled=({"number": 1, "mended": True, "why": "It is 2."},), summary="I read it.",
    )  # fmt: skip
    facts = ChangeFacts(base_commit=base, base_tree=TreeSha("a" * 40), outcome="clean", review=review)
    asked = replace(
        request(77, pull, world.repository, world.installation), kind=TaskKind.REVIEW, is_pull=True
    )
    asked = replace(asked, repository=replace(asked.repository, full_name=NAME), requested_by_id=0)
    store_batch(database, [Delivery(DeliveryId("d"), "issue_comment", b"{}", 1.0)])
    Deliveries(database).accept(DeliveryId("d"), asked, 1.0)
    tasks = Tasks(database)
    tasks.admit(AdmissionLimits(1, 1, 1), 2.0)
    tasks.move(tasks.take(TASK, "w"), Phase.REPORT, render_facts(facts))
    return Ready(world, database, pull, facts, Diffs(seed.thread(NAME, pull)["diff"]))


async def test_it_dies_at_every_point_and_says_everything_once(ready: Ready) -> None:
    """One telling for each point is not needed: a machine that dies a call later each time dies at all of them."""
    deaths = 0
    while await ready.report(deaths + 1) > deaths:
        deaths += 1
        assert deaths < 60, "it never comes to an end"
    assert deaths > 5, "each death lets the next one come further, so there are fewer than calls"
    _expect_one_of_everything(ready)


@pytest.mark.crash  # a world for each point; the test above goes through all of them in one
@pytest.mark.parametrize("last", range(1, 22))
async def test_it_dies_once_and_goes_on(ready: Ready, last: int) -> None:
    await ready.report(last)
    await ready.report(0)
    _expect_one_of_everything(ready)


async def test_who_may_not_write_here_any_more_gets_no_review(ready: Ready) -> None:
    seed = ready.world.server.seed
    seed.set_role(NAME, "ada", "read")
    with Machine() as machine:
        steps, taken = ReviewSteps(ready.services(machine)), Tasks(ready.database).take(TASK, "w")
        with pytest.raises(AccessWithdrawn) as withdrawn:
            await steps.run_phase(taken, Phase.REPORT)
        await steps.run_failure(taken, *decide_outcome(withdrawn.value))
    shown = seed.thread(NAME, ready.pull)
    assert [one["body"] for one in shown["reviews"]] == ["One thing."]
    assert not seed.resolved_findings(NAME, ready.pull)
    (check,) = shown["check_runs"]
    assert check["output"]["title"] == "Not reviewed: access withdrawn"
    assert check["conclusion"] == "action_required"
    assert "It is wrong" not in str(shown)


def _expect_one_of_everything(ready: Ready) -> None:
    shown = ready.world.server.seed.thread(NAME, ready.pull)
    first, ours = shown["reviews"]
    assert first["body"] == "One thing."
    assert ours["body"].startswith("🔎 I found one thing.")
    assert "~~P1 [`a.py:1`]" in ours["body"], "what it resolved itself before it died"
    assert "please resolve" not in ours["body"]
    assert "Still open" not in ours["body"]
    assert [one["body"].partition("\n")[0] for one in shown["review_comments"]] == [
        "**P1 · It was wrong**",
        "**P2 · It is wrong**",
    ]
    resolved = ready.world.server.seed.resolved_findings(NAME, ready.pull)
    assert list(resolved) == [shown["review_comments"][0]["id"]]
    (check,) = shown["check_runs"]
    assert (check["conclusion"], check["output"]["title"]) == ("neutral", "Reviewed: 1 finding")
