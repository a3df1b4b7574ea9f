"""A real database for each test."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.store.database import Database
from bot.store.migrations import migrate
from tests.databases import new_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with new_database(tmp_path / "pullwright.db") as url, closing(Database(url)) as opened:
        migrate(opened)
        yield opened
