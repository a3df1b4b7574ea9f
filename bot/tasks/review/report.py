"""What a finished review says: decided once, kept as plain JSON, rendered from that."""

from pydantic import TypeAdapter

from bot.agent.contract import Settled
from bot.agent.history import parse_finding
from bot.domain.findings import Priority
from bot.domain.outcomes import Outcome
from bot.domain.review_report import Before, Found, Head, Report, Taste, decide_report
from bot.domain.unified_diff import parse_diff
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import JsonObject, ReviewFacts
from bot.tasks.change.late_words import describe_unheard
from bot.tasks.review.ground import environment_notes
from bot.tasks.review.memory import recall_told
from bot.texts.markers import review_marker, seen_marker
from bot.texts.redact import redact
from bot.texts.reviews import ReviewText, find_fingerprints
from bot.texts.tracking import render_spent

_REPORT = TypeAdapter(Report)


async def decide_review(desk: Desk, review: ReviewFacts) -> Report:
    """Looks once more at the head and at what people did meanwhile. Raises GitHubFault, RetryLater."""
    pull = await desk.call(desk.github.pulls.fetch_pull, desk.request.issue)
    said = await desk.call(desk.github.reviews.fetch_said, desk.request.issue)
    before = Before(await recall_told(desk), find_fingerprints(said), review.first)
    diff = await desk.services.repos.diff(desk.key, desk.facts.base_tree, review.head_tree)
    settled = {review.threads[one.number - 1]: one for one in (Settled(**body) for body in review.settled)}
    found = Found(
        Outcome(desk.facts.outcome),
        tuple(map(parse_finding, review.findings)),
        {thread: one.why for thread, one in settled.items() if one.mended},
    )
    head = Head(moved=pull.head_sha != review.head_commit, unchanged=review.unchanged)
    return decide_report(found, parse_diff(diff), before, head, Taste(Priority(review.least), review.most))


def render_report(report: Report) -> JsonObject:
    """Plain JSON."""
    body: JsonObject = _REPORT.dump_python(report, mode="json")
    return body


def parse_report(body: JsonObject | None) -> Report:
    """The inverse of `render_report`."""
    return _REPORT.validate_python(body, strict=False)


async def render_text(
    desk: Desk, review: ReviewFacts, report: Report, resolved: frozenset[str]
) -> ReviewText:
    """All that the review and its check run say."""
    facts, secrets = desk.facts, desk.services.settings.secrets
    here = bool(review.head_tree) and facts.host in ("", desk.services.settings.host)
    notes = await environment_notes(desk, review) if here else ()
    if facts.setup.failed:
        notes = (*notes, f"The detected set-up failed and was left out: {facts.setup.failed}")
    finished = report.outcome in (Outcome.CLEAN, Outcome.FINDINGS, Outcome.STALE)
    seen = (seen_marker(review.head_commit, facts.base_commit),) if finished else ()
    return ReviewText(
        report=report,
        head=review.head_commit,
        base=facts.base_commit,
        since=review.since if review.since_tree else "",
        resolved=resolved,
        summary=redact(review.summary, secrets),
        notes=tuple(redact(note, secrets) for note in (review.scope, *notes) if note),
        detail=redact(facts.detail, secrets),
        spent=render_spent(facts.spent) if facts.spent.turns else "",
        marks=(*seen, review_marker(desk.taken.id)),
        unheard=await describe_unheard(desk),
    )
