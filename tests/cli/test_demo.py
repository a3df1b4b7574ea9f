"""What the demo leaves behind, and how it says that its evidence can be checked."""

from pathlib import Path

import pytest
from rich.console import Console

from bot.cli.demo import _check_command, _data_dir
from bot.cli.demo_seed import Seeded
from bot.cli.demo_view import print_check
from bot.errors import ForPerson


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
