"""Files of a workspace, read and written inside; the view for the host's walker."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from bot.errors import ForModel
from bot.sandbox.contract import Command, FileKind, FileWrite, Workspace


async def test_reading_tells_kind_size_and_content(workspace: Workspace) -> None:
    read = await workspace.read_file("/workspace/README")
    assert (read.kind, read.size, read.content) == (FileKind.FILE, 6, b"below\n")
    small = await workspace.read_file("README", max_bytes=3)
    assert (small.kind, small.size, small.content) == (FileKind.FILE, 6, None)
    assert (await workspace.read_file("none")).kind is FileKind.MISSING
    await workspace.run(Command("mkfifo pipe; truncate -s 1000M sparse; printf '\\377\\0\\r\\n' > binary"))
    assert (await workspace.read_file("pipe")).kind is FileKind.OTHER
    sparse = await workspace.read_file("sparse")
    assert (sparse.size, sparse.content) == (1000 << 20, None)
    assert (await workspace.read_file("binary")).content == b"\xff\0\r\n"


@pytest.mark.parametrize(
    "path", ["../etc/passwd", "/etc/passwd", "out", "outdir/passwd", "root/etc/passwd", "a\0b"]
)
async def test_a_path_that_leaves_the_workspace_is_missing(workspace: Workspace, path: str) -> None:
    await workspace.run(Command("ln -s /etc/passwd out; ln -s /etc outdir; ln -s /proc/self/root root"))
    read = await workspace.read_file(path)
    assert (read.kind, read.content) == (FileKind.MISSING, None)


async def test_links_within_are_followed_and_dangling_ones_named(workspace: Workspace) -> None:
    await workspace.run(Command("ln -s README inner; ln -s nowhere dangling; ln -s loop loop"))
    assert (await workspace.read_file("inner")).content == b"below\n"
    assert (await workspace.read_file("dangling")).kind is FileKind.SYMLINK
    assert (await workspace.read_file("loop")).kind is FileKind.SYMLINK


async def test_writing_makes_parents_and_keeps_modes(workspace: Workspace) -> None:
    await workspace.write_files(
        (
            FileWrite("new/deep/file.py", b"x = 1\r\n"),
            FileWrite("pkg/run.sh", b"#!/bin/sh\n"),
            FileWrite("tool", b"#!/bin/sh\n", executable=True),
            FileWrite("README", None),
        )
    )
    said = await workspace.run(Command("stat -c '%a %n' new/deep/file.py pkg/run.sh tool; ls -A . pkg"))
    assert (
        said.output == b"644 new/deep/file.py\n755 pkg/run.sh\n755 tool\n.:\nnew\npkg\ntool\n\npkg:\nrun.sh\n"
    )
    assert (await workspace.read_file("new/deep/file.py")).content == b"x = 1\r\n"
    await workspace.write_files((FileWrite("tool", b"", executable=False),))
    assert (await workspace.run(Command("stat -c %a tool"))).output == b"644\n"


@pytest.mark.parametrize(
    "bad",
    [
        FileWrite("link", b"x"),
        FileWrite("outdir/passwd", b"x"),
        FileWrite("README/below", b"x"),
        FileWrite("pkg", b"x"),
        FileWrite("gone", None),
        FileWrite("../up", b"x"),
        FileWrite(".git/config", b"x"),
        FileWrite("README", b"twice"),
        FileWrite("shut/x", b"x"),
    ],
    ids=lambda write: write.path,
)
async def test_a_refused_write_changes_nothing(workspace: Workspace, bad: FileWrite) -> None:
    await workspace.run(Command("ln -s README link; ln -s /tmp outdir; mkdir shut; chmod 555 shut"))
    before = (await workspace.run(Command("find . | sort; cat README pkg/run.sh"))).output
    good = (FileWrite("README", b"changed"), FileWrite("made/for/it", b"x"), FileWrite("pkg/run.sh", None))
    with pytest.raises(ForModel, match=r"(?i)nothing was written"):
        await workspace.write_files((*good, bad))
    assert (await workspace.run(Command("find . | sort; cat README pkg/run.sh"))).output == before


async def test_the_view_shows_the_merged_tree_read_only(workspace: Workspace) -> None:
    await workspace.run(
        Command("rm README; echo new > 'a,b:c'; mkdir shut; echo x > shut/in; chmod 000 shut")
    )
    root = str(workspace.view_root)
    script = (
        "import json, os, sys; r = sys.argv[1]; found = sorted(os.listdir(r) + os.listdir(r + '/shut'));\n"
        "try: open(r + '/w', 'w'); found.append('written')\n"
        "except OSError as e: found.append(e.strerror)\n"
        "print(json.dumps(found))"
    )
    python = os.path.realpath("/proc/self/exe")
    argv = workspace.view_command([python, "-I", "-S", "-c", script, root])
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    assert json.loads(done.stdout) == ["a,b:c", "in", "pkg", "shut", "Read-only file system"], done.stderr
    assert list(Path(root).iterdir()) == []  # the host itself never sees it
