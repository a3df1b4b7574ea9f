import copy
import gzip
import json
import typing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.access import Permission, decide_access
from bot.domain.boxes import BEGIN, END, Box, Tick, Ticked, render_box
from bot.domain.decisions import (
    Closed,
    Control,
    FailedCheck,
    IgnoredDelivery,
    Pressed,
    RefusedRequest,
    Removed,
    Reviewed,
)
from bot.domain.ids import InstallationId, RepositoryId, TaskId
from bot.domain.outcomes import Ignored, Refusal
from bot.domain.tasks import RepositoryRef, TaskKind, TaskRequest, WayIn
from bot.domain.triggers import decide_trigger
from tests.tasks.payloads import removed_payload

PERSON = {"id": 7, "login": "ada", "type": "User"}
REPOSITORY = {"id": 11, "full_name": "acme/shop", "default_branch": "main", "private": True}


def comment_payload(body: str = "@agent fix this", **changes: object) -> dict[str, typing.Any]:
    """A delivery of `issue_comment`; a change is named by its path, `issue__state="closed"`."""
    payload: dict[str, typing.Any] = {
        "action": "created",
        "installation": {"id": 5, "node_id": "x"},
        "repository": dict(REPOSITORY),
        "sender": dict(PERSON),
        "issue": {"number": 3, "title": "Broken", "body": None, "state": "open", "locked": False},
        "comment": {
            "id": 99,
            "body": body,
            "user": dict(PERSON),
            "created_at": "2026-11-20T10:00:00Z",
            "updated_at": "2026-11-20T10:00:00Z",
            "performed_via_github_app": None,
        },
    }
    return changed(payload, changes)


def issue_payload(body: str = "It fails.\n\n@agent fix this", **changes: object) -> dict[str, typing.Any]:
    payload = comment_payload()
    del payload["comment"]
    payload["action"] = "opened"
    payload["issue"] |= {"body": body, "created_at": "2026-11-20T10:00:00Z", "user": dict(PERSON)}
    return changed(payload, changes)


def labeled(name: str, **changes: object) -> dict[str, typing.Any]:
    payload = issue_payload(action="labeled", issue__updated_at="2026-11-21T10:00:00Z")
    payload["label"] = {"name": name}
    return changed(payload, changes)


OCTO_AGENT = {"id": 70, "login": "octo-agent", "type": "User"}


def assigned(**changes: object) -> dict[str, typing.Any]:
    payload = issue_payload(action="assigned", issue__updated_at="2026-11-21T10:00:00Z")
    return changed({**payload, "assignee": dict(OCTO_AGENT)}, changes)


def review_requested(**changes: object) -> dict[str, typing.Any]:
    payload = issue_payload(action="review_requested")
    pull = {
        **payload.pop("issue"),
        "updated_at": "2026-11-21T10:00:00Z",
        "head": {"ref": "mean", "sha": "a" * 40},
        "base": {"ref": "main", "sha": "b" * 40},
    }
    return changed({**payload, "pull_request": pull, "requested_reviewer": dict(OCTO_AGENT)}, changes)


def button_payload(identifier: str = "stop", **changes: object) -> dict[str, typing.Any]:
    payload = issue_payload(action="requested_action")
    del payload["issue"]
    payload["check_run"] = {
        "id": 77,
        "external_id": "t-99",
        "head_sha": "a" * 40,
    }
    payload["requested_action"] = {"identifier": identifier}
    return changed(payload, changes)


def review_payload(body: str = "", state: str = "commented", **changes: object) -> dict[str, typing.Any]:
    payload = review_requested(action="submitted")
    del payload["requested_reviewer"]
    payload["review"] = {
        "id": 55,
        "user": dict(PERSON),
        "body": body or None,
        "state": state,
        "submitted_at": "2026-11-21T10:00:00Z",
    }
    return changed(payload, changes)


def review_comment_payload(body: str = "Rename it.", **changes: object) -> dict[str, typing.Any]:
    payload = review_payload()
    del payload["review"]
    at = "2026-11-21T10:00:00Z"
    comment = {"id": 91, "pull_request_review_id": 55, "user": dict(PERSON), "body": body}
    payload |= {"action": "created", "comment": {**comment, "created_at": at, "updated_at": at}}
    return changed(payload, changes)


