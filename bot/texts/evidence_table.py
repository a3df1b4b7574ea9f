"""Sentences and tables about tests, from the harness's records alone (law 3). Pure.

The words are chosen with care: "failed before and passes after", never "fixed"; a selection is named when not the
whole suite ran; what could not be measured is said first.
"""

from typing import Final, assert_never

from bot.domain.evidence import Evidence, RunPurpose, RunRecord, Tier
from bot.domain.limits import NOTES_SHOWN, REST_SHOWN
from bot.texts.sanitise import code, fenced, sanitise_line

_SHOWN: Final = 20  # ids of one kind; evidence.json has all of them
_GROUPS_SHOWN: Final = 60  # rows of runs: more than the runs of one verification differ in
_SAID_BEFORE: Final = 1_500  # characters of a failure: an assertion with its trace

_PURPOSE: Final = {
    RunPurpose.BASELINE: "untouched base",
    RunPurpose.BEFORE_MERGE: "the branch before the merge",
    RunPurpose.BEGAN: "where the branch had begun",
    RunPurpose.TESTS_ONLY: "base + only the tests of this change",
    RunPurpose.WHOLE_PATCH: "base + the whole change",
    RunPurpose.INTEGRITY_TESTS_ONLY: "test set-up put back: base + only the tests",
    RunPurpose.INTEGRITY_WHOLE: "old tests or test set-up put back: the whole change",
    RunPurpose.CANARY: "base + the whole change, with tests of the harness that must fail",
    RunPurpose.PROOF_ALONE: "the whole change, the proven tests alone",
    RunPurpose.FLAKE_BASE: "a new failure alone, untouched base",
    RunPurpose.FLAKE_PATCH: "a new failure alone, the whole change",
    RunPurpose.OTHERS_TESTS: "the code of the change with the tests of another attempt",
    RunPurpose.LINT_BASE: "lint: untouched base",
    RunPurpose.LINT_PATCH: "lint: the whole change",
}


def render_verdict(evidence: Evidence) -> str:
    """What was measured, in one or two sentences."""
    match evidence.tier:
        case Tier.A:
            count = len(evidence.proofs)
            tests = "a test of this change" if count == 1 else f"{count} tests of this change"
            verbs = ("fails", "passes") if count == 1 else ("fail", "pass")
            return (
                f"**Proven (tier A).** On the untouched code {tests} {verbs[0]}, with the change "
                f"{'it' if count == 1 else 'they'} {verbs[1]}; nothing that passed before fails now."
            )
        case Tier.B:
            return f"**Checked, not proven (tier B).** {sanitise_line(evidence.reason)}"
        case Tier.C:
            return f"**Not tested (tier C).** {sanitise_line(evidence.reason)} Review it as untested code."
        case Tier.D:
            return f"**Not verified (tier D).** {sanitise_line(evidence.reason)}"
        case _:
            assert_never(evidence.tier)


