"""What people read, as it is rendered. Snapshots show the whole; the rules are asserted beside them."""

from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from bot.domain import limits
from bot.domain.budget import Spent
from bot.domain.commands import CommandWord
from bot.domain.decisions import RefusedRequest
from bot.domain.effective import OperatorSays, list_effective
from bot.domain.evidence import Evidence, Tier
from bot.domain.findings import Anchored, Arranged, Finding, Priority, Shown, Side, fingerprint
from bot.domain.ids import CommitSha, InstallationId, RepositoryId
from bot.domain.outcomes import Outcome, Refusal
from bot.domain.repo_config import find_lines, parse_repo_config
from bot.domain.review_memory import Standing
from bot.domain.review_report import Report, Told
from bot.domain.tasks import Phase, RepositoryRef, TaskStatus
from bot.texts.answers import Answer, render_answer
from bot.texts.checks import render_check
from bot.texts.commit_message import render_commit_message
from bot.texts.endings import Ending, render_ending
from bot.texts.follow_ups import Pushed, render_pushed
from bot.texts.markers import (
    SECTION,
    asking_marker,
    find_pull_task,
    find_seen,
    refusal_marker,
    replace_section,
    review_marker,
    seen_marker,
    tracking_marker,
)
from bot.texts.pull_request import Push, render_pull_body, render_pull_title
from bot.texts.refusals import render_refusal
from bot.texts.replies import TaskState, render_config, render_help, render_status
from bot.texts.reviews import (
    ReviewText,
    decide_conclusion,
    find_fingerprints,
    parse_told,
    render_finding,
    render_review,
    render_review_check,
)
from bot.texts.tracking import TrackingState, render_call, render_questions, render_spent, render_tracking
from tests.texts.examples import BROKEN, CHECKED, PROVEN, PULL, TASK, UNTESTED

REFUSED = RefusedRequest(
    Refusal.UNKNOWN_COMMAND, InstallationId(1), RepositoryRef(RepositoryId(1), "o/r", "main"), 7, 9, "eve"
)
PATCH = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a = '```'\n+a = 1\n"


@pytest.mark.parametrize("evidence", [PROVEN, CHECKED, UNTESTED], ids=lambda one: one.tier.value)
def test_a_pull_request(evidence: Evidence, snapshot: SnapshotAssertion) -> None:
    assert render_pull_body(replace(PULL, evidence=evidence)) == snapshot


def test_a_pull_request_says_only_what_was_measured_and_calls_nobody() -> None:
    body = render_pull_body(PULL)
    assert "All tests pass" not in body
    assert "One sentence of the model about test results left out" in body
    assert "@everyone" not in body
    assert body.count("Fixes #") == 1
    assert body.endswith(f"{PULL.marker}\n")


def test_a_very_long_pull_request_keeps_its_keyword_and_marker() -> None:
    huge = replace(PROVEN, notes=tuple(f"note {n} " + "x" * 400 for n in range(500)))
    body = render_pull_body(replace(PULL, evidence=huge))
    assert len(body) <= limits.BODY_CHARACTERS
    assert "and 480 more remarks" in body
    assert f"[the check run of the commit]({PULL.checks_url})" in body
    assert "Fixes #7" in body
    assert PULL.marker in body
    assert body.count("<details>") == body.count("</details>")


def test_a_title_is_one_short_line() -> None:
    assert render_pull_title("A\ntitle @bob", 7) == "A title @\u200bbob"
    assert render_pull_title(" \u202e ", 7) == "Change for issue #7"
    assert len(render_pull_title("x" * 500, 7)) <= limits.TITLE_CHARACTERS + 1


@pytest.mark.parametrize("outcome", Outcome)
def test_every_end_has_its_text(outcome: Outcome, snapshot: SnapshotAssertion) -> None:
    opened = outcome in (Outcome.PROVEN, Outcome.CHECKED, Outcome.UNTESTED)
    text = render_ending(
        Ending(
            outcome,
            "The harness says why.",
            "agent",
            summary="I looked. The tests pass.",
            questions=("Which one?",) if outcome is Outcome.NEEDS_CLARIFICATION else (),
            pull_url="http://hub/pull/8" if opened else "",
            pull_number=8 if opened else 0,
            evidence=BROKEN if outcome is Outcome.UNVERIFIED else None,
            patch=PATCH if outcome in (Outcome.UNVERIFIED, Outcome.OUT_OF_TURNS) else "",
            spent="6 model replies.",
            marker=tracking_marker(TASK),
        )
    )
    assert f"Ended as `{outcome.value}`." in text
    assert "The tests pass" not in text
    assert text == snapshot


def test_a_stop_that_came_too_late_names_the_pull_request() -> None:
    ending = Ending(Outcome.STOPPED, "Stopped by ada.", "agent", pull_url="http://hub/pull/8", pull_number=8)
    assert "#8 was open already and stays as it is." in render_ending(ending)