def suite_payload(conclusion: str = "failure", **changes: object) -> dict[str, typing.Any]:
    payload = issue_payload(action="completed")
    del payload["issue"]
    payload["sender"] = {"id": 8, "login": "github-actions[bot]", "type": "Bot"}
    payload["check_suite"] = {
        "head_sha": "a" * 40,
        "conclusion": conclusion,
        "updated_at": "2026-11-21T10:00:00Z",
    }
    return changed(payload, changes)


def status_payload(state: str = "failure", **changes: object) -> dict[str, typing.Any]:
    payload = suite_payload()
    del payload["check_suite"], payload["action"]
    told = {"sha": "a" * 40, "state": state, "updated_at": "2026-11-21T10:00:00+00:00"}
    return changed({**payload, **told}, changes)


def changed(payload: dict[str, typing.Any], changes: dict[str, object]) -> dict[str, typing.Any]:
    for path, value in changes.items():
        *parents, last = path.split("__")
        part = payload
        for parent in parents:
            part = part[parent]
        part[last] = value
    return payload


BOXES = f"{BEGIN}\n{{}} Run now\n{END}"
FREE, TICKED = (BOXES.format(render_box(Box.RUN, "sums", on=on)) for on in (False, True))


def edited(before: str = FREE, after: str = TICKED, **changes: object) -> dict[str, typing.Any]:
    payload = issue_payload(after, action="edited", changes={"body": {"from": before}})
    return changed(payload, changes)


def test_a_box_that_a_person_ticks_is_the_one_edit_that_may_cause_something():
    assert decide_trigger("issues", edited(), "agent") == Ticked(
        InstallationId(5),
        RepositoryRef(RepositoryId(11), "acme/shop", "main"),
        3,
        "ada",
        7,
        (Tick(Box.RUN, "sums", True),),
    )


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (edited(sender__type="Bot"), Ignored.BOT_SENDER),
        (edited(sender__login="pullwright[bot]"), Ignored.BOT_SENDER),
        (edited(FREE, FREE + "\n@agent fix this"), Ignored.EDITED),
        (edited(TICKED, TICKED), Ignored.EDITED),
        (edited("", TICKED), Ignored.EDITED),
        (edited(changes={"title": {"from": "x"}}), Ignored.EDITED),
        (edited(changes=None), Ignored.EDITED),
        (edited(changes={"body": None}), Ignored.EDITED),
        (edited(changes={"body": {"from": 7}}), Ignored.EDITED),
    ],
)
def test_every_other_edit_causes_nothing(payload, reason):
    decision = decide_trigger("issues", payload, "agent")
    assert isinstance(decision, IgnoredDelivery)
    assert decision.reason is reason


def test_a_persons_new_comment_becomes_a_task_made_from_the_payload_alone():
    assert decide_trigger("issue_comment", comment_payload("@agent add a flag"), "agent") == TaskRequest(
        installation=InstallationId(5),
        repository=RepositoryRef(RepositoryId(11), "acme/shop", "main"),
        issue=3,
        issue_title="Broken",
        issue_body="",
        comment_id=99,
        instruction="add a flag",
        requested_by="ada",
        requested_by_id=7,
        requested_at="2026-11-20T10:00:00Z",
    )


def test_a_newly_opened_issue_can_ask_itself():
    decision = decide_trigger("issues", issue_payload(), "agent")
    assert isinstance(decision, TaskRequest)
    assert decision.comment_id == 0
    assert decision.task_id == TaskId("t-i11-3")
    assert decision.instruction == "It fails.\n\nfix this"


