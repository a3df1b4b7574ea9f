"""What is written for each version of cgroups, into folders that stand for the kernel's."""

from pathlib import Path

import pytest

from bot.sandbox.bounds import Bounds
from bot.sandbox.cgroups import CgroupHost, command_cgroup, make_cgroup

BOUNDS = Bounds(memory_bytes=1 << 30, processes=77, cpus=1.5)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (2, {"memory.max": "1073741824", "memory.swap.max": "0", "pids.max": "77", "cpu.max": "150000 100000"}),
        (
            1,
            {
                "memory.limit_in_bytes": "1073741824", "memory.memsw.limit_in_bytes": "1073741824", "pids.max": "77",
                "cpu.cfs_quota_us": "150000", "cpu.cfs_period_us": "100000",
            },
        ),
    ],
)  # fmt: skip
def test_every_bound_is_written(tmp_path: Path, version: int, expected: dict[str, str]) -> None:
    host = CgroupHost(version, dict.fromkeys(("memory", "pids", "cpu"), tmp_path))
    with command_cgroup(host, "x", BOUNDS) as group:
        folder = group.directories["memory"]
        assert {path.name: path.read_text() for path in folder.iterdir()} == expected
        assert group.folders == (folder,)
        events = "memory.events" if version == 2 else "memory.oom_control"
        (folder / events).write_text("low 0\noom 3\noom_kill 2\n")
        (folder / "pids.events").write_text("max 9\n")
        assert (group.killed_for_memory(), group.refused_processes()) == (2, 9)
    for path in folder.iterdir():  # the kernel's own files go with the folder
        path.unlink()
    host.remove(())  # what could not be removed is tried again
    assert not folder.exists()


def test_nowhere_is_an_answer(tmp_path: Path) -> None:
    with command_cgroup(CgroupHost(0), "x", BOUNDS) as group:
        assert (group.folders, group.killed_for_memory(), group.refused_processes()) == ((), 0, 0)


def test_one_that_can_not_be_made_is_removed_as_far_as_it_was(tmp_path: Path) -> None:
    (made := tmp_path / "pids").mkdir()
    (refusing := tmp_path / "memory").write_text("no directory")
    host = CgroupHost(1, {"pids": made, "memory": refusing})
    with pytest.raises(OSError, match="memory"):
        make_cgroup(host, "x", BOUNDS)
    for path in made.glob("*/*"):  # the kernel's own files go with the folder
        path.unlink()
    host.remove(())
    assert not list(made.iterdir())
