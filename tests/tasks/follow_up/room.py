"""Phases of a follow-up that need no sandbox and no model, against the hub over HTTP: the rest is real."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.domain.admission import AdmissionLimits
from bot.domain.ci import Waits
from bot.domain.ids import TaskId
from bot.domain.tasks import Phase, TaskRequest
from bot.forge.forge import Forge, ForgeSettings
from bot.localhub.seed_ground import NewApp
from bot.localhub.server import HubServer
from bot.repos.git_repos import GitRepos
from bot.sandbox.contract import EgressPolicy
from bot.sandbox.registries import AskedOnce
from bot.store.database import Database
from bot.store.effects import Effects
from bot.store.events import Events
from bot.store.evidence import EvidenceRecords
from bot.store.migrations import migrate
from bot.store.tasks import Taken, Tasks, insert_task
from bot.store.work_trees import WorkTrees
from bot.tasks.change.desk import ChangeSettings, Services
from bot.tasks.change.facts import ChangeFacts, parse_facts, render_facts
from bot.tasks.change.ground import SetupMeans
from bot.tasks.follow_up.steps import FollowUpSteps
from bot.tasks.ledger import Ledger
from bot.tasks.workflow import PhaseEnd
from bot.verify.signature import make_signer
from tests.databases import new_database
from tests.official.judge import judged_hub
from tests.stories.own_pull import seed_pull
from tests.stories.world import FILES, NAME, make_key


class Clock:
    """Seconds since the epoch; goes on by itself and by `ahead`."""

    ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead


@dataclass
class Room:
    """`pull`: a proven pull request of the agent's own."""

    hub: HubServer
    database: Database
    services: Services
    clock: Clock
    pull: int

    @property
    def steps(self) -> FollowUpSteps:
        return FollowUpSteps(self.services)

    def take(self, request: TaskRequest, **facts: Any) -> Taken:
        """The task in the hands of a run, with what it knows."""
        tasks = Tasks(self.database)
        with self.database.write() as connection:
            insert_task(connection, request, time.time())
        tasks.admit(AdmissionLimits(9, 9, 9), time.time())
        taken = tasks.take(request.task_id, "w")
        if facts:
            tasks.save_facts(taken, render_facts(ChangeFacts(**facts)))
        return self.look(taken)

    def look(self, taken: Taken) -> Taken:
        """With what it knows by now."""
        view = Tasks(self.database).find(taken.id)
        assert view is not None
        return replace(taken, facts=view.facts)

    async def run(self, taken: Taken, phase: Phase = Phase.ACCEPT) -> PhaseEnd:
        return await self.steps.run_phase(self.look(taken), phase)

    def facts(self, task: TaskId) -> ChangeFacts:
        view = Tasks(self.database).find(task)
        assert view is not None
        return parse_facts(view.facts)

    @property
    def head(self) -> str:
        return str(self.thread()["pull"]["head"]["sha"])

    def thread(self) -> dict[str, Any]:
        return self.hub.seed.thread(NAME, self.pull)

    def bot_comments(self) -> list[str]:
        return [c["body"] for c in self.thread()["comments"] if c["user"]["login"].endswith("[bot]")]


@contextmanager
def open_room(tmp_path: Path, write_spacing_s: float = 0) -> Iterator[Room]:
    private, public = make_key()
    clock = Clock()
    with judged_hub(tmp_path / "hub", clock.now) as hub, ThreadPoolExecutor(4) as executor:
        seed = hub.seed
        for login, role in (("ada", "write"), ("eve", "read")):
            seed.add_person(login)
            if login == "ada":
                app = seed.add_app(NewApp("pullwright", "octo", public))
                seed.add_repository(NAME, {path: text.encode() for path, text in FILES.items()})
            seed.set_role(NAME, login, role)
        issue = seed.open_issue(NAME, "eve", "Sums are wrong", "`add(1, 2)` gives -1, I expected 3.")
        settings = ForgeSettings(hub.api_url, app["app_id"], private, write_spacing_s)
        with (
            new_database(tmp_path / "pullwright.db") as url,
            closing(Database(url)) as database,
            closing(Forge(settings)) as forge,
        ):
            migrate(database)
            services = _services(tmp_path, hub, database, forge, executor, clock)
            yield Room(hub, database, services, clock, seed_pull(hub, database, issue))


def _services(
    tmp_path: Path,
    hub: HubServer,
    database: Database,
    forge: Forge,
    executor: ThreadPoolExecutor,
    clock: Clock,
) -> Services:
    """Without a sandbox and without a model: whoever needs one of them fails."""
    return Services(
        settings=ChangeSettings(
            handle="agent",
            web_url=hub.url,
            data_dir=tmp_path,
            means=SetupMeans(EgressPolicy(), AskedOnce()),
            waits=Waits(quiet_s=30.0, most_s=600.0),
        ),
        repos=GitRepos(tmp_path / "repos"),
        sandbox=None,  # type: ignore[arg-type]
        forge=forge,
        models=(),
        clock=clock,
        tasks=Tasks(database),
        events=Events(database),
        ledger=Ledger(Effects(database), executor, clock.now),
        executor=executor,
        work_trees=WorkTrees(database),
        evidence=EvidenceRecords(database),
        sign=make_signer().sign,
    )
