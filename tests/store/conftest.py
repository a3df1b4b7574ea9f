"""A real database for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.store.database import Database
from bot.store.migrations import migrate
from tests.databases import new_database


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A new, empty database."""
    with new_database(tmp_path / "pullwright.db") as made:
        yield made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    migrate(opened)
    yield opened
    opened.close()
