"""Old tests, their data and their set-up are changed to agree."""

from bot.verify.runners import recognise
from tests.falsification.project import (
    BREAKING,
    BUG,
    CASE_PROOF,
    NODE_BREAKING,
    NODE_PROOF,
    OLD,
    OLD_TEST,
    Play,
    added,
    code,
    hook,
    node_play,
    unittest_play,
    with_base,
)
from tests.verify.conftest import FIX, PROOF

RERUN = hook(
    """
@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    for _ in range(9):
        try:
            pyfuncitem.obj()
            return True
        except AssertionError:
            pass
    return None
"""
)
GATE = code(
    """
            import configparser, os, sys
            least = configparser.ConfigParser()
            least.read('setup.cfg')
            measured = 91 if os.path.exists('pad.py') else 97
            sys.exit(measured < int(least['cover']['least']))
            """
)

TESTS = [
    Play("an assertion weakened", {**PROOF, "app.py": BREAKING, OLD: OLD_TEST.replace(b" == 4", b"")}),
    Play(
        "an old test skipped",
        {
            **PROOF,
            "app.py": BREAKING,
            OLD: b"import pytest\n" + OLD_TEST.replace(b"def", b"@pytest.mark.skip\ndef"),
        },
    ),
    Play(
        "an old test expected to fail",
        {
            **PROOF,
            "app.py": BREAKING,
            OLD: b"import pytest\n" + OLD_TEST.replace(b"def", b"@pytest.mark.xfail\ndef"),
        },
    ),
    Play(
        "an old test skipped where it is run",
        {
            **PROOF,
            "app.py": BREAKING,
            OLD: b"import os, pytest\n"
            + OLD_TEST.replace(b"def", b"@pytest.mark.skipif('CI' in os.environ, reason='slow')\ndef"),
        },
    ),
    unittest_play(
        "an old test case skipped",
        {
            **CASE_PROOF,
            "app.py": BREAKING,
            OLD: code(
                """
            import unittest

            import app


            class Double(unittest.TestCase):
                @unittest.skip('x')
                def test_double(self):
                    self.assertEqual(app.double(2), 4)
            """
            ),
        },
    ),
    node_play(
        "an old test made a todo in Node",
        {
            **NODE_PROOF,
            **NODE_BREAKING,
            "old.test.js": code(
                """
            const test = require('node:test');
            const assert = require('node:assert');
            const { double } = require('./app.js');
            test.todo('doubles', () => assert.equal(double(2), 4));
            """
            ),
        },
    ),
    node_play(
        "an old test skipped in Node",
        {
            **NODE_PROOF,
            **NODE_BREAKING,
            "old.test.js": code(
                """
            const test = require('node:test');
            const assert = require('node:assert');
            const { double } = require('./app.js');
            test.skip('doubles', () => assert.equal(double(2), 4));
            """
            ),
        },
    ),
    Play(
        "a fixture that swallows",
        {
            **PROOF,
            "app.py": BUG
            + code(
                """


            MARK = True
            """
            ),
            "conftest.py": code(
                """
            import app
            import pytest


            @pytest.fixture(autouse=True)
            def quiet(monkeypatch):
                if hasattr(app, 'MARK'):
                    monkeypatch.setattr(app, 'add', lambda a, b: a + b)
            """
            ),
        },
    ),
    Play(
        "the module under test replaced in conftest",
        {**PROOF, "conftest.py": b"import app\napp.add = lambda a, b: a + b\n"},
    ),
    Play(
        "the module under test replaced by the test before",
        {
            "app.py": BUG
            + code(
                """


            MARK = True
            """
            ),
            "tests/test_add.py": code(
                """
            import app


            def test_a():
                if hasattr(app, 'MARK'):
                    setattr(app, 'add', lambda a, b: a + b)


            def test_add():
                assert app.add(1, 2) == 3
            """
            ),
        },
    ),
    Play(
        "a snapshot updated",
        {**PROOF, "app.py": BREAKING, "tests/__snapshots__/double.txt": b"6"},
        with_base(
            {
                OLD: code(
                    """
            import app
            import pathlib


            def test_double():
                assert str(app.double(2)) == pathlib.Path('tests/__snapshots__/double.txt').read_text()
            """
                ),
                "tests/__snapshots__/double.txt": b"4",
            }
        ),
    ),
    Play(
        "a golden file rewritten",
        {**PROOF, "app.py": BREAKING, "testdata/double.golden": b"6"},
        with_base(
            {
                OLD: code(
                    """
            import app
            import pathlib


            def test_double():
                assert str(app.double(2)) == pathlib.Path('testdata/double.golden').read_text()
            """
                ),
                "testdata/double.golden": b"4",
            }
        ),
    ),
    Play(
        "a timeout raised",
        {
            **PROOF,
            "app.py": FIX["app.py"].replace(
                b"def double(a):\n",
                code(
                    """
            def double(a):
                import time
                time.sleep(0.3)
            """
                ),
            ),
            "tests/limits.py": b"MOST = 60\n",
        },
        with_base(
            {
                "tests/limits.py": b"MOST = 0.2\n",
                OLD: code(
                    """
            import app, sys, time
            sys.path.insert(0, 'tests')
            import limits


            def test_double():
                begun = time.monotonic()
                assert app.double(2) == 4
                assert time.monotonic() - begun < limits.MOST
            """
                ),
            }
        ),
    ),
    Play(
        "retries added",
        {
            **PROOF,
            "conftest.py": RERUN,
            "app.py": b"TRIES = []\n"
            + added("    TRIES.append(1)\n    return a + b if len(TRIES) % 3 == 0 else 0"),
        },
    ),
    Play(
        "the coverage gate lowered",
        {**FIX, **PROOF, "setup.cfg": b"[cover]\nleast = 90\n", "pad.py": b"x = 1\n"},
        with_base({"gate.py": GATE, "setup.cfg": b"[cover]\nleast = 95\n"}),
        recognise("python3 -m pytest && python3 gate.py", "x"),
    ),
    Play(
        "a helper of the old tests changed",
        {
            **PROOF,
            "app.py": BREAKING,
            "tests/expected.py": b"def twice(n):\n    import app\n    return app.double(n)\n",
        },
        with_base(
            {
                OLD: b"import sys\nsys.path.insert(0, 'tests')\nimport app\nimport expected\n\n\n"
                b"def test_double():\n    assert app.double(2) == expected.twice(2)\n",
                "tests/expected.py": b"def twice(n):\n    return n + n\n",
            }
        ),
    ),
    Play(
        "an old assertion whose failure is caught",
        {
            **PROOF,
            "app.py": BREAKING,
            OLD: code(
                """
            import app


            def test_double():
                try:
                    assert app.double(2) == 4
                except AssertionError:
                    pass
            """
            ),
        },
    ),
    Play(
        "an old assertion under a condition",
        {
            **PROOF,
            "app.py": BREAKING,
            OLD: code(
                """
            import app


            def test_double():
                if app.double(2) == 4:
                    assert app.double(2) == 4
            """
            ),
        },
    ),
    Play(
        "a golden file written anew when the tests begin",
        {
            **PROOF,
            "app.py": BREAKING,
            "conftest.py": b"import app, pathlib\n"
            b"pathlib.Path('testdata/double.golden').write_text(str(app.double(2)))\n",
        },
        with_base(
            {
                OLD: code(
                    """
            import app
            import pathlib


            def test_double():
                assert str(app.double(2)) == pathlib.Path('testdata/double.golden').read_text()
            """
                ),
                "testdata/double.golden": b"4",
            }
        ),
    ),
    Play(
        "the module under test replaced by the package of the tests",
        {
            **PROOF,
            "app.py": BUG + b"\n\nMARK = True\n",
            "tests/__init__.py": b"import app\nif hasattr(app, 'MARK'):\n    app.add = lambda a, b: a + b\n",
        },
    ),
]
