import pytest

from bot.domain.access import Permission
from bot.errors import GitHubFault
from bot.forge.threads import read_permission
from tests.forge.conftest import NAME

MARKER = "<!-- pullwright:t-1 -->"


def test_the_tracking_comment_is_found_after_it_was_made_and_edited(world, github):
    issue = world.server.seed.open_issue(NAME, "ada", "Broken", "It fails")
    assert github.threads.find_tracking_comment(issue, MARKER) is None
    made = github.threads.create_tracking_comment(issue, f"working\n{MARKER}")
    assert github.threads.find_tracking_comment(issue, MARKER) == made
    edited = github.threads.edit_comment(made.id, f"done\n{MARKER}")
    found = github.threads.find_tracking_comment(issue, MARKER)
    assert found == edited
    assert found.id == made.id
    assert found.body.startswith("done")


def test_a_person_who_quotes_the_marker_has_no_comment_of_ours(world, github):
    seed = world.server.seed
    issue = seed.open_issue(NAME, "ada", "Broken", "It fails")
    seed.comment(NAME, issue, "ada", f"> {MARKER}")
    assert github.threads.find_tracking_comment(issue, MARKER) is None


def test_a_comment_is_found_behind_hundreds_of_others(world, github):
    seed = world.server.seed
    issue = seed.open_issue(NAME, "ada", "Broken", "It fails")
    for number in range(205):
        seed.comment(NAME, issue, "ada", f"me too {number}")
    made = github.threads.create_tracking_comment(issue, MARKER)
    again = github.threads.create_tracking_comment(issue, MARKER)
    assert [c.id for c in github.threads.find_comments(issue, MARKER)] == [made.id, again.id]
    github.threads.delete_comment(again.id)
    github.threads.delete_comment(again.id)  # gone already: well
    assert [c.id for c in github.threads.find_comments(issue, MARKER)] == [made.id]


def test_a_thread_comes_with_its_newest_comments_first(world, github):
    seed = world.server.seed
    issue = seed.open_issue(NAME, "ada", "Broken", "It fails")
    for number in range(105):
        seed.comment(NAME, issue, "ada", f"comment {number}")
    thread = github.threads.fetch_issue(issue, newest=7)
    assert (thread.title, thread.body, thread.author, thread.open) == ("Broken", "It fails", "ada", True)
    assert [c.body for c in thread.comments] == [f"comment {n}" for n in range(104, 97, -1)]
    assert thread.comments_in_all == 105
    assert not thread.is_pull
    assert not thread.comments[0].is_bot


def test_a_missing_thread_is_a_fault_with_its_status(github):
    with pytest.raises(GitHubFault) as caught:
        github.threads.fetch_issue(404)
    assert caught.value.status == 404
    assert caught.value.remedy


def test_a_reaction_twice_is_one(world, github):
    seed = world.server.seed
    issue = seed.open_issue(NAME, "ada", "Broken", "It fails")
    comment = seed.comment(NAME, issue, "ada", "@agent fix")
    first = github.threads.create_reaction(issue, comment)
    assert github.threads.create_reaction(issue, comment) == first
    github.threads.create_reaction(issue, 0)
    assert seed.thread(NAME, issue)["reactions"] == {
        "0": [["agent[bot]", "eyes"]],
        str(comment): [["agent[bot]", "eyes"]],
    }


@pytest.mark.parametrize("role", ["admin", "maintain", "write", "triage", "read", "none"])
def test_each_role_is_told_apart(world, github, role):
    world.server.seed.add_person("eve")
    world.server.seed.set_role(NAME, "eve", role)
    assert github.threads.fetch_permission("eve") == Permission(role)


def test_who_is_not_known_has_an_unknown_permission(world, github):
    assert github.threads.fetch_permission("nobody-here") is Permission.UNKNOWN
    assert github.threads.fetch_permission("../../x") is Permission.UNKNOWN
    assert github.threads.fetch_permission("ada", user_id=1) is Permission.UNKNOWN
    world.fault("GET", "/permission", 403)
    assert github.threads.fetch_permission("ada") is Permission.UNKNOWN


def test_a_made_up_role_name_gives_no_more_than_the_permission():
    assert read_permission({"permission": "read", "role_name": "admin"}) is Permission.READ
    assert read_permission({"permission": "write", "role_name": "releaser"}) is Permission.WRITE
    assert read_permission({"permission": "maintain", "role_name": "maintain"}) is Permission.MAINTAIN
    assert read_permission({"permission": "triage", "role_name": "admin"}) is Permission.TRIAGE
    assert read_permission({"permission": "owner"}) is Permission.UNKNOWN
    assert read_permission({}) is Permission.UNKNOWN


def test_a_name_that_was_just_looked_up_serves_the_next_job_and_a_rename_is_noticed(world):
    issue = world.server.seed.open_issue(NAME, "ada", "Broken", "It fails")
    for _ in range(3):
        with world.job() as github:
            github.threads.fetch_issue(issue)
    assert world.requests("GET", f"/repos/{NAME}") - world.requests("GET", f"/repos/{NAME}/") == 1
    world.server.seed.rename_repository(NAME, "store")
    with world.job() as github:  # the name that all jobs know is the old one
        assert github.threads.fetch_issue(issue).title == "Broken"
        github.threads.create_tracking_comment(issue, "MARK")
    with world.job() as github:
        github.threads.create_tracking_comment(issue, "MARK 2")
    assert world.requests("POST", "/repos/acme/store/issues/") == 2
    assert world.requests("POST", "/repos/acme/shop/issues/") == 1


def test_issues_of_our_own_are_found_by_their_mark_edited_and_closed(world, github):
    made = github.threads.create_issue("Board", "<!-- mark --> one")
    world.server.seed.open_issue(NAME, "ada", "A copy", "<!-- mark --> one")
    github.threads.create_issue("Other", "none")
    assert [one.id for one in github.threads.find_own_issues("<!-- mark -->")] == [made]
    github.threads.edit_issue(made, body="<!-- mark --> two")
    github.threads.edit_issue(made, state="closed")
    (found,) = github.threads.find_own_issues("<!-- mark -->")
    assert found.body == "<!-- mark --> two"