def test_a_push_without_a_pull_request_is_named() -> None:
    ending = Ending(Outcome.STOPPED, "Stopped by ada.", "agent", branch="agent/3-sums", commit="c" * 40)
    said = f"Before that I had pushed {'c' * 10} to `agent/3-sums`, where it stays."
    assert said in render_ending(ending)
    assert said not in render_ending(replace(ending, pull_url="http://hub/pull/8", pull_number=8))


def test_a_patch_can_not_end_its_block() -> None:
    text = render_ending(Ending(Outcome.BLOCKED, "", "agent", patch=PATCH))
    assert "````diff" in text


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_is_short(refusal: Refusal, snapshot: SnapshotAssertion) -> None:
    word, near = ("--modle", "model") if refusal is Refusal.BAD_FLAG else ("sotp", "stop")
    refused = replace(REFUSED, refusal=refusal, word=word, near=near)
    text = render_refusal(refused, "agent")
    assert len(text) < 300
    assert "@" not in text
    assert text == snapshot


def test_a_refusal_says_what_a_flag_needs_and_repeats_no_mention() -> None:
    refused = replace(REFUSED, refusal=Refusal.BAD_FLAG, word="--budget", wanted="an amount")
    assert render_refusal(refused, "agent") == "eve: `--budget` needs an amount."
    unknown = replace(REFUSED, word="`@everyone`")
    assert render_refusal(unknown, "agent").startswith("eve: I know no command `` `@everyone` ``.")


def test_help_lists_every_word_that_leads_to_something(snapshot: SnapshotAssertion) -> None:
    config = parse_repo_config(
        "triggers: {opened: false, assign: octo-agent, review_request: octo/agents}\nreview: {when: [opened]}\n"
    )
    text = render_help("agent", ("gpt-5", "small"), config)
    assert "assigning `octo-agent`" in text
    assert "a new issue" not in text
    assert all(f"`{word}`" in text for word in CommandWord)
    assert text == snapshot


def test_config_says_what_holds_and_where_it_comes_from(snapshot: SnapshotAssertion) -> None:
    file = "test: pytest -q | tee log\nreview:\n  when: [opened]\n  least: P2\n"
    rows = list_effective(parse_repo_config(file), find_lines(file), OperatorSays(models=("gpt-5",)))
    text = render_config(rows, ("gpt-5",), "https://hub/o/r/blob/main/.github/pullwright.yml")
    assert "| `test` | `pytest -q \\| tee log` | line 1 of the file |" in text
    assert "| `review.least` | `P2` | line 4 of the file |" in text
    assert "| `setup` | found in the repository | default |" in text
    assert text == snapshot


@pytest.mark.parametrize(
    ("status", "phase"),
    [(TaskStatus.QUEUED, Phase.ACCEPT), (TaskStatus.RUNNING, Phase.VERIFY), (TaskStatus.WAITING, Phase.WORK)],
)
def test_status(status: TaskStatus, phase: Phase, snapshot: SnapshotAssertion) -> None:
    spent = Spent(turns=3, input_tokens=12_000, output_tokens=900, cost_usd=0.034, seconds=200)
    plan = (("Look", "completed"), ("Mend it", "in_progress"))
    assert render_status(TaskState(status, phase, plan, spent, 300.0, 2, "http://hub/1")) == snapshot


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        ((("review", "ada"),), "1 request waits until that is over, in this order: `review` (ada)."),
        (
            (("review", "bo"), ("fix", "ada")),
            "2 requests wait until that is over, in this order: `review` (bo), `fix` (ada).",
        ),
    ],
)
def test_status_says_what_waits_until_the_task_is_over(
    waiting: tuple[tuple[str, str], ...], said: str
) -> None:
    state = TaskState(TaskStatus.RUNNING, Phase.WORK, (), Spent(), 5.0, 0, "")
    assert said not in render_status(state)
    assert said in render_status(replace(state, waiting=waiting)).splitlines()


def test_an_answer_is_the_models_words_without_claims(snapshot: SnapshotAssertion) -> None:
    words = "`worked` subtracts clock times (`app.py:3`). All tests pass. Ask @everyone."
    text = render_answer(Answer(words, "ada", "c" * 40, "6 model replies.", tracking_marker(TASK)))
    assert "tests pass" not in text
    assert "@everyone" not in text
    assert text == snapshot


