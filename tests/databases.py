"""Where a test gets its database from: the same tests run on SQLite and, beside `tests/postgres`, on PostgreSQL."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


@contextmanager
def new_database(file: Path) -> Iterator[str]:
    """The URL of a new, empty database: this SQLite file, or one on the server that TEST_POSTGRES_URL names
    (`postgresql://user@host:port`), which goes with the block."""
    server = os.environ.get("TEST_POSTGRES_URL")
    if server is None:
        yield f"sqlite:///{file}"
        return
    with new_on_server(server) as url:
        yield url


@contextmanager
def new_on_server(server: str) -> Iterator[str]:
    """As above; whoever is still connected in the end is thrown out."""
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f"drop database {name} with (force)".encode())
