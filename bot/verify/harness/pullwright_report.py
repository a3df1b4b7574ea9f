"""A pytest plugin: one line of JSON for each result, as it happens, and a last line when the session ended by itself.

Loaded by `-p pullwright_report` from a read-only folder, beside whatever the repository configures. Python 3.8 and
later, pytest 3.9 and later. Must never change what is collected, run or reported.
"""

import json
import os

_PATH = os.environ.pop("PULLWRIGHT_REPORT", "")
_MESSAGE = 4000


class _Report:
    def __init__(self, path):
        self._file = open(path, "a", encoding="utf-8")
        self._collected = None

    def _say(self, line):
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def pytest_collectreport(self, report):
        if report.failed:
            self._say(
                {
                    "id": report.nodeid or ".",
                    "when": "collect",
                    "outcome": "failed",
                    "message": _text(report),
                    "seconds": 0,
                }
            )

    def pytest_collection_finish(self, session):
        self._collected = len(session.items)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self._say(
                {
                    "id": report.nodeid,
                    "when": report.when,
                    "outcome": report.outcome,
                    "xfail": hasattr(report, "wasxfail"),
                    "message": _text(report),
                    "seconds": getattr(report, "duration", 0),
                }
            )

    def pytest_sessionfinish(self, session, exitstatus):
        self._say({"end": int(exitstatus), "collected": self._collected})
        self._file.close()


def _text(report):
    if report.outcome != "failed":
        return ""
    longrepr = getattr(report, "longreprtext", "") or str(report.longrepr or "")
    crash = getattr(getattr(report, "longrepr", None), "reprcrash", None)
    head = (getattr(crash, "message", "") or "")[:1000]
    return (head + "\n\n" + longrepr[-_MESSAGE:]) if head else longrepr[-_MESSAGE:]


def pytest_configure(config):
    if _PATH and not hasattr(config, "workerinput"):  # of xdist's processes only the leading one
        config.pluginmanager.register(_Report(_PATH), "pullwright_report_file")