def test_the_tracking_comment(snapshot: SnapshotAssertion) -> None:
    plan = (("Look at `worked`", "completed"), ("Write a test @bob", "in_progress"), ("Mend it", "pending"))
    spent = Spent(turns=3, input_tokens=12_000, output_tokens=900, cost_usd=0.034, seconds=200)
    state = TrackingState(Phase.WORK, 1, plan, spent, ("No test command was found.",), tracking_marker(TASK))
    assert render_tracking(state) == snapshot
    assert render_tracking(replace(state, plan=(), spent=Spent(), notes=(), round=0)) == snapshot


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (0, "it is next in the queue"),
        (1, "1 task is before it in the queue"),
        (7, "7 tasks are before it in the queue"),
        (limits.QUEUE_SHOWN, "more than 20 tasks are before it in the queue"),
    ],
)
def test_the_tracking_comment_of_a_task_that_waits_for_a_free_place(before: int, said: str) -> None:
    state = TrackingState(Phase.ACCEPT, 0, (), Spent(), (), tracking_marker(TASK), before)
    assert render_tracking(state).startswith(f"⏳ I have seen this; {said}.\n")


@pytest.mark.parametrize(
    ("spent", "said"),
    [
        (Spent(turns=1, input_tokens=500, seconds=3), "1 model reply, 500 tokens, nothing paid, 3 s."),
        (
            Spent(turns=9, input_tokens=90_000, priced=False, seconds=600),
            "9 model replies, 90k tokens, price unknown, 10 min.",
        ),
    ],
)
def test_cost_is_said_or_said_to_be_unknown(spent: Spent, said: str) -> None:
    assert render_spent(spent) == said


@pytest.mark.parametrize(
    ("tier", "conclusion"),
    [(Tier.A, "success"), (Tier.B, "neutral"), (Tier.C, "neutral"), (Tier.D, "failure")],
)
def test_only_what_is_proven_is_green(tier: Tier, conclusion: str) -> None:
    assert render_check(replace(PROVEN, tier=tier), "{}", "0" * 64).conclusion == conclusion


def test_a_check_fits_and_holds_the_record_when_there_is_room(snapshot: SnapshotAssertion) -> None:
    check = render_check(PROVEN, '{"tier": "A"}', "0" * 64)
    assert (check.title, check.summary, check.text) == snapshot
    assert render_check(PROVEN, "x" * 70_000, "0" * 64).text == ""


def test_where_the_test_command_was_found_is_shown() -> None:
    found = replace(PROVEN, source="@ada.yml, tried on the base")
    said = render_check(found, "{}", "0" * 64).summary
    assert "(runner: pytest, from " in said
    assert "tried on the base)" in said
    assert "@ada" not in said


def test_a_commit_message(snapshot: SnapshotAssertion) -> None:
    message = render_commit_message(
        "Count night shifts", "An end before the start. " * 10 + "\n\nAll tests pass.", 7, "ada", 9
    )
    assert message == snapshot
    assert "tests pass" not in message
    assert max(map(len, message.splitlines())) <= 90


def test_one_refusal_for_a_person_an_issue_and_a_reason() -> None:
    marker = refusal_marker(7, "Eve", Refusal.LOCKED)
    assert marker == refusal_marker(7, "eve", Refusal.LOCKED)
    assert (
        len({marker, refusal_marker(8, "eve", Refusal.LOCKED), refusal_marker(7, "bob", Refusal.LOCKED)}) == 3
    )


def test_questions_name_who_may_answer_and_notify_nobody(snapshot: SnapshotAssertion) -> None:
    asked = ("Should @ada's empty list give 0?\n\n# Not a heading", "<!-- hidden --> Fixes #3?")
    text = render_questions(asked, "2 model replies.", tracking_marker(TASK))
    assert "@ada" not in text
    assert text.count("<!--") == 1  # our own marker
    assert text == snapshot


def test_the_comment_that_calls_mentions_one_person_and_nobody_else() -> None:
    text = render_call("ada-1 @eve\n<b>", 2, "https://hub/x#1", asking_marker(TASK, "ab"))
    assert text.startswith("@ada-1eveb I have [2 questions](https://hub/x#1)")
    assert text.count("@") == 1


FOUND = Finding(
    "app.py", 3, 3, Priority.P1, "Empty list divides by zero @bob", "`mean([])` raises. All tests pass."
)
LOOSE = replace(FOUND, path="old.py", priority=Priority.P2, title="Nobody calls it", suggestion="")
SHOWN = Shown("exit 1", "exit 0", "ZeroDivisionError: division by zero")
TOLD = Told(
    "PRRT_1", "app.py", 9, Priority.P1, "Text is added @bob", "0" * 16, "http://hub/r1", Standing.OPEN
)
GONE = replace(TOLD, thread="PRRT_2", line=0, title="Minus for plus", url="http://hub/r2")
REPORT = Report(
    Outcome.FINDINGS, Arranged((Anchored(FOUND, Side.RIGHT),), (LOOSE,), 0, 2), (TOLD,), (), (GONE,),
    ("`add` adds. All tests pass.",), first=False,
)  # fmt: skip
REVIEW = ReviewText(
    REPORT, "a" * 40, "b" * 40, "c" * 40, frozenset({"PRRT_2"}), "I read `mean`. The tests pass.",
    ("Tests run in the environment of the base.",), "", "6 model replies, $0.12.",
    (seen_marker(CommitSha("a" * 40), CommitSha("b" * 40)), review_marker(TASK)),
)  # fmt: skip


