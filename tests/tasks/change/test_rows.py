"""What a watcher sees, from the rows alone."""

from functools import reduce

from bot.domain.tasks import Phase
from bot.tasks.change.rows import PhaseSpan, Row, RowKind, Watched, apply_row


def phase(name: str, state: str, at: float) -> Row:
    return Row(RowKind.PHASE, {"phase": name, "state": state}, at)


def watch(*rows: Row) -> Watched:
    return reduce(apply_row, rows, Watched())


def test_phases_add_up_over_rounds_and_the_running_one_is_open() -> None:
    seen = watch(
        phase("work", "begun", 10),
        phase("work", "ended", 14),
        phase("verify", "begun", 14),
        phase("verify", "ended", 15),
        phase("work", "begun", 15),
        phase("work", "ended", 18),
        phase("verify", "begun", 18),
    )
    assert seen.phases == (PhaseSpan(Phase.WORK, 7.0), PhaseSpan(Phase.VERIFY, 1.0, begun=18))


def test_a_phase_cut_short_by_a_crash_begins_again() -> None:
    seen = watch(phase("work", "begun", 10), phase("work", "begun", 40), phase("work", "ended", 45))
    assert seen.phases == (PhaseSpan(Phase.WORK, 35.0),)


def test_lines_plan_and_turns() -> None:
    seen = watch(
        Row(RowKind.LINES, {"lines": ["$ ls"], "plan": [["look", "in_progress"]]}, 1),
        Row("reply", {"reply": {}}, 2),
        Row("outputs", {}, 3),
        Row(RowKind.LINES, {"lines": ["ok after 0.1 s: $ ls"]}, 4),
    )
    assert seen.lines == ("$ ls", "ok after 0.1 s: $ ls")
    assert seen.plan == (("look", "in_progress"),)
    assert seen.turns == 1
