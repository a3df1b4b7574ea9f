"""What a review stands on: the head's files over the environment of the base. Nothing of the head is set up.

The set-up runs on the base alone and with the base's own commands, so a pull request (from a fork, too) gets neither a
network nor a secret: its code runs in the sandbox without either. Commands, AGENTS.md and the repository's file come
from the tip of the base branch (law 6). Tests are compared with those of the merge base, from which GitHub makes the
diff.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

from bot.agent.contract import AgentTask, EarlierFinding, Mode, RepositoryFacts
from bot.domain.ids import CommitSha, TreeSha
from bot.domain.repo_config import REPO_CONFIG_PATH
from bot.domain.review_rules import choose_rules
from bot.domain.unified_diff import parse_diff, render_stat
from bot.tasks.change.desk import Desk
from bot.tasks.change.environment import learn_chosen
from bot.tasks.change.facts import ReviewFacts
from bot.tasks.change.ground import (
    Ground,
    choose_commands,
    list_files,
    open_environment,
    parse_config,
    read_texts,
    settle_setup,
    settle_test,
)
from bot.tasks.change.history import name_base, with_history
from bot.tasks.change.prepare import agents_paths, render_commands
from bot.tasks.change.work import fetch_thread, render_left_out, render_thread
from bot.tasks.review.memory import list_earlier, recall_told
from bot.tasks.worktree import Keep, WorkTree
from bot.verify.manifests import is_setup_input

_STAT_FILES = 100
"""A line each in the first message; `git diff` in the sandbox shows all of it."""


async def prepare_review(desk: Desk, review: ReviewFacts) -> None:
    """Fetch head, merge base and the base's tip; decide on commands; set up. Raises RepositoryFault, SetupFailed,
    SandboxUnavailable."""
    head, base, tip = await _fetch_commits(desk, review)
    files = await list_files(desk.place, tip)
    chosen, tests = await choose_commands(desk.place, files, desk.services.settings.commands)
    await desk.learn(base_tree=base, host=desk.services.settings.host)
    await learn_chosen(desk, chosen)
    config = parse_config(
        (await read_texts(desk.place, files, (REPO_CONFIG_PATH,))).get(REPO_CONFIG_PATH, "")
    )
    said = {"least": config.review.least.value, "most": config.review.most}
    await desk.learn_review(head_tree=head, rules_tree=tip, **said)
    earlier, threads = list_earlier(await recall_told(desk))
    await desk.learn_review(earlier=tuple(asdict(one) for one in earlier), threads=threads)
    if review.since:
        await desk.learn_review(
            since_tree=await _fetch(desk, f"refs/pull/{desk.request.issue}/head", review.since)
        )
    await desk.learn(setup=await settle_setup(desk.ground))
    await desk.learn(test=await settle_test(desk.ground, tests))


async def _fetch_commits(desk: Desk, review: ReviewFacts) -> tuple[TreeSha, TreeSha, TreeSha]:
    """Trees of head, merge base and the base's tip, in this host's cache."""
    head = await _fetch(desk, f"refs/pull/{desk.request.issue}/head", review.head_commit)
    base = await _fetch(desk, f"refs/heads/{review.base_branch}", desk.facts.base_commit)
    tip = await _fetch(desk, f"refs/heads/{review.base_branch}", review.tip_commit)
    return head, base, tip


async def fetch_again(desk: Desk) -> None:
    """For `carry.bring_here`."""
    review = desk.facts.review
    if review is None:
        return
    await _fetch_commits(desk, review)
    if review.since:
        await _fetch(desk, f"refs/pull/{desk.request.issue}/head", review.since)


async def _fetch(desk: Desk, ref: str, commit: CommitSha) -> TreeSha:
    repos = desk.services.repos
    fetched = await desk.with_remote(
        desk.fetch_remote, lambda remote: repos.fetch(desk.key, remote, ref, commit)
    )
    return fetched.tree


@asynccontextmanager
async def open_head_tree(ground: Ground, head: TreeSha, keep: Keep) -> AsyncIterator[WorkTree]:
    """The head's files in a workspace, with a git that knows the base: `git diff` shows the pull request."""
    place = ground.place
    template = await place.repos.materialise(place.key, ground.base_tree)
    environment = await with_history(
        place.sandbox,
        await open_environment(ground),
        template,
        name_base(place.key, ground.base_tree),
    )
    work = WorkTree(place.repos, place.sandbox, place.key, head, environment, keep)
    try:
        yield work
    finally:
        await work.close()


async def describe_review(desk: Desk, review: ReviewFacts) -> AgentTask:
    """Everything that the first messages say. Title and text of the pull request are material, as an issue's are."""
    request = desk.request
    repos = desk.services.repos
    news = await repos.diff(desk.key, review.since_tree, review.head_tree) if review.since_tree else ""
    paths = tuple(sorted(await list_files(desk.place, review.head_tree)))
    rules_files = await list_files(desk.place, review.rules_tree)
    rules = agents_paths(tuple(sorted(rules_files)))
    texts = await read_texts(desk.place, rules_files, rules)
    thread = await fetch_thread(desk)
    parsed = parse_diff(await repos.diff(desk.key, desk.facts.base_tree, review.head_tree))
    return AgentTask(
        repository=RepositoryFacts(
            request.repository.full_name,
            paths,
            render_commands(desk.facts.chosen),
            tuple((path, texts[path]) for path in rules if path in texts),
        ),
        base_commit=desk.facts.base_commit,
        base_tree=review.head_tree,
        instruction=request.instruction or "review this",
        requested_by="pullwright.yml" if request.head else request.requested_by,
        issue=request.issue,
        issue_title=request.issue_title,
        issue_body=request.issue_body,
        issue_author=thread.author if thread else "",
        thread=render_thread(thread, desk) if thread else (),
        mode=Mode.REVIEW,
        rules=choose_rules(texts, (file.path for file in parsed)),
        since=review.since if review.since_tree else "",
        news=news,
        earlier_findings=tuple(EarlierFinding(**one) for one in review.earlier),
        facts=(
            f"Head commit: {review.head_commit}; it goes to `{review.base_branch}`.",
            f"What it changes:\n{render_stat(parsed, _STAT_FILES)}",
            *await environment_notes(desk, review),
            *render_left_out(thread),
        ),
    )


async def environment_notes(desk: Desk, review: ReviewFacts) -> tuple[str, ...]:
    """What a reader of test results has to know."""
    changes = await desk.services.repos.changes(desk.key, desk.facts.base_tree, review.head_tree)
    touched = sorted(change.path for change in changes if is_setup_input(change.path))
    if not touched or not desk.facts.setup.script:
        return ()
    return (f"Tests run in the environment of the base; this pull request changes `{touched[0]}`.",)