@pytest.mark.parametrize(
    "outcome",
    [Outcome.CLEAN, Outcome.FINDINGS, Outcome.STALE, Outcome.OUT_OF_MONEY],
    ids=lambda one: one.value,
)
def test_a_review(outcome: Outcome, snapshot: SnapshotAssertion) -> None:
    report = replace(REPORT, outcome=outcome)
    if outcome is Outcome.CLEAN:
        report = Report(outcome, Arranged())
    text = replace(REVIEW, report=report, since="" if outcome is Outcome.CLEAN else REVIEW.since)
    body, check = render_review(text), render_review_check(text, "http://hub/review/1")
    assert "tests pass" not in body
    assert "@bob" not in body
    assert all(mark in body for mark in REVIEW.marks)
    assert find_seen(body) == ("a" * 40, "b" * 40)
    assert (body, check) == snapshot


def test_what_is_mended_without_leave_to_resolve_is_said_so_and_many_are_counted() -> None:
    body = render_review(replace(REVIEW, resolved=frozenset()))
    assert "please resolve the thread, I may not" in body
    many = replace(REPORT, open=(TOLD,) * 30)
    assert "- and 11 more" not in render_review(replace(REVIEW, report=many))
    assert "- and 10 more" in render_review(replace(REVIEW, report=many))


@pytest.mark.parametrize("text", ["", "**P9 · x**", "**P1 · A title**\n\nNo mark."])
def test_what_is_no_finding_of_ours_tells_none(text: str) -> None:
    assert parse_told(text) is None


def test_a_finding_is_one_paragraph_with_a_suggestion_that_can_be_committed(
    snapshot: SnapshotAssertion,
) -> None:
    text = render_finding(
        replace(FOUND, suggestion="x = '```'", reproduction="python -c 'mean([])'", shown=SHOWN)
    )
    assert "Run by the harness: exit 1 on this head, exit 0 on its base" in text
    assert "mean([])'" not in render_finding(replace(FOUND, reproduction="python -c 'mean([])'")), "not run"
    assert "````suggestion\nx = '```'\n````" in text
    assert "tests pass" not in text
    assert text == snapshot


def test_what_was_said_is_found_again() -> None:
    said = (render_finding(FOUND), render_review(REVIEW), "nothing")
    assert find_fingerprints(said) == {fingerprint(FOUND), fingerprint(LOOSE)}
    told = parse_told(render_finding(FOUND))
    assert told is not None
    assert (told[0], told[2]) == (Priority.P1, fingerprint(FOUND))
    assert told[1].startswith("Empty list divides by zero")


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("worst", [None, Priority.P0, Priority.P3])
def test_only_a_clean_review_is_green(outcome: Outcome, worst: Priority | None) -> None:
    assert (decide_conclusion(outcome, worst) == "success") == (outcome is Outcome.CLEAN)


def test_four_ends_of_a_review_look_different() -> None:
    outcomes = (Outcome.CLEAN, Outcome.FINDINGS, Outcome.BLOCKED, Outcome.STALE)
    assert len({decide_conclusion(one, Priority.P0) for one in outcomes}) == 4


PUSHES = (Push("1" * 40, "Text counts as nothing", "ada", "B"), Push("2" * 40, "Names", "bob", "A"))


def test_a_pull_request_that_went_on(snapshot: SnapshotAssertion) -> None:
    assert render_pull_body(replace(PULL, pushes=PUSHES, first_tier="A")) == snapshot


def test_only_our_part_of_a_description_is_exchanged() -> None:
    ours = render_pull_body(PULL)
    section = replace_section(f"Mine.\n\n{ours}\nYours.", "New.\n" + PULL.marker, TASK)
    assert section == f"Mine.\n\nNew.\n{PULL.marker}\n\nYours."
    for cut in (ours.replace(SECTION, ""), ours.replace(PULL.marker, ""), ""):
        assert replace_section(cut, "New.", TASK) is None
    assert find_pull_task(ours) == TASK
    assert find_pull_task("<!-- pullwright:pull:../x -->") is None


@pytest.mark.parametrize("patch", ["", PATCH])
def test_a_follow_up(patch: str, snapshot: SnapshotAssertion) -> None:
    pushed = Pushed(
        Outcome.PROVEN, "1" * 40, "2" * 40, "Text counts as nothing", "Why. All tests pass.", PROVEN, "2 min.",
        tracking_marker(TASK), patch,
    )  # fmt: skip
    assert render_pushed(pushed) == snapshot
