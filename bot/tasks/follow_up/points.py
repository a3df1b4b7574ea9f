"""The points of a review: chosen when the task is accepted, put to the model, answered in their threads at the end.

Only numbers lie in the task's row; texts are read again, and what was changed after the review is left out. Answers are
effects, one for each point.

Races, and how each is closed:
- Death between two answers: each is in the ledger, found by its marker.
- A thread or a comment is deleted meanwhile: it is left out; what was done stands in the tracking comment as well.
"""

from dataclasses import replace

import structlog

from bot.domain.commands import find_mentions
from bot.domain.evidence import Tier
from bot.domain.follow_up import PointAnswer, PointReply, parse_point
from bot.domain.review_points import Asked, Point, Remark, choose_points, is_settled, render_points
from bot.domain.tasks import TaskRequest, WayIn
from bot.errors import GitHubFault
from bot.forge.review_comments import LineComment, SubmittedReview
from bot.tasks.change.desk import Desk
from bot.texts.addresses import render_thread_address
from bot.texts.follow_ups import PointText, render_point_reply
from bot.texts.markers import is_question, point_marker
from bot.texts.redact import redact

log = structlog.get_logger()


async def learn_points(desk: Desk) -> bool:
    """Whether the review asks for anything. Raises GitHubFault, RetryLater."""
    request, comments = desk.request, desk.github.review_comments
    review = await desk.call(comments.fetch_review, request.issue, request.review)
    unasked = request.way is WayIn.REVIEWED
    if review is None or (unasked and review.state == "APPROVED"):
        return False
    handle = desk.services.settings.handle
    text = await _fetch_words(desk, review)
    by_its_own_text = not request.asking_comment
    whole = bool(desk.follow.origin) or unasked or by_its_own_text or bool(find_mentions(text, handle))
    asked = Asked(request.review, request.reviewer, request.reviewed_at, whole, unasked)
    found = await desk.call(comments.fetch_comments, request.issue)
    remarks = [_remark(one, found, handle) for one in found if one.id != request.asking_comment]
    points = choose_points((*remarks, *_asking_remark(request, found)), asked)
    await desk.learn_follow(points=tuple((one.comment, one.thread) for one in sorted(points, key=_place_of)))
    return bool(points or text.strip())


async def _fetch_words(desk: Desk, review: SubmittedReview) -> str:
    """The review's own text, where no payload brought it: empty when it was changed since."""
    if not desk.request.asking_comment or not review.text.strip():
        return review.text
    comments = desk.github.review_comments
    return "" if await desk.call(comments.was_edited, desk.request.issue, review.id) else review.text


def _place_of(point: Point) -> int:
    return point.comment


def _asking_remark(request: TaskRequest, found: tuple[LineComment, ...]) -> tuple[Remark, ...]:
    """The comment that asked, as the payload has it: whatever was done to it since, it is a request (law 6)."""
    if not request.asking_comment:
        return ()
    point = _asking_point(request, found)
    mentions = request.way is not WayIn.REVIEWED
    answers = any(_answers_us(one, found) for one in found if one.id == point.comment)
    return (Remark(point, request.review, request.reviewer, request.reviewed_at, mentions, answers),)


def _asking_point(request: TaskRequest, found: tuple[LineComment, ...]) -> Point:
    """Where it stands now, if it is there still; what it said then."""
    number = request.asking_comment
    now = next((_unchanged(one, request) for one in found if one.id == number), None)
    text = request.instruction or (now.text if now else "") or "fix this"
    return replace(now, text=text) if now else Point(number, request.thread or number, "", 0, text)


def _remark(comment: LineComment, all_of_them: tuple[LineComment, ...], handle: str) -> Remark:
    return Remark(
        _point(comment),
        comment.review,
        comment.author_id,
        comment.updated_at,
        mentions=bool(find_mentions(comment.text, handle)),
        answers=_answers_us(comment, all_of_them),
    )


def _answers_us(comment: LineComment, all_of_them: tuple[LineComment, ...]) -> bool:
    """Whether the last of our words in its thread is a question."""
    ours = [one for one in all_of_them if one.thread == comment.thread and one.is_own and one.id < comment.id]
    return bool(ours) and is_question(ours[-1].text)


def _point(comment: LineComment) -> Point:
    return Point(comment.id, comment.thread, comment.path, comment.line, comment.text)


