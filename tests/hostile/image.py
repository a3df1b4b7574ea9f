"""A container image made of this machine's own programs: so the container back end is proven without a registry."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

NAME = "localhost/pullwright-hostile:latest"
PROGRAMS = [
    "bash",
    "sh",
    "cat",
    "ls",
    "id",
    "sed",
    "grep",
    "tr",
    "wc",
    "head",
    "tail",
    "sleep",
    "touch",
    "mkdir",
    "mkfifo",
    "ln",
    "rm",
    "mv",
    "cp",
    "chmod",
    "stat",
    "find",
    "sort",
    "yes",
    "env",
    "kill",
    "setsid",
    "truncate",
    "df",
    "mknod",
    "true",
    "false",
    "echo",
    "printf",
    "date",
    "seq",
    "timeout",
    "ps",
    "dd",
    "du",
    "tee",
    "readlink",
    "awk",
    "nohup",
    "nice",
]
FOLDERS = ("usr", "usr/bin", "usr/lib", "usr/lib64", "etc", "proc", "dev", "sys", "workspace", "env", "pullwright",
           "home", "home/agent", "run", "var", "var/tmp")  # fmt: skip


def build_image(engine: str) -> str:
    """Make it once for a machine. Raises subprocess.CalledProcessError."""
    there = subprocess.run([engine, "image", "inspect", NAME], capture_output=True, check=False)
    if there.returncode != 0:
        subprocess.run([engine, "import", "-", NAME], input=_archive(), capture_output=True, check=True)
    return NAME


def _archive() -> bytes:
    python = Path("/usr/bin/python3").resolve()
    library = Path("/usr/lib") / python.name
    programs = [path for name in PROGRAMS if (path := shutil.which(name, path="/usr/bin:/bin"))]
    wanted = [*programs, str(python), *map(str, (library / "lib-dynload").glob("*.so"))]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in (*FOLDERS, "tmp"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(folder)
        for name in ("bin", "lib", "lib64"):
            _link(archive, name, f"usr/{name}")
        inside = {
            path: "usr" + path.removeprefix("/usr") for path in sorted({*programs, *_libraries(wanted)})
        }
        for parent in sorted({str(Path(name).parent) for name in inside.values()} - {*FOLDERS}):
            folder = tarfile.TarInfo(parent)  # left out, some engines make it for root alone
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        for path, name in inside.items():
            archive.add(os.path.realpath(path), name)
        archive.add(python, f"usr/bin/{python.name}")
        _link(archive, "usr/bin/python3", python.name)
        archive.add(library, f"usr/lib/{library.name}", filter=_needed)
    return buffer.getvalue()


def _libraries(paths: list[str]) -> set[str]:
    found = set()
    for path in paths:
        said = subprocess.run(
            ["ldd", os.path.realpath(path)], capture_output=True, text=True, check=False
        ).stdout
        found |= {word for word in said.split() if word.startswith("/")}
    return found


def _link(archive: tarfile.TarFile, name: str, target: str) -> None:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, target
    archive.addfile(link)


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return (
        None if any(part in entry.name for part in ("__pycache__", "/test", "config-3", "idlelib")) else entry
    )


if __name__ == "__main__":
    print(build_image(sys.argv[1]))
