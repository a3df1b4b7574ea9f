"""Git children are forked from one process: what happens when any of them is gone."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from dulwich.objects import Blob, Tree

from bot.repos.cache import locked_cache
from bot.repos.forks import Forks

ASK = {"operation": "store_blob", "arguments": {"content": "YQ=="}}
BLOB = "2e65efe2a145dda7ee51d1741299f848e5bf752e"  # of the one letter "a"


def request(cache: Path, **other: object) -> bytes:
    return json.dumps({**ASK, "cache": str(cache), **other}).encode()


def below(pid: int) -> list[int]:
    """The children of a process, whichever of its threads started them."""
    texts = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return [int(word) for text in texts for word in text.split()]


def is_there(pid: int) -> bool:
    """A zombie is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def wait_until(what: object) -> None:
    for _ in range(1_000):
        if what():  # type: ignore[operator]
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to pass")


async def zygote_of(forks: Forks, cache: Path) -> int:
    before = set(below(os.getpid()))
    await forks.ask(request(cache))
    (found,) = set(below(os.getpid())) - before
    return found


async def test_one_that_was_begun_answers_the_first_question(tmp_path: Path) -> None:
    forks, before = Forks(), set(below(os.getpid()))
    forks.begin()
    (zygote,) = set(below(os.getpid())) - before
    assert json.loads(await forks.ask(request(tmp_path / "cache.git"))) == {"result": BLOB}
    assert set(below(os.getpid())) - before == {zygote}


async def test_many_at_once_are_answered_by_one_zygote(tmp_path: Path) -> None:
    forks = Forks()
    zygote = await zygote_of(forks, tmp_path / "cache.git")
    answers = await asyncio.gather(*(forks.ask(request(tmp_path / "cache.git")) for _ in range(8)))
    assert [json.loads(answer) for answer in answers] == [{"result": BLOB}] * 8
    assert is_there(zygote)
    await wait_until(lambda: not below(zygote))


async def test_a_zygote_that_was_killed_is_followed_by_another(tmp_path: Path) -> None:
    forks = Forks()
    zygote = await zygote_of(forks, tmp_path / "cache.git")
    os.kill(zygote, signal.SIGKILL)
    await wait_until(lambda: not is_there(zygote))
    assert json.loads(await forks.ask(request(tmp_path / "cache.git"))) == {"result": BLOB}


async def test_it_ends_with_the_one_who_started_it(tmp_path: Path) -> None:
    forks = Forks()
    zygote = await zygote_of(forks, tmp_path / "cache.git")
    del forks
    await wait_until(lambda: not is_there(zygote))


async def test_who_is_cancelled_leaves_no_child_and_no_walker(tmp_path: Path) -> None:
    """The child waits for a walker that says nothing; both are gone before the cancelled call returns."""
    forks, cache, mark = Forks(), tmp_path / "cache.git", tmp_path / "pid"
    zygote = await zygote_of(forks, cache)
    argv = ["/bin/sh", "-c", f"echo $$ > {mark}; exec sleep 600"]
    ask = request(cache, operation="snapshot", arguments={"base": tree_in(cache), "argv": argv})
    asked = asyncio.create_task(forks.ask(ask))
    await wait_until(lambda: mark.exists() and mark.read_text().strip())
    walker = int(mark.read_text())
    assert is_there(walker)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await wait_until(lambda: not is_there(walker) and not below(zygote))


def tree_in(cache: Path) -> str:
    """A tree of one file."""
    with locked_cache(cache) as repo:
        blob, tree = Blob.from_string(b"a"), Tree()
        tree.add(b"a", 0o100644, blob.id)
        repo.object_store.add_object(blob)
        repo.object_store.add_object(tree)
        return tree.id.decode()


async def test_a_child_that_dies_gives_no_answer(tmp_path: Path) -> None:
    forks, cache = Forks(), tmp_path / "cache.git"
    await zygote_of(forks, cache)
    kill = ["/bin/sh", "-c", "kill -9 $PPID"]
    ask = request(cache, operation="snapshot", arguments={"base": tree_in(cache), "argv": kill})
    assert await forks.ask(ask) == b""


async def test_what_is_amiss_in_us_is_told(tmp_path: Path) -> None:
    answer = json.loads(await Forks().ask(request(tmp_path / "cache.git", arguments={"no": "such"})))
    assert answer["fault"] == "bug"
    assert "TypeError" in answer["message"]
