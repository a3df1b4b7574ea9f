"""`pullwright run` on a clone of one's own: real sandbox, real tests, a scripted model behind real HTTP."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dulwich import porcelain

from bot.cli.run import RunOptions, run_run
from bot.cli.run_codes import decide_exit_code
from bot.cli.run_events import JsonView
from bot.domain.outcomes import Outcome
from bot.errors import ForPerson, RepositoryFault, SandboxUnavailable, SettingsFault
from tests.model_server.seen import Seen
from tests.stories.model import Say, StoryModel, Turn, edit, submit
from tests.stories.registry import FIX, GOOD, TEST
from tests.stories.world import BUG, FILES, OLD_TEST

SUM = "\n    def test_sum(self):\n        self.assertEqual(add({})\n"
WHO = b"Ada <ada@example.org>"


@dataclass
class Desk:
    clone: Path
    environment: pytest.MonkeyPatch
    events: list[dict[str, Any]]

    def run(self, turns: list[Turn] | Callable[[Seen], Turn], **options: Any) -> int:
        out = io.StringIO()
        with StoryModel(turns) as model:
            self.environment.setenv("OPENAI_BASE_URL", model.url)
            code = run_run(RunOptions("add() is wrong", self.clone, **options), JsonView(out))
        self.events = [json.loads(line) for line in out.getvalue().splitlines()]
        return code

    def last(self, kind: str) -> dict[str, Any]:
        return [event for event in self.events if event["type"] == kind][-1]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    clone = tmp_path / "clone"
    for name, text in FILES.items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(text)
    porcelain.init(str(clone))
    porcelain.add(str(clone), [str(clone / name) for name in FILES])
    porcelain.commit(str(clone), b"first", author=WHO, committer=WHO)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-story")
    monkeypatch.setenv("PULLWRIGHT_MODEL", "story")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Desk(clone, monkeypatch, [])


def test_a_proven_change_is_kept_shown_and_applied_when_told_so(desk: Desk, tmp_path: Path) -> None:
    (desk.clone / "notes.txt").write_text("not committed\n")
    assert desk.run(GOOD, apply=True, patch=tmp_path / "out.diff") == 0
    ended = desk.last("ended")
    assert (ended["outcome"], ended["tier"]) == ("proven", "A")
    assert "+    return a + b" in ended["diff"]
    assert "notes.txt" not in ended["diff"], "what was there before is no part of the change"
    assert (tmp_path / "out.diff").read_text() == ended["diff"]
    assert "return a + b" in (desk.clone / "app.py").read_text()
    assert "test_sum" in (desk.clone / "tests" / "test_app.py").read_text()
    kept = Path(ended["folder"])
    assert sorted(path.name for path in kept.iterdir()) == ["events.jsonl", "evidence.json", "patch.diff"]
    assert [event["phase"] for event in desk.events if event["type"] == "phase"] == [
        "prepare",
        "work",
        "verify",
    ]
    assert ended["spent"]["turns"] == len(GOOD)
    assert all(isinstance(event["at"], float) for event in desk.events)


@pytest.mark.stories
def test_a_change_that_breaks_something_is_not_applied_even_when_told_so(desk: Desk) -> None:
    breaks = edit("app.py", "a - b", "a + b + 1")
    desk.environment.setenv("PULLWRIGHT_FRESH_ATTEMPT", "false")
    assert desk.run([breaks, submit(), submit(), submit()], apply=True) == 1
    assert desk.last("ended")["outcome"] == "unverified"
    assert [event["evidence"]["tier"] for event in desk.events if event["type"] == "verified"] == ["D"] * 3
    assert "Not applied" in desk.last("said")["message"]
    assert (desk.clone / "app.py").read_text() == BUG


@pytest.mark.stories
def test_of_two_attempts_the_proven_one_is_kept(desk: Desk) -> None:
    """One server cannot tell them apart: which one breaks things is decided by who asks for its first turn first."""
    first: list[bool] = []

    def play(seen: Seen) -> Turn:
        if seen.turn == 0:
            first.append(True)
            return FIX if len(first) == 1 else edit("app.py", "a - b", "a * b")
        return [TEST, submit()][min(seen.turn - 1, 1)]

    assert desk.run(play, attempts=2) == 0
    ended = desk.last("ended")
    assert (ended["outcome"], ended["tier"]) == ("proven", "A")
    assert "+    return a + b" in ended["diff"]
    assert ended["spent"]["turns"] > 3, "what both cost"
    names = sorted(path.name for path in Path(ended["folder"]).iterdir())
    assert names == ["events-2.jsonl", "events.jsonl", "evidence.json", "patch.diff"]


@pytest.mark.stories
def test_of_two_proven_attempts_the_one_that_passes_the_others_test_is_kept(desk: Desk) -> None:
    """One fixes what the issue says, the other only the value that it tried itself, in fewer lines."""
    first: list[bool] = []

    def play(seen: Seen) -> Turn:
        if seen.turn == 0:
            first.append(True)
            special = "(3 if (a, b) == (1, 2) else a - b)"
            return edit("app.py", "a - b", special if len(first) == 1 else "a + b  # adds\n    # both")
        text = json.dumps(seen.body["messages"])
        value = "1, 2), 3" if "if (a, b)" in text else "2, 3), 5"
        test = edit("tests/test_app.py", OLD_TEST[-50:], f"{OLD_TEST[-50:]}{SUM.format(value)}")
        return [test, submit()][min(seen.turn - 1, 1)]

    assert desk.run(play, attempts=2) == 0
    ended = desk.last("ended")
    assert "+    return a + b" in ended["diff"]
    evidence = json.loads((Path(ended["folder"]) / "evidence.json").read_text())["evidence"]
    said = "Chosen among 2 attempts; 1 of 1 regression tests of the others pass with its code."
    assert evidence["notes"] == [said]
    assert evidence["runs"][-1]["purpose"] == "others_tests"


def test_a_model_that_gives_up_leaves_its_work_in_the_patch_and_the_files_alone(desk: Desk) -> None:
    assert desk.run([FIX, Say("I can't go on."), Say("Really not.")]) == decide_exit_code(Outcome.BLOCKED)
    assert "+    return a + b" in desk.last("ended")["diff"]
    assert (desk.clone / "app.py").read_text() == BUG
    assert "git apply" in desk.last("said")["message"]


def test_what_is_missing_is_said_before_anything_begins(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(RepositoryFault, match="in no git repository"):
        run_run(RunOptions("x", tmp_path), JsonView(io.StringIO()))
    with pytest.raises(ForPerson, match="no instruction"):
        run_run(RunOptions("  ", desk.clone), JsonView(io.StringIO()))
    desk.environment.setenv("PULLWRIGHT_BWRAP", "/bin/false")
    with pytest.raises(SandboxUnavailable):
        desk.run(GOOD)
    desk.environment.delenv("OPENAI_API_KEY")
    with pytest.raises(SettingsFault, match="OPENAI_API_KEY"):
        run_run(RunOptions("x", desk.clone), JsonView(io.StringIO()))


def test_each_kind_of_end_has_a_code_of_its_own() -> None:
    codes = {outcome: decide_exit_code(outcome) for outcome in Outcome}
    assert {outcome for outcome, code in codes.items() if code == 0} == {Outcome.PROVEN, Outcome.CHECKED}
    named = (
        Outcome.BLOCKED,
        Outcome.NO_SANDBOX,
        Outcome.DECLINED,
        Outcome.MODEL_MISBEHAVED,
        Outcome.OUT_OF_MONEY,
        Outcome.MODEL_UNAVAILABLE,
        Outcome.NEEDS_CLARIFICATION,
    )
    assert len({codes[outcome] for outcome in named}) == len(named)
    assert 2 not in codes.values(), "that is the settings' code"


def _loaded_by(code: str, names: tuple[str, ...]) -> list[str]:
    """Which of these modules a fresh process has after `code`."""
    told = f"import sys\n{code}\nprint(*(name for name in {names} if name in sys.modules))"
    return subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True
    ).stdout.split()


SERVICES = ("sqlalchemy", "dbos", "github", "fastapi", "dulwich", "requests", "prometheus_client")
LATER = ("bot.editing.patch_apply", "bot.editing.edit", "bot.editing.syntax", "bot.sandbox.container_backend")
OF_OTHERS = (
    "structlog",
    "rich",
    "pygments",
    "croniter",
    "jsonschema",
    "cryptography",
    "jinja2",
    "markdown_it",
)


def test_before_the_clone_is_read_nothing_of_the_work_is_loaded() -> None:
    """A person waits. What is loaded here delays the processes that read the clone and try the sandbox."""
    work = (
        "openai",
        "httpx2",
        "yaml",
        "bot.agent.contract",
        "bot.verify.verifier",
        "bot.tasks.change.ground",
    )
    assert _loaded_by("import bot.cli.run", (*SERVICES, *LATER, *OF_OTHERS, *work)) == []


def test_before_the_first_request_nothing_is_loaded_that_comes_after_it() -> None:
    """Neither database, engine nor GitHub, nor what edits, draws or logs, nor the classes of the model's library."""
    types = ("openai.types.responses.response", "openai.types.beta", "openai.resources")
    code = (
        "import bot.cli.main, bot.cli.run_work, bot.llm.client\n"
        "from bot.compose_host import find_means\n"
        "bot.llm.client.load_library()"
    )
    assert _loaded_by(code, (*SERVICES, *LATER, *OF_OTHERS, *types)) == []