@pytest.mark.parametrize(
    ("event", "payload", "reason"),
    [
        ("push", {}, Ignored.UNKNOWN_EVENT),
        ("issue_comment", comment_payload(action="edited"), Ignored.UNKNOWN_ACTION),
        ("issue_comment", comment_payload(action=None), Ignored.UNKNOWN_ACTION),
        ("issues", issue_payload(action="labeled"), Ignored.UNKNOWN_ACTION),
        ("issues", labeled("wontfix"), Ignored.UNKNOWN_ACTION),
        ("issues", labeled("agent:fix", sender__type="Bot"), Ignored.BOT_SENDER),
        ("issue_comment", comment_payload("@agent thanks!"), Ignored.NO_MENTION),
        ("check_run", button_payload("dance"), Ignored.UNKNOWN_ACTION),
        ("check_run", button_payload(action="created"), Ignored.UNKNOWN_ACTION),
        ("check_run", button_payload(sender__login="x[bot]"), Ignored.BOT_SENDER),
        ("check_run", button_payload(requested_action=None), Ignored.MALFORMED),
        ("issue_comment", comment_payload(installation=None), Ignored.NOT_INSTALLED),
        ("issue_comment", comment_payload("thanks"), Ignored.NO_MENTION),
        ("issues", issue_payload(""), Ignored.NO_MENTION),
        ("issue_comment", comment_payload(sender__type="Bot"), Ignored.BOT_SENDER),
        ("issue_comment", comment_payload(sender__type=None), Ignored.BOT_SENDER),
        ("issue_comment", comment_payload(sender__login="Agent[BOT]"), Ignored.BOT_SENDER),
        ("issues", issue_payload(sender__type="Bot"), Ignored.BOT_SENDER),
        (
            "issue_comment",
            comment_payload(comment__performed_via_github_app={"id": 1}),
            Ignored.BOT_SENDER,
        ),
        ("issues", issue_payload(issue__performed_via_github_app={"id": 1}), Ignored.BOT_SENDER),
        ("issue_comment", comment_payload(comment__updated_at="2026-11-20T11:00:00Z"), Ignored.EDITED),
        ("issue_comment", comment_payload(comment__user__id=8), Ignored.MALFORMED),
        ("issues", issue_payload(issue__user__id=8), Ignored.MALFORMED),
        ("issues", issue_payload(issue__user=None), Ignored.MALFORMED),
        # A stranger's text, brought here by a maintainer who transferred the issue.
        ("issues", issue_payload(changes={"old_repository": {"id": 1}}), Ignored.TRANSFERRED),
        ("issue_comment", comment_payload(comment=None), Ignored.MALFORMED),
        ("issue_comment", comment_payload(repository__full_name="a/b/../c"), Ignored.MALFORMED),
        ("issue_comment", comment_payload(issue__number=0), Ignored.MALFORMED),
        ("issue_comment", comment_payload(comment__id=2**70), Ignored.MALFORMED),
    ],
)
def test_everything_else_is_ignored_with_a_reason(event, payload, reason):
    decision = decide_trigger(event, payload, "agent")
    assert isinstance(decision, IgnoredDelivery)
    assert decision.reason is reason


PLACE = (InstallationId(5), RepositoryRef(RepositoryId(11), "acme/shop", "main"), 3, 99, "ada")


@pytest.mark.parametrize(
    ("payload", "refused"),
    [
        (comment_payload("@agent rebase"), RefusedRequest(Refusal.NOT_ON_ISSUE, *PLACE)),
        (comment_payload("@agent sotp"), RefusedRequest(Refusal.UNKNOWN_COMMAND, *PLACE, "sotp", "stop")),
        (
            comment_payload("@agent fix --modle x"),
            RefusedRequest(Refusal.BAD_FLAG, *PLACE, "--modle", "model"),
        ),
        (
            comment_payload("@agent explain it --attempts 3"),
            RefusedRequest(Refusal.UNAVAILABLE_COMMAND, *PLACE, "--attempts"),
        ),
        (
            comment_payload("@agent rebase --base next", issue__pull_request={"url": "x"}),
            RefusedRequest(Refusal.UNAVAILABLE_COMMAND, *PLACE, "--base"),
        ),
        (
            comment_payload("@agent explain it", issue__pull_request={"url": "x"}),
            RefusedRequest(Refusal.ON_PULL_REQUEST, *PLACE),
        ),
        (comment_payload(issue__state="closed"), RefusedRequest(Refusal.ISSUE_CLOSED, *PLACE)),
        (
            comment_payload("@agent retry", issue__state="closed"),
            RefusedRequest(Refusal.ISSUE_CLOSED, *PLACE),
        ),
        (comment_payload(issue__locked=True), RefusedRequest(Refusal.LOCKED, *PLACE)),
    ],
)
def test_a_request_that_cannot_be_served_says_where_to_answer(payload, refused):
    assert decide_trigger("issue_comment", payload, "agent") == refused


