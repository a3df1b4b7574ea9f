"""How much was proven, in one sentence with its reason (DESIGN, section 5). Pure."""

from dataclasses import dataclass

from bot.domain.evidence import Tier


@dataclass(frozen=True)
class Findings:
    """What a verification found. `doubts`: differences of the integrity runs; each costs tier A."""

    runner_reports: bool  # False: only an exit code
    measured: bool  # the base could be measured
    why_not_measured: str = ""
    proofs: int = 0
    regressions: int = 0
    missing: int = 0
    skipped: int = 0
    new_failures: int = 0
    problem: str = ""  # the whole change's own run can't be trusted
    doubts: tuple[str, ...] = ()
    no_tests_changed: bool = False
    why_no_proof: str = ""  # a better reason than that there was none


def decide_tier(found: Findings) -> tuple[Tier, str]:
    """The tier and why it is no better."""
    if not found.measured:
        return Tier.C, f"The tests could not be run on the untouched base: {found.why_not_measured}."
    red = _red(found)
    if red:
        return Tier.D, red
    if not found.runner_reports:
        return (
            Tier.B,
            "The test command leaves no report, so no single test can be shown to have failed before.",
        )
    if not found.proofs:
        if found.why_no_proof:
            return Tier.B, found.why_no_proof
        if found.no_tests_changed:
            return Tier.B, "The change brings no test, and none that failed before passes now."
        return (
            Tier.B,
            "No test of the change failed on the untouched code in its own body and passes with the change.",
        )
    if found.doubts:
        return Tier.B, found.doubts[0]
    count = "1 test" if found.proofs == 1 else f"{found.proofs} tests"
    return (
        Tier.A,
        f"{count} failed before and {'passes' if found.proofs == 1 else 'pass'} after; nothing broke.",
    )


def _red(found: Findings) -> str:
    if found.problem:
        return f"The tests could not be run with the change: {found.problem}."
    if found.regressions:
        return f"{_tests(found.regressions)} that passed before fail{_s(found.regressions)} now."
    if found.new_failures:
        return f"{_tests(found.new_failures)} of the change fail{_s(found.new_failures)} with the change."
    if found.missing:
        return f"{_tests(found.missing)} that passed before {'is' if found.missing == 1 else 'are'} not run any more."
    if found.skipped:
        return (
            f"{_tests(found.skipped)} that passed before {'is' if found.skipped == 1 else 'are'} skipped now."
        )
    return ""


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count} tests"


def _s(count: int) -> str:
    return "s" if count == 1 else ""
