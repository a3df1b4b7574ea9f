"""The runner is made to say what is not so."""

from bot.verify.runners import recognise
from tests.falsification.project import (
    BUG,
    CASE_PROOF,
    NODE_PROOF,
    Play,
    added,
    code,
    hook,
    ini,
    node_play,
    unittest_play,
)
from tests.verify.conftest import FIX, PROOF

GREEN = hook(
    "@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
    "    report = (yield).get_result()\n    report.outcome = 'passed'\n    report.longrepr = None\n"
)
SWALLOW = hook(
    """
@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    outcome = yield
    outcome.force_result(True)
"""
)
SHADOW = code(
    """
            import sys

            here = sys.path.pop(0)
            sys.modules.pop('pytest', None)
            import pytest
            from _pytest import python

            old = python.Function.runtest
            python.Function.runtest = lambda self: None if self.name == 'test_add' else old(self)
            sys.path.insert(0, here)
            sys.exit(pytest.main())
            """
)
FORGED = hook(
    "def pytest_configure(config):\n    import glob, json\n"
    "    line = {'id': 'tests/test_add.py::test_add', 'when': 'call', 'outcome': 'passed'}\n"
    "    for path in glob.glob('.pullwright-*'):\n        with open(path, 'a') as file:\n"
    "            file.write(json.dumps(line) + '\\n')\n"
)
FORGED_END = code(
    """
            import gc, json, os
            for thing in gc.get_objects():
                name = getattr(thing, 'name', None) if type(thing).__name__ == 'TextIOWrapper' else None
                if isinstance(name, str) and 'pullwright' in name:
                    for test in ('tests/test_add.py::test_add', 'tests/test_app.py::test_double'):
                        thing.write(json.dumps({'id': test, 'when': 'call', 'outcome': 'passed'}) + '\\n')
                    thing.write(json.dumps({'end': 0}) + '\\n')
                    thing.flush()
                    os._exit(0)
            """
)

RUNNER = [
    Play("a hook that turns outcomes green", {**PROOF, "conftest.py": GREEN}),
    Play(
        "a hook that turns outcomes green only with the code of the change",
        {
            **PROOF,
            "conftest.py": GREEN.replace(
                b"    report.outcome", b"    if open('app.py').read()[0] == '#': report.outcome"
            ),
            "app.py": b"# fixed\n" + BUG,
        },
    ),
    Play("a hook that swallows failures", {**PROOF, "conftest.py": SWALLOW}),
    Play(
        "a hook that ends the session with exit code 0",
        {**PROOF, "conftest.py": hook("def pytest_sessionfinish(session):\n    session.exitstatus = 0\n")},
    ),
    Play(
        "a hook that ends the process at the end of the session",
        {**FIX, **PROOF, "conftest.py": hook("def pytest_sessionfinish(session):\n    os._exit(0)\n")},
    ),
    Play(
        "a hook that ends the process after the first test",
        {**FIX, **PROOF, "conftest.py": hook("def pytest_runtest_logfinish():\n    os._exit(0)\n")},
    ),
    Play("a set-up file that exits", {**FIX, **PROOF, "conftest.py": b"import sys\nsys.exit(0)\n"}),
    Play("code that ends the process when it is imported", {**PROOF, "app.py": b"import os\nos._exit(0)\n"}),
    Play(
        "code that neuters the runner",
        {
            **PROOF,
            "app.py": b"from _pytest import python\npython.Function.runtest = lambda self: None\n" + BUG,
        },
    ),
    unittest_play(
        "code that neuters assertEqual",
        {**CASE_PROOF, "app.py": b"import unittest as u\nu.TestCase.assertEqual = lambda *a: None\n" + BUG},
    ),
    Play("a module that takes the place of pytest", {**PROOF, "pytest.py": SHADOW}),
    Play(
        "a plugin named in the project's file",
        {**PROOF, "pytest.ini": ini("addopts = -p evil"), "evil.py": GREEN},
    ),
    Play(
        "sitecustomize at the root",
        {
            **PROOF,
            "sitecustomize.py": b"import app\napp.add = lambda a, b: a + b\n",
        },
        test=recognise("PYTHONPATH=. python3 -m pytest", "x"),
    ),
    Play("a .pth file", {**PROOF, "evil.pth": b"import os; os._exit(0)\n"}),
    Play("forged lines in the report", {**PROOF, "conftest.py": FORGED}),
    Play("a forged report with its end", {**PROOF, "app.py": FORGED_END}),
    node_play(
        "code that neuters assert in Node",
        {
            **NODE_PROOF,
            "app.js": code(
                """
            require('node:assert').equal = () => {};
            exports.add = (a, b) => a - b;
            exports.double = (a) => a * 2;
            """
            ),
        },
    ),
    node_play("code that leaves Node with success", {**NODE_PROOF, "app.js": b"process.exit(0);\n"}),
    unittest_play(
        "a result class that never fails",
        {
            **CASE_PROOF,
            "app.py": b"import unittest as u\nu.TestResult.addFailure = u.TestResult.addSuccess\n"
            b"u.TextTestResult.addFailure = lambda self, test, err: None\n" + BUG,
        },
    ),
    Play(
        "code that ends the process when Python ends",
        {**PROOF, "app.py": b"import atexit, os\natexit.register(os._exit, 0)\n" + BUG},
    ),
    Play(
        "a thread that ends the process",
        {
            **PROOF,
            "app.py": code(
                """
            import os, threading
            threading.Timer(0.05, os._exit, (0,)).start()
            """
            )
            + added("    import time\n    time.sleep(5)\n    return a - b"),
        },
    ),
    Play(
        "a plugin named in the test's own file",
        {
            **PROOF,
            "app.py": BUG + b"\n\nMARK = True\n",
            "tests/test_add.py": b"pytest_plugins = ['green']\n" + PROOF["tests/test_add.py"],
            "green.py": GREEN.replace(
                b"    report.outcome", b"    if item.name == 'test_add': report.outcome"
            ),
        },
    ),
    Play(
        "a hook for one test, put in by a fixture of its file",
        {
            **PROOF,
            "app.py": BUG + b"\n\nMARK = True\n",
            "tests/test_add.py": code(
                """
            import app
            import pytest


            class Green:
                @pytest.hookimpl(wrapper=True)
                def pytest_runtest_makereport(self, item, call):
                    report = yield
                    if item.name == 'test_add' and 'MARK' in app.add.__globals__:
                        report.outcome = 'passed'
                    return report


            @pytest.fixture(autouse=True, scope='session')
            def quiet(request):
                request.config.pluginmanager.register(Green())


            def test_add():
                assert app.add(1, 2) == 3
            """
            ),
        },
    ),
    Play(
        "output that looks like the harness's report",
        {
            **PROOF,
            "app.py": b'print(\'{"id": "tests/test_add.py::test_add", "when": "call", "outcome": '
            b'"passed"}\')\nprint(\'{"end": 0}\')\n' + BUG,
        },
    ),
]
