"""Variables for the set-up of repositories, sealed. Which key opens them, and what for, is the caller's business."""

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from bot.store.database import INSERTS, Database
from bot.store.schema import setup_secret


@dataclass(frozen=True)
class SealedSecret:
    """`repository` as it is written in small letters: `owner/name`. `sealed_by`: which key of the App opens it."""

    repository: str
    name: str
    sealed_by: str
    sealed: bytes


class SetupSecrets:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, secret: SealedSecret) -> None:
        """In place of an older one of that name."""
        changed = {"sealed_by": secret.sealed_by, "sealed": secret.sealed}
        with self._database.write() as connection:
            insert = INSERTS[connection.dialect.name](setup_secret).values(**asdict(secret))
            connection.execute(
                insert.on_conflict_do_update(index_elements=["repository", "name"], set_=changed)
            )

    def add(self, secrets: tuple[SealedSecret, ...]) -> tuple[SealedSecret, ...]:
        """All of them or none. One whose name is there already, and can be opened, is left as it is; which were."""
        left = []
        with self._database.write() as connection:
            for secret in secrets:
                insert = INSERTS[connection.dialect.name](setup_secret).values(**asdict(secret))
                upsert = insert.on_conflict_do_update(
                    index_elements=["repository", "name"],
                    set_={"sealed_by": secret.sealed_by, "sealed": secret.sealed},
                    where=setup_secret.c.sealed_by != secret.sealed_by,
                ).returning(setup_secret.c.name)
                if connection.execute(upsert).first() is None:
                    left.append(secret)
        return tuple(left)

    def remove(self, repository: str, name: str) -> None:
        """One that is not there is removed."""
        where = (setup_secret.c.repository == repository, setup_secret.c.name == name)
        with self._database.write() as connection:
            connection.execute(setup_secret.delete().where(*where))

    def load(self, repository: str) -> tuple[SealedSecret, ...]:
        """By name."""
        query = sa.select(setup_secret).where(setup_secret.c.repository == repository)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(setup_secret.c.name))
            return tuple(SealedSecret(row.repository, row.name, row.sealed_by, row.sealed) for row in rows)
