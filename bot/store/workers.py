"""Workers' heartbeats: who is alive, and whose tasks wait for somebody else."""

import sqlalchemy as sa

from bot.store.database import Database
from bot.store.schema import worker


class Workers:
    """Blocking. Ids are unique for each start of a process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, worker_id: str, now: float) -> None:
        with self._database.write() as connection:
            connection.execute(worker.insert().values(id=worker_id, started_at=now, beat_at=now))

    def beat(self, worker_id: str, now: float) -> bool:
        """False when the row is gone: somebody has declared us dead."""
        with self._database.write() as connection:
            changed = connection.execute(worker.update().where(worker.c.id == worker_id).values(beat_at=now))
            return changed.rowcount == 1

    def dead(self, before: float) -> tuple[str, ...]:
        """Those whose last beat is older than `before`."""
        with self._database.read() as connection:
            return tuple(
                connection.execute(sa.select(worker.c.id).where(worker.c.beat_at < before)).scalars()
            )

    def alive(self, since: float) -> tuple[str, ...]:
        with self._database.read() as connection:
            return tuple(
                connection.execute(sa.select(worker.c.id).where(worker.c.beat_at >= since)).scalars()
            )

    def remove(self, worker_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(worker.delete().where(worker.c.id == worker_id))
