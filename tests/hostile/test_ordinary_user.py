"""The whole sandbox as a worker that is not root, without a cgroup."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = os.path.realpath(sys.executable)


def _reachable_python() -> str | None:
    """A Python >= 3.11 that an ordinary user can start; ours, or the system's."""
    for path in (PYTHON, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        probe = "import sys; sys.exit(sys.version_info < (3, 11))"
        try:
            if path and subprocess.run([path, "-c", probe], user=65534, check=False).returncode == 0:
                return path
        except PermissionError:
            continue
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_it_works_the_same_for_an_ordinary_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    program = _reachable_python()
    if program is None:
        pytest.skip("no Python that an ordinary user can start")
    work = Path("/var/tmp") / f"pullwright-test-{os.getpid()}"
    work.mkdir()
    os.chown(work, 65534, 65534)
    root = Path(__file__).resolve().parents[2]
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    try:
        done = subprocess.run(
            [program, "-B", str(Path(__file__).with_name("ordinary_user.py")), str(work)],
            user=65534,
            group=65534,
            extra_groups=[],
            env={"PYTHONPATH": f"{root}:{packages}", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    assert done.returncode == 0, done.stdout + done.stderr
    held = ["preflight", "copy-on-write", "memory", "disk", "forks", "view", "walk", "closed"]
    assert done.stdout.split() == held
