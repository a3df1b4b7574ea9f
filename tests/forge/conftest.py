"""A hub on loopback with one repository, one person and our App, and the forge that talks to it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from bot.domain.ids import InstallationId, RepositoryId
from bot.forge.forge import Forge, ForgeSettings, RepositoryForge
from bot.localhub.faults import Fault
from bot.localhub.seed_ground import NewApp
from bot.localhub.server import HubServer
from tests.official.judge import judged_hub

NAME = "acme/shop"


@dataclass(frozen=True)
class Key:
    private: str
    public: str


@dataclass
class World:
    """The hub, the forge and what the test turns: time goes on by `skip`, pauses are noted and not waited."""

    server: HubServer
    forge: Forge
    app_id: int
    installation: InstallationId
    repository: RepositoryId
    clock: "Clock"
    pauses: list[float] = field(default_factory=list)

    def job(self, name: str = NAME, repository: int = 0) -> RepositoryForge:
        return self.forge.repository(self.installation, name, RepositoryId(repository or self.repository))

    def fault(self, method: str, path: str, status: int, **more: Any) -> None:
        self.server.hub.faults.add(Fault(method, path, status, **more))

    def requests(self, method: str, part: str) -> int:
        return sum(1 for r in self.server.seed.requests() if r["method"] == method and part in r["path"])


class Clock:
    """Seconds since the epoch, of the hub and of the forge."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def make_key() -> Key:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Key(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


@pytest.fixture(scope="session")
def key() -> Key:
    return make_key()


@pytest.fixture
def world(tmp_path: Path, key: Key) -> Iterator[World]:
    clock = Clock()
    pauses: list[float] = []
    with judged_hub(tmp_path / "hub", clock) as server:
        seed = server.seed
        seed.add_repository(NAME, {"a.py": b"x = 1\n"})
        seed.add_person("ada")
        seed.set_role(NAME, "ada", "write")
        ids = seed.add_app(NewApp("agent", "acme", key.public))
        settings = ForgeSettings(server.api_url, ids["app_id"], key.private, write_spacing_s=0)
        forge = Forge(settings, now=clock, pause=pauses.append)
        record = server.hub.repository(NAME)
        assert record is not None
        yield World(
            server,
            forge,
            ids["app_id"],
            InstallationId(ids["installation_id"]),
            RepositoryId(record.id),
            clock,
            pauses,
        )
        forge.close()


@pytest.fixture
def github(world: World) -> Iterator[RepositoryForge]:
    with world.job() as job:
        yield job
