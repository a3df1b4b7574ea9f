"""Accept: 👀, the tracking comment on the pull request, its head pinned, and where the result will go.

Races, and how each is closed:
- The head moves between the request and here: a request that named a commit (an event did) ends as STALE; a person's
  is about what stands there when it is begun, seconds later, and pinned from then on.
"""

from bot.domain.commands import CommandWord
from bot.domain.follow_up import decide_way
from bot.domain.ids import TaskId
from bot.domain.outcomes import Outcome
from bot.domain.tasks import TaskRequest, WayIn
from bot.forge.pulls import PullState
from bot.tasks.change.accept import begin_tracking, react
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import FollowFacts
from bot.tasks.follow_up.merge import decide_merge_end, is_merge
from bot.tasks.follow_up.points import learn_points
from bot.tasks.follow_up.so_far import find_origin


async def accept(desk: Desk) -> bool:
    """False: it is over already, by the outcome that the facts name. Idempotent."""
    if desk.facts.checks is not None:  # it was accepted, and rests until checks are over
        return True
    if not is_quiet(desk.request):
        await react(desk)
        await begin_tracking(desk)
    if desk.facts.follow is not None:
        return await _take_review(desk)
    pull = await desk.call(desk.github.pulls.fetch_pull, desk.request.issue)
    ended = decide_end(pull, desk.request.head)
    if ended is not None:
        await desk.learn(outcome=ended[0].value, detail=ended[1])
        return False
    await pin(desk, pull)
    if is_merge(desk.request) and (over := decide_merge_end(desk.follow)) is not None:
        await desk.learn(outcome=over[0].value, detail=over[1])
        return False
    return await _take_review(desk)


_WITHOUT_POINTS = (CommandWord.UNDO, CommandWord.REBASE)
_QUIET = (WayIn.CHECKS, WayIn.REVIEWED)


def is_quiet(request: TaskRequest) -> bool:
    """Whether nobody has called the agent: people are told of the task once it is known that there is work. (Who says
    `retry` of such a task has called.)"""
    return request.way in _QUIET and not (request.comment_id and not request.thread)


async def _take_review(desk: Desk) -> bool:
    """The points of the review that asked, if one did; a word that stands for itself has none."""
    if desk.request.word in _WITHOUT_POINTS:
        return True
    if desk.request.review and not await learn_points(desk):
        await desk.learn(
            outcome=Outcome.NO_CHANGE_NEEDED.value, detail="Nothing in the review asks for a change."
        )
        return False
    if is_quiet(desk.request) and desk.request.review:
        await react(desk)
        await begin_tracking(desk)
    return True


def decide_end(pull: PullState, named: str) -> tuple[Outcome, str] | None:
    """Why there is nothing to go on with. `named`: the commit that the request is about; empty: whatever is there."""
    if not pull.open:
        return Outcome.CLOSED, "It is merged." if pull.merged else "It is closed."
    if not pull.head_repository:
        return Outcome.REPOSITORY_UNUSABLE, "The fork that this pull request comes from was deleted."
    if named not in ("", pull.head_sha):
        return (
            Outcome.STALE,
            f"The request was about `{named[:10]}`; the head is `{pull.head_sha[:10]}` by now.",
        )
    return None


async def pin(desk: Desk, pull: PullState) -> None:
    """This head is what the task is about from here on."""
    refs, request = desk.github.refs, desk.request
    # Not with `pull.base_sha`: GitHub's may be older, and what was merged since would count as the pull request's.
    rules = await desk.call(refs.fetch_head, pull.base_branch)
    trunk = await desk.call(refs.fetch_merge_base, rules, pull.head_sha)
    own = await desk.call(desk.github.pulls.is_own, pull)
    fork = pull.head_repository != request.repository.id
    way = decide_way(own=own, fork=fork, author_asks=is_author(pull, request.requested_by_id))
    follow = FollowFacts(
        way=way,
        head_branch=pull.head_branch,
        base_branch=pull.base_branch,
        trunk_commit=trunk,
        rules_commit=rules,
        origin=await find_origin(desk, pull.body) if own else TaskId(""),
        fork=fork,
    )
    await desk.learn(base_commit=pull.head_sha, follow=follow)


def is_author(pull: PullState, requester_id: int) -> bool:
    """By id: a login may be somebody else's by now."""
    return bool(pull.author_id) and pull.author_id == requester_id
