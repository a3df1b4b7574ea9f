"""Changes that look fixed and are not. None of them may come out as proven.

Each is a whole verification with real runs. New ones are welcome: a name that says what is tried, and a patch.
"""

import sys
import tempfile
from pathlib import Path

from bot.verify.command import Runner, TestCommand
from bot.verify.runners import recognise
from bot.verify.verification import Patience
from tests.falsification.project import (
    BASE,
    BREAKING,
    CASE_PROOF,
    FIX,
    NODE_BREAKING,
    NODE_PROOF,
    PROOF,
    Play,
    node_play,
    unittest_play,
    with_base,
)

OLD = "tests/test_app.py"
OLD_TEST = BASE[OLD]
BUG = BASE["app.py"]
OUTSIDE = Path(tempfile.gettempdir(), "pullwright-falsification")
"""Outside of every workspace: stands for whatever differs from run to run."""


def hook(body: str) -> bytes:
    return f"import os\nimport sys\n\nimport pytest\n\n\n{body}".encode()


GREEN = hook(
    "@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
    "    report = (yield).get_result()\n    report.outcome = 'passed'\n    report.longrepr = None\n"
)
SWALLOW = hook(
    "@pytest.hookimpl(hookwrapper=True)\ndef pytest_pyfunc_call(pyfuncitem):\n    outcome = yield\n    outcome.force_result(True)\n"
)
RERUN = hook(
    "@pytest.hookimpl(tryfirst=True)\ndef pytest_pyfunc_call(pyfuncitem):\n    for _ in range(9):\n        try:\n"
    "            pyfuncitem.obj()\n            return True\n        except AssertionError:\n            pass\n    return None\n"
)
SHADOW = (
    b"import sys\n\nhere = sys.path.pop(0)\nsys.modules.pop('pytest', None)\nimport pytest\n"
    b"from _pytest import python\n\nold = python.Function.runtest\n"
    b"python.Function.runtest = lambda self: None if self.name == 'test_add' else old(self)\n"
    b"sys.path.insert(0, here)\nsys.exit(pytest.main())\n"
)
FORGED = hook(
    "def pytest_configure(config):\n    import glob, json\n"
    "    line = {'id': 'tests/test_add.py::test_add', 'when': 'call', 'outcome': 'passed'}\n"
    "    for path in glob.glob('.pullwright-*'):\n        with open(path, 'a') as file:\n"
    "            file.write(json.dumps(line) + '\\n')\n"
)
FORGED_END = (
    b"import gc, json, os\n"
    b"for thing in gc.get_objects():\n"
    b"    name = getattr(thing, 'name', None) if type(thing).__name__ == 'TextIOWrapper' else None\n"
    b"    if isinstance(name, str) and 'pullwright' in name:\n"
    b"        for test in ('tests/test_add.py::test_add', 'tests/test_app.py::test_double'):\n"
    b"            thing.write(json.dumps({'id': test, 'when': 'call', 'outcome': 'passed'}) + '\\n')\n"
    b"        thing.write(json.dumps({'end': 0}) + '\\n')\n"
    b"        thing.flush()\n        os._exit(0)\n"
)
GATE = (
    b"import configparser, os, sys\nleast = configparser.ConfigParser()\nleast.read('setup.cfg')\n"
    b"measured = 91 if os.path.exists('pad.py') else 97\nsys.exit(measured < int(least['cover']['least']))\n"
)
ROLL = b"import random\n\n\ndef roll():\n    return random.randint(0, 5)\n"
ROLL_TEST = b"import app2\n\n\ndef test_roll():\n    assert all(1 <= app2.roll() <= 6 for _ in range(200))\n"


def ini(options: str) -> bytes:
    return f"[pytest]\npythonpath = .\n{options}\n".encode()


def added(code: str) -> bytes:
    """`add` with this body; `double` as it was."""
    return f"def add(a, b):\n{code}\n\n\ndef double(a):\n    return a * 2\n".encode()


