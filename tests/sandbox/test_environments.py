"""What is kept, what goes, what stays because it is in use; maintenance; secrets that must not stay behind."""

import asyncio
import base64
import os
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from bot.errors import SandboxUnavailable, SetupFailed
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.contract import Command, EgressPolicy, SetupSpec
from bot.sandbox.environments import (
    GRACE_S,
    Kept,
    Shelf,
    decide_evictions,
    evict,
    hold,
    list_kept,
    newest_products,
)  # fmt: skip
from bot.sandbox.leaks import find_leaks
from bot.sandbox.propose import propose_script
from tests.sandbox.conftest import SMALL, UID

SECRET = "s3cr3t-value/with+signs"
DAY = 86_400.0


@pytest.fixture
def spec(tmp_path: Path) -> SetupSpec:
    template = tmp_path / "template"
    template.mkdir()
    (template / "a.txt").write_text("a\n")
    return SetupSpec(
        "echo one > /env/made", template, ("repository 1/2", "trust base"), EgressPolicy(), ("lock 1",)
    )


@pytest.fixture
async def own(tmp_path: Path) -> BubblewrapSandbox:
    return BubblewrapSandbox(SandboxSettings(tmp_path / "own", UID, bounds=SMALL))


@pytest.mark.parametrize(
    ("ages", "gone"),
    [
        ([1.0, 2.0], []),
        ([20.0, 2.0], ["0"]),
        ([9.0, 8.0, 7.0, 6.0], ["0"]),  # 40 bytes together, 30 allowed
        ([20.0, 19.0, 18.0, 17.0], ["0", "1", "2", "3"]),
        ([0.001, 0.001, 0.001, 0.001], []),  # over the size, but all used within the hour
    ],
)
def test_the_longest_unused_go_first(ages: list[float], gone: list[str]) -> None:
    now = 100 * DAY
    kept = [Kept(str(number), now - age * DAY, 10, "") for number, age in enumerate(ages)]
    assert decide_evictions(kept, Shelf(Path("/nowhere"), 14, 30), now) == gone


async def test_one_in_use_is_never_removed(own: BubblewrapSandbox, spec: SetupSpec, tmp_path: Path) -> None:
    made = await own.ensure_environment(spec)
    workspace = await own.open_workspace(spec.template, made)
    shelf = Shelf(tmp_path / "own" / "environments", 0.0001, 0)
    assert made.env_layer is not None
    _age(made.env_layer.parent)
    assert evict(shelf) == []
    assert (await workspace.run(Command("cat /env/made"))).output == b"one\n"
    await workspace.close()
    _age(made.env_layer.parent)
    assert evict(shelf) == [made.digest]
    assert list_kept(shelf.folder) == []
    with pytest.raises(SandboxUnavailable, match="removed"):
        await own.open_workspace(spec.template, made)
    again = await own.ensure_environment(spec)
    assert again.digest == made.digest  # made anew


def _age(folder: Path) -> None:
    old = time.time() - 2 * GRACE_S
    os.utime(folder / "ready", (old, old))


