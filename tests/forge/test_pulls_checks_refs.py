import pytest

from bot.errors import GitHubFault
from bot.forge.checks import CheckAction, CheckContent
from bot.forge.pulls import NewPull
from tests.forge.conftest import NAME

MARKER = "<!-- pullwright:t-1 -->"


def push_branch(world, branch="agent/1-fix", content=b"x = 2\n") -> str:
    return world.server.seed.commit(NAME, {"a.py": content}, "Fix", branch=branch)


def new_pull(head="agent/1-fix", body=MARKER, draft=False) -> NewPull:
    return NewPull("Fix the loop", body, head, "main", draft)


def test_a_pull_request_is_found_by_branch_and_marker(world, github):
    sha = push_branch(world)
    assert github.pulls.find_pull("agent/1-fix", MARKER) is None
    made = github.pulls.create_pull(new_pull(draft=True))
    assert (made.head_sha, made.base_branch, made.draft, made.open) == (sha, "main", True, True)
    assert github.pulls.find_pull("agent/1-fix", MARKER) == made
    assert github.pulls.find_pull("agent/1-fix", "<!-- other -->") is None
    assert github.pulls.find_pull("agent/1", MARKER) is None
    edited = github.pulls.edit_pull(made.number, body=f"proven {MARKER}")
    assert edited.title == "Fix the loop"
    assert github.pulls.fetch_pull(made.number).body.startswith("proven")


def test_a_second_pull_request_for_the_branch_is_refused_with_githubs_words(world, github):
    push_branch(world)
    github.pulls.create_pull(new_pull())
    with pytest.raises(GitHubFault, match="already exists") as caught:
        github.pulls.create_pull(new_pull())
    assert caught.value.status == 422


def test_a_closed_pull_request_is_still_found(world, github):
    push_branch(world)
    made = github.pulls.create_pull(new_pull())
    world.server.seed.close_issue(NAME, made.number, "ada")
    found = github.pulls.find_pull("agent/1-fix", MARKER)
    assert found is not None
    assert not found.open


def test_our_pull_requests_of_a_branch_and_of_a_prefix_are_listed_and_nobody_elses(world, github):
    for number, branch in enumerate(("agent/schedule-a", "agent/schedule-b", "agent/1-fix", "theirs")):
        push_branch(world, branch, f"x = {number}\n".encode())
    first = github.pulls.create_pull(new_pull("agent/schedule-a"))
    world.server.seed.close_issue(NAME, first.number, "ada")
    second = github.pulls.create_pull(new_pull("agent/schedule-a"))
    github.pulls.create_pull(new_pull("agent/1-fix"))
    world.server.seed.open_pull(NAME, "ada", "Mine", "", "agent/schedule-b")
    listed = github.pulls.list_own("agent/schedule-a")
    assert [(one.number, one.open) for one in listed] == [(first.number, False), (second.number, True)]
    assert listed[0].created_at.startswith("20")
    assert github.pulls.list_own("agent/schedule-b") == ()
    assert [one.number for one in github.pulls.list_open_own("agent/schedule-")] == [second.number]


def test_files_of_an_installations_repositories_are_read(world):
    files = world.forge.files(world.installation)
    assert [one["full_name"] for one in files.fetch_repositories()] == [NAME]
    assert files.find_text(NAME, "a.py", "main") == "x = 1\n"
    assert files.find_text(NAME, "none.py", "main") is None
    assert files.find_text(NAME, "a.py", "none") is None
    files.close()


def test_a_check_run_is_found_by_its_external_id_and_updated(world, github):
    sha = push_branch(world)
    assert github.checks.find_check(sha, "agent", "t-1") is None
    running = CheckContent("in_progress", "Working", "3 of 5")
    made = github.checks.create_check(sha, "agent", "t-1", running)
    other = github.checks.create_check(sha, "agent", "t-2", running)
    assert github.checks.find_check(sha, "agent", "t-1") == made
    assert github.checks.find_check(sha, "agent", "t-2") == other
    stop = CheckAction("Stop", "Stop this task", "stop")
    done = CheckContent("completed", "Proven", "all", "success", "long", "https://example.org/x", (stop,))
    github.checks.update_check(made.id, done)
    found = github.checks.find_check(sha, "agent", "t-1")
    assert found is not None
    assert (found.id, found.status, found.conclusion) == (made.id, "completed", "success")


def test_branches_are_read_and_a_missing_one_is_none(world, github):
    sha = push_branch(world, "agent/2-ü#x")
    assert github.refs.fetch_default_branch() == "main"
    assert github.refs.find_branch("agent/2-ü#x") == sha
    assert github.refs.find_branch("agent/2") is None
    assert github.refs.fetch_head("main") == world.server.seed.refs(NAME)["refs/heads/main"]
    with pytest.raises(GitHubFault):
        github.refs.fetch_head("gone")
    with pytest.raises(GitHubFault, match="not a name"):
        github.refs.find_branch("a/../../../../../user")


def test_the_files_of_a_pull_request_are_named(world, github):
    world.server.seed.commit(NAME, {"b/c.py": b"y = 1\n", "a.py": b"x = 2\n"}, "Two", branch="two")
    number = world.server.seed.open_pull(NAME, "ada", "Two", "", "two")
    assert github.pulls.fetch_changed(number) == ("a.py", "b/c.py")
