"""Every back end that this machine can start, and the canaries that it must keep apart from its tasks."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.sandbox.contract import NO_SETUP, Environment
from tests.hostile.backends import BACKENDS, make_backend
from tests.hostile.cage import Backend, Cage, Canaries
from tests.repos.conftest import world  # noqa: F401  # a fixture


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.hostile)


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    made, why = make_backend(request.param, tmp_path_factory.mktemp(f"state-{request.param}"))
    if made is None:
        pytest.skip(why)
    return made


@pytest.fixture(scope="session")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaries]:
    folder = tmp_path_factory.mktemp("worker")
    secret = f"canary-{secrets.token_hex(16)}"
    (folder / "app.pem").write_text(secret)
    (folder / "pullwright.db").write_text(secret)
    (folder / "app.pem").chmod(0o644)  # not even the file's mode stands in the way
    os.environ["PULLWRIGHT_CANARY"] = secret
    leak = os.open(folder / "app.pem", os.O_RDONLY)
    os.set_inheritable(leak, True)
    tcp = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0pullwright-{secrets.token_hex(4)}")
    abstract.listen()
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(folder / "worker.sock"))
    unix.listen()
    yield Canaries(secret, folder, tcp, abstract, unix)
    os.environ.pop("PULLWRIGHT_CANARY")
    os.close(leak)
    for one in (tcp, abstract, unix):
        one.close()


@pytest.fixture
def template(tmp_path: Path) -> Path:
    folder = tmp_path / "template"
    (folder / "pkg").mkdir(parents=True)
    (folder / "README").write_text("below\n")
    (folder / "pkg" / "run.sh").write_text("#!/bin/sh\necho hi\n")
    (folder / "pkg" / "run.sh").chmod(0o755)
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    env = tmp_path / "env"
    (env / "bin").mkdir(parents=True)
    (env / "bin" / "tool").write_text("#!/bin/sh\necho tool\n")
    (env / "bin" / "tool").chmod(0o755)
    return Environment("hostile", env_layer=env)


@pytest.fixture
async def cage(
    backend: Backend, template: Path, environment: Environment, canaries: Canaries
) -> AsyncIterator[Cage]:
    workspace = await backend.sandbox.open_workspace(template, environment or NO_SETUP)
    yield Cage(backend, workspace, template, canaries)
    await workspace.close()
