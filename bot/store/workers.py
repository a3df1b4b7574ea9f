"""Workers' heartbeats: who is alive, and whose tasks wait for somebody else.

Race: a worker that was declared dead beats again. Its row is gone, so its beat says False and it stops itself.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bot.errors import Bug
from bot.store.database import Database
from bot.store.schema import worker
from bot.store.write_turns import free_turns

# Built once: these are asked for as long as a worker lives.
_BEAT: Final = worker.update().where(worker.c.id == sa.bindparam("of_worker"))
_ALIVE: Final = sa.select(worker.c.id).where(worker.c.beat_at >= sa.bindparam("since"))


class Workers:
    """Blocking. Ids are unique for each start of a process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, worker_id: str, now: float) -> None:
        """Alive from now (seconds since the epoch). Raises Bug when the id was used before: two processes with
        one id would take each other's tasks."""
        try:
            with self._database.write() as connection:
                connection.execute(worker.insert().values(id=worker_id, started_at=now, beat_at=now))
        except IntegrityError as error:
            raise Bug(f"the worker id {worker_id} is taken") from error

    def beat(self, worker_id: str, now: float) -> bool:
        """False when the row is gone: somebody has declared us dead."""
        with self._database.write() as connection:
            return connection.execute(_BEAT, {"of_worker": worker_id, "beat_at": now}).rowcount == 1

    def dead(self, before: float) -> tuple[str, ...]:
        """Those whose last beat is older than `before`."""
        with self._database.read() as connection:
            return tuple(
                connection.execute(sa.select(worker.c.id).where(worker.c.beat_at < before)).scalars()
            )

    def alive(self, since: float) -> tuple[str, ...]:
        with self._database.read() as connection:
            return tuple(connection.execute(_ALIVE, {"since": since}).scalars())

    def remove(self, worker_id: str) -> None:
        """With its row go its turns to write: nobody waits for a dead one's."""
        with self._database.write() as connection:
            free_turns(connection, worker_id)
            connection.execute(worker.delete().where(worker.c.id == worker_id))
