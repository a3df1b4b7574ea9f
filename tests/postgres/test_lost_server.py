"""A server that vanishes without a word, and one that is a standby for a while."""

import socket

import psycopg
import pytest
import sqlalchemy as sa

from bot.errors import RetryLater
from bot.store.database import Database
from bot.store.migrations import migrate
from bot.store.workers import Workers

pytestmark = pytest.mark.postgres


def test_the_kernel_gives_a_silent_server_up_within_seconds(url: str) -> None:
    """It takes 15 minutes by itself. That packets are dropped can't be had here; that it is told to, can."""
    database = Database(url)
    with database.read() as connection:
        descriptor = connection.connection.driver_connection.fileno()
        with socket.socket(fileno=descriptor) as told:
            if told.family != socket.AF_UNIX:
                assert told.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
                assert told.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert told.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
            told.detach()
    database.close()


def test_the_parameters_of_the_url_go_first(url: str) -> None:
    database = Database(f"{url}?tcp_user_timeout=7000")
    with database.read() as connection:
        parameters = connection.connection.driver_connection.info.get_parameters()
    assert parameters["tcp_user_timeout"] == "7000"
    assert parameters["keepalives_idle"] == "10"
    database.close()


def test_a_server_that_takes_the_call_and_says_nothing_is_waited_for_shortly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = Database(f"postgresql://nobody@127.0.0.1:{port}/none?connect_timeout=2")
        with pytest.raises(RetryLater, match="did not answer"), database.read():
            pytest.fail("it was opened")
        database.close()


def test_a_server_that_only_reads_is_a_fail_over_under_way(url: str) -> None:
    database = Database(url)
    migrate(database)
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"alter database {name} set default_transaction_read_only = on".encode())
    database.engine.dispose()
    with pytest.raises(RetryLater, match="read-only"):
        Workers(database).register("worker-a-1", 1.0)
    with database.read() as connection:
        assert connection.execute(sa.text("select 1")).scalar() == 1
    database.close()
