"""Bad input, odd input, too much of it: each has an end with a name, nothing hangs, nothing is lost.

The first story needs no sandbox and shares one application; the others are whole tasks (`make chaos`). What a
repository may hold is tested piece by piece in `tests/repos/test_odd_repositories.py`.
"""

import json
import threading
import uuid
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.domain import limits
from bot.domain.outcomes import Ignored, Refusal
from bot.store.deliveries import Deliveries, Handled, Verdict
from bot.store.tasks import Tasks, TaskView
from bot.webhook.signature import sign
from tests.repos.odd import FILE, LINK, SUBMODULE, Content, build_repository
from tests.repos.test_odd_repositories import POINTER
from tests.stories.registry import GOOD
from tests.stories.world import FILES, NAME, World, story
from tests.tasks.payloads import comment_payload

SECRET = b"a secret of the story"


def deliver(
    world: World, body: bytes, signature: str | None = None, event: str = "issue_comment"
) -> tuple[str, int]:
    """As GitHub would: the delivery's id and the answer's status."""
    url = json.loads((world.data_dir / "receiver.json").read_text())["url"]
    name = str(uuid.uuid4())
    headers = {
        "x-github-delivery": name,
        "x-github-event": event,
        "x-hub-signature-256": sign(body, SECRET) if signature is None else signature,
    }
    with httpx2.Client(trust_env=False, timeout=20) as http:
        return name, http.post(f"{url}/webhook", content=body, headers=headers).status_code


def verdict(world: World, name: str) -> Handled:
    found = world.wait_for("a verdict", lambda: Deliveries(world.database).handled(name))  # type: ignore[arg-type]
    assert isinstance(found, Handled)
    return found


def last_end(world: World, count: int) -> TaskView:
    """The newest of `count` tasks, when it is over."""

    def over() -> TaskView | None:
        newest = Tasks(world.database).newest(count)
        return newest[0] if len(newest) == count and newest[0].outcome else None

    found = world.wait_for("the end of the task", over)
    assert isinstance(found, TaskView)
    return found


BODIES = {
    "no JSON": b"\x00\xff{",
    "half of it": comment_payload()[:-1],
    "a list": b"[]",
    "too deep": b"[" * 100_000,
    "a number without end": b'{"action": ' + b"9" * 10_000 + b"}",
    "another shape": b'{"action": "created", "installation": {"id": 1}, "issue": "no", "comment": []}',
}


