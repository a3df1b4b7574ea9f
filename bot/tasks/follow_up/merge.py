"""`rebase`: the tip of the base branch is merged into the pull request's branch, and proven before it is pushed.

A merge commit on top of the pinned head: history is never rewritten. Without a conflict no model is asked, unless the
tests say that the two sides do not go together. The tests have to do what they did on both sides (`verify/merged.py`).

Races, and how each is closed:
- Somebody pushes to the branch meanwhile: the push is compare-and-swap from the pinned head; the end is STALE.
- The base branch moves on meanwhile: what was merged is the tip that was pinned, and the comment names it.
- Death, and another host: the merge is made again from the same three commits, which gives the same tree.
"""

from dataclasses import replace

from bot.agent.contract import AgentTask, Mode
from bot.agent.hidden_text import printable_name
from bot.domain.commands import CommandWord
from bot.domain.follow_up import Way
from bot.domain.ids import TreeSha
from bot.domain.outcomes import Outcome
from bot.domain.repo_config import GateRule
from bot.domain.tasks import Phase, TaskRequest
from bot.repos.contract import ConflictKind, Merge, MergeSides
from bot.tasks.change.desk import Desk
from bot.tasks.change.environment import learn_chosen
from bot.tasks.change.facts import FollowFacts, MergeFacts, SubmissionFacts
from bot.tasks.change.ground import choose_commands, list_files, settle_setup, settle_test, stand_on_theirs
from bot.tasks.follow_up.fetch import fetch_commits
from bot.tasks.follow_up.ground import describe
from bot.tasks.workflow import Next, PhaseEnd
from bot.texts.merges import (
    MergeText,
    cut_side,
    render_conflict,
    render_merge_instruction,
    render_merge_title,
    render_merged,
)
from bot.verify.gate.contract import Policy
from bot.verify.merged import find_hopeless


def is_merge(request: TaskRequest) -> bool:
    """Whether the base branch is to be merged into the pull request's branch."""
    return request.word is CommandWord.REBASE


def decide_merge_end(follow: FollowFacts) -> tuple[Outcome, str] | None:
    """Why there is nothing to merge, or nowhere to put it. Pure."""
    if follow.way is Way.SHOW:
        return (
            Outcome.BLOCKED,
            "The branch is in a fork, and I never push to forks: whoever opened this can merge the base branch there.",
        )
    if follow.trunk_commit == follow.rules_commit:
        return (
            Outcome.NO_CHANGE_NEEDED,
            f"The branch has everything of `{follow.base_branch}` (`{follow.rules_commit[:10]}`) already.",
        )
    return None


async def prepare_merge(desk: Desk) -> PhaseEnd:
    """The merge as far as it goes by itself, commands and set-up, and what follows. Raises RepositoryFault,
    SetupFailed, SandboxUnavailable."""
    trees = await fetch_commits(desk)
    merge = await _merge(desk, trees)
    known = MergeFacts(trees[0], tuple((one.path, one.kind.value) for one in merge.conflicts))
    follow = replace(desk.follow, trunk_tree=trees[1], rules_tree=trees[2], merge=known)
    await desk.learn(base_tree=merge.tree, follow=follow, host=desk.services.settings.host)
    files = await list_files(desk.place, desk.follow.rules_tree)
    chosen, tests = await choose_commands(desk.place, files, desk.services.settings.commands)
    await learn_chosen(desk, chosen)
    policy = Policy(frozenset(GateRule(rule) for rule in chosen.allowed), chosen.protected)
    if hopeless := find_hopeless(merge.conflicts, policy):
        said = "Both sides changed what a person has to merge:"
        detail = "\n".join((said, "", *(f"- {sentence}" for sentence in hopeless)))
        await desk.learn(outcome=Outcome.BLOCKED.value, detail=detail)
        return Next(Phase.REPORT)
    await desk.learn(setup=await settle_setup(stand_on_theirs(desk.ground)))
    await desk.learn(test=await settle_test(stand_on_theirs(desk.ground), tests))
    if merge.conflicts:
        return Next(Phase.WORK)
    await desk.learn(tree=merge.tree, submission=SubmissionFacts("fixed", _title(desk), _BY_ITSELF))
    return Next(Phase.VERIFY)


