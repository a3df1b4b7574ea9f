"""Deliveries a second into the inbox, and how long each waits: group commit against one commit each.

    python benchmarks/inbox.py [--seconds 5] [--callers 32] [--url sqlite:////tmp/bench.db]

Closed loop: each caller stores one delivery of 9 KB after the other, as a receiver under full load would. Both
ways write the same rows in the same durable mode; only the number of rows in a commit differs. Uses a new file in
a temporary folder unless a URL is given (its tables are made and rows are added: never a database in use).
Measures the store alone: HTTP and the signature are not in it.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.domain.ids import DeliveryId
from bot.store.database import Database
from bot.store.inbox import Delivery, Inbox, store_batch
from bot.store.migrations import migrate

BODY = b"x" * 9_000  # an issue comment's usual payload

Store = Callable[[Delivery], Awaitable[object]]


async def measure(name: str, store: Store, callers: int, seconds: float) -> None:
    """Print one line: rate, and the waits in milliseconds."""
    waits: list[float] = []
    end = time.perf_counter() + seconds

    async def call() -> None:
        while (started := time.perf_counter()) < end:
            await store(Delivery(DeliveryId(str(uuid.uuid4())), "issue_comment", BODY, time.time()))
            waits.append(time.perf_counter() - started)

    begun = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    took = time.perf_counter() - begun
    if len(waits) < 2:
        print(f"{name:16} too few to say")
        return
    shares = statistics.quantiles(waits, n=100)
    print(
        f"{name:16} {len(waits) / took:8.0f} /s   p50 {shares[49] * 1e3:7.1f} ms   "
        f"p99 {shares[98] * 1e3:7.1f} ms   max {max(waits) * 1e3:7.1f} ms   ({len(waits)} rows)"
    )


async def compare(url: str, callers: int, seconds: float) -> None:
    """One after the other on one database."""
    database = Database(url)
    migrate(database)

    async def store_alone(delivery: Delivery) -> object:
        return await asyncio.to_thread(store_batch, database, [delivery])

    await measure("one commit each", store_alone, callers, seconds)
    async with Inbox(database) as inbox:
        await measure("group commit", inbox.store, callers, seconds)
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Deliveries a second into the inbox.")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--url", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{Path(folder) / 'inbox.db'}"
        print(f"{given.callers} callers, {given.seconds:g} s each, {url.split(':', 1)[0]}")
        asyncio.run(compare(url, given.callers, given.seconds))


if __name__ == "__main__":
    main()