@pytest.mark.parametrize("word", ["stop", "status", "retry", "go", "config", "help"])
def test_words_about_tasks_are_no_tasks(word):
    decision = decide_trigger("issue_comment", comment_payload(f"@agent {word}"), "agent")
    assert isinstance(decision, Control)
    assert decision.word == word
    assert (decision.request.comment_id, decision.request.requested_by_id) == (99, 7)


def test_stop_and_status_are_heard_on_a_closed_issue_too():
    for word in ("stop", "status", "help"):
        payload = comment_payload(f"@agent {word}", issue__state="closed", issue__locked=True)
        assert isinstance(decide_trigger("issue_comment", payload, "agent"), Control)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("explain the parser", TaskKind.ANSWER), ("ask why?", TaskKind.ANSWER), ("plan it", TaskKind.ANSWER)],
)
def test_a_question_is_a_task_of_its_own_kind(text, kind):
    decision = decide_trigger("issue_comment", comment_payload(f"@agent {text}"), "agent")
    assert isinstance(decision, TaskRequest)
    assert decision.kind is kind


def test_a_change_on_a_pull_request_goes_on_with_it():
    payload = comment_payload("@agent rename it", issue__pull_request={"url": "x"})
    decision = decide_trigger("issue_comment", payload, "agent")
    assert isinstance(decision, TaskRequest)
    assert (decision.kind, decision.is_pull, decision.head) == (TaskKind.FOLLOW_UP, True, "")


def test_flags_become_part_of_the_request():
    decision = decide_trigger(
        "issue_comment", comment_payload("@agent fix this --base dev --budget 2 --model m"), "agent"
    )
    assert isinstance(decision, TaskRequest)
    assert (decision.base_branch, decision.budget_usd, decision.model) == ("dev", 2.0, "m")


def test_the_title_of_a_new_issue_can_ask():
    payload = issue_payload("It fails.", issue__title="@agent fix the totals")
    decision = decide_trigger("issues", payload, "agent")
    assert isinstance(decision, TaskRequest)
    assert decision.instruction == "fix the totals"


def test_the_label_asks_or_releases_and_each_putting_on_is_a_task_of_its_own():
    first = decide_trigger("issues", labeled("Agent:Fix"), "agent")
    assert isinstance(first, Control)
    assert first.or_task
    assert first.request.instruction == ""
    again = decide_trigger("issues", labeled("agent:fix", issue__updated_at="2026-11-22T10:00:00Z"), "agent")
    assert isinstance(again, Control)
    assert first.request.task_id != again.request.task_id
    assert first == decide_trigger("issues", labeled("agent:fix"), "agent")


def test_assigning_somebody_else_asks_for_a_change_if_that_is_a_machine_user():
    decision = decide_trigger("issues", assigned(), "agent")
    assert isinstance(decision, Control)
    assert decision.or_task
    asked = decision.request
    assert (asked.way, asked.called, asked.requested_by) == (WayIn.ASSIGN, "octo-agent", "ada")
    assert asked.instruction == ""
    again = decide_trigger("issues", assigned(issue__updated_at="2026-11-22T10:00:00Z"), "agent")
    assert isinstance(again, Control)
    assert again.request.task_id != asked.task_id


def test_asking_a_machine_user_or_a_team_for_a_review_asks_for_ours():
    decision = decide_trigger("pull_request", review_requested(), "agent")
    assert isinstance(decision, TaskRequest)
    assert (decision.kind, decision.way, decision.called) == (
        TaskKind.REVIEW,
        WayIn.REVIEW_REQUEST,
        "octo-agent",
    )
    team = review_requested(requested_reviewer=None, requested_team={"slug": "agents", "name": "Agents"})
    decision = decide_trigger("pull_request", team, "agent")
    assert isinstance(decision, TaskRequest)
    assert decision.called == "acme/agents"


