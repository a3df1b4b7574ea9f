"""The log of a local run: whole rows, in order, in the format that replay reads."""

from itertools import count
from pathlib import Path

from bot.agent.contract import EventKind
from bot.tasks.export import parse_log
from bot.tasks.file_log import FileEventLog


async def test_rows_come_back_and_a_line_that_was_cut_off_was_never_written(tmp_path: Path) -> None:
    path, clock = tmp_path / "log", count(100)
    log = FileEventLog(path, "run-1", lambda: float(next(clock)))
    assert await log.load() == ()
    await log.append(EventKind.STARTED, {"a": "ü"})
    await log.append(EventKind.REPLY, {"b": 1})
    with path.open("a") as file:
        file.write('{"seq": 3, "at"')
    again = FileEventLog(path, "run-1", lambda: 0.0)
    assert [(event.kind, event.body) for event in await again.load()] == [
        (EventKind.STARTED, {"a": "ü"}),
        (EventKind.REPLY, {"b": 1}),
    ]
    await again.append(EventKind.REPLY, {"c": 2})
    assert len(await FileEventLog(path, "run-1", lambda: 0.0).load()) == 3


async def test_it_is_a_log_that_can_be_played_again(tmp_path: Path) -> None:
    log = FileEventLog(tmp_path / "log", "run-1", lambda: 7.0)
    await log.append(EventKind.REPLY, {"b": 1})
    parsed = parse_log((tmp_path / "log").read_text(), "log")
    assert parsed.about["task"] == "run-1"
    assert [(row.seq, row.at) for row in parsed.rows] == [(1, 7.0)]
