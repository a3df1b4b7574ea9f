"""A hub that is judged while it is used: every request of the bot, every answer, every webhook.

    with judged_hub(tmp_path / "hub", clock) as hub:
        hub.seed.open_issue(...)

What GitHub's own material objects to, and no waiver excuses, fails the test at the end.
"""

import json
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from bot.forge.wire import USER_AGENT
from bot.localhub.records import Delivery, Exchange
from bot.localhub.server import HubServer
from bot.localhub.state import Hub
from tests.official.description import HERE, Description
from tests.official.graphql import document_problems
from tests.official.payloads import payload_problems
from tests.official.recordings import disagreements


@dataclass(frozen=True)
class Waiver:
    """`where` and `what` are shell patterns for the parts of an objection."""

    where: str
    what: str
    reason: str


@dataclass(frozen=True)
class Objection:
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@cache
def waivers() -> tuple[Waiver, ...]:
    listed = tomllib.loads((HERE / "waivers.toml").read_text())["waiver"]
    return tuple(Waiver(**one) for one in listed)


@cache
def description() -> Description:
    return Description()


@dataclass
class Judge:
    """What was objected to, each thing once, and which waivers were needed."""

    objections: set[Objection] = field(default_factory=set)
    used: set[Waiver] = field(default_factory=set)
    seen: set[tuple[str, int]] = field(default_factory=set)

    def hear_exchange(self, exchange: Exchange) -> None:
        if exchange.path.endswith("/graphql"):
            for problem in document_problems(str(json.loads(exchange.request).get("query") or "")):
                self.object("graphql", problem)
            return
        operation = description().operation(exchange.method, exchange.path)
        asked_by_us = exchange.user_agent == USER_AGENT
        if operation is None:
            if asked_by_us:
                self.object(f"request {exchange.method} {exchange.path}", "not in the description")
            return
        self.seen.add((operation.name, exchange.status))
        if asked_by_us:
            for problem in description().request_problems(operation, exchange.query, exchange.request):
                self.object(f"request {operation.name}", problem)
        if exchange.faulty or exchange.status >= 500:
            return
        where = f"{operation.name} {exchange.status}"
        for problem in description().response_problems(operation, exchange.status, exchange.response):
            self.object(where, problem)
        if exchange.status < 300 and exchange.response:
            for problem in disagreements(operation.name, exchange.status, json.loads(exchange.response)):
                self.object(f"recorded {where}", problem)

    def hear_delivery(self, delivery: Delivery) -> None:
        payload = json.loads(delivery.payload)
        for problem in payload_problems(delivery.event, payload):
            self.object(f"webhook {delivery.event} {delivery.action or ''}".strip(), problem)

    def object(self, where: str, what: str) -> None:
        excuse = next(
            (w for w in waivers() if fnmatchcase(where, w.where) and fnmatchcase(what, w.what)), None
        )
        if excuse is None:
            self.objections.add(Objection(where, what))
        else:
            self.used.add(excuse)

    def verdict(self) -> str:
        return "\n".join(sorted(map(str, self.objections)))


@contextmanager
def judged_hub(data_dir: Path, clock: Callable[[], float]) -> Iterator[HubServer]:
    judge = Judge()
    hub = Hub(data_dir, clock, watchers=[judge.hear_exchange])
    with HubServer(hub) as server:
        yield server
    for delivery in hub.courier.deliveries:
        judge.hear_delivery(delivery)
    assert not judge.objections, f"GitHub's own material objects:\n{judge.verdict()}"
