"""What the demo leaves behind, and how it says that its evidence can be checked."""

from pathlib import Path

import pytest
from rich.console import Console

from bot.cli.demo import _check_command, _data_dir, _keep_evidence
from bot.cli.demo_seed import Seeded
from bot.cli.demo_view import print_check
from bot.cli.demo_watch import open_watcher
from bot.domain.admission import AdmissionLimits
from bot.domain.ids import TaskId
from bot.errors import ForPerson
from bot.store.evidence import EvidenceRecords, SignedRecord
from bot.store.migrations import migrate
from bot.store.tasks import Tasks, insert_task
from tests.store.requests import request


def test_nothing_is_left_unless_a_folder_is_named(tmp_path: Path) -> None:
    with _data_dir(None) as folder:
        assert folder.is_dir()
    assert not folder.exists()
    with _data_dir(tmp_path / "new" / "kept") as kept:
        assert kept == tmp_path / "new" / "kept"
    assert kept.is_dir()
    with pytest.raises(ForPerson, match="can't be made"), _data_dir(kept):
        pass


def test_the_command_that_checks_can_be_copied_as_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeded = Seeded("acme/shop", 1, 2, tmp_path / "app.pem", "secret")
    assert _check_command(tmp_path, seeded) == ()
    evidence = tmp_path / "evidence" / "t1" / "evidence.json"
    evidence.parent.mkdir(parents=True)
    evidence.write_text("{}")
    words = _check_command(tmp_path, seeded)
    print_check(Console(width=40), words)
    said = capsys.readouterr().out
    assert " ".join(words) in said  # in one line, however narrow the terminal is
    assert words[1:] == (
        "verify",
        str(evidence),
        "--key",
        str(tmp_path / "evidence" / "t1" / "evidence.pub.pem"),
        "--repo",
        str(tmp_path / "hub" / "acme" / "shop.git"),
        "--again",
    )


def test_the_evidence_is_written_beside_for_people(tmp_path: Path) -> None:
    seeded = Seeded("acme/shop", 1, 2, tmp_path / "app.pem", "secret")
    with open_watcher(tmp_path) as watcher:
        migrate(watcher.database)
        _keep_evidence(watcher, tmp_path)  # no task yet
        with watcher.database.write() as connection:
            insert_task(connection, request(1), 0.0)
        watcher.refresh(1.0)
        _keep_evidence(watcher, tmp_path)  # none of it yet
        assert _check_command(tmp_path, seeded) == ()
        Tasks(watcher.database).admit(AdmissionLimits(1, 1, 1), 0.0)
        taken = Tasks(watcher.database).take(TaskId("t-1"), "w")
        signed = SignedRecord(b"{}", b"signed")
        EvidenceRecords(watcher.database).keep(taken.id, taken.epoch, signed, 1.0)
        _keep_evidence(watcher, tmp_path)
    folder = tmp_path / "evidence" / "t-1"
    assert {path.name for path in folder.iterdir()} == {
        "evidence.json",
        "evidence.json.sig",
        "evidence.pub.pem",
    }
    assert _check_command(tmp_path, seeded)[2] == str(folder / "evidence.json")
