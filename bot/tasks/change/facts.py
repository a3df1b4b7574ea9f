"""What a change knows between its phases: one small JSON object in the task's row.

Ids and words only, never content and never a secret: files are trees in the cache, replies are events. A
phase reads the facts, does its work, and hands back new ones; they are stored before the next phase begins.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

from bot.domain import limits
from bot.domain.budget import Spent, add_reply
from bot.domain.evidence import Evidence, RunPurpose, RunRecord, TestProof, Tier
from bot.domain.follow_up import Way
from bot.domain.ids import CommitSha, TaskId, TreeSha
from bot.domain.repo_sections import TrustLevel

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class SubmissionFacts:
    """What the model submitted: explanations, never results."""

    outcome: str
    title: str
    summary: str
    root_cause: str = ""
    regression_tests: tuple[str, ...] = ()
    risks: str = ""
    questions: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


@dataclass(frozen=True)
class SetupFacts:
    """`script` empty: no set-up. `detected` False: the repository or the operator named it."""

    script: str = ""
    source: str = ""
    detected: bool = True
    failed: str = ""  # why the detected one was left out: the tail of its log


@dataclass(frozen=True)
class CommandFacts:
    """The test command; `runner` empty: none was found."""

    runner: str = ""
    command: str = ""
    source: str = ""
    report: str = ""  # where it leaves JUnit XML, if somebody said so
    passed_over: tuple[str, ...] = ()  # sentences: detected ones that yielded no test


@dataclass(frozen=True)
class HouseRules:
    """What else the repository's file says about work here; empty and 0: nothing."""

    lint: str = ""
    variables: tuple[tuple[str, str], ...] = ()  # for every command in the sandbox
    model: str = ""
    usd: float = 0.0  # bounds, which lower the operator's
    minutes: float = 0.0
    turns: int = 0
    tokens: int = 0
    min_trust: str = TrustLevel.EVERYONE.value


@dataclass(frozen=True)
class Chosen:
    """How a base is set up and tested, and what the work on it may reach."""

    setup: SetupFacts = SetupFacts()
    test: CommandFacts = CommandFacts()
    network: tuple[str, ...] = ()  # hosts and presets that the repository's file lets the work reach
    maintenance: str = ""  # that the repository's file names
    image: str = ""  # that the repository's development container names
    protected: tuple[str, ...] = ()  # the gate's policy, from the repository's file on the base branch
    allowed: tuple[str, ...] = ()
    rules: HouseRules = HouseRules()


@dataclass(frozen=True)
class EarlierFacts:
    """A first attempt that ended red, while a second one is under way."""

    submission: SubmissionFacts
    tree: TreeSha
    evidence: Evidence
    spent: Spent


@dataclass(frozen=True)
class ReviewFacts:
    """What a review knows beside the rest: the pinned head, the base branch and its tip, the check run on the head,
    and what was found (findings as plain JSON)."""

    head_commit: CommitSha
    base_branch: str
    tip_commit: CommitSha
    head_tree: TreeSha = TreeSha("")
    rules_tree: TreeSha = TreeSha("")  # of the tip: AGENTS.md and the repository's file
    check: int = 0
    findings: tuple[JsonObject, ...] = ()
    summary: str = ""
    least: str = "P3"  # of the repository's file: what is less urgent is not said
    most: int = limits.FINDINGS
    first: bool = True  # no review was finished here before
    unchanged: bool = False  # the last one saw the same head
    since: CommitSha = CommitSha("")  # the head that the last one saw, when only what is new is looked at
    since_tree: TreeSha = TreeSha("")
    scope: str = ""  # why it is looked at as a whole, where that was not to be expected
    earlier: tuple[JsonObject, ...] = ()  # what earlier reviews said, as the model is told it
    threads: tuple[str, ...] = ()  # of those of them that it can settle, by their numbers
    settled: tuple[JsonObject, ...] = ()  # what it said about them
    report: JsonObject | None = None  # decided before the first effect, so that a death changes nothing