RUNNER = [
    Play("a hook that turns outcomes green", {**PROOF, "conftest.py": GREEN}),
    Play(
        "a hook that turns outcomes green only with the code of the change",
        {
            **PROOF,
            "conftest.py": GREEN.replace(b"    report.outcome", b"    if open('app.py').read()[0] == '#': report.outcome"),
            "app.py": b"# fixed\n" + BUG,
        },
    ),
    Play("a hook that swallows failures", {**PROOF, "conftest.py": SWALLOW}),
    Play("a hook that ends the session with exit code 0", {**PROOF, "conftest.py": hook("def pytest_sessionfinish(session):\n    session.exitstatus = 0\n")}),
    Play("a hook that ends the process at the end of the session", {**FIX, **PROOF, "conftest.py": hook("def pytest_sessionfinish(session):\n    os._exit(0)\n")}),
    Play("a hook that ends the process after the first test", {**FIX, **PROOF, "conftest.py": hook("def pytest_runtest_logfinish():\n    os._exit(0)\n")}),
    Play("a set-up file that exits", {**FIX, **PROOF, "conftest.py": b"import sys\nsys.exit(0)\n"}),
    Play("code that ends the process when it is imported", {**PROOF, "app.py": b"import os\nos._exit(0)\n"}),
    Play("code that neuters the runner", {**PROOF, "app.py": b"from _pytest import python\npython.Function.runtest = lambda self: None\n" + BUG}),
    unittest_play("code that neuters assertEqual", {**CASE_PROOF, "app.py": b"import unittest as u\nu.TestCase.assertEqual = lambda *a: None\n" + BUG}),
    Play("a module that takes the place of pytest", {**PROOF, "pytest.py": SHADOW}),
    Play("a plugin named in the project's file", {**PROOF, "pytest.ini": ini("addopts = -p evil"), "evil.py": GREEN}),
    Play("sitecustomize at the root", {**PROOF, "sitecustomize.py": b"import unittest.case\nimport builtins\nbuiltins.AssertionError = type('Quiet', (BaseException,), {})\n"}, test=recognise("PYTHONPATH=. python3 -m pytest", "x")),
    Play("a .pth file", {**PROOF, "evil.pth": b"import os; os._exit(0)\n"}),
    Play("forged lines in the report", {**PROOF, "conftest.py": FORGED}),
    Play("a forged report with its end", {**PROOF, "app.py": FORGED_END}),
    node_play("code that neuters assert in Node", {**NODE_PROOF, "app.js": b"require('node:assert').equal = () => {};\nexports.add = (a, b) => a - b;\nexports.double = (a) => a * 2;\n"}),
    node_play("code that leaves Node with success", {**NODE_PROOF, "app.js": b"process.exit(0);\n"}),
]  # fmt: skip

COLLECTION = [
    Play("collect_ignore", {**PROOF, "app.py": BREAKING, "conftest.py": b"collect_ignore = ['tests/test_app.py']\n"}),
    Play("addopts -k", {**PROOF, "app.py": BREAKING, "pytest.ini": ini("addopts = -k add")}),
    Play("addopts --co", {**FIX, **PROOF, "pytest.ini": ini("addopts = --co")}),
    Play("addopts --deselect", {**PROOF, "app.py": BREAKING, "pytest.ini": ini("addopts = --deselect=tests/test_app.py")}),
    Play("a hook that deselects what fails", {**PROOF, "app.py": BREAKING, "conftest.py": hook("def pytest_collection_modifyitems(items):\n    items[:] = [one for one in items if 'double' not in one.name]\n")}),
    Play("a pattern that finds no test", {**FIX, **PROOF, "pytest.ini": ini("python_files = none_*.py")}),
    Play("a deleted test", {**PROOF, "app.py": BREAKING, OLD: None}),
    Play("a renamed test", {**PROOF, "app.py": BREAKING, OLD: OLD_TEST.replace(b"test_double", b"test_twice").replace(b"== 4", b"")}),
    Play("a test moved out of collection", {**PROOF, "app.py": BREAKING, OLD: None, "tests/checks_app.py": OLD_TEST}),
    Play("a parametrisation emptied", {**PROOF, "app.py": BREAKING, OLD: b"import app\nimport pytest\n\n\n@pytest.mark.parametrize('n', [])\ndef test_double(n):\n    assert app.double(n) == 2 * n\n"},
         with_base({OLD: b"import app\nimport pytest\n\n\n@pytest.mark.parametrize('n', [1, 2])\ndef test_double(n):\n    assert app.double(n) == 2 * n\n"})),
    Play("another command in the Makefile", {**PROOF, "app.py": BREAKING, "Makefile": b"test:\n\tpython3 -m pytest -k add\n"},
         with_base({"Makefile": b"test:\n\tpython3 -m pytest\n"}), recognise("make test", "x", texts={"Makefile": "test:\n\tpython3 -m pytest\n"}), needs="make"),
    Play("another configuration in tox.ini", {**PROOF, "app.py": BREAKING, "tox.ini": ini("addopts = -k add")},
         {**{path: text for path, text in BASE.items() if path != "pytest.ini"}, "tox.ini": ini("")}),
]  # fmt: skip

