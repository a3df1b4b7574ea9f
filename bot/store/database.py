"""Opens the one database: SQLite in a file by default, PostgreSQL by its URL.

SQLite as its library ships it answers 100 writes a second with seconds of p99, and may lose nothing only by
luck: here it runs in WAL mode with synchronous FULL, every transaction begins IMMEDIATE, so that no reader is
turned into a writer half-way, and waits for a lock as long as the engine beside it does.

Library errors are translated: a lock that is not had in time, a full disk, a server that is away or only reads, tables
that nobody has made yet are RetryLater, a damaged file is a StoreFault, everything else is a Bug. Their
texts never hold a statement's values: those are people's words and whole payloads.

Races, and how each is closed:
- Two writers on SQLite: `write` begins IMMEDIATE in words. The driver by itself begins before the first INSERT,
  UPDATE or DELETE only: what was read, or created, before that would stand outside of the transaction.
- Two processes open a new SQLite file: turning to WAL does not wait for a lock, so it is tried again.
- A machine stands still or vanishes in the middle of a transaction: on PostgreSQL the rows that it changed would stay
  locked, for hours if the server is told nothing of it. The server ends a session that stands still in a transaction.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from bot.domain import limits
from bot.errors import Bug, PullwrightError, RetryLater, SettingsFault, StoreFault

_PATIENCE: Final = {
    "connect_timeout": 10,  # s; less than a worker may be silent
    "keepalives_idle": 10,  # s; an idle connection is asked after so long,
    "keepalives_interval": 5,  # s; again so often,
    "keepalives_count": 2,  # and so often in vain
    "tcp_user_timeout": int(
        limits.SELF_FENCE_S * 1000
    ),  # ms; what was sent is confirmed by then, or it is gone
}
"""For PostgreSQL: a server that vanishes without a word is noticed within 20 s, where TCP itself takes 15 minutes. The
URL's own parameters go before these."""
INSERTS: Final[dict[str, Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
"""The insert that knows of conflicts, by the dialect's name: the library has one for each."""
_BUSY_MS: Final = 30_000  # longer than any transaction of ours or the engine's
_CHECKPOINT_PAGES: Final = (
    8_000  # 32 MB: by a commit only when nobody else has done it (`Database.checkpoint`)
)
_WAL_TRIES: Final = 100
_WAL_PAUSE_S: Final = 0.05
_URL: Final = "PULLWRIGHT_DATABASE_URL looks like `postgresql://user:password@host/name`; empty: SQLite."
_PLACE: Final = "Check that PULLWRIGHT_DATA_DIR is on a local disk, can be written, and has room."
_DAMAGE: Final = ("file is not a database", "disk image is malformed")  # SQLite's words
_PASSES: Final = ("42P01", "25006", "25P03")
"""What PostgreSQL's driver does not call operational and passes all the same, by SQLSTATE: no such table (yet), a
server that only reads (a standby, while the roles change), a session that was ended because it stood still."""
_MEND: Final = (
    "Stop Pullwright and bring back a copy of the file; without one, `sqlite3 OLD .recover | sqlite3 NEW` saves what "
    "can be saved."
)


def open_engine(url: str, still_s: float = limits.SELF_FENCE_S) -> Engine:
    """An engine with the settings above. The folder of a SQLite file is made. `still_s`: how long a transaction on
    PostgreSQL may stand still; less than until others take a worker's tasks over, and its rows with them."""
    if not url.startswith("sqlite"):
        return _open_server(url, still_s)
    path = sa.make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, pool_size=20, max_overflow=0, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        connection.execute("PRAGMA foreign_keys=ON")
        _turn_to_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")

    return engine


def _open_server(url: str, still_s: float) -> Engine:
    server = sa.make_url(url)
    engine = sa.create_engine(
        server,
        pool_size=5,
        max_overflow=5,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={name: value for name, value in _PATIENCE.items() if name not in server.query},
    )

    @event.listens_for(engine, "connect")
    def _bound(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"set idle_in_transaction_session_timeout = {int(still_s * 1000)}")
        cursor.close()
        connection.commit()  # or the pool's rollback takes it back

    return engine


def _turn_to_wal(connection: sqlite3.Connection) -> None:
    """The file stays in this mode: only the first opening does anything. Raises RetryLater."""
    for _ in range(_WAL_TRIES):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise RetryLater(f"the database did not open: {error}", 1.0) from error
            time.sleep(_WAL_PAUSE_S)
        else:
            return
    raise RetryLater("the database stayed locked by another process that opens it", 1.0)


def storable(text: str) -> str:
    """Text that every database takes: JSON may name halves of characters and NUL, which UTF-8 columns refuse."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


class Database:
    """One for each process, safe for threads. `write` is one transaction; `read` sees committed rows. Raises
    SettingsFault for a URL that is none, StoreFault for a folder that can't be made. `still_s`: see `open_engine`."""

    def __init__(self, url: str, still_s: float = limits.SELF_FENCE_S) -> None:
        self.url = url
        try:
            self.engine = open_engine(url, still_s)
        except ImportError as error:
            raise SettingsFault(f"No driver for this kind of database: {error}.", _URL) from error
        except ArgumentError as error:  # sqlalchemy's own words hold the URL, and with it a password
            raise SettingsFault("The database's URL is none.", _URL) from error
        except OSError as error:
            raise StoreFault(f"The database's folder can't be made: {error}.", _PLACE) from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Commits at the end, rolls back on any exception. Within this room IntegrityError goes through: it is
        an answer there, and no caller outside sees it. Raises RetryLater, Bug."""
        try:
            with self.engine.begin() as connection:
                if connection.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise _translated(error) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Committed rows; each statement sees its own moment. Raises RetryLater, Bug."""
        try:
            with self.engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _translated(error) from error

    def checkpoint(self) -> None:
        """SQLite: take what was committed from its log into the file, as far as nobody reads the old pages. Others
        commit meanwhile; without it every commit that finds a long log does it, and its caller waits. Blocking."""
        if self.engine.dialect.name == "sqlite":
            with self.read() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        close_engine(self.engine)


def close_engine(engine: Engine) -> None:
    """Closes what lies in the pool, and what a thread that is still at work has out as soon as it gives it back: the
    library forgets those, and they stay open until the garbage collector finds them."""
    event.listen(engine, "checkin", _close_late)
    engine.dispose()


def _close_late(_connection: object, record: ConnectionPoolEntry) -> None:
    record.invalidate()


def _translated(error: SQLAlchemyError) -> PullwrightError:
    """What the library says, as one of ours. A full disk or a server that is away passes; damage does not."""
    words = str(getattr(error, "orig", None) or error)
    if any(sign in words for sign in _DAMAGE):
        return StoreFault(f"The database is damaged: {words}.", _MEND)
    passes = getattr(getattr(error, "orig", None), "sqlstate", None) in _PASSES
    if passes or isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return RetryLater(f"the database did not answer: {words}", 1.0)
    return Bug(f"the database refused a statement: {error}")
