"""What a follow-up stands on: the pull request's head, with the rules of its base branch.

Commands, AGENTS.md and the repository's file come from the tip of the base branch (law 6); the baseline is measured on
the head. Where the head changes what the environment is made from, it gets one of its own, without secrets; of a fork
nothing is set up, and its code has no network.
"""

from dataclasses import replace

from bot.agent.contract import AgentTask, Mode, RepositoryFacts, Trust
from bot.agent.stack_traces import Place, cut_regions, find_places
from bot.domain.ci import Step
from bot.domain.review_points import Point
from bot.domain.tasks import WayIn
from bot.domain.unified_diff import parse_diff, render_stat
from bot.tasks.change.attempts import tell_earlier
from bot.tasks.change.desk import Desk
from bot.tasks.change.environment import learn_chosen
from bot.tasks.change.ground import choose_commands, list_files, read_texts, settle_setup, settle_test
from bot.tasks.change.prepare import agents_paths, render_commands
from bot.tasks.change.work import decide_trust, fetch_thread, render_thread
from bot.tasks.follow_up.failures import read_failures, render_material, render_suspicions
from bot.tasks.follow_up.fetch import fetch_commits
from bot.tasks.follow_up.points import instruct, read_points
from bot.tasks.follow_up.so_far import load_so_far, render_so_far

_STAT_FILES = 100
"""A line each in the first message."""


async def prepare(desk: Desk) -> None:
    """Fetch head, trunk and rules; decide on commands; set up. Raises RepositoryFault, SetupFailed,
    SandboxUnavailable."""
    head, trunk, rules = await fetch_commits(desk)
    follow = replace(desk.follow, trunk_tree=trunk, rules_tree=rules)
    await desk.learn(base_tree=head, follow=follow, host=desk.services.settings.host)
    files = await list_files(desk.place, rules)
    chosen, tests = await choose_commands(desk.place, files, desk.services.settings.commands)
    await learn_chosen(desk, replace(chosen, network=()) if follow.fork else chosen)
    await desk.learn(setup=await settle_setup(desk.ground))
    await desk.learn(test=await settle_test(desk.ground, tests))


async def describe(desk: Desk) -> AgentTask:
    """Everything that the first messages say. Title, text and thread of the pull request are material."""
    request, facts, follow = desk.request, desk.facts, desk.follow
    paths = tuple(sorted(await desk.base_files()))
    rules_files = await list_files(desk.place, follow.rules_tree)
    rules = agents_paths(tuple(sorted(rules_files)))
    texts = await read_texts(desk.place, rules_files, rules)
    thread = await fetch_thread(desk)
    comments = render_thread(thread, desk) if thread else ()
    points = await read_points(desk)
    instruction = await instruct(desk, points) if request.review else _instruction(desk)
    told = "\n".join((request.instruction, *(one.text for one in comments)))
    places = (*_places_of(points, paths), *find_places(told, paths))
    regions = cut_regions(places, await desk.read_base(tuple({place.path for place in places})))
    diff = await desk.services.repos.diff(desk.key, follow.trunk_tree, facts.base_tree)
    failures = await read_failures(desk) if facts.checks and facts.checks.red else ()
    return AgentTask(
        repository=RepositoryFacts(
            request.repository.full_name,
            paths,
            render_commands(facts.chosen),
            tuple((path, texts[path]) for path in rules if path in texts),
        ),
        base_commit=facts.base_commit,
        base_tree=facts.base_tree,
        instruction=instruction,
        points=len(points),
        requested_by=request.requested_by,
        issue=request.issue,
        issue_title=request.issue_title,
        issue_body=request.issue_body,
        issue_author=thread.author if thread else "",
        issue_trust=decide_trust(desk, thread.author, thread.association) if thread else Trust.UNKNOWN,
        thread=comments,
        regions=regions,
        earlier=tell_earlier(facts.earlier),
        so_far=render_so_far(await load_so_far(desk)),
        checks=render_material(failures),
        mode=Mode.FOLLOW_UP,
        facts=(
            f"The base commit is the head of pull request #{request.issue}, which goes to `{follow.base_branch}`.",
            f"What the pull request changes so far:\n{render_stat(parse_diff(diff), _STAT_FILES)}",
            *await desk.services.repos.left_out(desk.key, facts.base_tree),
            *render_suspicions(failures),
        ),
    )


def _places_of(points: tuple[Point, ...], paths: tuple[str, ...]) -> tuple[Place, ...]:
    """The lines that the points are about, as far as the head still has the file."""
    known = set(paths)
    return tuple(Place(one.path, one.line) for one in points if one.line and one.path in known)


def _instruction(desk: Desk) -> str:
    """What the request says; where a failed check asked and none is red because of us any more, somebody spoke."""
    request, checks = desk.request, desk.facts.checks
    if request.way is WayIn.CHECKS and (checks is None or checks.step != Step.REPAIR):
        return _SPOKEN_TO
    return request.instruction or "fix this"


_SPOKEN_TO = "Somebody with write access wrote to you; the next message says what. Do that."
