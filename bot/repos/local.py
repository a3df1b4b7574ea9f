"""Takes the objects of a person's own clone into a cache of ours, without git and without opening the clone.

Object files are plain content under the hash of themselves; the clone's configuration, hooks and filters are never
read. For `pullwright verify` only: a task's objects come from GitHub.
"""

import shutil
from pathlib import Path
from typing import Final

from bot.errors import ForPerson

_DEPTH: Final = 5  # alternates of alternates; people have one


def copy_objects(clone: Path, objects: Path) -> None:
    """Every pack and loose object of `clone` (a work tree, a bare repository, a linked work tree) and of those that
    it borrows from. Raises ForPerson when it is none."""
    for folder in _object_folders(_git_folder(clone) / "objects", 0):
        for file in folder.rglob("*"):
            target = objects / file.relative_to(folder)
            wanted = file.suffix in (".pack", ".idx") or len(file.parent.name) == 2
            if wanted and file.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)


def _git_folder(clone: Path) -> Path:
    dot = clone / ".git"
    if dot.is_file():  # a linked work tree names its own folder, which names the common one
        named = dot.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        own = (clone / named).resolve()
        common = own / "commondir"
        dot = (own / common.read_text(encoding="utf-8").strip()).resolve() if common.is_file() else own
    for folder in (dot, clone):
        if (folder / "objects").is_dir():
            return folder
    raise ForPerson(f"{clone} is no git repository.", "Name a clone, or a bare repository.")


def _object_folders(objects: Path, depth: int) -> list[Path]:
    borrowed = objects / "info" / "alternates"
    if depth == _DEPTH or not borrowed.is_file():
        return [objects]
    others = [objects / line for line in borrowed.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [objects, *(folder for other in others for folder in _object_folders(other, depth + 1))]
