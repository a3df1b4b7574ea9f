"""A person's word about a finding counts by what the person may do; bots' words never do."""

from dataclasses import replace

import pytest

from bot.domain.access import Permission
from bot.domain.review_memory import (
    Standing,
    ThreadReply,
    ThreadState,
    decide_standing,
    is_dismissal,
    objectors,
)

THREAD = ThreadState("PRRT_1", "app.py", 6, "http://hub/1", "Divides by zero", resolved=False)
MAY = {"ada": Permission.WRITE, "eve": Permission.READ}


@pytest.mark.parametrize(
    "text",
    [
        "won't fix",
        "Wontfix: the caller checks.",
        "**False positive**",
        "> Divides by zero\n\nBy design.",
        "This is intended, see the docs.",
        "that's not a bug",
        "Will not fix",
    ],
)
def test_what_waves_a_finding_off(text: str) -> None:
    assert is_dismissal(text)


@pytest.mark.parametrize(
    "text",
    ["", "Fixed in 1234567.", "Good catch, the old design won't fix this.", "> won't fix\n\nWhy not?", "👀"],
)
def test_what_does_not(text: str) -> None:
    assert not is_dismissal(text)


@pytest.mark.parametrize(
    ("thread", "standing"),
    [
        (THREAD, Standing.OPEN),
        (replace(THREAD, resolved=True), Standing.GONE),
        (replace(THREAD, resolved=True, resolved_by="ada"), Standing.DISMISSED),
        (replace(THREAD, resolved=True, resolved_by="eve"), Standing.WAVED_OFF),
        (replace(THREAD, disliked_by=("eve", "ada")), Standing.DISMISSED),
        (replace(THREAD, disliked_by=("eve",)), Standing.WAVED_OFF),
        (replace(THREAD, disliked_by=("stranger",)), Standing.WAVED_OFF),
        (replace(THREAD, replies=(ThreadReply("ada", False, "won't fix"),)), Standing.DISMISSED),
        (replace(THREAD, replies=(ThreadReply("eve", False, "won't fix"),)), Standing.WAVED_OFF),
        (replace(THREAD, replies=(ThreadReply("ada", False, "Really?"),)), Standing.OPEN),
        (replace(THREAD, replies=(ThreadReply("linter", True, "won't fix"),)), Standing.OPEN),
    ],
)
def test_what_became_of_a_finding(thread: ThreadState, standing: Standing) -> None:
    assert decide_standing(thread, MAY) is standing


def test_who_has_to_be_asked_about_is_named_once() -> None:
    words = (ThreadReply("ada", False, "by design"), ThreadReply("bo", False, "Hm?"))
    thread = replace(THREAD, resolved=True, resolved_by="ada", replies=words, disliked_by=("eve", "ada"))
    assert objectors(thread) == ("ada", "eve")