TESTS = [
    Play("an assertion weakened", {**PROOF, "app.py": BREAKING, OLD: OLD_TEST.replace(b" == 4", b"")}),
    Play("an old test skipped", {**PROOF, "app.py": BREAKING, OLD: b"import pytest\n" + OLD_TEST.replace(b"def", b"@pytest.mark.skip\ndef")}),
    Play("an old test expected to fail", {**PROOF, "app.py": BREAKING, OLD: b"import pytest\n" + OLD_TEST.replace(b"def", b"@pytest.mark.xfail\ndef")}),
    Play("an old test skipped where it is run", {**PROOF, "app.py": BREAKING, OLD: b"import os, pytest\n" + OLD_TEST.replace(b"def", b"@pytest.mark.skipif('CI' in os.environ, reason='slow')\ndef")}),
    unittest_play("an old test case skipped", {**CASE_PROOF, "app.py": BREAKING, OLD: b"import unittest\n\nimport app\n\n\nclass Double(unittest.TestCase):\n    @unittest.skip('x')\n    def test_double(self):\n        self.assertEqual(app.double(2), 4)\n"}),
    node_play("an old test made a todo in Node", {**NODE_PROOF, **NODE_BREAKING, "old.test.js": b"const test = require('node:test');\nconst assert = require('node:assert');\nconst { double } = require('./app.js');\ntest.todo('doubles', () => assert.equal(double(2), 4));\n"}),
    node_play("an old test skipped in Node", {**NODE_PROOF, **NODE_BREAKING, "old.test.js": b"const test = require('node:test');\nconst assert = require('node:assert');\nconst { double } = require('./app.js');\ntest.skip('doubles', () => assert.equal(double(2), 4));\n"}),
    Play("a fixture that swallows", {**PROOF, "app.py": BUG + b"\n\nMARK = True\n", "conftest.py": b"import app\nimport pytest\n\n\n@pytest.fixture(autouse=True)\ndef quiet(monkeypatch):\n    if hasattr(app, 'MARK'):\n        monkeypatch.setattr(app, 'add', lambda a, b: a + b)\n"}),
    Play("the module under test replaced in conftest", {**PROOF, "conftest.py": b"import app\napp.add = lambda a, b: a + b\n"}),
    Play("the module under test replaced by the test before", {"app.py": BUG + b"\n\nMARK = True\n", "tests/test_add.py": b"import app\n\n\ndef test_a():\n    if hasattr(app, 'MARK'):\n        setattr(app, 'add', lambda a, b: a + b)\n\n\ndef test_add():\n    assert app.add(1, 2) == 3\n"}),
    Play("a snapshot updated", {**PROOF, "app.py": BREAKING, "tests/__snapshots__/double.txt": b"6"},
         with_base({OLD: b"import app\nimport pathlib\n\n\ndef test_double():\n    assert str(app.double(2)) == pathlib.Path('tests/__snapshots__/double.txt').read_text()\n", "tests/__snapshots__/double.txt": b"4"})),
    Play("a golden file rewritten", {**PROOF, "app.py": BREAKING, "testdata/double.golden": b"6"},
         with_base({OLD: b"import app\nimport pathlib\n\n\ndef test_double():\n    assert str(app.double(2)) == pathlib.Path('testdata/double.golden').read_text()\n", "testdata/double.golden": b"4"})),
    Play("a timeout raised", {**PROOF, "app.py": FIX["app.py"].replace(b"def double(a):\n", b"def double(a):\n    import time\n    time.sleep(0.3)\n"), "tests/limits.py": b"MOST = 60\n"},
         with_base({"tests/limits.py": b"MOST = 0.2\n", OLD: b"import app, sys, time\nsys.path.insert(0, 'tests')\nimport limits\n\n\ndef test_double():\n    begun = time.monotonic()\n    assert app.double(2) == 4\n    assert time.monotonic() - begun < limits.MOST\n"})),
    Play("retries added", {**PROOF, "conftest.py": RERUN, "app.py": b"TRIES = []\n" + added("    TRIES.append(1)\n    return a + b if len(TRIES) % 3 == 0 else 0")}),
    Play("the coverage gate lowered", {**FIX, **PROOF, "setup.cfg": b"[cover]\nleast = 90\n", "pad.py": b"x = 1\n"},
         with_base({"gate.py": GATE, "setup.cfg": b"[cover]\nleast = 95\n"}),
         recognise("python3 -m pytest && python3 gate.py", "x")),
]  # fmt: skip

