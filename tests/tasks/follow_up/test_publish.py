"""Where the work goes: to the branch, onto it, or into a comment. Without a sandbox: the tree is one that is there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.ids import CommitSha, TreeSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskKind, TaskRequest
from bot.errors import GitHubFault
from bot.store.tasks import Taken
from bot.tasks.change.desk import open_desk
from bot.tasks.change.facts import SubmissionFacts, render_facts
from bot.tasks.follow_up.fetch import fetch_commits
from bot.tasks.workflow import Finished, Next
from tests.stories.own_pull import BRANCH, request_of
from tests.stories.world import NAME
from tests.tasks.follow_up.room import Room, open_room
from tests.texts.examples import CHECKED


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with open_room(tmp_path) as opened:
        yield opened


def bobs_pull(room: Room) -> None:
    """A person's pull request of this repository."""
    seed = room.hub.seed
    seed.add_person("bob")
    seed.set_role(NAME, "bob", "write")
    seed.commit(NAME, {"README.md": b"# The app\n"}, "A longer title", branch="bobs")
    room.pull = seed.open_pull(NAME, "bob", "A longer title", "It reads better.", "bobs")


def asked(room: Room) -> TaskRequest:
    comment = room.hub.seed.comment(NAME, room.pull, "ada", "@agent go back")
    request = replace(
        request_of(room.hub, room.pull), kind=TaskKind.FOLLOW_UP, comment_id=comment, is_pull=True
    )
    return replace(request, instruction="go back")


async def worked(room: Room) -> Taken:
    """A task that is about to publish: it takes the pull request back to where it began, which is a tree that is
    there."""
    taken = room.take(asked(room))
    assert await room.run(taken) == Next(Phase.PREPARE)
    async with open_desk(room.services, room.look(taken)) as desk:
        head, trunk, rules = await fetch_commits(desk)
    known = room.facts(taken.id)
    assert known.follow is not None
    evidence = replace(CHECKED, base_commit=known.base_commit, base_tree=head, patch_tree=trunk)
    facts = replace(
        known, base_tree=head, tree=trunk, evidence=evidence, submission=SubmissionFacts("fixed", "Go back", "Why."),
        follow=replace(known.follow, trunk_tree=trunk, rules_tree=rules),
    )  # fmt: skip
    room.services.tasks.save_facts(taken, render_facts(facts))
    return taken


async def published(room: Room, taken: Taken) -> str:
    """What the tracking comment says; every phase is done twice, as after a death."""
    for _ in range(2):
        assert await room.run(taken, Phase.PUBLISH) == Next(Phase.REPORT)
    for _ in range(2):
        end = await room.run(taken, Phase.REPORT)
    assert isinstance(end, Finished)
    return room.bot_comments()[-1]


def heads(room: Room) -> dict[str, str]:
    refs = room.hub.seed.refs(NAME)
    return {
        ref.removeprefix("refs/heads/"): sha for ref, sha in refs.items() if ref.startswith("refs/heads/")
    }


async def test_our_own_branch_gets_one_commit(room: Room) -> None:
    before = room.head
    comment = await published(room, await worked(room))
    made = room.hub.hub.repository(NAME).git.commit(room.head)  # type: ignore[union-attr]
    assert made is not None
    assert list(made.parents) == [before]
    assert f"I have pushed {room.head[:10]}: Go back" in comment
    assert len([one for one in room.thread()["check_runs"] if one["app"]["slug"] == "pullwright"]) == 1


async def test_onto_a_persons_branch_goes_one_pull_request_of_our_own(room: Room) -> None:
    bobs_pull(room)
    before = room.head
    comment = await published(room, await worked(room))
    assert room.head == before, "nothing is pushed to it"
    own = [one for one in room.hub.seed.threads(NAME) if one["is_pull"] and one["number"] > room.pull]
    (made,) = (room.hub.seed.thread(NAME, one["number"]) for one in own)
    assert made["pull"]["base"]["ref"] == "bobs"
    assert made["pull"]["head"]["ref"].startswith("agent/")
    assert "Goes onto `bobs`, the branch of #3." in made["issue"]["body"]
    assert "Fixes #" not in made["issue"]["body"]
    assert f"#{made['pull']['number']} goes onto the branch of this pull request: Go back" in comment


async def test_a_fork_is_never_pushed_to_and_gets_the_patch(room: Room) -> None:
    bobs_pull(room)
    pull = room.hub.hub.repository(NAME).threads[room.pull].pull  # type: ignore[union-attr]
    assert pull is not None
    before = heads(room)
    taken = await worked(room)
    known = room.facts(taken.id)
    assert known.follow is not None
    fork = replace(known, follow=replace(known.follow, way=type(known.follow.way).SHOW, fork=True))
    room.services.tasks.save_facts(taken, render_facts(fork))
    comment = await published(room, taken)
    assert heads(room) == before
    assert "I do not push to this branch" in comment
    assert "+# App" in comment


async def test_a_head_that_moved_is_left_alone_and_the_patch_is_shown(room: Room) -> None:
    taken = await worked(room)
    moved = room.hub.seed.push(NAME, "ada", {"x.py": b"x = 1\n"}, BRANCH)
    comment = await published(room, taken)
    assert room.facts(taken.id).outcome == Outcome.STALE
    assert room.head == moved
    assert "Somebody pushed to the branch while I worked" in comment


async def test_a_push_that_was_not_read_back_is_told_by_another_host_as_well(room: Room) -> None:
    taken = await worked(room)
    assert await room.run(taken, Phase.PUBLISH) == Next(Phase.REPORT)
    known = replace(room.facts(taken.id), branch="", pull=0, pull_url="", host="another", tree=TreeSha(""))
    room.services.tasks.save_facts(taken, render_facts(known))
    stopped = replace(room.look(taken), phase=Phase.PUBLISH)
    await room.steps.run_failure(stopped, Outcome.STOPPED, "Stopped by ada.")
    assert f"I had pushed {room.head[:10]} to `{BRANCH}`, where it stays." in room.bot_comments()[-1]


async def test_who_lost_access_meanwhile_pushes_nothing(room: Room) -> None:
    taken, before = await worked(room), heads(room)
    room.hub.seed.set_role(NAME, "ada", "read")
    with pytest.raises(GitHubFault):
        await room.run(taken, Phase.PUBLISH)
    assert heads(room) == before
    assert room.facts(taken.id).commit == CommitSha("")
