"""A data directory that can't be written: no start, one sentence and its remedy, nothing half begun."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bot
from tests.stories.world import make_key

READ_ONLY = 'mount -t tmpfs -o ro none "$0" && exec "$@"'
"""For root too, whom mode bits don't hold: a mount of its own, in a namespace of its own."""


def start(command: list[str], data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    private, _ = make_key()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(bot.__file__).parents[1]),
        "PULLWRIGHT_APP_ID": "1",
        "PULLWRIGHT_PRIVATE_KEY": private,
        "PULLWRIGHT_WEBHOOK_SECRETS": "a secret of the test",
        "PULLWRIGHT_DATA_DIR": str(data_dir),
        "PULLWRIGHT_PORT": "0",
        "PULLWRIGHT_MODEL": "none",
        "OPENAI_API_KEY": "none",
        **settings,
    }
    unshare = shutil.which("unshare")
    assert unshare is not None
    argv = [unshare, "-Urm", "sh", "-c", READ_ONLY, str(data_dir), sys.executable, "-m", "bot", *command]
    return subprocess.run(
        argv, env=environment, cwd=data_dir.parent, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no way to mount anything read-only here")
@pytest.mark.parametrize(
    ("command", "database"),
    [
        (["serve"], ""),
        (["worker"], "postgresql://nobody@127.0.0.1:1/none"),
    ],
)
def test_a_start_on_a_read_only_disk_says_what_to_do(
    tmp_path: Path, command: list[str], database: str
) -> None:
    """Whatever the database is: repositories, workspaces and locks are on this disk."""
    (data_dir := tmp_path / "data").mkdir()
    ended = start(command, data_dir, PULLWRIGHT_DATABASE_URL=database)
    assert ended.returncode == 1
    said, remedy = ended.stderr.splitlines()
    assert "pullwright: The data directory can't be written: [Errno 30] Read-only file system" in said
    assert remedy.startswith("PULLWRIGHT_DATA_DIR names a directory on a local disk")
