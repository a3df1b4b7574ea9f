"""JUnit XML as Maven, Gradle, PHPUnit, RSpec, ctest and many others write it. Pure.

Several files may stand behind one another, with `SEPARATOR` between. Untrusted XML: a document type, which no
such report has, is refused before the parser could expand anything.
"""

import re
import xml.etree.ElementTree as ET
from typing import Final

from bot.domain.evidence import TestStatus
from bot.verify.report import Results, TestReport, judge, unreadable

SEPARATOR: Final = "\x1e"
_DTD: Final = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def parse_junit(text: str, exit_code: int | None) -> TestReport:
    """Ids are `class::name`. `<failure>` failed by an assertion; `<error>` may come from set-up as well, so it
    proves nothing."""
    results = Results()
    for document in text.split(SEPARATOR):
        if not document.strip():
            continue
        if _DTD.search(document):
            return unreadable("it declares a document type")
        try:
            root = ET.fromstring(document.strip().encode("utf-8", "replace"))  # noqa: S314 - see the module header
        except (ET.ParseError, ValueError, LookupError, RecursionError) as error:
            return judge(results.found, exit_code, f"the test run left a report that is cut: {error}")
        for suite in [root, *root.iter("testsuite")]:
            fault = _count_fault(suite)
            if fault:
                return judge(results.found, exit_code, fault)
        for case in root.iter("testcase"):
            _read_case(case, results)
    return judge(results.found, exit_code)


def _count_fault(suite: ET.Element) -> str:
    """A suite that counts more tests than it tells of was cut; some tools count fewer (repeated ones)."""
    counted = suite.get("tests", "")
    told = sum(1 for _ in suite.iter("testcase"))
    if suite.tag == "testsuite" and counted.isdecimal() and len(counted) < 10 and int(counted) > told:
        return f"the report counts {counted} tests and tells of {told}"
    return ""


def _read_case(case: ET.Element, results: Results) -> None:
    name = case.get("name", "")
    place = case.get("classname") or case.get("class") or case.get("file") or ""
    found = {child.tag: child for child in case}
    broken = next((tag for tag in ("error", "failure") if tag in found), None)
    message = ""
    if broken is not None:
        status = TestStatus.ERROR if broken == "error" else TestStatus.FAILED
        message = f"{found[broken].get('message') or ''}\n\n{found[broken].text or ''}".strip()
    elif "skipped" in found or case.get("status") in ("notrun", "disabled", "skipped"):
        status = TestStatus.SKIPPED
    else:
        status = TestStatus.PASSED
    try:
        seconds = float(case.get("time") or 0)
    except ValueError:
        seconds = 0.0
    results.add(f"{place}::{name}" if place and place != name else name, status, seconds, message)
