"""What CI says of a commit, read from the hub: every request is judged by GitHub's own description."""

import httpx2
import pytest

from bot.domain import limits
from bot.domain.ci import State
from bot.domain.ids import CommitSha
from bot.errors import GitHubFault
from bot.forge.checks import CheckContent
from bot.forge.ci import CiReader, JobLog
from tests.forge.conftest import NAME, World

LOG = "2026-11-26T10:00:00.0000000Z E   assert -1 == 3\n2026-11-26T10:00:01.0000000Z ##[error]exit code 1\n"


@pytest.fixture
def ci(world: World):
    reader = world.forge.ci(world.installation, NAME, world.repository)
    yield reader
    reader.close()


@pytest.fixture
def head(world: World) -> CommitSha:
    return CommitSha(world.server.seed.commit(NAME, {"a.py": b"x = 2\n"}, "Fix", branch="agent/1-fix"))


def begin(world: World, *jobs: str) -> int:
    return world.server.seed.begin_workflow(NAME, "agent/1-fix", list(jobs))


def end(world: World, run: int, job: str, conclusion: str = "failure", log: str = LOG, **more) -> None:
    world.server.seed.end_job(NAME, run, job, conclusion, log, **more)


def test_a_commit_without_ci_has_no_checks(ci: CiReader, head: CommitSha) -> None:
    assert ci.fetch_checks(head).checks == ()


def test_runs_suites_and_statuses_are_one_set_and_ours_is_not_in_it(world, github, ci, head) -> None:
    run = begin(world, "lint", "test")
    end(world, run, "lint", "success")
    world.server.seed.set_status(NAME, "ada", "agent/1-fix", "pending", "deploy")
    github.checks.create_check(head, "agent", "t-1", CheckContent("completed", "No", "no", "failure"))
    found = ci.fetch_checks(head)
    assert {(one.name, one.state) for one in found.checks} == {
        ("lint", State.PASSED),
        ("test", State.PENDING),
        ("deploy", State.PENDING),
    }
    assert found.unfinished == ("test", "deploy", "GitHub Actions")
    end(world, run, "test")
    world.server.seed.set_status(NAME, "ada", "agent/1-fix", "error", "deploy")
    found = ci.fetch_checks(head)
    assert found.unfinished == ()
    assert {one.name for one in found.failed} == {"test", "deploy"}


def test_a_check_that_was_run_again_remembers_that_it_passed(world, ci, head) -> None:
    run = begin(world, "test")
    end(world, run, "test", "success")
    world.server.seed.begin_job(NAME, run, "test")
    end(world, run, "test")
    (check,) = ci.fetch_checks(head).checks
    assert (check.state, check.earlier) == (State.FAILED, (State.PASSED,))
    assert world.server.hub.repository(NAME).workflow_runs[run].conclusion == "failure"


def test_annotations_are_read_up_to_a_number(world, ci, head) -> None:
    run = begin(world, "test")
    note = {"path": "a.py", "start_line": 1, "end_line": 2, "annotation_level": "failure", "message": "bad"}
    end(world, run, "test", annotations=[{**note, "title": str(n)} for n in range(5)])
    (check,) = ci.fetch_checks(head).failed
    found = ci.fetch_annotations(check.id, most=3)
    assert [one.title for one in found] == ["0", "1", "2"]
    assert (found[0].path, found[0].start_line, found[0].level) == ("a.py", 1, "failure")
    assert ci.fetch_annotations(1) == ()


def test_a_log_is_read_through_its_redirect_and_without_our_token(world, ci, head) -> None:
    end(world, begin(world, "test"), "test")
    (check,) = ci.fetch_checks(head).failed
    assert ci.fetch_log(check.job) == JobLog(LOG.encode())
    (asked,) = (one for one in world.server.hub.requests if "_job_logs" in one.path)
    assert asked.caller == "anonymous"


def test_of_a_long_log_head_and_tail_are_kept(world, ci, head) -> None:
    log = "head\n" + "x" * 2 * (limits.CI_LOG_HEAD_BYTES + limits.CI_LOG_TAIL_BYTES) + "\ntail\n"
    end(world, begin(world, "test"), "test", log=log)
    (check,) = ci.fetch_checks(head).failed
    found = ci.fetch_log(check.job)
    assert found is not None
    assert len(found.head) == limits.CI_LOG_HEAD_BYTES
    assert len(found.tail) == limits.CI_LOG_TAIL_BYTES
    assert found.left_out == len(log) - len(found.head) - len(found.tail)
    assert found.text.startswith("head\n")
    assert found.text.endswith("\ntail\n")
    assert f"{found.left_out:,} bytes left out" in found.text


def test_a_log_that_is_gone_is_none_and_one_that_is_not_ours_to_read_is_a_fault(world, ci, head) -> None:
    assert ci.fetch_log(5) is None
    end(world, begin(world, "test"), "test")
    (check,) = ci.fetch_checks(head).failed
    world.fault("GET", "/logs$", 403)
    with pytest.raises(GitHubFault):
        ci.fetch_log(check.job)


def test_an_address_that_does_not_answer_is_no_log_and_is_not_told(
    world, ci, head, monkeypatch, caplog
) -> None:
    end(world, begin(world, "test"), "test")
    (check,) = ci.fetch_checks(head).failed

    def refuse(*_: object, **__: object) -> None:
        raise httpx2.ConnectError("https://secret.example/?sig=abc")

    monkeypatch.setattr(httpx2, "stream", refuse)
    assert ci.fetch_log(check.job) is None
    assert "secret.example" not in caplog.text


def test_the_token_of_ci_can_read_and_nothing_else(world, ci, head) -> None:
    ci.fetch_checks(head)
    granted = [token.permissions for token in world.server.hub.tokens.values() if token.installation]
    assert granted == [{"actions": "read", "checks": "read", "metadata": "read", "statuses": "read"}]
