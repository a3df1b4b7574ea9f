"""A merge that needs neither a sandbox nor a model to end: nothing to do, nowhere to put it, nothing to settle."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.commands import CommandWord
from bot.domain.follow_up import Way
from bot.domain.ids import CommitSha, TreeSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskKind, TaskRequest
from bot.repos.contract import MergeSides
from bot.store.tasks import Taken
from bot.tasks.change.desk import open_desk
from bot.tasks.change.facts import FollowFacts, MergeFacts, SubmissionFacts, parse_facts, render_facts
from bot.tasks.follow_up.fetch import fetch_commits
from bot.tasks.follow_up.merge import after_merge_work, decide_merge_end, merge_again
from bot.tasks.workflow import Finished, Next
from tests.stories.own_pull import BRANCH, request_of
from tests.stories.world import NAME
from tests.tasks.follow_up.room import Room, open_room
from tests.texts.examples import CHECKED


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with open_room(tmp_path) as opened:
        yield opened


def asked(room: Room, says: str = "rebase") -> TaskRequest:
    comment = room.hub.seed.comment(NAME, room.pull, "ada", f"@agent {says}")
    request = replace(
        request_of(room.hub, room.pull), kind=TaskKind.FOLLOW_UP, comment_id=comment, is_pull=True
    )
    return replace(request, word=CommandWord.REBASE, instruction=says)


def push_to_main(room: Room, **files: bytes) -> str:
    named = {name.replace("_", "."): content for name, content in files.items()}
    return room.hub.seed.push(NAME, "ada", named, "main")


async def ended(room: Room, taken: Taken) -> str:
    """What people read, once REPORT is done."""
    end = await room.run(taken, Phase.REPORT)
    assert isinstance(end, Finished)
    return room.bot_comments()[-1]


FOLLOW = FollowFacts(Way.PUSH, "feature", "main", CommitSha("a" * 40), CommitSha("b" * 40))


def test_a_fork_and_what_is_there_already_are_named_ends() -> None:
    assert decide_merge_end(FOLLOW) is None
    over = decide_merge_end(replace(FOLLOW, way=Way.SHOW))
    assert over is not None
    assert over[0] is Outcome.BLOCKED
    over = decide_merge_end(replace(FOLLOW, rules_commit=FOLLOW.trunk_commit))
    assert over is not None
    assert over[0] is Outcome.NO_CHANGE_NEEDED


async def test_a_branch_that_has_everything_is_left_alone(room: Room) -> None:
    head, taken = room.head, room.take(asked(room))
    assert await room.run(taken) == Next(Phase.REPORT)
    assert "has everything of `main`" in await ended(room, taken)
    assert room.head == head


async def test_what_only_a_person_can_merge_is_named_before_anything_is_set_up(room: Room) -> None:
    room.hub.seed.push(
        NAME, "ada", {"logo.png": b"\0ours", ".github/workflows/ci.yml": b"on: push\n"}, BRANCH
    )
    room.hub.seed.push(
        NAME, "ada", {"logo.png": b"\0theirs", ".github/workflows/ci.yml": b"on: pull\n"}, "main"
    )
    head, taken = room.head, room.take(asked(room))
    assert await room.run(taken) == Next(Phase.PREPARE)
    assert await room.run(taken, Phase.PREPARE) == Next(Phase.REPORT), "there is no sandbox here to be asked"
    said = await ended(room, taken)
    assert "- `.github/workflows/ci.yml` configures CI or instructs agents" in said
    assert "- `logo.png` has no lines that could be merged." in said
    assert "Ended as `blocked`." in said
    assert room.head == head


async def merged(room: Room) -> Taken:
    """A task that has a merge in hand and is about to publish it, as the phases before leave it behind."""
    push_to_main(room, other_txt=b"of main\n")
    taken = room.take(asked(room))
    assert await room.run(taken) == Next(Phase.PREPARE)
    async with open_desk(room.services, room.look(taken)) as desk:
        trees = await fetch_commits(desk)
        known = room.facts(taken.id)
        assert known.follow is not None
        follow = replace(known.follow, trunk_tree=trees[1], rules_tree=trees[2], merge=MergeFacts(trees[0]))
        await desk.learn(follow=follow)
        await merge_again(desk)
        made = await desk.services.repos.merge(
            desk.key, MergeSides(trees[1], trees[0], trees[2], BRANCH, "main")
        )
        evidence = replace(CHECKED, base_commit=follow.rules_commit, base_tree=trees[2], patch_tree=made.tree)
        submission = SubmissionFacts("fixed", "Merge", "By itself.")
        await desk.learn(base_tree=made.tree, tree=made.tree, submission=submission, evidence=evidence)
    return taken


async def test_the_commit_has_both_sides_as_parents(room: Room) -> None:
    before, taken = room.head, await merged(room)
    tip = room.hub.seed.refs(NAME)["refs/heads/main"]
    for _ in range(2):  # as after a death
        assert await room.run(taken, Phase.PUBLISH) == Next(Phase.REPORT)
    commit = room.hub.hub.repository(NAME).git.commit(room.head)  # type: ignore[union-attr]
    assert commit is not None
    assert list(commit.parents) == [before, tip]
    assert room.hub.seed.file(NAME, BRANCH, "other.txt") == b"of main\n"
    said = await ended(room, taken)
    assert f"`main` at {tip[:10]} is merged into the branch" in said
    text = room.thread()["issue"]["body"]
    assert f"against `main` at `{tip[:10]}`" in text


async def test_a_branch_that_moved_is_not_pushed_to(room: Room) -> None:
    taken = await merged(room)
    pushed = room.hub.seed.push(NAME, "ada", {"x.py": b"x = 1\n"}, BRANCH)
    assert await room.run(taken, Phase.PUBLISH) == Next(Phase.REPORT)
    assert room.facts(taken.id).outcome == Outcome.STALE
    assert room.head == pushed


async def test_a_persons_branch_gets_the_merge_as_a_pull_request(room: Room) -> None:
    seed = room.hub.seed
    seed.add_person("bob")
    seed.set_role(NAME, "bob", "write")
    head = seed.commit(NAME, {"README.md": b"# The app\n"}, "A longer title", branch="bobs")
    room.pull = seed.open_pull(NAME, "bob", "A longer title", "It reads better.", "bobs")
    taken = await merged(room)
    tip = seed.refs(NAME)["refs/heads/main"]
    assert await room.run(taken, Phase.PUBLISH) == Next(Phase.REPORT)
    assert seed.refs(NAME)["refs/heads/bobs"] == head, "nobody pushed there"
    facts = room.facts(taken.id)
    assert seed.thread(NAME, facts.pull)["pull"]["base"]["ref"] == "bobs"
    commit = room.hub.hub.repository(NAME).git.commit(facts.commit)  # type: ignore[union-attr]
    assert commit is not None
    assert list(commit.parents) == [head, tip]


@pytest.mark.parametrize(("kind", "phase"), [("deleted_by_ours", Phase.VERIFY), ("marked", Phase.REPORT)])
async def test_that_it_is_right_as_it_lies_there_holds_where_no_marker_is(
    room: Room, kind: str, phase: Phase
) -> None:
    push_to_main(room, other_txt=b"of main\n")
    taken = room.take(asked(room))
    await room.run(taken)
    async with open_desk(room.services, room.look(taken)) as desk:
        known = MergeFacts(TreeSha("e" * 40), (("a.py", kind),))
        submission = SubmissionFacts("no_change_needed", "Fine", "It is right.")
        await desk.learn(
            follow=replace(desk.follow, merge=known), base_tree=TreeSha("f" * 40), submission=submission
        )
        told = render_facts(replace(desk.facts, outcome=Outcome.NO_CHANGE_NEEDED.value))
        end = await after_merge_work(desk, Next(Phase.REPORT, told))
    assert isinstance(end, Next)
    assert end.phase is phase
    facts = room.facts(taken.id)
    assert parse_facts(render_facts(facts)) == facts
    if phase is Phase.VERIFY:
        assert facts.tree == facts.base_tree
        assert facts.submission is not None
        assert facts.submission.title == f"Merge main into {BRANCH}"
    else:
        assert facts.outcome == Outcome.BLOCKED
