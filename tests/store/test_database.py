"""What opening and closing the database leaves behind: nothing."""

import sqlite3
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from bot.store.database import Database, close_engine, open_engine


def is_open(driver_connection: Any) -> bool:
    try:
        driver_connection.cursor().execute("select 1")
    except (sqlite3.ProgrammingError, psycopg.OperationalError) as error:
        if "closed" not in str(error):
            raise
        return False
    return True


def test_what_lies_in_the_pool_is_closed_with_it(url: str) -> None:
    database = Database(url)
    with database.read() as connection:
        driver_connection = connection.connection.driver_connection
    assert is_open(driver_connection)
    database.close()
    assert not is_open(driver_connection)


def test_what_a_thread_still_has_out_at_the_close_is_closed_when_it_comes_back(url: str) -> None:
    """Left to the garbage collector it would hold a place on the server until then."""
    database = Database(url)
    with database.read() as connection:
        driver_connection = connection.connection.driver_connection
        database.close()
        assert connection.execute(sa.text("select 1")).scalar() == 1  # its work is not torn from it
    assert not is_open(driver_connection)


def test_closing_twice_is_closing(url: str) -> None:
    engine = open_engine(url)
    close_engine(engine)
    close_engine(engine)
    with engine.connect() as connection:
        driver_connection = connection.connection.driver_connection
    assert not is_open(driver_connection)


@pytest.mark.parametrize("times", [1, 3])
def test_what_is_opened_after_the_close_does_not_stay(url: str, times: int) -> None:
    database = Database(url)
    database.close()
    for _ in range(times):
        with database.read() as connection:
            driver_connection = connection.connection.driver_connection
        assert not is_open(driver_connection)