@pytest.mark.stories
def test_what_can_not_be_read_or_acted_on_ends_at_once_and_by_name(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        for body in BODIES.values():
            name, status = deliver(world, body)
            assert status == 202
            assert verdict(world, name) == Handled(Verdict.IGNORED, Ignored.MALFORMED)
        assert deliver(world, b"x" * (limits.WEBHOOK_BODY_BYTES + 1))[1] == 413

        name, _ = deliver(world, comment_payload())  # a repository and an installation that nobody knows
        assert verdict(world, name) == Handled(Verdict.REFUSED, Refusal.PERMISSION_UNKNOWN)

        expect_named_ends_of_odd_repositories(world)
        assert world.model.requests == []


def expect_named_ends_of_odd_repositories(world: World) -> None:
    seed = world.hub.seed
    seed.add_empty_repository("octo/empty")
    seed.set_role("octo/empty", "ada", "write")
    issue = seed.open_issue("octo/empty", "ada", "Begin", "@agent fix this")
    end = last_end(world, 1)
    assert (end.outcome, "first commit" in end.detail) == ("repository_unusable", True)
    (told,) = seed.thread("octo/empty", issue)["comments"]
    assert "first commit" in told["body"]

    # The branch has another name by the time that the task begins.
    gone = world.hub.hub.repository(NAME)
    assert gone is not None
    with world.hub.hub.lock:
        world.comment("ada", "@agent fix this")
        gone.git.rename_branch("main", "trunk")
    end = last_end(world, 2)
    assert (end.outcome, "no branch `main`" in end.detail) == ("repository_unusable", True)


@pytest.mark.chaos
def test_a_comment_that_is_deleted_before_the_work_begins_is_still_a_request(tmp_path: Path) -> None:
    """The request is the signed payload (law 6). There is nothing to react to, the tracking comment is there."""
    with story(tmp_path, GOOD) as world:
        hub = world.hub.hub
        with hub.lock:  # the worker sees nothing before it is gone
            asked = world.comment("ada", "@agent fix this")
            delete_comment(world, asked)
        assert world.wait_until_over().outcome == "proven"
        assert len(world.pulls()) == len(world.bot_comments()) == 1


@pytest.mark.chaos
def test_comments_that_are_deleted_while_it_works_are_missed_by_nobody(tmp_path: Path) -> None:
    """The one that asked, and our own tracking comment: nobody wants to read it, so it is not made again."""
    with story(tmp_path, GOOD) as world:
        reached, deleted = threading.Event(), threading.Event()

        def before(turn: int) -> None:
            if turn == 2:
                reached.set()
                deleted.wait(30)

        world.model.before = before
        world.comment("ada", "@agent fix this")
        assert reached.wait(60)
        for one in world.thread()["comments"]:
            delete_comment(world, one["id"])
        deleted.set()
        assert world.wait_until_over().outcome == "proven"
        assert len(world.pulls()) == 1
        assert world.thread()["comments"] == []


def delete_comment(world: World, comment: int) -> None:
    from bot.localhub import actions_threads as act
    from bot.localhub.records import Actor

    hub, record = world.hub.hub, world.hub.hub.repository(NAME)
    assert record is not None
    with hub.lock:
        found = hub.find_comment(record, comment)
        assert found is not None
        act.delete_comment(hub, record, found, Actor(hub.accounts["ada"]))


ODD = "octo/odd"
BRANCH = "größe/#1 100%+&".replace(" ", "-")


def odd_files() -> dict[bytes, Content]:
    many = {b"data/d%d/f%d.txt" % (n % 100, n): (FILE, b"%d\n" % n) for n in range(10_000)}
    return {
        **{path.encode(): (FILE, text.encode()) for path, text in FILES.items()},
        **many,
        b"vendor/lib": (SUBMODULE, b"1" * 40),
        b".gitmodules": (FILE, b'[submodule "lib"]\n\tpath = vendor/lib\n\turl = https://example.org/x\n'),
        b".gitattributes": (FILE, b"*.psd filter=lfs diff=lfs merge=lfs -text\n"),
        b"art/logo.psd": (FILE, POINTER),
        b"latest": (LINK, b"README.md"),
        b"outside": (LINK, b"../../../../etc/passwd"),
        b"absolute": (LINK, b"/etc"),
        b"line\nbreak.txt": (FILE, b"x\n"),
        b"caf\xe9.txt": (FILE, b"x\n"),
    }


def ask_in(world: World, files: dict[bytes, Content], body: str = "`add(1, 2)` gives -1.") -> int:
    """An issue in a repository with these files, and the request in it."""
    seed, source = world.hub.seed, world.data_dir.with_name("source.git")
    seed.import_repository(ODD, source, build_repository(source, files))
    seed.set_default_branch(ODD, BRANCH)
    seed.set_role(ODD, "ada", "write")
    issue = seed.open_issue(ODD, "ada", "Sums are wrong", body)
    seed.comment(ODD, issue, "ada", "@agent fix this")
    return issue


def whole_tree(world: World, revision: str) -> dict[str, Any]:
    record = world.hub.hub.repository(ODD)
    assert record is not None
    with world.hub.hub.lock:
        info = record.git.commit(record.git.resolve(revision) or "")
        assert info is not None
        return {e.path: (e.mode, e.sha) for e in record.git.entries(info.tree, recursive=True) or []}


def expect_only_the_fix(world: World) -> None:
    world.name, world.patience_s = ODD, 600.0
    assert world.wait_until_over().outcome == "proven"
    (pull,) = world.pulls()
    assert pull["pull"]["base"]["ref"] == BRANCH
    before, after = whole_tree(world, BRANCH), whole_tree(world, pull["pull"]["head"]["sha"])
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    assert changed == {"app.py", "tests", "tests/test_app.py"}


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_repository_with_everything_that_git_can_hold_is_worked_on(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        long = "`add(1, 2)` gives -1.\n" + "\N{PILE OF POO}" * (limits.BODY_CHARACTERS - 22)
        ask_in(world, odd_files(), long[: limits.BODY_CHARACTERS])
        expect_only_the_fix(world)
        said = "\n".join(str(m["content"]) for m in world.model.requests[0]["messages"])
        assert "`vendor/lib` is a submodule: its content is not here." in said
        assert "`art/logo.psd` is a Git LFS pointer: its content is not here." in said
        assert r"b'line\nbreak.txt' has a name that can't be used: it is not in the workspace." in said
        assert len(said) < 60_000


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_file_of_200_mb_stands_in_nobodys_way(tmp_path: Path) -> None:
    files = {path.encode(): (FILE, text.encode()) for path, text in FILES.items()}
    with story(tmp_path, GOOD) as world:
        ask_in(world, {**files, b"data.bin": (FILE, bytes(200 * limits.MIB))})
        expect_only_the_fix(world)
