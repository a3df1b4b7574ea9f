"""Report: the tracking comment says how it ended. Edits are repeated without harm, so they are no effects."""

from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase
from bot.tasks.change.accept import edit_tracking, learn_tracking_comment
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import total_spent
from bot.tasks.change.late_words import describe_unheard
from bot.tasks.change.progress import Progress
from bot.texts.endings import Ending, render_ending
from bot.texts.markers import tracking_marker
from bot.texts.redact import redact
from bot.texts.tracking import TrackingState, render_spent, render_tracking


async def report(desk: Desk, about: str = "") -> None:
    """The last state of the tracking comment. `about`: what it was about beside its issue."""
    if not desk.facts.comment:
        await learn_tracking_comment(desk)
    facts, submission = desk.facts, desk.facts.submission
    secrets = desk.services.settings.secrets
    ending = Ending(
        outcome=Outcome(facts.outcome),
        detail=redact(facts.detail, secrets),
        handle=desk.services.settings.handle,
        summary=redact(submission.summary, secrets) if submission else "",
        questions=submission.questions if submission else (),
        pull_url=facts.pull_url,
        pull_number=facts.pull,
        evidence=facts.evidence,
        patch=redact(await patch_so_far(desk), secrets),
        spent=render_spent(total_spent(facts)) if facts.spent.turns else "",
        marker=tracking_marker(desk.taken.id),
        about=about,
        branch=facts.branch,
        commit=facts.commit,
        unheard=await describe_unheard(desk),
    )
    await edit_tracking(desk, render_ending(ending), last=True)


async def edit_progress(desk: Desk, progress: Progress) -> None:
    """While the task runs."""
    plan = tuple((step.step, step.status.value) for step in progress.steps) or desk.facts.plan
    setup = desk.facts.setup
    notes = (f"The detected set-up failed and was left out: {setup.failed}",) if setup.failed else ()
    phase = Phase.VERIFY if desk.taken.phase is Phase.VERIFY else Phase.WORK
    marker = tracking_marker(desk.taken.id)
    state = TrackingState(phase, desk.facts.round, plan, progress.spent, notes, marker)
    await edit_tracking(desk, redact(render_tracking(state), desk.services.settings.secrets))


async def patch_so_far(desk: Desk) -> str:
    """The work that did not become a pull request; nothing is lost."""
    facts = desk.facts
    if facts.pull_url or not facts.tree or facts.tree == facts.base_tree:
        return ""
    return await desk.services.repos.diff(desk.key, facts.base_tree, facts.tree)
