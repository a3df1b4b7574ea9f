"""Signed evidence and the keys that it is checked with: one place for all machines. Content is the caller's business.

Races, and how each is closed:
- Two processes make a key at once: the first row for their key of the App stays, both read it back and use that one.
- A run that was superseded keeps its record late: the fence refuses it.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from bot.domain.ids import TaskId
from bot.errors import Bug
from bot.store.database import INSERTS, Database
from bot.store.fence import fence
from bot.store.schema import evidence, evidence_key, evidence_signer


@dataclass(frozen=True)
class SignedRecord:
    """`evidence.json` and `evidence.json.sig`, byte for byte."""

    record: bytes
    signature: bytes


@dataclass(frozen=True)
class SealedSigner:
    """A signing key as it is kept. `key`: its id, `public`: its PEM, `sealed_by`: which key of the App opens it."""

    sealed_by: str
    key: str
    public: bytes
    sealed: bytes


class EvidenceRecords:
    """Blocking. One record for a task; it stays when the task's rows go."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, task: TaskId, epoch: int, signed: SignedRecord, now: float) -> None:
        """In place of an older one. `now`: seconds since the epoch. Raises Superseded."""
        values = {"record": signed.record, "signature": signed.signature, "at": now}
        with self._database.write() as connection:
            fence(connection, task, epoch)
            insert = INSERTS[connection.dialect.name](evidence).values(task=task, **values)
            connection.execute(insert.on_conflict_do_update(index_elements=["task"], set_=values))

    def find(self, task: TaskId) -> SignedRecord | None:
        query = sa.select(evidence.c.record, evidence.c.signature).where(evidence.c.task == task)
        with self._database.read() as connection:
            found = connection.execute(query).first()
        return SignedRecord(found.record, found.signature) if found is not None else None


class EvidenceKeys:
    """Blocking. Public halves are never removed: what was signed with them is still checked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def publish(self, key: str, public: bytes) -> None:
        """A public half; one that is known is left as it is."""
        with self._database.write() as connection:
            _publish(connection, key, public)

    def find_signer(self, sealed_by: str) -> bytes | None:
        """The private half, sealed; None before there is one for this key of the App."""
        query = sa.select(evidence_signer.c.sealed).where(evidence_signer.c.sealed_by == sealed_by)
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def claim_signer(self, signer: SealedSigner, now: float) -> bytes:
        """The private half, sealed, that all with this key of the App use: this one, or that of whoever came first.
        `now`: seconds since the epoch."""
        values = {"sealed_by": signer.sealed_by, "key": signer.key, "sealed": signer.sealed, "at": now}
        try:
            with self._database.write() as connection:
                _publish(connection, signer.key, signer.public)
                connection.execute(evidence_signer.insert().values(**values))
        except IntegrityError:  # somebody was first, and nothing of ours is left: it has signed nothing
            pass
        found = self.find_signer(signer.sealed_by)
        if found is None:
            raise Bug(f"the signing key {signer.key} is neither kept nor another's")
        return found

    def list_public(self) -> tuple[bytes, ...]:
        """Every public half: the one that signs first (of several, the newest), then those that once did."""
        since = sa.select(sa.func.max(evidence_signer.c.at)).where(evidence_signer.c.key == evidence_key.c.id)
        newest = sa.func.coalesce(since.scalar_subquery(), 0.0).desc()
        query = sa.select(evidence_key.c.public).order_by(newest, evidence_key.c.id)
        with self._database.read() as connection:
            return tuple(connection.execute(query).scalars())


def _publish(connection: Connection, key: str, public: bytes) -> None:
    insert = INSERTS[connection.dialect.name](evidence_key).values(id=key, public=public)
    connection.execute(insert.on_conflict_do_nothing())
