"""Run by test_ordinary_user as an ordinary user, without a cgroup: prints one word for each thing that held."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from bot.repos import walk
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.bounds import Bounds
from bot.sandbox.contract import Command, EndedBy, FileWrite

MIB = 1 << 20
PYTHON = os.path.realpath(sys.executable)
BOUNDS = Bounds(
    memory_bytes=192 * MIB, processes=60, disk_bytes=48 * MIB, disk_files=3000, disk_free_bytes=MIB
)


async def main(work: Path) -> None:
    """Raises AssertionError for what did not hold."""
    template = work / "template"
    template.mkdir()
    (template / "README").write_text("below\n")
    sandbox = BubblewrapSandbox(SandboxSettings(work / "state", 64738, bounds=BOUNDS))
    found = await sandbox.preflight()
    assert found.ok, found
    assert sandbox.owner_uid is None
    print("preflight")

    workspace = await sandbox.open_workspace(template)
    result = await workspace.run(
        Command("cat README; echo more >> README; cat /proc/1/environ; mkdir s; chmod 0 s")
    )
    assert result.output == b"below\n", result
    await workspace.write_files((FileWrite("new/file", b"x"),))
    assert (await workspace.read_file("README")).content == b"below\nmore\n"
    assert (template / "README").read_text() == "below\n"
    print("copy-on-write")

    many = (
        f"for i in 1 2 3 4; do {PYTHON} -I -S -c 'x = b\"x\" * (80 << 20); input()' </dev/zero & done; wait"
    )
    result = await workspace.run(Command(many, timeout_s=20))
    assert result.ended_by is EndedBy.MEMORY, result
    print("memory")

    hidden = "chmod 700 s; head -c 60M /dev/zero > s/big; chmod 0 s; sleep 20"
    result = await workspace.run(Command(hidden, timeout_s=20))
    assert result.ended_by is EndedBy.DISK, result
    await workspace.close()
    print("disk")

    workspace = await sandbox.open_workspace(template)
    result = await workspace.run(Command(":(){ :|:& };:; sleep 20", timeout_s=0.8))
    assert result.ended_by is EndedBy.TIMEOUT, result
    print("forks")

    await workspace.run(Command("echo new > file; mkdir s; echo x > s/in; chmod 0 s"))
    listing = workspace.view_command(["/bin/ls", "-R", str(workspace.view_root)])
    shown = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    assert "file" in shown
    assert "in\n" in shown
    print("view")

    root, layers = str(workspace.view_root), map(str, workspace.written_layers)
    caps = {"depth": 9, "files": 99, "file_bytes": 99, "bytes": 99}
    known = {"base": {}, "folders": ["s"]}
    answers = ({"base": {}, "caps": caps}, known, 1, known, 1)  # of the top, `file`, of `s`, `s/in`
    walked = subprocess.run(
        workspace.view_command([PYTHON, "-I", "-S", walk.__file__, root, *layers]),
        input="".join(f"{json.dumps(answer)}\n" for answer in answers), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert '"kept": ["README"]' in walked, walked
    assert '"p": "s/in"' in walked, walked
    assert '"t": "end"' in walked, walked
    print("walk")

    await workspace.close()
    assert not workspace.view_root.exists()
    print("closed")


asyncio.run(main(Path(sys.argv[1])))
