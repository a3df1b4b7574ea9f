"""The fence: whoever writes for a task holds its row and sees that the epoch is still its own.

Whatever puts a running task back into the queue, or ends it, raises its epoch: no run passes here with a task that is
queued or over, but whoever tells of its place (`Tasks.hold_queued`) or of its end once more (`Tasks.hold_ended`).
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.domain.ids import TaskId
from bot.domain.tasks import TaskStatus
from bot.errors import Superseded
from bot.store.schema import task

# Built once (decision 113): `_HOLD` begins each write of a run.
_HELD: Final = (
    task.c.id == sa.bindparam("held_task"),
    task.c.epoch == sa.bindparam("held_epoch"),
    task.c.status.in_((TaskStatus.RUNNING.value, TaskStatus.QUEUED.value, TaskStatus.FINISHED.value)),
)
_HOLD: Final = task.update().where(*_HELD).values(epoch=task.c.epoch)
_LOOK: Final = sa.select(task.c.id).where(*_HELD)


def fence(connection: Connection, task_id: TaskId, epoch: int) -> None:
    """Hold the task's row and see that the epoch is still ours. Raises Superseded."""
    held = connection.execute(_HOLD, {"held_task": task_id, "held_epoch": epoch})
    if held.rowcount != 1:
        raise _superseded(task_id, epoch)


def look_behind(connection: Connection, task_id: TaskId, epoch: int) -> None:
    """As `fence`, but nothing is held: it may be over when this returns. Raises Superseded."""
    if connection.execute(_LOOK, {"held_task": task_id, "held_epoch": epoch}).first() is None:
        raise _superseded(task_id, epoch)


def _superseded(task_id: TaskId, epoch: int) -> Superseded:
    return Superseded(f"{task_id} has a newer epoch than {epoch}, or is over")
