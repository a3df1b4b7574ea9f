"""The whole application for a story: a hub in a thread, the receiver and the worker as real processes.

with story(tmp_path, turns) as world:
    world.comment("ada", "@agent fix this")
    world.wait_until_over()
    assert world.pulls()
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import bot
from bot.cli.supervise import Child, Supervisor
from bot.domain.ids import TaskId
from bot.domain.tasks import TaskStatus
from bot.localhub.seed_ground import NewApp
from bot.localhub.server import HubServer
from bot.store.database import Database
from bot.store.deliveries import Deliveries, Handled
from bot.store.tasks import Tasks, TaskView
from tests.databases import new_database
from tests.model_server.seen import Seen
from tests.official.judge import judged_hub
from tests.stories.model import StoryModel, Turn

NAME = "octo/app"
BUG = "def add(a, b):\n    return a - b\n"
OLD_TEST = (
    "import unittest\n\nfrom app import add\n\n\nclass AddTest(unittest.TestCase):\n    def test_zero(self):\n"
    "        self.assertEqual(add(0, 0), 0)\n"
)
NEW_TEST = OLD_TEST + "\n    def test_sum(self):\n        self.assertEqual(add(1, 2), 3)\n"
FILES = {"app.py": BUG, "tests/__init__.py": "", "tests/test_app.py": OLD_TEST, "README.md": "# App\n"}
_PATIENCE_S = float(
    os.environ.get("PATIENCE_S") or 90
)  # an effect that may be under way is waited for up to 50 s


@cache
@cache  # a tenth of a second each, and an App's key may serve every world of this process
def make_key() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


@dataclass
class World:
    hub: HubServer
    model: StoryModel
    supervisor: Supervisor
    data_dir: Path
    settings: dict[str, str]
    issue: int
    database: Database
    name: str = NAME  # the repository's, which may change
    patience_s: float = _PATIENCE_S
    _worker: Child | None = field(default=None, init=False)

    # -- what people do -------------------------------------------------------------------------------------
    def comment(self, login: str, body: str) -> int:
        return self.hub.seed.comment(self.name, self.issue, login, body)

    # -- what processes do ----------------------------------------------------------------------------------
    def start_worker(self) -> None:
        ready = self.data_dir / "worker.json"
        ready.unlink(missing_ok=True)
        self._worker = self.supervisor.start(
            "worker", ["worker"], self.settings, self.data_dir / "worker.log"
        )
        self.supervisor.wait_until(ready.exists, "the worker", _PATIENCE_S)

    def kill_worker(self) -> None:
        """kill -9, with everything that it had started."""
        assert self._worker is not None
        self.supervisor.children.remove(self._worker)
        os.kill(self._worker.process.pid, signal.SIGKILL)
        self._worker.process.wait()

    def stop_worker(self) -> None:
        """SIGTERM, as a supervisor ends it; returns when it has."""
        assert self._worker is not None
        self.supervisor.stop(self._worker)

    # -- what can be seen -----------------------------------------------------------------------------------
    def wait_for(self, what: str, seen: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + self.patience_s
        while not (found := seen()):
            self.supervisor.check()
            assert time.monotonic() < deadline, f"{what} did not happen\n{self.log()}"
            time.sleep(0.05)
        return found

    def wait_until_over(self) -> TaskView:
        def over() -> TaskView | None:
            return next((t for t in Tasks(self.database).newest(1) if t.status is TaskStatus.FINISHED), None)

        found = self.wait_for("the end of the task", over)
        assert isinstance(found, TaskView)
        return found

    def wait_for_task(self, name: int | str) -> TaskView:
        """The end of the task that this comment (or what names it) asked for."""
        task = TaskId(f"t-{name}")

        def over() -> TaskView | None:
            found = Tasks(self.database).find(task)
            return found if found is not None and found.status is TaskStatus.FINISHED else None

        found = self.wait_for(f"the end of {task}", over)
        assert isinstance(found, TaskView)
        return found

    def wait_until_decided(self) -> Handled:
        """What became of the newest delivery."""
        assert self.hub.seed.wait_idle()
        guid = self.hub.hub.courier.deliveries[-1].guid

        def decided() -> Handled | None:
            return Deliveries(self.database).handled(guid)  # type: ignore[arg-type]

        found = self.wait_for("a verdict", decided)
        assert isinstance(found, Handled)
        return found

    def thread(self, number: int | None = None) -> dict[str, Any]:
        return self.hub.seed.thread(self.name, number or self.issue)

    def bot_comments(self) -> list[str]:
        return [c["body"] for c in self.thread()["comments"] if c["user"]["login"].endswith("[bot]")]

    def reactions(self) -> list[list[str]]:
        return [one for given in self.thread()["reactions"].values() for one in given]

    def pulls(self) -> list[dict[str, Any]]:
        threads = self.hub.seed.threads(self.name)
        return [self.thread(one["number"]) for one in threads if one["is_pull"]]

    def branches(self) -> list[str]:
        heads = [ref for ref in self.hub.seed.refs(self.name) if ref.startswith("refs/heads/")]
        return [ref for ref in heads if ref != "refs/heads/main"]

    def log(self) -> str:
        return "\n".join((self.data_dir / "worker.log").read_text(errors="replace").splitlines()[-30:])


@contextmanager
def story(
    tmp_path: Path,
    turns: Sequence[Turn] | Callable[[Seen], Turn],
    files: dict[str, str] | None = None,
    clock: Callable[[], float] = time.time,
    worker: bool = True,
    **settings: str,
) -> Iterator[World]:
    """Everything is up and the issue is open when it is entered. `clock`: the hub's; the bot has the true one.
    `worker` False: the caller starts its own."""
    private, public = make_key()
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    named = settings.get("PULLWRIGHT_DATABASE_URL")
    with (
        judged_hub(tmp_path / "hub", clock) as hub,
        StoryModel(turns) as model,
        nullcontext(named) if named else new_database(data_dir / "pullwright.db") as url,
    ):
        seed = hub.seed
        for login in ("ada", "eve"):
            seed.add_person(login)
        app = seed.add_app(NewApp("pullwright", "octo", public, webhook_secret="a secret of the story"))
        seed.add_repository(NAME, {path: text.encode() for path, text in (files or FILES).items()})
        seed.set_role(NAME, "ada", "write")
        seed.set_role(NAME, "eve", "read")
        issue = seed.open_issue(NAME, "eve", "Sums are wrong", "`add(1, 2)` gives -1, I expected 3.")
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(bot.__file__).parents[1]),  # the code that is tested, not an installed one
            "PULLWRIGHT_APP_ID": str(app["app_id"]),
            "PULLWRIGHT_PRIVATE_KEY": private,
            "PULLWRIGHT_WEBHOOK_SECRETS": "a secret of the story",
            "PULLWRIGHT_API_URL": hub.api_url,
            "PULLWRIGHT_WEB_URL": hub.url,
            "PULLWRIGHT_DATA_DIR": str(data_dir),
            "PULLWRIGHT_DATABASE_URL": url,
            "PULLWRIGHT_PORT": "0",
            "PULLWRIGHT_WRITE_SPACING_S": "0",
            "PULLWRIGHT_MODEL": "story",
            "OPENAI_API_KEY": "sk-story",
            "OPENAI_BASE_URL": model.url,
            **settings,
        }
        with closing(Database(url)) as database, Supervisor(cwd=tmp_path) as supervisor:
            world = World(hub, model, supervisor, data_dir, environment, issue, database)
            supervisor.start("receiver", ["serve"], environment, data_dir / "receiver.log")
            if worker:
                world.start_worker()
            ready = data_dir / "receiver.json"
            supervisor.wait_until(ready.exists, "the receiver", _PATIENCE_S)
            url = json.loads(ready.read_text())["url"]
            seed.set_webhook(app["app_id"], f"{url}/webhook", "a secret of the story")
            yield world
        assert model.complaints == [], "every request of a story would be taken by a strict server"