async def read_points(desk: Desk) -> tuple[Point, ...]:
    """In the order of their numbers. What was in the payload is taken from there; the text of one that is gone, or was
    changed after the review, is empty."""
    request, numbers = desk.request, desk.follow.points
    if not numbers:
        return ()
    found = await desk.call(desk.github.review_comments.fetch_comments, request.issue)
    known = {one.id: _unchanged(one, request) for one in found}
    if request.asking_comment:
        known[request.asking_comment] = _asking_point(request, found)
    return tuple(known.get(comment, Point(comment, thread, "", 0, "")) for comment, thread in numbers)


def _unchanged(comment: LineComment, request: TaskRequest) -> Point:
    point = _point(comment)
    return point if is_settled(comment.updated_at, request.reviewed_at) else replace(point, text="")


async def instruct(desk: Desk, points: tuple[Point, ...]) -> str:
    """What the review asks for, in words."""
    request = desk.request
    words = request.instruction
    if request.asking_comment:  # the delivery of a comment came first: the review's own text is not in it
        review = await desk.call(desk.github.review_comments.fetch_review, request.issue, request.review)
        words = await _fetch_words(desk, review) if review is not None else ""
    return render_points(words, points)


def list_answers(desk: Desk) -> tuple[tuple[int, int, PointReply], ...]:
    """(comment, thread, answer) of each point that the model has answered."""
    follow, submission = desk.facts.follow, desk.facts.submission
    if follow is None or submission is None:
        return ()
    read = [reply for text in submission.points if (reply := parse_point(text)) is not None]
    by_number = {reply.number: reply for reply in read}
    return tuple(
        (comment, thread, by_number[number])
        for number, (comment, thread) in enumerate(follow.points, start=1)
        if number in by_number
    )


async def answer_points(desk: Desk) -> None:
    """Each in its thread. What is done is said only of a commit that is there. Raises RetryLater."""
    answers = list_answers(desk)
    pushed = desk.facts.commit if desk.facts.branch else ""
    told = [one for one in answers if pushed or one[2].answer is not PointAnswer.DONE]
    for comment, thread, reply in told:
        try:
            await _answer(desk, comment, thread, reply, pushed)
        except GitHubFault as fault:
            log.warning("a point was not answered", task=desk.taken.id, comment=comment, why=str(fault))
    done = frozenset(thread for _, thread, reply in told if reply.answer is PointAnswer.DONE)
    if done and _is_good(desk):
        await _resolve(desk, done)


async def _answer(desk: Desk, comment: int, thread: int, reply: PointReply, commit: str) -> None:
    comments, pull = desk.github.review_comments, desk.request.issue
    marker = point_marker(desk.taken.id, comment, reply.answer)
    words = redact(reply.words, desk.services.settings.secrets)
    body = render_point_reply(reply.answer, words, commit, marker)

    def find() -> dict[str, object] | None:
        found = comments.find_reply(pull, marker)
        return {"id": found} if found is not None else None

    def create() -> dict[str, object]:
        return {"id": comments.create_reply(pull, thread, body)}

    ledger = desk.services.ledger
    await ledger.ensure(desk.taken.id, desk.taken.epoch, f"point-{comment}", find, create)


def _is_good(desk: Desk) -> bool:
    """Whether what was measured lets a thread be closed: nothing broke."""
    evidence = desk.facts.evidence
    return evidence is not None and evidence.tier in (Tier.A, Tier.B)


async def _resolve(desk: Desk, threads: frozenset[int]) -> None:
    """On our own pull request every thread that is done; elsewhere those that we began, the others are people's."""
    review_threads, own = desk.github.review_threads, bool(desk.follow.origin)
    try:
        ids = await desk.call(review_threads.find_open, desk.request.issue, threads, ours_only=not own)
        await desk.call(review_threads.resolve, ids)
    except GitHubFault as fault:
        log.warning("threads were not resolved", task=desk.taken.id, why=str(fault))


async def describe_answers(desk: Desk) -> tuple[PointText, ...]:
    """For the tracking comment."""
    answers = list_answers(desk)
    if not answers:
        return ()
    try:
        points = {one.comment: one for one in await read_points(desk)}
    except GitHubFault:
        points = {}
    texts = []
    for comment, _, reply in answers:
        point = points.get(comment)
        where = f"{point.path}:{point.line}" if point and point.line else point.path if point else ""
        words = redact(reply.words, desk.services.settings.secrets)
        page = render_thread_address(
            desk.services.settings.web_url, desk.request.repository.full_name, desk.request.issue, comment
        )
        texts.append(PointText(reply.number, where, reply.answer, words, page))
    return tuple(texts)
