"""What people read about red checks. Everything in it was written by others."""

import pytest
from syrupy.assertion import SnapshotAssertion

from bot.domain.outcomes import Outcome
from bot.texts.red_checks import ChecksText, RedCheck, Tried, render_checks, render_checks_end, render_waiting

RED = RedCheck(
    "test (3.12)",
    "https://hub/o/r/runs/1",
    "timed_out",
    ("it passed on this very commit before",),
    "E  assert 1 == 2",
)
TEXT = ChecksText("abcdef0123456789", "main", (RED,), ("lint",), ("docs",), ("deploy",))
TRIED = (
    Tried("1234567890abc", "Round up", "The mean was cut. All tests pass."),
    Tried("fedcba0987654", "Again", ""),
)


@pytest.mark.parametrize("outcome", [Outcome.HANDED_OVER, Outcome.FLAKY, Outcome.NO_CHANGE_NEEDED])
def test_an_end_without_work(outcome: Outcome, snapshot: SnapshotAssertion) -> None:
    tried = TRIED if outcome is Outcome.HANDED_OVER else ()
    text = render_checks_end(outcome, TEXT, tried, "agent", "<!-- marker -->")
    assert f"Ended as `{outcome.value}`." in text
    assert "All tests pass" not in text
    assert text == snapshot


def test_what_is_waited_for(snapshot: SnapshotAssertion) -> None:
    assert render_waiting(("deploy", "test"), "<!-- marker -->") == snapshot
    assert render_waiting((), "") == "👀 I wait until the checks are over.\n\n\n"


def test_names_links_and_logs_of_others_do_nothing_in_our_comment() -> None:
    bad = RedCheck(
        "`](http://x) @everyone <img>", "javascript:alert(1)", "failure", (), "```\n</details>\n@ada\n"
    )
    text = render_checks(ChecksText("a", "main", (bad,), tuple(f"n{n}" for n in range(50))))
    assert "javascript" not in text
    assert "](" not in text.replace("`` `](http://x) @everyone <img> ``", "")
    assert "````\n```\n</details>\n@ada\n````" in text
    assert "and 30 more" in text
