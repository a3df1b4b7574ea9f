"""A real database for each test."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bot.store.database import Database
from bot.store.migrations import migrate


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A new, empty database: a SQLite file, or one on the PostgreSQL server that TEST_POSTGRES_URL names."""
    server = os.environ.get("TEST_POSTGRES_URL")
    if server is None:
        yield f"sqlite:///{tmp_path / 'pullwright.db'}"
        return
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        yield f"{server}/{name}"
        connection.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    migrate(opened)
    yield opened
    opened.close()
