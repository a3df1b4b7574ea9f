"""What people can say to the agent besides "fix this": the real application against the hub over HTTP."""

import json
import subprocess
import threading
import time
from pathlib import Path

import pytest

from bot.domain.outcomes import Refusal
from bot.domain.tasks import Phase, TaskStatus
from bot.store.deliveries import Verdict
from bot.store.tasks import Tasks
from tests.model_server.seen import Seen
from tests.stories.model import Call, Turn, edit, shell, submit, write
from tests.stories.test_stories import FIX, GOOD, TEST
from tests.stories.world import NAME, NEW_TEST, World, story

pytestmark = pytest.mark.stories  # an application of its own for each: not in the fast suite

SLOW: list[Turn] = [FIX, shell("touch started; sleep 397"), submit()]


def sleeping() -> bool:
    """Whether the model's command is alive anywhere on this host."""
    found = subprocess.run(["pgrep", "-f", "sleep 397"], capture_output=True, check=False)
    return found.returncode == 0


def wait_for_the_command(world: World) -> None:
    world.wait_for("the second turn", lambda: len(world.model.requests) >= 2)
    world.wait_for("the command", sleeping)


def test_stop_ends_the_task_and_its_sandbox_at_once_and_shows_the_work_so_far(tmp_path: Path) -> None:
    with story(tmp_path, SLOW) as world:
        world.comment("ada", "@agent fix this")
        wait_for_the_command(world)
        said = world.comment("ada", "@agent stop")
        task = world.wait_until_over()
        assert (task.outcome, task.detail) == ("stopped", "Stopped by ada.")
        world.wait_for("the end of the command", lambda: not sleeping())
        (comment,) = world.bot_comments()
        assert "⏹️ Stopped." in comment
        assert "+    return a + b" in comment
        assert ["pullwright[bot]", "eyes"] in world.thread()["reactions"][str(said)]
        assert world.pulls() == []
        time.sleep(1)  # nobody takes it up again
        assert world.wait_until_over().outcome == "stopped"


def test_stop_ends_a_set_up_that_runs(tmp_path: Path) -> None:
    with story(tmp_path, GOOD, PULLWRIGHT_SETUP_COMMAND="sleep 397") as world:
        world.comment("ada", "@agent fix this")
        world.wait_for("the set-up", sleeping)
        world.comment("ada", "@agent stop")
        assert world.wait_until_over().outcome == "stopped"
        world.wait_for("the end of the set-up", lambda: not sleeping())
        assert world.model.requests == []
        assert "⏹️ Stopped." in world.bot_comments()[0]


def test_stop_ends_a_verification_that_runs_and_nothing_is_published(tmp_path: Path) -> None:
    begins = "    def test_sum(self):\n"
    slow = NEW_TEST.replace(begins, f"{begins}        __import__('os').system('sleep 397')\n")
    turns: list[Turn] = [FIX, write("tests/test_app.py", slow), submit()]
    with story(tmp_path, turns) as world:
        world.comment("ada", "@agent fix this")
        world.wait_for("the verification", sleeping)
        assert len(world.model.requests) == len(turns)
        world.comment("ada", "@agent stop")
        assert world.wait_until_over().outcome == "stopped"
        world.wait_for("the end of the tests", lambda: not sleeping())
        assert world.pulls() == []
        assert "+    return a + b" in world.bot_comments()[0], "the work is not lost"


def test_closing_the_issue_ends_the_task_with_its_own_reason(tmp_path: Path) -> None:
    with story(tmp_path, SLOW) as world:
        world.comment("ada", "@agent fix this")
        wait_for_the_command(world)
        world.hub.seed.close_issue(NAME, world.issue, "ada")
        assert world.wait_until_over().outcome == "closed"
        assert "Closed by ada." in world.bot_comments()[0]


def test_a_task_that_waits_for_an_answer_can_be_stopped_and_tried_again(tmp_path: Path) -> None:
    ask = Call("ask_person", {"questions": ["Floats too?"]})
    with story(tmp_path, [ask, *GOOD]) as world:
        world.comment("ada", "@agent fix this")
        tasks = Tasks(world.database)
        world.wait_for("a task", lambda: tasks.newest(1))
        world.wait_for("the rest", lambda: tasks.newest(1)[0].status is TaskStatus.WAITING)
        world.comment("ada", "@agent stop")
        assert world.wait_until_over().outcome == "stopped"
        world.comment("ada", "@agent retry without floats")
        assert world.wait_until_decided().verdict is Verdict.TASK
        world.wait_for("the next rest", lambda: tasks.newest(1)[0].status is TaskStatus.WAITING)
        assert "without floats" in json.dumps(world.model.requests[1]["messages"])


