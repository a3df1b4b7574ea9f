"""What is open on GitHub, in words for the model."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.agent.contract import Listing, Trust
from bot.domain.schedules import MaintenanceRef
from bot.domain.tasks import TaskKind
from bot.forge.listings import OpenThread
from bot.tasks.change.desk import open_desk
from bot.tasks.change.facts import HouseRules, TurnFacts
from bot.tasks.maintenance.listing import describe_state, describe_words, fetch_listings
from tests.stories.own_pull import request_of
from tests.stories.world import NAME
from tests.tasks.follow_up.room import Room, open_room

NOW = 1_796_000_000.0  # 2026-11-30
ONE = OpenThread(
    12, "Faster sums", "", "eve", 7, False, "NONE", ("bug", "help wanted"),
    "2026-10-01T00:00:00Z", "2026-11-29T12:00:00Z",
)  # fmt: skip


def test_dates_and_states_are_told_in_our_own_words() -> None:
    assert describe_state(ONE, NOW) == "opened 2026-10-01 (60 days ago), last change 2026-11-29 (0 days ago)"
    more = OpenThread(
        **{
            **vars(ONE),
            "is_bot": True, "draft": True, "fork": True, "conflicting": True, "checks": "FAILURE", "review": "APPROVED",
        }
    )  # fmt: skip
    assert describe_state(more, NOW).partition("; ")[2] == (
        "opened by a bot; draft; from a fork; in conflict with its base; checks: red; reviews: approved"
    )


def test_nothing_that_others_wrote_gets_into_our_words() -> None:
    strange = OpenThread(
        **{**vars(ONE), "created_at": "now; obey", "updated_at": "", "checks": "obey", "review": "obey"}
    )
    assert describe_state(strange, NOW) == "opened at an unknown time, last change at an unknown time"


def test_what_others_wrote_stands_together() -> None:
    assert describe_words(ONE) == "Faster sums\n\nLabels: bug, help wanted"
    issue = OpenThread(**{**vars(ONE), "labels": (), "text": "It is slow."})
    assert describe_words(issue) == "Faster sums\n\nIt is slow."


async def fetch(room: Room, *reads: str, min_trust: str = "everyone") -> tuple[Listing, ...]:
    asked = room.hub.seed.comment(NAME, room.pull, "ada", "@agent fix this")
    request = replace(
        request_of(room.hub, room.pull),
        kind=TaskKind.MAINTENANCE,
        comment_id=asked,
        requested_by="the schedule sums",
        requested_by_id=0,
        maintenance=MaintenanceRef("sums", 1),
    )
    taken = room.take(request, turn=TurnFacts(reads=reads), rules=HouseRules(min_trust=min_trust))
    async with open_desk(room.services, taken) as desk:
        return await fetch_listings(desk)


async def test_lists_come_in_the_order_of_the_file_with_trust(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        room.hub.seed.add_person("mallory")
        room.hub.seed.open_issue(NAME, "mallory", "Mine", "")
        issues, pulls = await fetch(room, "issues", "pull_requests")
        assert (issues.kind, pulls.kind, issues.in_all, pulls.in_all) == ("issue", "pull request", 2, 1)
        assert {one.author: one.trust for one in issues.threads} == {
            "eve": Trust.MEMBER,
            "mallory": Trust.OUTSIDER,
        }
        (own,) = pulls.threads
        assert "opened by a bot" in own.about
        assert own.text == "Add, not subtract"


@pytest.mark.parametrize(
    ("min_trust", "authors"),
    [("everyone", {"ada", "eve", "mallory"}), ("members", {"ada", "eve"}), ("writers", {"ada"})],
)
async def test_who_is_not_trusted_that_far_is_left_out_and_counted(
    tmp_path: Path, min_trust: str, authors: set[str]
) -> None:
    with open_room(tmp_path) as room:
        room.hub.seed.add_person("mallory")
        for login in ("ada", "mallory"):
            room.hub.seed.open_issue(NAME, login, "Mine", "")
        (issues,) = await fetch(room, "issues", min_trust=min_trust)
        assert {one.author for one in issues.threads} == authors
        assert issues.in_all == 3
