"""Opens the one database: SQLite in a file by default, PostgreSQL by its URL.

SQLite as its library ships it answers 100 writes a second with seconds of p99, and may lose nothing only by
luck: here it runs in WAL mode with synchronous FULL, every transaction begins IMMEDIATE, so that no reader is
turned into a writer half-way, and waits for a lock as long as the engine beside it does.

Library errors are translated: a lock that is not had in time is RetryLater, everything else is a Bug.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from bot.errors import Bug, RetryLater

_BUSY_MS = 30_000  # longer than any transaction of ours or the engine's


def open_engine(url: str) -> Engine:
    """An engine with the settings above. The folder of a SQLite file is made."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_size=5, max_overflow=5, pool_pre_ping=True)
    path = sa.make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, pool_size=20, max_overflow=0)

    @event.listens_for(engine, "connect")
    def _prepare(connection: object, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"  # type: ignore[attr-defined]
        for pragma in (
            f"busy_timeout={_BUSY_MS}",
            "foreign_keys=ON",
            "journal_mode=WAL",
            "synchronous=FULL",
        ):
            connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    return engine


class Database:
    """One for each process, safe for threads. `write` is one transaction; `read` sees committed rows."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = open_engine(url)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Commits at the end, rolls back on any exception. IntegrityError goes through: it is an answer."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except OperationalError as error:
            raise RetryLater(f"the database did not answer: {error.orig}", 1.0) from error
        except SQLAlchemyError as error:
            raise Bug(f"the database refused a statement: {error}") from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        try:
            with self.engine.connect() as connection:
                yield connection
        except OperationalError as error:
            raise RetryLater(f"the database did not answer: {error.orig}", 1.0) from error
        except SQLAlchemyError as error:
            raise Bug(f"the database refused a statement: {error}") from error

    def close(self) -> None:
        self.engine.dispose()
