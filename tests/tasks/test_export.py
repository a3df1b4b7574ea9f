"""A task's log goes out as JSON Lines, without secrets, and comes back."""

import json
from dataclasses import astuple
from pathlib import Path

import pytest

from bot.cli.replay import run_replay
from bot.domain.ids import TaskId
from bot.domain.tasks import Phase, TaskStatus
from bot.errors import RecordingMismatch
from bot.store.events import EventRow
from bot.store.tasks import TaskView
from bot.tasks.export import parse_log, render_log
from tests.agent.scripted import ScriptedModel, call, calls, submits
from tests.agent.world import World

VIEW = TaskView(TaskId("t-1"), TaskStatus.FINISHED, Phase.REPORT, "proven", "", 1, 0, "", {}, 1.0, 9.0)
SECRET = 'very"secret"value'


async def rows() -> tuple[EventRow, ...]:
    world = World()
    look = calls(call("shell", command=f"echo {SECRET}"))
    await world.go(ScriptedModel(look, submits("blocked")))
    events = await world.log.load()
    found = [EventRow(2 * n, event.kind.value, event.body, float(n)) for n, event in enumerate(events, 1)]
    return (EventRow(1, "phase", {"phase": "work", "state": "begun"}, 0.5), *found)


async def test_it_comes_back_whole_and_plays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = parse_log(render_log(VIEW, await rows(), ()), "log")
    assert [astuple(row) for row in log.rows] == [astuple(row) for row in await rows()]
    assert log.about["outcome"] == "proven"
    path = tmp_path / "log.jsonl"
    path.write_text(render_log(VIEW, await rows(), (SECRET,)), encoding="utf-8")
    assert run_replay(path) == 0
    told = capsys.readouterr().out
    assert "The same at every row. Next it would: end: submitted." in told
    assert "2 model replies" in told


async def test_no_secret_is_in_it_and_each_line_is_json() -> None:
    text = render_log(VIEW, await rows(), (SECRET,))
    assert "secret\\" not in text
    assert all(isinstance(json.loads(line), dict) for line in text.splitlines())


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format": "other"}', '{"format": "pullwright-log-1"}\n{"seq": 1}']
)
def test_what_is_no_log_is_named_with_its_line(text: str) -> None:
    with pytest.raises(RecordingMismatch, match="log"):
        parse_log(text, "log")