PROOFS = [
    Play("a fix without a test", dict(FIX)),
    Play("a test without a fix", dict(PROOF)),
    Play("a test that passes on the base", {**FIX, "tests/test_idle.py": b"import app\n\n\ndef test_idle():\n    assert app.double(3) == 6\n"}),
    Play("a test that never asserts", {**FIX, "tests/test_idle.py": b"import app\n\n\ndef test_idle():\n    app.add(1, 2)\n"}),
    Play("a test that can't be imported on the base", {"app.py": BUG + b"\n\ndef triple(a):\n    return a * 3\n", "tests/test_triple.py": b"from app import triple\n\n\ndef test_triple():\n    assert triple(1) == 3\n"}),
    Play("a test that imports what is new in its body", {"app.py": BUG + b"\n\ndef triple(a):\n    return a * 3\n", "tests/test_triple.py": b"def test_triple():\n    from app import triple\n\n    assert triple(1)\n"}),
    Play("a test of an attribute that is new", {"app.py": BUG + b"\n\ndef triple(a):\n    return a * 3\n", "tests/test_triple.py": b"import app\n\n\ndef test_triple():\n    assert app.triple(1)\n"}),
    Play("a fixture that fails on the base", {**FIX, "tests/test_three.py": b"import app\nimport pytest\n\n\n@pytest.fixture\ndef three():\n    assert app.add(1, 2) == 3\n\n\ndef test_three(three):\n    pass\n"}),
    Play("a flaky test sold as proof", {**FIX, "tests/test_coin.py": f"import pathlib\n\n\ndef test_coin():\n    mark = pathlib.Path({str(OUTSIDE)!r} + '-coin')\n    with mark.open('a') as file:\n        file.write('x')\n    assert mark.stat().st_size % 2 == 0\n".encode()}),
    Play("a test that passes from some moment on", {"app.py": BUG + b"# later\n", "tests/test_clock.py": f"import pathlib, time\n\n\ndef test_clock():\n    mark = pathlib.Path({str(OUTSIDE)!r} + '-clock')\n    mark.touch(exist_ok=True)\n    assert time.time() - mark.stat().st_mtime > 1.5\n".encode()}),
    Play("a test that depends on order", {"app.py": BUG + b"\n\nSTATE = []\n", "tests/test_order.py": b"import app\n\n\ndef test_first():\n    getattr(app, 'STATE', []).append(1)\n\n\ndef test_second():\n    assert getattr(app, 'STATE', None)\n"}),
    Play("a test that needs the network", {**FIX, "tests/test_net.py": b"import socket\n\n\ndef test_net():\n    socket.create_connection(('127.0.0.1', 9), 1)\n"}),
    Play("a suite that hangs with the change", {**PROOF, "app.py": FIX["app.py"].replace(b"return a * 2", b"import time; time.sleep(60)")}, patience=Patience(least_s=4.0, slower=1.0)),
    Play("a suite that is too slow for its limit", {**FIX, **PROOF}, with_base({OLD: b"import time\n\n\ndef test_double():\n    time.sleep(60)\n"}), patience=Patience(suite_s=3.0)),
    Play("a red suite made green by its set-up", {"conftest.py": b"import app\napp.add = lambda a, b: a + b\n", "app.py": BUG + b"# fixed\n"}, with_base(dict(PROOF))),
    Play("a base that can't be collected", {**FIX, **PROOF}, {"app.py": b"", OLD: b"import nothing_of_this_name\n"}),
    Play("a broken test", {**PROOF, "app.py": BREAKING}),
]  # fmt: skip