@pytest.mark.parametrize(
    ("event", "payload", "reason"),
    [
        ("issues", assigned(sender__type="Bot"), Ignored.BOT_SENDER),
        ("issues", assigned(assignee=None), Ignored.UNKNOWN_ACTION),
        ("issues", assigned(assignee__id=7), Ignored.UNKNOWN_ACTION),  # ada takes it herself
        ("pull_request", review_requested(sender__type="Bot"), Ignored.BOT_SENDER),
        ("pull_request", review_requested(requested_reviewer=None), Ignored.UNKNOWN_ACTION),
        ("pull_request", review_requested(requested_reviewer__id=7), Ignored.UNKNOWN_ACTION),
    ],
)
def test_nobody_hands_work_to_themselves_and_no_bot_does(event, payload, reason):
    decision = decide_trigger(event, payload, "agent")
    assert isinstance(decision, IgnoredDelivery)
    assert decision.reason is reason


@pytest.mark.parametrize(
    "login", ["pullwright", "agent", "pullwright-bot", "dependabot", "bot", "github-actions"]
)
def test_a_person_is_one_whatever_the_name(login):
    payload = comment_payload(sender__login=login, comment__user__login=login)
    assert isinstance(decide_trigger("issue_comment", payload, "agent"), TaskRequest)


@pytest.mark.parametrize("kind", ["Bot", "Organization", "Mannequin", "Enterprise", ""])
def test_whatever_is_no_person_starts_nothing_whatever_the_name(kind):
    payload = comment_payload(sender__type=kind, comment__user__type=kind)
    decision = decide_trigger("issue_comment", payload, "agent")
    assert isinstance(decision, IgnoredDelivery)
    assert decision.reason is Ignored.BOT_SENDER


def test_each_way_is_told_apart():
    ways = {
        decide_trigger("issue_comment", comment_payload(), "agent").way,
        decide_trigger("issues", issue_payload(), "agent").way,
        decide_trigger("issues", labeled("agent:fix"), "agent").request.way,
        decide_trigger("issue_comment", comment_payload(issue__state="closed"), "agent").way,
    }
    assert ways == {WayIn.MENTION, WayIn.OPENED, WayIn.LABEL}


@pytest.mark.parametrize("action", ["closed", "deleted", "transferred"])
def test_closing_ends_whatever_runs_there_whoever_does_it(action):
    payload = issue_payload("no mention", action=action, sender__type="Bot")
    assert decide_trigger("issues", payload, "agent") == Closed(RepositoryId(11), 3, "ada")


@pytest.mark.parametrize("action", ["deleted", "suspend"])
def test_an_app_that_is_removed_has_lost_the_whole_account(action):
    decision = decide_trigger("installation", json.loads(removed_payload(action)), "agent")
    assert isinstance(decision, Removed)
    assert (decision.installation, decision.repositories) == (InstallationId(100), None)


def test_an_app_that_gets_fewer_repositories_has_lost_those():
    payload = json.loads(removed_payload("removed", 100, 5, 6))
    decision = decide_trigger("installation_repositories", payload, "agent")
    assert isinstance(decision, Removed)
    assert decision.repositories == (RepositoryId(5), RepositoryId(6))


def test_a_button_names_the_task_of_its_check_run():
    decision = decide_trigger("check_run", button_payload("retry"), "agent")
    assert isinstance(decision, Pressed)
    assert (decision.button, decision.task, decision.login) == ("retry", TaskId("t-99"), "ada")


def test_text_that_no_database_takes_is_made_whole():
    payload = json.loads('{"t": "a\\ud800b\\u0000c"}')
    decision = decide_trigger("issue_comment", comment_payload(issue__title=payload["t"]), "agent")
    assert isinstance(decision, TaskRequest)
    assert decision.issue_title == "a?bc"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_PATHS = [
    "action", "installation", "installation__id", "repository", "repository__id", "repository__full_name",
    "repository__default_branch", "sender", "sender__id", "sender__login", "sender__type", "issue",
    "issue__number", "issue__title", "issue__body", "issue__state", "issue__locked", "issue__pull_request",
    "comment", "comment__id", "comment__body", "comment__user", "comment__created_at",
]  # fmt: skip


