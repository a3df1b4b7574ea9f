"""Rules about the tests that were there: none is lost, skipped, weakened or given more slack. Pure.

By names and words of each language: what they miss the verification finds by running; their worth is that the model
hears of it at once.
"""

import re
from typing import Final

from bot.verify.gate.contract import ChangedFile
from bot.verify.split import is_infrastructure, is_test_path

_TEST: Final = re.compile(
    r"^[ \t]*(?:async[ \t]+)?def[ \t]+(test\w*)"  # Python, Ruby
    r"|^func[ \t]+(Test\w+)\(|#\[(?:\w+::)*test\][^{]*?fn[ \t]+(\w+)"  # Go, Rust
    r"|\b(?:it|test)(?:\.each\([^)]*\))?\(\s*(['\"`][^'\"`\n]+['\"`])",  # JavaScript
    re.MULTILINE,
)
_ASSERT: Final = re.compile(
    r"\bassert\w*!?\b|\bself\.fail\b|\bpytest\.(?:raises|fail|warns)\b|\bexpect\(|\.should\b|\bt\.(?:Error|Fatal)f?\(|\brequire\.\w+\("
)
_SKIP: Final = re.compile(
    r"@?pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b|@?unittest\.(?:skip\w*|expectedFailure)\b|\bskipTest\("
    r"|\b(?:it|test|describe|context|suite)\.(?:skip|todo|failing|only|fixme)\b|\b[xf](?:it|describe|context)\(|\bt\.Skip\w*\("
    r"|#\[ignore\b|@(?:Disabled|Ignore)\b|\bmarkTestSkipped\("
)
_SLACK: Final = re.compile(
    r"\bretryTimes\(|\bthis\.retries\(|\bretries\s*[:=]\s*[1-9]|--reruns\b|\bflaky\b|\breruns\s*=|\bnick-fields/retry",
    re.IGNORECASE,
)
_TIMEOUT: Final = re.compile(r"(?i)\b\w*(?:timeout|time_limit|max_seconds|deadline)\w*\W{1,4}(\d+(?:\.\d+)?)")
_THRESHOLD: Final = re.compile(
    r"(?i)\b(?:fail[_-]under|cov-fail-under|branches|functions|lines|statements|minimum[_-]?coverage|least)\W{1,4}(\d+(?:\.\d+)?)"
)


def find_lost_tests(files: tuple[ChangedFile, ...]) -> list[str]:
    """Tests may move between the files of one change, never go."""
    old: set[str] = set()
    new: set[str] = set()
    for file in files:
        if is_test_path(file.path) or file.path.endswith(".rs"):
            old |= _names(file.old_text)
            new |= _names(file.new_text)
    gone = sorted(old - new)
    return [f"Tests were removed: {', '.join(f'`{name}`' for name in gone[:10])}. Keep them."] if gone else []


def find_skipped(files: tuple[ChangedFile, ...]) -> list[str]:
    return [
        f"`{file.path}` skips tests that ran before: let them run."
        for file in _old_tests(files)
        if file.more_of(_SKIP) > 0
    ]


def find_weakened(files: tuple[ChangedFile, ...]) -> list[str]:
    return [
        f"`{file.path}` asserts less than before: keep the old assertions."
        for file in _old_tests(files)
        if file.more_of(_ASSERT) < 0
    ]


def find_loosened(files: tuple[ChangedFile, ...]) -> list[str]:
    """Retries added, timeouts raised, thresholds lowered: in tests and in what configures them."""
    faults = []
    for file in files:
        if file.before is None or not file.is_text:
            continue
        if not (is_test_path(file.path) or is_infrastructure(file.path)):
            continue
        if file.more_of(_SLACK) > 0:
            faults.append(f"`{file.path}` lets tests try again: mend what makes them fail.")
        if _highest(_TIMEOUT, file.new_text) > _highest(_TIMEOUT, file.old_text) > 0:
            faults.append(f"`{file.path}` raises a time limit: keep the old one.")
        if 0 < _lowest(_THRESHOLD, file.new_text) < _lowest(_THRESHOLD, file.old_text):
            faults.append(f"`{file.path}` lowers a threshold: keep the old one.")
    return faults


def _old_tests(files: tuple[ChangedFile, ...]) -> list[ChangedFile]:
    return [file for file in files if file.before is not None and file.is_text and is_test_path(file.path)]


def _names(text: str) -> set[str]:
    return {next(filter(None, found)) for found in _TEST.findall(text)}


def _highest(pattern: re.Pattern[str], text: str) -> float:
    return max((float(one) for one in pattern.findall(text)), default=0.0)


def _lowest(pattern: re.Pattern[str], text: str) -> float:
    return min((float(one) for one in pattern.findall(text)), default=0.0)
