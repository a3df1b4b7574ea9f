"""`python -m unittest` with a report: one line of JSON for each result, and a last line when it ended by itself.

    python3 /pullwright/run_unittest.py ARGUMENTS OF unittest

Python 3.8 and later. Must never change what is found, run or reported.
"""

import json
import os
import sys
import time
import traceback
import unittest

_PATH = os.environ.pop("PULLWRIGHT_REPORT", "")
_MESSAGE = 4000


class Result(unittest.TextTestResult):
    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self._report = open(_PATH, "a", encoding="utf-8") if _PATH else None
        self._begun = 0.0
        self._failed = None

    def _say(self, line):
        if self._report is not None:
            self._report.write(json.dumps(line) + "\n")
            self._report.flush()

    def _note(self, test, outcome, when="call", error=None):
        message = ""
        if error is not None:
            lines = traceback.format_exception(*error)
            message = lines[-1].strip() + "\n\n" + "".join(lines)[-_MESSAGE:]
        self._say(
            {
                "id": test.id(),
                "when": when,
                "outcome": outcome,
                "message": message,
                "seconds": time.monotonic() - self._begun,
            }
        )

    def startTest(self, test):
        super().startTest(test)
        self._begun = time.monotonic()
        self._failed = None

    def addSuccess(self, test):
        super().addSuccess(test)
        if self._failed is None:
            self._note(test, "passed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(test, "failed", _phase(test, err), err)

    def addError(self, test, err):
        super().addError(test, err)
        self._note(test, "failed", _phase(test, err), err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._note(test, "skipped")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._note(test, "skipped")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._note(test, "failed")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed = err
            self._note(test, "failed", "call", err)

    def stopTestRun(self):
        super().stopTestRun()
        self._say({"end": 0 if self.wasSuccessful() else 1, "collected": self.testsRun})


def _phase(test, err):
    """Whether the error came out of the test's own method, or out of what stands around it."""
    if type(test).__name__ == "_FailedTest":
        return "collect"
    if not isinstance(test, unittest.TestCase):
        return "setup"  # setUpClass, setUpModule
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(err[2])]
    return "call" if "_callTestMethod" in names or test._testMethodName in names else "setup"


class _Runner(unittest.TextTestRunner):
    resultclass = Result


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # as `python -m unittest` has it
    sys.argv[0] = "python -m unittest"
    unittest.main(module=None, testRunner=_Runner)