@given(st.sampled_from(_PATHS), _JSON)
def test_no_json_makes_the_decision_fail(path, value):
    payload = changed(copy.deepcopy(comment_payload()), {path: value})
    decision = decide_trigger("issue_comment", payload, "agent")
    if isinstance(decision, TaskRequest):
        json.dumps([decision.issue_title, decision.issue_body, decision.instruction]).encode()


def official_examples() -> list[tuple[str, dict[str, typing.Any]]]:
    """GitHub's published webhook examples (MIT), where they are at hand."""
    path = Path(__file__).parent / "fixtures" / "webhook-examples.json.gz"
    if not path.exists():
        return []
    examples = json.loads(gzip.decompress(path.read_bytes()))
    return [(event, payload) for event, payloads in examples.items() for payload in payloads]


@pytest.mark.parametrize(("event", "payload"), official_examples())
def test_githubs_own_examples_are_read(event, payload):
    """With an installation added, as every App's delivery has one."""
    payload = {**payload, "installation": {"id": 5}}
    decision = decide_trigger(event, payload, "agent")
    if isinstance(decision, Reviewed):  # a request if the pull request is ours
        assert event == "pull_request_review_comment"
        return
    if event not in ("issues", "pull_request") or payload["action"] not in (
        "closed",
        "deleted",
        "transferred",
    ):
        assert isinstance(decision, IgnoredDelivery)
        assert decision.reason is not Ignored.MALFORMED
    if event == "issue_comment" and payload["action"] == "created":
        payload["comment"] = {**payload["comment"], "body": "@agent fix this"}
        asked = decide_trigger(event, payload, "agent")
        assert isinstance(asked, TaskRequest | RefusedRequest) or asked.reason is Ignored.BOT_SENDER


@pytest.mark.parametrize("permission", Permission)
def test_only_write_access_that_github_named_lets_a_person_in(permission):
    may = {Permission.ADMIN, Permission.MAINTAIN, Permission.WRITE}
    assert (decide_access(permission) is None) == (permission in may)


def test_silence_of_github_is_a_refusal_of_its_own():
    assert decide_access(Permission.UNKNOWN) is Refusal.PERMISSION_UNKNOWN


# -- red checks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["failure", "timed_out", "startup_failure"])
def test_a_suite_that_failed_names_its_commit_whoever_sent_it(word: str) -> None:
    failed = decide_trigger("check_suite", suite_payload(word), "agent")
    assert isinstance(failed, FailedCheck)
    assert (failed.commit, failed.repository.id, failed.at) == ("a" * 40, 11, "2026-11-21T10:00:00Z")


@pytest.mark.parametrize("word", ["failure", "error"])
def test_a_status_that_failed_does_the_same_and_has_no_action(word: str) -> None:
    failed = decide_trigger("status", status_payload(word), "agent")
    assert isinstance(failed, FailedCheck)
    assert failed.commit == "a" * 40


@pytest.mark.parametrize(
    "word", ["success", "neutral", "cancelled", "skipped", "stale", "action_required", None]
)
def test_what_did_not_fail_is_nothing(word: str) -> None:
    assert decide_trigger("check_suite", suite_payload(word), "agent") == IgnoredDelivery(Ignored.NOT_RED)


def test_a_check_of_no_commit_or_without_a_time_is_nothing() -> None:
    for payload in (
        suite_payload(check_suite__head_sha="HEAD"),
        suite_payload(check_suite__updated_at="soon"),
    ):
        found = decide_trigger("check_suite", payload, "agent")
        assert isinstance(found, IgnoredDelivery)
        assert found.reason is Ignored.MALFORMED


def test_only_a_suite_that_is_over_counts_and_an_issue_needs_its_action() -> None:
    begun = decide_trigger("check_suite", suite_payload(action="requested"), "agent")
    assert begun == IgnoredDelivery(Ignored.UNKNOWN_ACTION, "requested")
    payload = issue_payload()
    del payload["action"]
    assert decide_trigger("issues", payload, "agent") == IgnoredDelivery(Ignored.UNKNOWN_ACTION, "")