@dataclass(frozen=True)
class MergeFacts:
    """A merge of the base branch's tip into the branch, as it was made by itself: the task's base tree. `head_tree`: of
    the branch before it. `conflicts`: path, and the word of `ConflictKind`."""

    head_tree: TreeSha
    conflicts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class FollowFacts:
    """What a follow-up knows beside the rest; its base is the pull request's head. `trunk` is the commit from which the
    pull request left its base branch, `rules` the tip of that branch: AGENTS.md and the repository's file."""

    way: Way
    head_branch: str
    base_branch: str
    trunk_commit: CommitSha
    rules_commit: CommitSha
    trunk_tree: TreeSha = TreeSha("")
    rules_tree: TreeSha = TreeSha("")
    origin: TaskId = TaskId("")  # the task that opened the pull request; empty: it is a person's
    fork: bool = False
    points: tuple[
        tuple[int, int], ...
    ] = ()  # of a review: the comment, and the one that its thread begins with
    merge: MergeFacts | None = None  # `rules` is merged into the branch


@dataclass(frozen=True)
class CheckFacts:
    """What a follow-up about red checks knows of them. `began`: when they were first looked at (seconds since the
    epoch). `step` empty: they are not over yet. Names are those of the checks."""

    began: float
    step: str = ""
    red: tuple[str, ...] = ()  # because of the pull request, as far as it can be told
    on_base: tuple[str, ...] = ()
    passed_again: tuple[str, ...] = ()  # red before on this very commit, and not now
    unfinished: tuple[str, ...] = ()
    repairs: int = 0  # in a row before this one


@dataclass(frozen=True)
class TurnFacts:
    """What a schedule's turn knows beside the rest: its instruction as the file on the pinned base says it, and what
    `domain/schedules.py` decided. `result`: the word of the end, once the turn has named it itself."""

    uses: str = ""
    prompt: str = ""
    draft: bool = False
    reads: tuple[str, ...] = ()  # what is open on GitHub, words of domain Reading
    pull: int = 0  # open, and to be brought up to date; 0: a new one
    over: str = ""  # the commit that the branch is moved from; empty: it is made
    result: str = ""
    report: str = ""  # the address of the comment that says what it found


@dataclass(frozen=True)
class ChangeFacts:
    """Everything has a default: a task begins with none of it."""

    base_commit: CommitSha = CommitSha("")
    base_tree: TreeSha = TreeSha("")
    host: str = ""  # the data directory that has these objects
    comment: int = 0  # the tracking comment
    comment_url: str = ""
    setup: SetupFacts = SetupFacts()
    test: CommandFacts = CommandFacts()
    network: tuple[str, ...] = ()  # hosts and presets that the repository's file lets the work reach
    maintenance: str = ""  # that the repository's file names
    image: str = ""  # that the repository's development container names
    blocked: tuple[tuple[str, str, str], ...] = ()  # (host, why, the command that wanted it)
    protected: tuple[str, ...] = ()  # the gate's policy, from the repository's file on the base branch
    allowed: tuple[str, ...] = ()
    rules: HouseRules = HouseRules()
    submission: SubmissionFacts | None = None
    tree: TreeSha = TreeSha("")  # the work as it stands
    spent: Spent = Spent()
    plan: tuple[tuple[str, str], ...] = ()  # (step, status) as last told
    round: int = 0  # verifications done
    feedback: str = ""  # what the next segment of the work is told first
    called_back: int = 0  # the newest late words, by their row, for which the work began again
    attempt: int = 1  # which one is under way, or was published
    earlier: EarlierFacts | None = None
    looked_twice: bool = False  # by a second reader, once
    advice: tuple[str, ...] = ()  # what that one said, for the reviewer
    looked: Spent = Spent()  # and what it cost; the agent's own spending is counted from its events
    evidence: Evidence | None = None
    evidence_sha256: str = ""
    branch: str = ""
    commit: CommitSha = CommitSha("")
    pull: int = 0
    pull_url: str = ""
    hidden: tuple[str, ...] = ()  # what people could not see in the issue and was kept from the model
    questions: tuple[str, ...] = ()  # asked, for the phase ASK
    review: ReviewFacts | None = None  # of a review only
    follow: FollowFacts | None = None  # of a follow-up only
    checks: CheckFacts | None = None  # of a follow-up about red checks only
    others: tuple[tuple[int, str], ...] = ()  # open pull requests for the same issue: (number, author)
    turn: TurnFacts | None = None  # of a schedule's turn only
    outcome: str = ""  # set by the phase that decides the end; REPORT tells it
    detail: str = ""

    @property
    def chosen(self) -> Chosen:
        return Chosen(
            self.setup,
            self.test,
            self.network,
            self.maintenance,
            self.image,
            self.protected,
            self.allowed,
            self.rules,
        )