_BY_ITSELF = "The two sides changed nothing in the same place; no model was asked."


async def merge_again(desk: Desk) -> None:
    """For `carry.bring_here`: the three commits and their merge are in this host's cache."""
    await _merge(desk, await fetch_commits(desk))


async def _merge(desk: Desk, trees: tuple[TreeSha, TreeSha, TreeSha]) -> Merge:
    head, trunk, rules = trees
    sides = MergeSides(trunk, head, rules, desk.follow.head_branch, desk.follow.base_branch)
    return await desk.services.repos.merge(desk.key, sides)


async def describe_merge(desk: Desk) -> AgentTask:
    """A follow-up's first messages, with both sides of what is to be settled."""
    follow, repos, known = desk.follow, desk.services.repos, _known(desk)
    base, branch = follow.base_branch, follow.head_branch
    ours = await repos.diff(desk.key, follow.trunk_tree, known.head_tree)
    theirs = await repos.diff(desk.key, follow.trunk_tree, follow.rules_tree)
    paths = tuple(path for path, _ in known.conflicts)
    words = _words_of(desk.request)
    task = await describe(desk)
    return replace(
        task,
        mode=Mode.MERGE,
        points=0,
        instruction=render_merge_instruction(base, branch, words, conflicts=bool(paths)),
        sides=((branch, cut_side(ours, paths)), (base, cut_side(theirs, paths))),
        facts=(
            f"`{base}` at {follow.rules_commit[:10]} is merged into `{branch}`, the branch of pull request "
            f"#{desk.request.issue}.",
            *(render_conflict(printable_name(path), kind, branch, base) for path, kind in known.conflicts),
            *await repos.left_out(desk.key, desk.facts.base_tree),
        ),
    )


def _words_of(request: TaskRequest) -> str:
    """What stands behind the command."""
    words = request.instruction.strip()
    command = request.word.value
    return words[len(command) :].lstrip(" \t,:;.\n-") if words.lower().startswith(command) else words


def _known(desk: Desk) -> MergeFacts:
    return desk.follow.merge or MergeFacts(TreeSha(""))


def describe_merged(desk: Desk) -> str:
    """For the tracking comment; empty: nothing was merged."""
    follow = desk.facts.follow
    if follow is None or follow.merge is None:
        return ""
    paths = tuple(path for path, _ in follow.merge.conflicts)
    return render_merged(MergeText(follow.base_branch, follow.rules_commit, desk.facts.base_commit, paths))


async def after_merge_work(desk: Desk, end: PhaseEnd) -> PhaseEnd:
    """The work's end as the merge's: that it is right as it lies there is a result, where no marker is left."""
    known, facts = desk.follow.merge, desk.facts
    if known is None or not isinstance(end, Next):
        return end
    if end.phase is Phase.VERIFY and facts.submission is not None:
        await desk.learn(submission=replace(facts.submission, title=_title(desk)))
        return end
    as_it_is = end.facts is not None and end.facts.get("outcome") == Outcome.NO_CHANGE_NEEDED
    if not as_it_is or facts.submission is None:
        return end
    if any(kind == ConflictKind.MARKED for _, kind in known.conflicts):
        unsettled = "What both sides changed was left unsettled."
        await desk.learn(outcome=Outcome.BLOCKED.value, detail=unsettled)
        return Next(Phase.REPORT)
    submission = replace(facts.submission, outcome="fixed", title=_title(desk))
    await desk.learn(submission=submission, tree=facts.base_tree, outcome="", detail="")
    return Next(Phase.VERIFY)


def _title(desk: Desk) -> str:
    return render_merge_title(desk.follow.base_branch, desk.follow.head_branch)
