"""What a delivery is about is read from whatever bytes come, and what may end work is found without its words."""

import json

import pytest

from bot.domain.subjects import Subject, read_subject
from tests.tasks.payloads import (
    button_payload,
    closed_payload,
    comment_payload,
    pull_payload,
    removed_payload,
    review_payload,
)


@pytest.mark.parametrize(
    ("event", "body", "subject"),
    [
        ("issue_comment", comment_payload(), Subject("10#3", may_end=False)),
        ("issue_comment", comment_payload(text="@agent stop"), Subject("10#3", may_end=True)),
        ("issue_comment", comment_payload(text="@my-agent: **Stop**!"), Subject("10#3", may_end=True)),
        ("issue_comment", comment_payload(text="Do not stop."), Subject("10#3", may_end=False)),
        ("issue_comment", comment_payload(text="@agent fix it\nstop"), Subject("10#3", may_end=False)),
        ("issues", closed_payload(), Subject("10#3", may_end=True)),
        ("pull_request", pull_payload("closed"), Subject("10#3", may_end=True)),
        ("pull_request", pull_payload("opened"), Subject("10#3", may_end=False)),
        ("pull_request_review", review_payload("@agent stop"), Subject("10#5", may_end=True)),
        ("installation", removed_payload(), Subject("", may_end=True)),
        ("push", b"{}", Subject("", may_end=False)),
        ("issue_comment", b"\xff", Subject("", may_end=False)),
        ("issue_comment", b"[" * 100_000, Subject("", may_end=False)),
        ("issues", b"[1]", Subject("", may_end=False)),
        (
            "issue_comment",
            b'{"issue": 1, "repository": [], "comment": {"body": 1}}',
            Subject("", may_end=False),
        ),
    ],
)
def test_the_subject_of_a_delivery(event: str, body: bytes, subject: Subject) -> None:
    assert read_subject(event, body) == subject


@pytest.mark.parametrize(("button", "may_end"), [("stop", True), ("retry", False)])
def test_a_button_is_about_its_task_and_stop_ends(button: str, may_end: bool) -> None:
    body = json.loads(button_payload(button, "t-11"))
    del body["issue"]
    assert read_subject("check_run", json.dumps(body).encode()) == Subject("", may_end)