def test_what_is_being_removed_can_not_be_held(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hold(tmp_path / "gone")


async def test_a_half_made_one_is_never_taken(
    own: BubblewrapSandbox, spec: SetupSpec, tmp_path: Path
) -> None:
    hanging = replace(spec, script="echo half > /env/made; sleep 60")
    making = asyncio.create_task(own.ensure_environment(hanging))
    await asyncio.sleep(1.5)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert list_kept(tmp_path / "own" / "environments") == []


async def test_when_the_newest_products_were_made(
    own: BubblewrapSandbox, spec: SetupSpec, tmp_path: Path
) -> None:
    """A `.git` alone is none, and using one makes it no newer."""
    state = tmp_path / "own"
    assert newest_products(state) == 0
    await own.ensure_environment(replace(spec, script="mkdir .git; echo x > .git/HEAD"))
    assert newest_products(state) == 0
    before = time.time() - 0.05  # the file system's clock has ticks
    made = await own.ensure_environment(spec)
    newest = newest_products(state)
    assert before < newest <= time.time()
    assert made.env_layer is not None
    _age(made.env_layer.parent)
    assert newest_products(state) == newest


async def test_maintenance_brings_an_older_one_up_to_date(own: BubblewrapSandbox, spec: SetupSpec) -> None:
    named = replace(
        spec, script="echo one > /env/made; echo p > product", maintenance="echo two >> /env/made"
    )
    first = await own.ensure_environment(named)
    second = await own.ensure_environment(replace(named, lock_parts=("lock 2",)))
    assert first.digest != second.digest
    workspace = await own.open_workspace(spec.template, second)
    assert (await workspace.run(Command("cat /env/made product a.txt"))).output == b"one\ntwo\np\na\n"
    await workspace.close()
    old = await own.open_workspace(spec.template, first)
    assert (await old.run(Command("cat /env/made"))).output == b"one\n"
    await old.close()


async def test_a_maintenance_that_fails_is_a_set_up_from_nothing(
    own: BubblewrapSandbox, spec: SetupSpec
) -> None:
    named = replace(spec, maintenance="echo broken >> /env/made; exit 1")
    await own.ensure_environment(named)
    second = await own.ensure_environment(replace(named, lock_parts=("lock 2",)))
    workspace = await own.open_workspace(spec.template, second)
    assert (await workspace.run(Command("cat /env/made"))).output == b"one\n"
    await workspace.close()


async def test_maintenance_never_crosses_a_trust_class(own: BubblewrapSandbox, spec: SetupSpec) -> None:
    named = replace(spec, maintenance="echo two >> /env/made")
    await own.ensure_environment(replace(named, key_parts=("repository 1/2", "trust patch 7")))
    base = await own.ensure_environment(named)
    assert base.env_layer is not None
    assert (base.env_layer / "made").read_text() == "one\n"


async def test_a_secret_is_there_for_the_set_up_and_nowhere_else(
    own: BubblewrapSandbox, spec: SetupSpec
) -> None:
    named = replace(
        spec,
        script="[ ${#TOKEN} = 23 ] && echo ok > /env/made",
        secrets={"TOKEN": SECRET},
    )
    made = await own.ensure_environment(named)
    workspace = await own.open_workspace(spec.template, made)
    result = await workspace.run(Command("env; cat /env/made; cat /proc/*/environ | tr '\\0' '\\n'"))
    await workspace.close()
    assert b"ok\n" in result.output
    assert b"s3cr3t" not in result.output
    assert b"TOKEN" not in result.output
    assert made.env_layer is not None
    assert not any(
        b"s3cr3t" in path.read_bytes() for path in made.env_layer.parent.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize(
    "leak",
    [
        'echo "$TOKEN" > /env/config',
        'printf %s "$TOKEN" | base64 -w0 > .npmrc',
        'ln -s "$TOKEN" /env/link',
        'mkdir -p "/env/x" && touch "/env/x/${TOKEN//\\//_}${TOKEN//\\//_}"; printf "a%s" "$TOKEN" > deep',
    ],
)
async def test_a_set_up_that_leaves_a_secret_is_not_kept(
    own: BubblewrapSandbox, spec: SetupSpec, tmp_path: Path, leak: str
) -> None:
    with pytest.raises(SetupFailed, match=r"left a secret behind.*TOKEN in") as raised:
        await own.ensure_environment(replace(spec, script=leak, secrets={"TOKEN": SECRET}))
    assert SECRET not in str(raised.value)
    assert list_kept(tmp_path / "own" / "environments") == []


async def test_the_log_of_a_failure_shows_no_secret(own: BubblewrapSandbox, spec: SetupSpec) -> None:
    with pytest.raises(SetupFailed) as raised:
        await own.ensure_environment(
            replace(spec, script='echo "token $TOKEN"; exit 1', secrets={"TOKEN": SECRET})
        )
    assert "token (TOKEN)" in raised.value.message
    assert SECRET not in str(raised.value)


async def test_a_secret_too_short_to_be_found_is_refused(own: BubblewrapSandbox, spec: SetupSpec) -> None:
    with pytest.raises(SetupFailed, match="too short"):
        await own.ensure_environment(replace(spec, secrets={"TOKEN": "abc"}))


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
def test_every_spelling_is_found(tmp_path: Path, before: str) -> None:
    folder = tmp_path / "env"
    folder.mkdir()
    ways = {
        "raw": SECRET.encode(),
        "hex": SECRET.encode().hex().encode(),
        "url": quote(SECRET, safe="").encode(),
        "base64": base64.b64encode((before + SECRET + "tail").encode()),
        "urlsafe": base64.urlsafe_b64encode((before + SECRET).encode()),
    }
    for name, content in ways.items():
        (folder / name).write_bytes(b"x" * ((1 << 20) - 7) + content)  # across the border of two pieces
    assert {path for _, path in find_leaks((folder,), {"T": SECRET})} == set(ways)
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean" / "file").write_text("nothing of it")
    assert find_leaks((tmp_path / "clean",), {"T": SECRET}) == []


def test_a_failure_proposes_a_script() -> None:
    proposed = propose_script(
        "npm ci", ["bash: line 1: npm: command not found", "curl: (56) CONNECT tunnel failed"]
    )
    assert proposed.startswith("setup: |\n")
    assert "`npm` is missing" in proposed
    assert "`network:`" in proposed
    assert proposed.endswith("  npm ci")
