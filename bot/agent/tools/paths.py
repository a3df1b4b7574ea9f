"""Paths as models write them, to checked paths of the repository. Pure, but for reading one file."""

from bot.domain import limits
from bot.domain.ids import RepoPath
from bot.domain.paths import UnsafePath, parse_repo_path
from bot.errors import ForModel
from bot.sandbox.contract import FileKind, Workspace

ROOT = RepoPath(".")


def parse_file_path(text: str) -> RepoPath:
    """Raises ForModel."""
    try:
        return parse_repo_path(text)
    except UnsafePath as error:
        raise ForModel(
            f"Nothing was done. {error}. Send a path relative to the repository's root."
        ) from error


def parse_directory(text: str) -> RepoPath:
    """A directory; the root is `.`, an empty text, or where the repository lies in the sandbox."""
    trimmed = text.strip().rstrip("/")
    return ROOT if trimmed in ("", ".", "/workspace") else parse_file_path(trimmed)


async def fetch_source(workspace: Workspace, path: RepoPath) -> bytes | None:
    """The content of a regular file that may be edited, None if there is nothing. Raises ForModel."""
    read = await workspace.read_file(path, limits.EDIT_FILE_BYTES)
    if read.kind is FileKind.MISSING:
        return None
    if read.kind is not FileKind.FILE:
        raise ForModel(f"Nothing was written. `{path}` is a {read.kind.value}, not a regular file.")
    if read.content is None:
        raise ForModel(
            f"Nothing was written. `{path}` has {read.size:,} bytes; at most {limits.EDIT_FILE_BYTES:,} can "
            "be edited. Change it with a command in the shell instead."
        )
    return read.content
