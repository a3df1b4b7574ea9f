"""Files as the gate sees them."""

from bot.domain.ids import RepoPath
from bot.repos.contract import FileMode, TreeChange
from bot.verify.gate.contract import ChangedFile


def changed(
    path: str, before: str | None, after: str | bytes | None, mode: FileMode = FileMode.REGULAR
) -> ChangedFile:
    old = FileMode.REGULAR if before is not None else None
    new = mode if after is not None else None
    change = TreeChange(RepoPath(path), old, "a" if old else None, new, "b" if new else None)
    content = after.encode() if isinstance(after, str) else after
    return ChangedFile(change, None if before is None else before.encode(), content)
