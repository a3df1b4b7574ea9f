"""Workers die in every way; the task goes on, and everything outside is there once."""

import signal
import time
from contextlib import closing
from itertools import count

import pytest

from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskStatus
from bot.tasks.engine import RunStatus
from bot.tasks.engine_dbos import DbosEngine
from tests.tasks.conftest import Lab
from tests.tasks.world import PHASES

pytestmark = pytest.mark.crash  # real processes killed at every point: `make crash`


def restart_until_finished(lab: Lab, comment: int, **script: object) -> int:
    """Start a worker again whenever it was killed; how often it died."""
    for deaths in count():
        lab.start(f"w{deaths}", **script)
        lab.wait(lambda: lab.newest.poll() is not None or lab.task(comment).status is TaskStatus.FINISHED)
        if lab.newest.poll() is None:
            return deaths
        assert lab.newest.returncode == -signal.SIGKILL, lab.log()
    raise AssertionError


def test_killed_with_a_write_in_flight_in_every_phase_each_effect_is_there_once(lab: Lab) -> None:
    lab.queue(1)
    deaths = restart_until_finished(lab, 1, kill={f"{phase}:in_flight": 1 for phase in PHASES})
    assert deaths == len(PHASES)
    assert lab.task(1).outcome == Outcome.PROVEN
    for phase in PHASES:
        assert lab.elsewhere.count_written(f"t-1:{phase.value}") == 1
        assert len(lab.elsewhere.noted("t-1", phase, "begun")) == 2, "the phase that was cut short, again"
        assert len(lab.elsewhere.noted("t-1", phase, "ended")) == 1
    assert lab.task(1).facts == {phase.value: "done" for phase in PHASES[:-1]}


def test_killed_before_and_after_its_effect_a_phase_is_repeated_and_no_other(lab: Lab) -> None:
    lab.queue(1)
    restart_until_finished(lab, 1, kill={"prepare:begin": 1, "publish:end": 1})
    begun = [phase for _, phase, _ in lab.elsewhere.sequence("begun")]
    twice = ("prepare", "publish")
    assert begun == [phase for one in PHASES for phase in [one.value] * (1 + (one.value in twice))]
    assert all(lab.elsewhere.count_written(f"t-1:{phase.value}") == 1 for phase in PHASES)


def test_a_task_that_kills_every_worker_ends_and_people_are_told_once(lab: Lab) -> None:
    lab.queue(1)
    deaths = restart_until_finished(lab, 1, kill={"work:begin": 99}, attempts=2)
    assert deaths == 2
    assert lab.task(1).outcome == Outcome.CRASHED
    assert "cut short 2 times" in lab.task(1).detail
    assert lab.elsewhere.told("t-1") == [Outcome.CRASHED]


def test_a_dead_worker_of_another_host_is_noticed_by_its_heartbeat_and_replaced(lab: Lab) -> None:
    lab.queue(1)
    lab.start("w1", locks="host-1", hang=["work"])
    lab.wait(lambda: lab.elsewhere.noted("t-1", Phase.WORK, "begun"))
    lab.start("w2", locks="host-2")
    lab.processes[0].kill()
    lab.wait_finished(1)
    assert lab.elsewhere.noted("t-1", Phase.WORK, "begun") == ["w1", "w2"]
    assert lab.elsewhere.noted("t-1", Phase.ACCEPT, "begun") == ["w1"]
    assert lab.task(1).outcome == Outcome.PROVEN


def test_a_worker_that_was_stopped_and_wakes_up_writes_nothing_more(lab: Lab) -> None:
    lab.queue(1)
    asleep = lab.start("w1", locks="host-1", hang=["work"])
    lab.wait(lambda: lab.elsewhere.noted("t-1", Phase.WORK, "begun"))
    asleep.send_signal(signal.SIGSTOP)
    lab.start("w2", locks="host-2")
    lab.wait_finished(1)
    (lab.folder / "go").touch()
    asleep.send_signal(signal.SIGCONT)
    lab.wait(lambda: asleep.poll() is not None)
    assert asleep.returncode == 3, "it fenced itself"
    assert lab.elsewhere.noted("t-1", Phase.WORK, "ended") == ["w2"]
    assert all(lab.elsewhere.count_written(f"t-1:{phase.value}") == 1 for phase in PHASES)
    assert lab.task(1).outcome == Outcome.PROVEN


