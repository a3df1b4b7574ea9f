"""What the model is told of a test run: differences against the base, and no more than was measured."""

from bot.domain import limits
from bot.domain.evidence import TestStatus
from bot.verify.baseline import Baseline
from bot.verify.difference import find_new_passes, render_difference, render_on_base
from bot.verify.report import TestReport, TestResult

PASSED, FAILED = TestResult(TestStatus.PASSED), TestResult(TestStatus.FAILED, message="assert 1 == 2")


def rendered(results: dict[str, TestResult], baseline: Baseline) -> str:
    return render_difference(TestReport(results), baseline, "pytest", "the output", partial=False)


def test_what_changed_comes_first_and_is_named() -> None:
    baseline = Baseline(passing=frozenset({"a", "b", "gone"}), failing=frozenset({"c"}))
    text = rendered({"a": PASSED, "b": FAILED, "c": PASSED, "new": PASSED}, baseline)
    assert "Newly failing (1):\n  b" in text
    assert "Newly passing (1):\n  c" in text
    assert "New tests that pass (1):\n  new" in text
    assert "Not in the report any more (1):\n  gone" in text
    assert "--- b\nassert 1 == 2" in text


def test_nothing_new_is_said_as_such() -> None:
    assert "Nothing fails that did not fail before." in rendered({"a": PASSED}, Baseline(frozenset({"a"})))


def test_without_a_baseline_nothing_is_said_about_before() -> None:
    text = rendered({"a": PASSED, "b": FAILED}, Baseline(problem="the test run did not come to its own end"))
    assert "The untouched base could not be measured" in text
    assert "Failing (1):\n  b" in text
    assert "assert 1 == 2" in text
    for claim in ("before", "New tests", "Newly"):
        assert claim not in text.partition("this is the run alone.")[2]


def test_a_run_without_results_shows_the_end_of_its_output() -> None:
    assert rendered({}, Baseline(frozenset({"a"}))).endswith("the output")


def test_new_tests_are_told_by_what_they_do_on_the_untouched_code() -> None:
    lost = TestResult(TestStatus.ERROR, message="Traceback\nImportError: cannot import name 'plus'")
    text = render_on_base(("a", "b", "c", "gone"), TestReport({"a": FAILED, "b": PASSED, "c": lost}))
    assert "Fail there, as a proof must (1):\n  a" in text
    assert "Pass there as well, so they show nothing about the change (1):\n  b" in text
    assert "so they prove nothing (2):\n  c\n  gone\n  ImportError: cannot import name 'plus'" in text
    file = render_on_base(
        ("f::a",), TestReport({"f": lost})
    )  # a file that can't be loaded is told by its own name
    assert file.endswith("  f::a\n  ImportError: cannot import name 'plus'")


def test_only_new_tests_that_pass_are_tried_on_the_base() -> None:
    report = TestReport({"old": PASSED, "new": PASSED, "red": FAILED})
    baseline = Baseline(passing=frozenset({"old"}))
    assert find_new_passes(report, baseline) == ("new",)
    assert find_new_passes(report, Baseline(problem="no report")) == ()
    many = TestReport({f"new{number}": PASSED for number in range(limits.FLAKE_TESTS + 1)})
    assert find_new_passes(many, baseline) == (), "a suite that moved is no regression test"
