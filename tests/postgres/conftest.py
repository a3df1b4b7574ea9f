"""A new database for each test, on the server that TEST_POSTGRES_URL names."""

import os
import uuid
from collections.abc import Iterator

import psycopg
import pytest


@pytest.fixture
def url() -> Iterator[str]:
    server = os.environ.get("TEST_POSTGRES_URL")
    if server is None:
        pytest.fail("TEST_POSTGRES_URL names no server: run `make test-postgres`")
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        yield f"{server}/{name}"
        connection.execute(f"drop database {name} with (force)".encode())
