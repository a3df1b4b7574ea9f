"""What a run of the tests changed against the baseline, for the model: differences first, then the evidence. Pure."""

from typing import Final

from bot.domain import limits
from bot.domain.evidence import TestStatus
from bot.verify.baseline import Baseline
from bot.verify.report import TestReport

_IDS_SHOWN: Final = 20


def render_difference(
    report: TestReport, baseline: Baseline, command: str, output: str, *, partial: bool
) -> str:
    """`partial`: only a selection ran, so what is not in the report is not missing."""
    lines = [f"$ {command}", _totals(report)]
    if report.problem:
        lines.append(f"The run can't be trusted: {report.problem}.")
    if baseline.problem:
        lines.append(f"The untouched base could not be measured ({baseline.problem}); this is the run alone.")
        lines += _section("Failing", report.broken)
        lines += _failures(report, sorted(report.broken))
        return "\n".join([*lines, *_tail(report, output)])
    broken = report.broken
    new = broken - baseline.failing - baseline.flaky
    lines += _section("Newly failing", new & baseline.passing)
    lines += _section("Failing, not in the base (new tests)", new - baseline.passing)
    lines += _section("Newly passing", report.ids(TestStatus.PASSED) & baseline.failing)
    lines += _section("New tests that pass", report.ids(TestStatus.PASSED) - _known(baseline))
    lines += _section("Newly skipped", report.ids(TestStatus.SKIPPED) & baseline.passing)
    if not partial and not report.problem:
        lines += _section("Not in the report any more", baseline.passing - frozenset(report.results))
    lines += _section("Failed before already", broken & baseline.failing)
    lines += _section("Flaky on the base", broken & baseline.flaky)
    if not (new or broken) and not report.problem:
        lines.append("Nothing fails that did not fail before.")
    lines += _failures(report, sorted(new) or sorted(broken))
    return "\n".join([*lines, *_tail(report, output)])


def find_new_passes(report: TestReport, baseline: Baseline) -> tuple[str, ...]:
    """Tests that the base does not have and that pass: what they do on the base decides whether they prove anything.
    None where so many come at once that they are no regression tests."""
    new = report.ids(TestStatus.PASSED) - _known(baseline)
    usable = not (report.problem or baseline.problem) and len(new) <= limits.FLAKE_TESTS
    return tuple(sorted(new)) if usable else ()


def render_on_base(names: tuple[str, ...], report: TestReport) -> str:
    """`report`: of these tests on the untouched code, with nothing of the change but its tests."""
    results = report.results
    green = frozenset(name for name in names if name in report.ids(TestStatus.PASSED))
    red = frozenset(name for name in names if name in report.ids(TestStatus.FAILED))
    lost = frozenset(names) - green - red
    lines = ["", "The new tests on the untouched code, with nothing of the change but its tests:"]
    lines += _section("Fail there, as a proof must", red)
    lines += _section("Pass there as well, so they show nothing about the change", green)
    lines += _section("Can't be loaded or set up there, so they prove nothing", lost)
    told = min(lost & results.keys(), default="") or (min(report.broken, default="") if lost else "")
    said = results[told].message.strip().splitlines()[-1:] if told else []
    return "\n".join([*lines, *(f"  {line}" for line in said)])


def _tail(report: TestReport, output: str) -> list[str]:
    return [] if report.results else ["", "The end of its output:", output.strip()[-3_000:]]


def _totals(report: TestReport) -> str:
    counts = [
        (report.count(TestStatus.PASSED), "passed"),
        (report.count(TestStatus.FAILED), "failed"),
        (report.count(TestStatus.ERROR), "errors"),
        (report.count(TestStatus.SKIPPED), "skipped"),
    ]
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "no test ran"


def _section(title: str, ids: frozenset[str]) -> list[str]:
    if not ids:
        return []
    shown = sorted(ids)[:_IDS_SHOWN]
    more = [f"  … and {len(ids) - len(shown)} more"] if len(ids) > len(shown) else []
    return [f"{title} ({len(ids)}):", *(f"  {name}" for name in shown), *more]


def _failures(report: TestReport, ids: list[str]) -> list[str]:
    lines: list[str] = []
    for name in ids[: limits.FAILURE_TESTS]:
        text = report.results[name].message.strip().splitlines()
        cut = text[: limits.FAILURE_LINES]
        more = [f"[… {len(text) - len(cut)} lines more]"] if len(text) > len(cut) else []
        lines += ["", f"--- {name}", *cut, *more]
    return lines


def _known(baseline: Baseline) -> frozenset[str]:
    return baseline.passing | baseline.failing | baseline.flaky | baseline.skipped