def total_spent(facts: ChangeFacts) -> Spent:
    """The agent's and the second reader's."""
    looked = facts.looked
    if not looked.requests:
        return facts.spent
    return add_reply(
        facts.spent,
        looked.cost_usd if looked.priced else None,
        requests=looked.requests,
        input_tokens=looked.input_tokens,
        cached_tokens=looked.cached_tokens,
        output_tokens=looked.output_tokens,
    )


def render_facts(facts: ChangeFacts) -> JsonObject:
    """Plain JSON: tuples become lists, words stay words."""
    return asdict(facts)


def parse_facts(body: JsonObject) -> ChangeFacts:
    """The inverse of `render_facts`; unknown names (of a newer version) are dropped."""
    known = {field.name for field in fields(ChangeFacts)}
    given = {name: value for name, value in body.items() if name in known}
    nested: dict[str, Any] = {
        "setup": lambda value: SetupFacts(**value),
        "test": lambda value: CommandFacts(**_tuples(value)),
        "submission": lambda value: SubmissionFacts(**_tuples(value)) if value else None,
        "network": tuple,
        "blocked": lambda value: tuple((str(host), str(why), str(command)) for host, why, command in value),
        "spent": lambda value: Spent(**value),
        "plan": lambda value: tuple((str(step), str(status)) for step, status in value),
        "questions": tuple,
        "hidden": tuple,
        "looked": lambda value: Spent(**value),
        "advice": tuple,
        "others": lambda value: tuple((int(number), str(author)) for number, author in value),
        "protected": tuple,
        "allowed": tuple,
        "rules": _parse_rules,
        "review": lambda value: ReviewFacts(**_tuples(value)) if value else None,
        "follow": lambda value: _parse_follow(value) if value else None,
        "checks": lambda value: CheckFacts(**_tuples(value)) if value else None,
        "turn": lambda value: TurnFacts(**_tuples(value)) if value else None,
        "evidence": lambda value: _parse_evidence(value) if value else None,
        "earlier": lambda value: _parse_earlier(value) if value else None,
    }
    return ChangeFacts(**{name: nested.get(name, _same)(value) for name, value in given.items()})


def _same(value: Any) -> Any:
    return value


def _tuples(body: JsonObject) -> JsonObject:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}


def _parse_follow(body: JsonObject) -> FollowFacts:
    points = tuple((int(comment), int(thread)) for comment, thread in body.get("points", ()))
    known = body.get("merge")
    merge = (
        MergeFacts(known["head_tree"], tuple((p, kind) for p, kind in known["conflicts"])) if known else None
    )
    return FollowFacts(**{**body, "way": Way(body["way"]), "points": points, "merge": merge})


def _parse_rules(body: JsonObject) -> HouseRules:
    variables = tuple((str(name), str(value)) for name, value in body.pop("variables", ()))
    return HouseRules(**body, variables=variables)


def _parse_earlier(body: JsonObject) -> EarlierFacts:
    submission, spent = SubmissionFacts(**_tuples(body["submission"])), Spent(**body["spent"])
    return EarlierFacts(submission, TreeSha(body["tree"]), _parse_evidence(body["evidence"]), spent)


def _parse_evidence(body: JsonObject) -> Evidence:
    runs = tuple(RunRecord(**{**run, "purpose": RunPurpose(run["purpose"])}) for run in body["runs"])
    proofs = tuple(TestProof(**proof) for proof in body["proofs"])
    plain = _tuples({name: value for name, value in body.items() if name not in ("runs", "proofs", "tier")})
    return Evidence(tier=Tier(body["tier"]), runs=runs, proofs=proofs, **plain)