def test_sigterm_cleans_up_and_hands_running_tasks_to_another_worker(lab: Lab) -> None:
    lab.queue(1, 2)
    old = lab.start("w1", hang=["work"])
    lab.wait(lambda: all(lab.elsewhere.noted(f"t-{n}", Phase.WORK, "begun") for n in (1, 2)))
    old.send_signal(signal.SIGTERM)
    lab.wait(lambda: old.poll() is not None)
    assert old.returncode == 0, lab.log()
    assert all(lab.elsewhere.noted(f"t-{n}", Phase.WORK, "cleaned up") == ["w1"] for n in (1, 2))
    lab.start("w2")
    lab.wait_finished(1, 2)
    assert lab.elsewhere.noted("t-1", Phase.ACCEPT, "begun") == ["w1"]
    assert lab.elsewhere.noted("t-1", Phase.WORK, "ended") == ["w2"]


def test_a_worker_that_drains_ends_its_tasks_itself_and_leaves_new_ones_to_the_other(lab: Lab) -> None:
    lab.queue(1)
    old = lab.start("w1", hang=["work"], drain_s=120.0)
    lab.wait(lambda: lab.elsewhere.noted("t-1", Phase.WORK, "begun"))
    old.send_signal(signal.SIGTERM)
    lab.wait(lambda: "worker drains" in lab.log())
    lab.start("w2")
    lab.queue(2)
    lab.wait_finished(2)
    assert lab.elsewhere.noted("t-2", Phase.ACCEPT, "begun") == ["w2"]
    assert old.poll() is None, "its own task is still at work"
    (lab.folder / "go").touch()
    lab.wait_finished(1)
    lab.wait(lambda: old.poll() is not None)
    assert old.returncode == 0, lab.log()
    assert {name for phase in PHASES for name in lab.elsewhere.noted("t-1", phase, "begun")} == {"w1"}


@pytest.mark.parametrize("hurry", [True, False], ids=["second signal", "time is up"])
def test_a_drain_that_is_cut_short_is_a_hand_over(lab: Lab, hurry: bool) -> None:
    lab.queue(1)
    old = lab.start("w1", hang=["work"], drain_s=600.0 if hurry else 1.0)
    lab.wait(lambda: lab.elsewhere.noted("t-1", Phase.WORK, "begun"))
    old.send_signal(signal.SIGTERM)
    lab.wait(lambda: "worker drains" in lab.log())
    if hurry:
        old.send_signal(signal.SIGTERM)
    lab.wait(lambda: old.poll() is not None)
    assert old.returncode == 0, lab.log()
    lab.start("w2")
    lab.wait_finished(1)
    assert lab.elsewhere.noted("t-1", Phase.WORK, "ended") == ["w2"]


def test_the_engine_forgets_runs_that_ended_long_ago_and_no_others(lab: Lab) -> None:
    lab.queue(1)
    lab.start("w1")
    lab.wait_finished(1)
    task = lab.task(1).id
    with closing(DbosEngine(lab.url, "outside", 1)) as engine:
        lab.wait(lambda: engine.unfinished() == ())
        assert engine.forget(time.time() - 60.0, 10) == 0
        assert engine.find_latest(task) is not None
        assert engine.forget(time.time() + 60.0, 1) == 1
        assert engine.find_latest(task) is None


def test_a_cancelled_task_stops_within_its_phase_and_its_row_is_closed(lab: Lab) -> None:
    lab.queue(1)
    lab.start("w1", hang=["work"])
    lab.wait(lambda: lab.elsewhere.noted("t-1", Phase.WORK, "begun"))
    with closing(DbosEngine(lab.url, "outside", 1)) as engine:
        engine.cancel(lab.task(1).id)
        latest = engine.find_latest(lab.task(1).id)
    assert latest is not None
    assert latest.status is RunStatus.CANCELLED
    lab.wait_finished(1)
    lab.wait(lambda: lab.elsewhere.noted("t-1", Phase.WORK, "cleaned up") == ["w1"])
    assert lab.task(1).outcome == Outcome.STOPPED
    assert lab.elsewhere.told("t-1") == [Outcome.STOPPED]


def test_two_workers_make_each_delivery_one_task_and_run_no_more_at_once_than_the_limits_say(
    lab: Lab,
) -> None:
    lab.start("w1", fleet=2)
    lab.start("w2", fleet=2)
    lab.deliver(1, 2, 3, 4, 5)
    lab.deliver(1, 2, again="x")
    lab.wait_finished(1, 2, 3, 4, 5)
    assert all(lab.elsewhere.noted(f"t-{n}", Phase.ACCEPT, "ended") for n in range(1, 6))
    assert len(lab.elsewhere.sequence("begun")) == 5 * len(PHASES)
    running: set[str] = set()
    for task, phase, what in lab.elsewhere.sequence():
        if (phase, what) == (Phase.ACCEPT, "begun"):
            running.add(task)
            assert len(running) <= 2
        if (phase, what) == (Phase.REPORT, "ended"):
            running.discard(task)
