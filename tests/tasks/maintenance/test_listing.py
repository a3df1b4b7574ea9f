"""What is open on GitHub, in words for the model."""

from bot.forge.listings import OpenThread
from bot.tasks.maintenance.listing import describe_state, describe_words

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