def render_runs(evidence: Evidence) -> str:
    """Every test run as a row; runs that differ in nothing but their time share one."""
    if not evidence.runs:
        return ""
    lines = [
        "| tree | runs | passed | failed | errors | skipped | exit | seconds |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    groups = _groups(evidence.runs)
    for group in groups[:_GROUPS_SHOWN]:
        run = group[0]
        ended = str(run.exit_code) if run.exit_code is not None else sanitise_line(run.ended_by, 20)
        seconds = " / ".join(f"{one.seconds:.1f}" for one in group)
        lines.append(
            f"| {_PURPOSE[run.purpose]} | {len(group)} | {run.passed} | {run.failed} | {run.errors} "
            f"| {run.skipped} | {ended} | {seconds} |"
        )
    if len(groups) > _GROUPS_SHOWN:
        lines.append(f"| … and {len(groups) - _GROUPS_SHOWN} more | | | | | | | |")
    return "\n".join(lines)


def render_proofs(evidence: Evidence) -> str:
    """Which tests failed before and pass after, with what they said before."""
    if not evidence.proofs:
        return ""
    lines = ["| test | untouched code | with the change |", "|---|---|---|"]
    for proof in evidence.proofs[:_SHOWN]:
        lines.append(
            f"| {_cell(proof.test_id)} | failed {proof.failures_before} of {proof.runs_before} "
            f"| passed {proof.passes_after} of {proof.runs_after} |"
        )
    if len(evidence.proofs) > _SHOWN:
        lines.append(f"| … and {len(evidence.proofs) - _SHOWN} more | | |")
    first = evidence.proofs[0]
    if first.message_before.strip():
        which = "it" if len(evidence.proofs) == 1 else "the first of them"
        rest = len(first.message_before) - _SAID_BEFORE
        said = first.message_before[:_SAID_BEFORE] + (f"\n[… {rest:,} more characters]" if rest > 0 else "")
        message = fenced(said, "text")
        lines += [
            "",
            f"<details><summary>What {which} said before</summary>\n",
            message,
            "\n</details>",
        ]
    return "\n".join(lines)


def render_remarks(evidence: Evidence) -> str:
    """What a reader must see beside the verdict: failing before, flaky, broken, missing, notes."""
    parts = [f"- {sanitise_line(note, 500)}" for note in evidence.notes[:NOTES_SHOWN]]
    if len(evidence.notes) > NOTES_SHOWN:
        parts.append(f"- and {len(evidence.notes) - NOTES_SHOWN} more remarks")
    parts += _ids("Broken by the change", evidence.regressions)
    parts += _ids("Not in the report any more", evidence.missing)
    parts += _ids("Failed before already, not touched", evidence.failing_before)
    parts += _ids("Flaky: not the same result each time", evidence.flaky)
    return "\n".join(parts)


def render_whole(evidence: Evidence, page: str) -> str:
    """Where the rest is, when one of the lists above is cut. `page`: of the commit's check runs, which have the record
    beside them; empty: nothing was pushed, and the rest of the lists stands here, folded."""
    kinds = {
        "Remarks": evidence.notes[NOTES_SHOWN:],
        "Proven": tuple(proof.test_id for proof in evidence.proofs[_SHOWN:]),
        "Broken by the change": evidence.regressions[_SHOWN:],
        "Not in the report any more": evidence.missing[_SHOWN:],
        "Failed before already": evidence.failing_before[_SHOWN:],
        "Flaky": evidence.flaky[_SHOWN:],
    }
    said = evidence.proofs[0].message_before if evidence.proofs else ""
    cut = any(kinds.values()) or len(said) > _SAID_BEFORE or len(_groups(evidence.runs)) > _GROUPS_SHOWN
    if page:
        words = f"[the check run of the commit]({page}) has the record, as far as it fits there."
        return f"Not all of it is shown here; {words}" if cut else ""
    lists = "\n\n".join(_rest(title, texts) for title, texts in kinds.items() if texts)
    return f"<details><summary>What is not listed above</summary>\n\n{lists}\n\n</details>" if lists else ""


def _rest(title: str, texts: tuple[str, ...]) -> str:
    lines = [sanitise_line(text, 500) for text in texts[:REST_SHOWN]]
    more = len(texts) - REST_SHOWN
    lines += [f"{more:,} others are in evidence.json, which the operator has"] if more > 0 else []
    return f"{title}:\n\n{fenced(chr(10).join(lines))}"


def render_reproduce(evidence: Evidence) -> str:
    """How a person checks it by hand, and by our own command."""
    if not evidence.command:
        return ""
    found = f", from {sanitise_line(evidence.source, 200)}" if evidence.source else ""
    lines = [f"Test command: {code(evidence.command)} (runner: {evidence.runner}{found})."]
    if evidence.setup.strip():
        lines.append(f"Set-up: {code(' && '.join(evidence.setup.split(chr(10)))[:300])}.")
    lines.append(
        "The signed record: `pullwright verify evidence.json --repo CLONE`, with `--again` to run it all again."
    )
    return " ".join(lines)


def _groups(runs: tuple[RunRecord, ...]) -> list[list[RunRecord]]:
    groups: list[list[RunRecord]] = []
    for run in runs:
        same = next((group for group in groups if _print(group[0]) == _print(run)), None)
        if same is None:
            groups.append([run])
        else:
            same.append(run)
    return groups


def _print(run: RunRecord) -> tuple[object, ...]:
    counts = (run.passed, run.failed, run.errors, run.skipped)
    return (run.purpose, run.tree, run.command, run.exit_code, run.ended_by, *counts)


def _ids(title: str, ids: tuple[str, ...]) -> list[str]:
    if not ids:
        return []
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return [f"- {title}: {', '.join(code(one) for one in ids[:_SHOWN])}{more}"]


def _cell(text: str) -> str:
    return code(text).replace("|", "\\|")