# -- reviews ---------------------------------------------------------------------------------------------------


def test_a_review_and_its_comments_are_one_task_whichever_comes_first() -> None:
    whole = decide_trigger("pull_request_review", review_payload("Two things."), "agent")
    part = decide_trigger("pull_request_review_comment", review_comment_payload(), "agent")
    reply = decide_trigger(
        "pull_request_review_comment", review_comment_payload(comment__in_reply_to_id=90), "agent"
    )
    assert isinstance(whole, Reviewed)
    assert isinstance(part, Reviewed)
    assert isinstance(reply, Reviewed)
    assert whole.request.task_id == part.request.task_id == TaskId("t-v11-55")
    assert (whole.request.instruction, whole.request.review, whole.request.comment_id) == (
        "Two things.",
        55,
        0,
    )
    assert (part.request.instruction, part.request.comment_id, part.request.thread) == ("Rename it.", 91, 91)
    assert reply.request.thread == 90
    assert part.request.way is WayIn.REVIEWED
    assert not part.request.is_event, "a person said it"


def test_a_mention_in_a_review_asks_on_any_pull_request() -> None:
    for event, payload in (
        ("pull_request_review", review_payload("@agent do these", state="approved")),
        ("pull_request_review_comment", review_comment_payload("@agent rename it")),
    ):
        request = decide_trigger(event, payload, "agent")
        assert isinstance(request, TaskRequest)
        assert (request.kind, request.way, request.task_id) == (
            TaskKind.FOLLOW_UP,
            WayIn.MENTION,
            TaskId("t-v11-55"),
        )


@pytest.mark.parametrize(
    ("event", "payload", "reason"),
    [
        ("pull_request_review", review_payload("Fine.", state="approved"), Ignored.NO_MENTION),
        ("pull_request_review", review_payload(pull_request__state="closed"), Ignored.NO_MENTION),
        ("pull_request_review", review_payload(action="edited"), Ignored.UNKNOWN_ACTION),
        ("pull_request_review", review_payload(action="dismissed"), Ignored.UNKNOWN_ACTION),
        ("pull_request_review", review_payload(review__user=None), Ignored.MALFORMED),
        ("pull_request_review", review_payload(sender__type="Bot"), Ignored.BOT_SENDER),
        ("pull_request_review_comment", review_comment_payload(action="edited"), Ignored.UNKNOWN_ACTION),
        (
            "pull_request_review_comment",
            review_comment_payload(comment__user={"id": 9, "login": "x"}),
            Ignored.MALFORMED,
        ),
        (
            "pull_request_review_comment",
            review_comment_payload(comment__pull_request_review_id=None),
            Ignored.MALFORMED,
        ),
        (
            "pull_request_review_comment",
            review_comment_payload(comment__performed_via_github_app={"id": 1}),
            Ignored.BOT_SENDER,
        ),
    ],
)
def test_what_is_no_request_of_a_review_is_nothing(
    event: str, payload: dict[str, typing.Any], reason: Ignored
) -> None:
    found = decide_trigger(event, payload, "agent")
    assert isinstance(found, IgnoredDelivery)
    assert found.reason is reason


def test_undo_is_about_pull_requests_and_only_alone() -> None:
    pull = {"issue__pull_request": {"url": "x"}}
    request = decide_trigger("issue_comment", comment_payload("@agent undo", **pull), "agent")
    assert isinstance(request, TaskRequest)
    assert (request.kind, request.word.value) == (TaskKind.FOLLOW_UP, "undo")
    refused = decide_trigger("issue_comment", comment_payload("@agent undo"), "agent")
    assert isinstance(refused, RefusedRequest)
    assert refused.refusal is Refusal.NOT_ON_ISSUE
    more = decide_trigger("issue_comment", comment_payload("@agent undo the rename of `x`", **pull), "agent")
    assert isinstance(more, TaskRequest)
    assert more.word.value == "fix"
