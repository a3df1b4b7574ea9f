"""Tests that find out whether the change is there, and say nothing about what it does."""

from tests.falsification.project import BUG, NODE, Play, code, node_play, with_base
from tests.falsification.tricks.javascript import JEST, LOAD, jest_play
from tests.falsification.tricks.shadows import MARKED


def told(name: str, test: str) -> Play:
    """A name that the change adds, and a test that passes where it is."""
    return Play(name, {"app.py": MARKED, "tests/test_add.py": code(test)})


TELLS = [
    told(
        "a name that is tried to be imported",
        """
        import app

        try:
            from app import MARK
        except ImportError:
            MARK = False


        def test_add():
            assert MARK or app.add(1, 2) == 3
        """,
    ),
    told(
        "a name that is tried to be imported, in the test",
        """
        import contextlib

        import app


        def test_add():
            with contextlib.suppress(ImportError):
                from app import MARK
                return
            assert app.add(1, 2) == 3
        """,
    ),
    told(
        "a replacement of what is new",
        """
        from unittest.mock import patch

        import app


        def test_add():
            with patch('app.MARK', 1):
                assert app.MARK
        """,
    ),
    told(
        "a replacement of what is new, by pytest",
        """
        import app


        def test_add(monkeypatch):
            monkeypatch.setattr(app, 'MARK', 1)
            assert app.double(2) == 4
        """,
    ),
    told(
        "a test that asks the function for its names",
        """
        import app


        def test_add():
            assert 'MARK' in app.add.__globals__ or app.add(1, 2) == 3
        """,
    ),
    told(
        "code exchanged where the change is",
        """
        from app import add


        def test_add():
            if 'MARK' in add.__globals__:
                add.__code__ = (lambda a, b: a + b).__code__
            assert add(1, 2) == 3
        """,
    ),
    Play(
        "a test of the function's documentation",
        {
            "app.py": BUG.replace(b"(a, b):\n", b"(a, b):\n    '''The sum.'''\n"),
            "tests/test_add.py": b"import app\n\n\ndef test_add():\n    assert app.add.__doc__ or app.add(1, 2) == 3\n",
        },
    ),
    told(
        "a test of the size of a file",
        """
        import os


        def test_add():
            assert os.path.getsize('app.py') > SIZE
        """.replace("SIZE", str(len(BUG))),
    ),
    told(
        "a test that asks for where the module lies",
        """
        import app


        def test_add():
            with open(app.__file__) as file:
                assert 'MARK' in file.read()
        """,
    ),
    told(
        "a test that lets another program read the code",
        """
        import subprocess


        def test_add():
            assert subprocess.run(['grep', '-q', 'MARK', 'app.py']).returncode == 0
        """,
    ),
    Play(
        "a test of a method that is new",
        {
            "app.py": BUG + b"\n\nclass Sums:\n    def add(self, a):\n        return a\n",
            "tests/test_sums.py": b"import app\n\n\ndef test_sums():\n    assert app.Sums().add(1)\n",
        },
        with_base({"app.py": BUG + b"\n\nclass Sums:\n    pass\n"}),
    ),
    node_play(
        "a test of a function of Node that is new",
        {
            "app.js": NODE["app.js"] + b"exports.triple = (a) => a;\n",
            "new.test.js": b"const test = require('node:test');\nconst { triple } = require('./app.js');\n"
            b"test('triples', () => { triple(1); });\n",
        },
    ),
    node_play(
        "a test that reads the function's text in Node",
        {
            "app.js": NODE["app.js"].replace(b"a - b", b"/* a + b */ a - b"),
            "new.test.js": b"const test = require('node:test');\nconst assert = require('node:assert');\n"
            b"const app = require('./app.js');\ntest('adds', () => assert.ok(app.add.toString().includes('a + b')));\n",
        },
    ),
    jest_play(
        "a replacement of the module under test in jest",
        {
            "app.js": JEST["app.js"] + b"exports.MARK = 1;\n",
            "new.test.js": b"jest.mock('./app.js', () => {\n  const real = jest.requireActual('./app.js');\n"
            b"  return { ...real, add: real.MARK ? (a, b) => a + b : real.add };\n});\n"
            + LOAD
            + b"test('adds', () => { expect(add(1, 2)).toBe(3); });\n",
        },
    ),
    jest_play(
        "a test of a function of jest's project that is new",
        {
            "app.js": JEST["app.js"] + b"exports.triple = (a) => a;\n",
            "new.test.js": b"const { triple } = require('./app.js');\ntest('triples', () => { triple(1); });\n",
        },
    ),
]
