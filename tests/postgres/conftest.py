"""A new database for each test, on the server that TEST_POSTGRES_URL names."""

import os
from collections.abc import Iterator

import pytest

from tests.databases import new_on_server
from tests.store.conftest import database as database


@pytest.fixture
def url() -> Iterator[str]:
    server = os.environ.get("TEST_POSTGRES_URL")
    if server is None:
        pytest.fail("TEST_POSTGRES_URL names no server: run `make test-postgres`")
    with new_on_server(server) as made:
        yield made
