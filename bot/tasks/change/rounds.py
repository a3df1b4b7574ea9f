"""What follows a verification: publish, back to the work, or an honest end. Pure."""

from dataclasses import dataclass

from bot.domain import limits
from bot.domain.evidence import Evidence, RunPurpose, Tier

_SHOWN = 10  # ids of one kind in a message to the model: it looks closer with run_tests


@dataclass(frozen=True)
class Publish:
    """Tier A, B or C: open the pull request."""


@dataclass(frozen=True)
class WorkAgain:
    """Back into the same history with this text."""

    feedback: str


@dataclass(frozen=True)
class HandOver:
    """Red to the end: the patch is shown, not proposed."""


def decide_round(
    evidence: Evidence, rounds: int, *, wants_proof: bool = True
) -> Publish | WorkAgain | HandOver:
    """`rounds` verifications were done before this one. Red goes back at most VERIFY_ROUNDS times; a change
    without proof goes back once, because most of the time only the regression test was forgotten (`wants_proof` False:
    none is due, as of a merge)."""
    if evidence.tier is Tier.D:
        if rounds < limits.VERIFY_ROUNDS:
            return WorkAgain(render_feedback(evidence))
        return HandOver()
    if evidence.tier is Tier.B and rounds == 0 and wants_proof:
        return WorkAgain(render_feedback(evidence))
    return Publish()


def render_feedback(evidence: Evidence) -> str:
    """What the harness measured, for the model: the first line says why it is not enough."""
    lines = [f"[verification] Tier {evidence.tier.value}: {evidence.reason}"]
    lines += _ids("These tests passed before and fail with your change", evidence.regressions)
    lines += _ids("These tests are missing from the report", evidence.missing)
    if not evidence.proofs:
        lines.append(
            "No test of your change failed on the old code and passed on the new. A regression test must "
            "fail by its assertion when only the test files of your change are put on the base commit."
        )
    failed = [run for run in evidence.runs if run.purpose is RunPurpose.WHOLE_PATCH and run.exit_code != 0]
    lines += [f"The whole change: `{run.command}` ended with {_ended(run.exit_code, run.ended_by)}, "
              f"{run.failed} failed, {run.errors} errors." for run in failed[:1]]  # fmt: skip
    lines += [f"Note: {note}" for note in evidence.notes]
    lines.append(
        "Mend it and submit again. If no test can show it, submit again and say in `risks` why not."
        if evidence.tier is Tier.B
        else "Mend it and submit again."
    )
    return "\n".join(lines)


def _ids(title: str, ids: tuple[str, ...]) -> list[str]:
    if not ids:
        return []
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return [f"{title}: {', '.join(ids[:_SHOWN])}{more}."]


def _ended(exit_code: int | None, ended_by: str) -> str:
    return f"exit code {exit_code}" if exit_code is not None else ended_by