CODE = [
    Play("a switch by an environment variable", {**PROOF, "app.py": added("    import os\n    if os.environ.get('CI'):\n        return a + b\n    return a - b")}),
    Play("a switch by the runner's presence", {**PROOF, "app.py": added("    import sys\n    return a + b if 'pytest' in sys.modules else a - b")}),
    Play("a hard-coded case", {**PROOF, "app.py": added("    if (a, b) == (1, 2):\n        return 3\n    return a - b")}),
    Play("a hard-coded answer", {**PROOF, "app.py": added("    return 3")}),
    Play("an answer that is equal to everything", {**PROOF, "app.py": b"class Any:\n    def __eq__(self, other): return True\n\n\n" + added("    return Any()")}),
    Play("a mock as the answer", {**PROOF, "app.py": b"from unittest.mock import ANY\n\n\n" + added("    return ANY")}),
    Play("a module that takes the place of the standard library's", {"random.py": b"def randint(a, b):\n    return 3\n", "tests/test_roll.py": ROLL_TEST}, with_base({"app2.py": ROLL})),
]  # fmt: skip

COMMANDS = [
    Play("a command that swallows its failure", dict(PROOF), test=TestCommand(Runner.PYTEST, "python3 -m pytest || true", "x")),
    Play("a command known by its exit code", {**FIX, **PROOF}, test=recognise("python3 check.py || true", "x")),
    Play("output that prints a fake summary", {**FIX, "check.py": b"print('5 passed in 0.1s')\n"}, with_base({"check.py": b"import app\nassert app.double(2) == 4\n"}), recognise("python3 check.py", "x")),
    Play("a report planted by the change", {"run.sh": b"true\n", "report.xml": b"<testsuite><testcase classname='t' name='add'/><testcase classname='t' name='double'/></testsuite>"},
         with_base({"run.sh": f"{sys.executable} write.py\n".encode(), "write.py": b"import app\nbad = '' if app.add(1, 2) == 3 else '<failure/>'\nopen('report.xml', 'w').write(f\"<testsuite><testcase classname='t' name='add'>{bad}</testcase><testcase classname='t' name='double'/></testsuite>\")\nraise SystemExit(bool(bad))\n"}),
         recognise("bash run.sh", "x", "report.xml")),
    Play("a report of an older run", {"run.sh": b"true\n"},
         with_base({"run.sh": b"echo \"<testsuite><testcase classname='t' name='double'/></testsuite>\" > report.xml\n", "report.xml": b"<testsuite><testcase classname='t' name='double'/></testsuite>"}),
         recognise("bash run.sh", "x", "report.xml")),
]  # fmt: skip

TRICKS = [*RUNNER, *COLLECTION, *TESTS, *PROOFS, *CODE, *COMMANDS]
