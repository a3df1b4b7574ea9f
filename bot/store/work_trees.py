"""The newest states of a task's work, so that another machine can go on with it. Content is the caller's business."""

from typing import Final

import sqlalchemy as sa

from bot.domain.ids import TaskId, TreeSha
from bot.store.database import Database
from bot.store.fence import fence
from bot.store.schema import IS_OPEN, effect, work_tree

_KEPT = 3  # the last recorded one is among them: at most one more was taken before a death


_OF_TASK: Final = work_tree.c.task == sa.bindparam("of")
_NEWEST: Final = sa.select(sa.func.max(work_tree.c.seq)).where(_OF_TASK)
_REMOVE: Final = work_tree.delete().where(
    _OF_TASK, (work_tree.c.tree == sa.bindparam("same")) | (work_tree.c.seq <= sa.bindparam("old"))
)
_INSERT: Final = work_tree.insert()


class WorkTrees:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, task: TaskId, epoch: int, tree: TreeSha, content: bytes) -> None:
        """As the newest one; older ones go. Raises Superseded."""
        with self._database.write() as connection:
            fence(connection, task, epoch)
            seq = (connection.execute(_NEWEST, {"of": task}).scalar() or 0) + 1
            connection.execute(_REMOVE, {"of": task, "same": tree, "old": seq - _KEPT})
            connection.execute(_INSERT, {"task": task, "seq": seq, "tree": tree, "content": content})

    def load(self, task: TaskId) -> dict[TreeSha, bytes]:
        """Oldest first."""
        query = sa.select(work_tree).where(work_tree.c.task == task).order_by(work_tree.c.seq)
        with self._database.read() as connection:
            return {TreeSha(row.tree): row.content for row in connection.execute(query)}


def drop_work(connection: sa.Connection, task: TaskId) -> None:
    """They go with the task's end, if nothing is open that it sent: else the end may be told once more, with them."""
    is_open = sa.exists().where(effect.c.task == task, IS_OPEN)
    connection.execute(work_tree.delete().where(work_tree.c.task == task, ~is_open))