def test_status_help_and_a_slip_are_answered_while_the_task_goes_on(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        goes_on = threading.Event()
        world.model.before = lambda turn: goes_on.wait(30) and None
        world.comment("ada", "@agent fix this")
        world.wait_for("the first request", lambda: world.model.requests)
        for said, answer in {
            "@agent status": "I am working on it",
            "@agent help": "| `stop` |",
            "@agent sotp": "Did you mean `stop`?",
            "@agent fix this --modle x": "Did you mean `--model`?",
        }.items():
            world.comment("ada", said)
            world.wait_until_decided()
            assert any(answer in body for body in world.bot_comments()), said
        goes_on.set()
        assert world.wait_until_over().outcome == "proven"


def test_a_question_is_answered_in_one_comment_and_nothing_is_changed(tmp_path: Path) -> None:
    answer = "`add` subtracts (`app.py:2`)."
    turns: list[Turn] = [shell("cat app.py; echo x > scratch"), submit("no_change_needed", summary=answer)]
    with story(tmp_path, turns) as world:
        world.comment("ada", "@agent explain why sums are wrong")
        assert world.wait_until_over().outcome == "answered"
        (comment,) = world.bot_comments()
        assert comment.startswith(answer)
        assert world.pulls() == []
        assert world.branches() == []
        first = world.model.requests[0]
        assert "an answer is wanted and no change" in json.dumps(first["messages"])
        assert {"edit", "write_file", "apply_patch"}.isdisjoint(
            tool["function"]["name"] for tool in first["tools"]
        )


def test_words_in_the_last_turn_of_an_answer_are_heard_before_it_is_told(tmp_path: Path) -> None:
    worlds = list[World]()

    def play(seen: Seen) -> Turn:
        if seen.turn == 0:
            worlds[0].comment("ada", "@agent explain where it is called as well")
            assert worlds[0].wait_until_decided().verdict is Verdict.REPLY
        return submit("no_change_needed", summary=["It subtracts.", "Nobody calls it."][min(seen.turn, 1)])

    with story(tmp_path, play) as world:
        worlds.append(world)
        world.comment("ada", "@agent explain why sums are wrong")
        assert world.wait_until_over().outcome == "answered"
        assert len(world.model.requests) == 2
        assert "where it is called as well" in json.dumps(world.model.requests[1]["messages"])
        (comment,) = world.bot_comments()
        assert comment.startswith("Nobody calls it.")


def test_a_label_asks_for_a_change(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        world.hub.seed.label(NAME, world.issue, "ada", "agent:fix")
        assert world.wait_until_over().outcome == "proven"


def test_a_strangers_request_is_released_by_a_maintainer(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        world.comment("eve", "@agent fix the sign")
        assert world.wait_until_decided().reason == Refusal.NO_WRITE_ACCESS
        assert world.model.requests == []
        world.comment("ada", "@agent go")
        assert world.wait_until_over().outcome == "proven"
        assert "fix the sign" in json.dumps(world.model.requests[0]["messages"])
        assert "Requested by ada" in world.pulls()[0]["issue"]["body"]


def test_a_branch_to_start_from_is_where_the_pull_request_goes(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        world.hub.seed.commit(NAME, {"only-dev.txt": b"x"}, "On dev", "dev")
        world.comment("ada", "@agent fix this --base dev")
        assert world.wait_until_over().outcome == "proven"
        assert world.pulls()[0]["pull"]["base"]["ref"] == "dev"


def test_words_that_come_while_the_change_is_verified_are_heard_before_it_is_published(
    tmp_path: Path,
) -> None:
    turns: list[Turn] = [FIX, TEST, submit(), edit("README.md", "# App", "# Sums"), submit()]
    with story(tmp_path, turns) as world:
        tasks = Tasks(world.database)
        world.comment("ada", "@agent fix this")
        world.wait_for(
            "the verification", lambda: [one for one in tasks.newest(1) if one.phase is Phase.VERIFY]
        )
        world.comment("ada", "@agent and name it Sums")
        assert world.wait_until_decided().verdict is Verdict.REPLY
        assert world.wait_until_over().outcome == "proven"
        assert "and name it Sums" in json.dumps(world.model.requests[3]["messages"])
        (pull,) = world.pulls()
        assert "+# Sums" in pull["diff"]
