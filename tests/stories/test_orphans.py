"""`pullwright doctor --fix`: what the dead leave behind is found, left alone until somebody says so, then ended."""

import os
import threading
import time
from pathlib import Path

import pytest

from bot.cli.doctor_findings import Finding, Health
from bot.cli.doctor_orphans import examine_orphans
from bot.compose_host import build_sandbox
from bot.settings import Settings, load_settings
from bot.store.effects import Effects, EffectState
from bot.store.schema import effect, worker
from tests.stories.registry import GOOD
from tests.stories.world import World, story


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.startswith(("PULLWRIGHT_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def settings_of(world: World, clean: pytest.MonkeyPatch) -> Settings:
    for name, value in world.settings.items():
        clean.setenv(name, value)
    return load_settings()


def look(settings: Settings, fix: bool = False) -> dict[str, Finding]:
    sandbox = build_sandbox(settings, sweeps=False)
    return {one.subject: one for one in examine_orphans(settings, sandbox, fix)}


@pytest.mark.stories
def test_a_living_worker_has_no_orphans_and_a_killed_one_leaves_some(
    tmp_path: Path, clean: pytest.MonkeyPatch
) -> None:
    with story(tmp_path, GOOD) as world:
        settings = settings_of(world, clean)
        reached, goes_on = threading.Event(), threading.Event()

        def before(turn: int) -> None:
            if turn == 2:
                reached.set()
                goes_on.wait(60)

        world.model.before = before
        world.comment("ada", "@agent fix this")
        assert reached.wait(60)
        assert look(settings) == {"left behind": Finding("left behind", Health.GOOD, "nothing")}

        world.kill_worker()
        goes_on.set()
        with world.database.write() as connection:  # half a minute passes
            connection.execute(worker.update().values(beat_at=time.time() - 60))
        lock = next((world.data_dir / "workers").glob("*.lock"))
        lock.with_name("worker-elsewhere-00.lock").touch()
        for _ in range(2):  # looking changes nothing
            found = look(settings)
            assert set(found) == {
                "workspaces of dead workers",
                "rows of dead workers",
                "locks of dead workers",
            }
            assert all(one.health is Health.WARNING for one in found.values())
        done = look(settings, fix=True)
        assert "removed, with what ran in it" in done["workspaces of dead workers"].said
        assert "forgotten, 1 tasks released" in done["rows of dead workers"].said
        assert done["locks of dead workers"].said == "worker-elsewhere-00: removed"
        assert look(settings)["left behind"].said == "nothing"

        world.start_worker()  # and the task goes on as after any death
        assert world.wait_until_over().outcome == "proven"
        assert len(world.pulls()) == len(world.bot_comments()) == 1


@pytest.mark.stories
def test_effects_that_were_not_read_back_are_looked_for(tmp_path: Path, clean: pytest.MonkeyPatch) -> None:
    with story(tmp_path, GOOD) as world:
        settings = settings_of(world, clean)
        world.comment("ada", "@agent fix this")
        task = world.wait_until_over()
        world.stop_worker()  # it would look for them itself
        key = f"{task.id}:pull-request"
        long_ago = {"state": EffectState.SENDING.value, "sent_at": time.time() - 600, "result": ""}
        with world.database.write() as connection:  # as a death in the middle would have left them
            connection.execute(effect.update().where(effect.c.key == key).values(**long_ago))
            for name, state in (
                ("asking-00", "sending"),
                ("check-run-2", "planned"),
                ("new-kind", "sending"),
                ("page-1", "sending"),
            ):
                row = {"task": task.id, "epoch": 1, **long_ago, "state": state, "key": f"{task.id}:{name}"}
                connection.execute(effect.insert().values(**row))
        assert look(settings)["half-sent effects"].said.count(task.id) == 5
        said = look(settings, fix=True)["half-sent effects"].said.splitlines()
        assert said == [
            f"{task.id}:asking-00: it was never made: forgotten",
            f"{task.id}:check-run-2: it was never made: forgotten",
            f"{task.id}:new-kind: left alone: look at #{world.issue} of octo/app",
            f"{task.id}:page-1: it was never made: forgotten",
            f"{key}: it is there: written down",
        ]
        kept = Effects(world.database).find(key)
        assert kept is not None
        assert (kept.state, kept.result["number"]) == (EffectState.DONE, world.pulls()[0]["issue"]["number"])
        assert len(world.pulls()) == 1
