"""Points of a review: read, chosen, answered. Pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import limits
from bot.domain.follow_up import PointAnswer, PointReply, parse_point, refuse_points
from bot.domain.review_points import Asked, Point, Remark, choose_points, is_settled, render_points

AT = "2026-11-20T10:00:00Z"


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("1 done: renamed", PointReply(1, PointAnswer.DONE, "renamed")),
        ("2. Done", PointReply(2, PointAnswer.DONE, "")),
        ("Point 3 - won't: it is public", PointReply(3, PointAnswer.WONT, "it is public")),
        ("#4: question — which one?", PointReply(4, PointAnswer.QUESTION, "which one?")),
        ("5) wont, because\nof that", PointReply(5, PointAnswer.WONT, "because\nof that")),
    ],
)
def test_an_answer_to_a_point_is_read(text: str, reply: PointReply) -> None:
    assert parse_point(text) == reply


@pytest.mark.parametrize("text", ["", "done", "1", "1 maybe", "one done: x", "1 donely"])
def test_what_answers_no_point_is_none(text: str) -> None:
    assert parse_point(text) is None


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    reply = parse_point(text)
    assert reply is None or reply.number >= 0


@pytest.mark.parametrize(
    ("points", "count", "fault"),
    [
        ((), 0, None),
        (("1 done: x", "2 wont: y"), 2, None),
        (("2 wont: y", "1 done"), 2, None),
        (("1 done: x",), 2, "look at 2"),
        (("1 done: x", "1 wont: y"), 1, "look at 1"),
        (("1 done: x", "3 done: y"), 1, "no point 3"),
        (("1 wont",), 1, "without a reason"),
        (("yes",), 1, "answers no point"),
    ],
)
def test_each_point_is_answered_once(points: tuple[str, ...], count: int, fault: str | None) -> None:
    found = refuse_points(points, count)
    assert found is None if fault is None else fault in (found or "")


def remark(number: int, thread: int = 0, **more: object) -> Remark:
    given = {"review": 5, "author": 7, "updated_at": AT, **more}
    return Remark(Point(number, thread or number, "app.py", number, f"text {number}"), **given)  # type: ignore[arg-type]


WHOLE = Asked(5, 7, AT, whole=True, unasked=True)
EACH = Asked(5, 7, AT, whole=False, unasked=False)


def numbers(remarks: list[Remark], asked: Asked) -> list[int]:
    return [one.comment for one in choose_points(remarks, asked)]


def test_of_a_whole_review_each_comment_of_the_reviewer_is_a_point() -> None:
    others = [remark(2, author=8), remark(3, review=6), remark(4, updated_at="2026-11-20T10:09:00Z")]
    assert numbers([remark(1), *others, remark(9)], WHOLE) == [1, 9]


def test_else_each_comment_asks_for_itself() -> None:
    assert numbers([remark(1), remark(2, mentions=True)], EACH) == [2]


def test_a_reply_without_a_mention_is_a_point_only_where_it_answers_us() -> None:
    replies = [remark(2, thread=1), remark(3, thread=1, answers=True), remark(4, thread=1, mentions=True)]
    assert numbers(replies, WHOLE) == [3, 4]


def test_a_review_of_a_hundred_comments_is_cut() -> None:
    assert len(choose_points([remark(n) for n in range(1, 101)], WHOLE)) == limits.POINTS


@pytest.mark.parametrize(
    ("updated", "is_it"),
    [
        (AT, True),
        ("2026-11-20T10:00:05Z", True),
        ("2026-11-20T10:00:06Z", False),
        ("", False),
        ("2026-11-20", False),
    ],
)
def test_what_was_changed_after_the_review_is_not_what_was_said(updated: str, is_it: bool) -> None:
    assert is_settled(updated, AT) is is_it


def test_points_are_numbered_and_what_is_gone_is_said() -> None:
    text = render_points("Two things.", [Point(1, 1, "a.py", 3, "Rename\nit"), Point(2, 2, "", 0, "")])
    assert text.startswith(
        "Two things.\n\nIts points, each to be answered by its number:\n\n1. a.py, line 3\n\n   Rename\n   it"
    )
    assert "(deleted or changed meanwhile)" in text
    assert render_points("", []) == "Answer this review."
    assert len(render_points("", [Point(1, 1, "a", 1, "x" * 9_000)]).encode()) < limits.POINT_BYTES + 200
