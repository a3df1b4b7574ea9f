"""Awkward but honest changes: each of them must come out as proven, or refusing everything would be enough."""

from bot.verify.command import Runner, TestCommand
from bot.verify.runners import recognise
from bot.verify.subject import Patience
from tests.falsification.project import (
    CASE_PROOF,
    NODE,
    NODE_FIX,
    NODE_PROOF,
    Play,
    code,
    coin,
    ini,
    node_play,
    unittest_play,
    with_base,
)
from tests.falsification.tricks.javascript import JEST, LOAD, jest_play
from tests.verify.conftest import BASE, FIX, PROOF

OLD = "tests/test_app.py"
ADD = code(
    """


            def test_add():
                assert app.add(1, 2) == 3
            """
)
DOCUMENTED = b"\n\ndef half(a):\n    '''Half.\n\n    >>> half(4)\n    2\n    '''\n    return a // 2\n"
FIND = b"\n\ndef find():\n    pass\n"
MONEY = b"\n\nclass Money:\n    def __init__(self, amount):\n        self.amount = amount\n"
NO_INI = {path: text for path, text in BASE.items() if path != "pytest.ini"}

HONEST = [
    Play("a fix with a new test file", {**FIX, **PROOF}),
    Play("a test added to an old file", {**FIX, OLD: BASE[OLD] + ADD}),
    unittest_play("a test case", {**FIX, **CASE_PROOF}),
    unittest_play(
        "a subtest",
        {
            **FIX,
            "tests/test_add.py": CASE_PROOF["tests/test_add.py"].replace(
                b"        self", b"        with self.subTest(n=1):\n            self"
            ),
        },
    ),
    node_play("a fix in Node", {**NODE_FIX, **NODE_PROOF}),
    Play(
        "a parametrised test",
        {
            **FIX,
            "tests/test_add.py": code(
                """
            import app
            import pytest


            @pytest.mark.parametrize(('a', 'b'), [(1, 2), (3, 4)])
            def test_add(a, b):
                assert app.add(a, b) == a + b
            """
            ),
        },
    ),
    Play(
        "a test in a class, with a fixture of its own",
        {
            **FIX,
            "tests/test_add.py": code(
                """
            import app
            import pytest


            class TestAdd:
                @pytest.fixture
                def two(self):
                    return 2

                def test_add(self, two):
                    assert app.add(1, two) == 3
            """
            ),
        },
        with_base({"pytest.ini": ini("python_classes = Test*")}),
    ),
    Play(
        "an exception that goes away",
        {
            "app.py": code(
                """
            def add(a, b):
                return (a or 0) + (b or 0)


            def double(a):
                return a * 2
            """
            ),
            "tests/test_none.py": code(
                """
            import app


            def test_none():
                assert app.add(None, 2) == 2
            """
            ),
        },
    ),
    Play(
        "an exception that has to come",
        {
            "app.py": code(
                """
            def add(a, b):
                return a - b


            def double(a):
                if a is None:
                    raise ValueError('a number is needed')
                return a * 2
            """
            ),
            "tests/test_none.py": code(
                """
            import app
            import pytest


            def test_none():
                with pytest.raises(ValueError):
                    app.double(None)
            """
            ),
        },
    ),
    Play("a test that failed before already", dict(FIX), with_base(dict(PROOF))),
    Play(
        "another test that fails before and after",
        {**FIX, **PROOF},
        with_base({"tests/test_red.py": b"def test_red():\n    assert 1 == 2\n"}),
    ),
    Play(
        "old skips and expected failures",
        {**FIX, **PROOF},
        with_base(
            {
                "tests/test_odd.py": code(
                    """
            import pytest


            @pytest.mark.skip
            def test_skipped():
                pass


            @pytest.mark.xfail
            def test_expected():
                assert 0
            """
                )
            }
        ),
    ),
    Play(
        "quiet options of the repository",
        {**FIX, **PROOF},
        with_base({"pytest.ini": ini("addopts = -qq -x -p no:terminal")}),
    ),
    Play(
        "a message without a UTF-8 form",
        {
            **FIX,
            "tests/test_add.py": code(
                """
            import app


            def test_add():
                if app.add(1, 2) != 3:
                    raise AssertionError('\\udc80')
            """
            ),
        },
    ),
    Play(
        "line ends of another system",
        {
            "app.py": FIX["app.py"].replace(b"\n", b"\r\n"),
            "tests/test_add.py": PROOF["tests/test_add.py"].replace(b"\n", b"\r\n"),
        },
        with_base({"app.py": BASE["app.py"].replace(b"\n", b"\r\n")}),
    ),
    Play(
        "a file beside the test that it reads",
        {
            **FIX,
            "tests/sums.txt": b"1 2 3\n",
            "tests/test_add.py": code(
                """
            import pathlib

            import app


            def test_add():
                a, b, c = map(int, pathlib.Path('tests/sums.txt').read_text().split())
                assert app.add(a, b) == c
            """
            ),
        },
    ),
    Play(
        "a version raised in the project's file",
        {
            **FIX,
            **PROOF,
            "pyproject.toml": code(
                """
            [project]
            name = 'x'
            version = '2'
            """
            ),
        },
        with_base(
            {
                "pyproject.toml": code(
                    """
            [project]
            name = 'x'
            version = '1'
            """
                )
            }
        ),
    ),
    Play(
        "a command that is red without a failing test",
        {**FIX, **PROOF},
        test=recognise("python3 -m pytest && exit 3", "x"),
    ),
    Play(
        "a command with a folder and a variable",
        {**FIX, **PROOF},
        test=recognise("cd . && PYTHONPATH=$PWD python3 -m pytest", "x"),
    ),
    Play(
        "a command in a folder of the repository",
        {f"part/{path}": content for path, content in {**FIX, **PROOF}.items()},
        {f"part/{path}": content for path, content in BASE.items()},
        recognise("cd part && python3 -m pytest", "x"),
    ),
    Play(
        "a command in a Makefile",
        {**FIX, **PROOF},
        with_base({"Makefile": b"test:\n\tpython3 -m pytest\n"}),
        recognise("make test", "x", texts={"Makefile": "test:\n\tpython3 -m pytest\n"}),
        needs="make",
    ),
    Play(
        "code that moved to a file of its own",
        {
            "app.py": code(
                """
            from sums import add


            def double(a):
                return a * 2
            """
            ),
            "sums.py": b"def add(a, b):\n    return a + b\n",
            **PROOF,
        },
    ),
    Play("a slow suite, repeated in part", {**FIX, **PROOF}, patience=Patience(whole_suite_s=0.0)),
    Play(
        "a constant that is right",
        {
            "app.py": code(
                """
            def add(a, b):
                return a - b


            def double(a):
                if not a:
                    return 0
                return a * 2
            """
            ),
            "tests/test_none.py": code(
                """
            import app


            def test_none():
                assert app.double(None) == 0
            """
            ),
        },
    ),
    Play(
        "an old test that is flaky",
        {**FIX, **PROOF},
        with_base({"tests/test_luck.py": coin("test_luck")}),
    ),
    Play(
        "unittest's own command, found by its folder",
        {**FIX, "tests/test_add.py": CASE_PROOF["tests/test_add.py"]},
        {
            "app.py": BASE["app.py"],
            "tests/test_app.py": code(
                """
            import unittest

            import app


            class Double(unittest.TestCase):
                def test_double(self):
                    self.assertEqual(app.double(2), 4)
            """
            ),
        },
        TestCommand(Runner.UNITTEST, "python3 -m unittest discover -s tests", "x"),
    ),
    Play(
        "options of the runner in a variable of the command",
        {**FIX, **PROOF},
        test=TestCommand(Runner.PYTEST, 'PYTEST_ADDOPTS="-q --strict-markers" python3 -m pytest', "x"),
    ),
    Play(
        "a doctest added beside an old one",
        {
            **PROOF,
            "app.py": FIX["app.py"].replace(
                b"return a + b", b"'''The sum.\n\n    >>> add(1, 2)\n    3\n    '''\n    return a + b"
            )
            + DOCUMENTED,
        },
        with_base({"app.py": BASE["app.py"] + DOCUMENTED}),
        TestCommand(Runner.PYTEST, "python3 -m pytest --doctest-modules", "x"),
    ),
    Play(
        "a test with a library that may be missing",
        {
            **FIX,
            "tests/test_add.py": code(
                """
            import app

            try:
                import tomllib
            except ImportError:
                tomllib = None


            def test_add():
                assert tomllib is None or app.add(1, 2) == 3
            """
            ),
        },
    ),
    Play(
        "an answer that was none",
        {
            "app.py": BASE["app.py"] + FIND.replace(b"pass", b"return 'found'"),
            "tests/test_find.py": b"import app\n\n\ndef test_find():\n    assert app.find().upper() == 'FOUND'\n",
        },
        with_base({"app.py": BASE["app.py"] + FIND}),
    ),
    Play(
        "a program with arguments",
        {
            **PROOF,
            "app.py": FIX["app.py"]
            + b"\n\nif __name__ == '__main__':\n    import sys\n\n    print(add(*map(int, sys.argv[1:])))\n",
        },
    ),
    Play(
        "values that are compared by what they hold",
        {
            "app.py": BASE["app.py"]
            + MONEY
            + b"\n    def __eq__(self, other):\n        return self.amount == other.amount\n",
            "tests/test_money.py": b"import app\n\n\ndef test_money():\n    assert app.Money(4) == app.Money(4)\n",
        },
        with_base({"app.py": BASE["app.py"] + MONEY}),
    ),
    Play(
        "new data in a folder of fixtures",
        {
            **FIX,
            "fixtures/sums.txt": b"1 2 3",
            "tests/test_add.py": code(
                """
            import pathlib

            import app


            def test_add():
                a, b, total = map(int, pathlib.Path('fixtures/sums.txt').read_text().split())
                assert app.add(a, b) == total
            """
            ),
        },
    ),
    node_play(
        "an answer in Node that was no list",
        {
            "app.js": NODE["app.js"] + b"exports.rows = () => [1, 2];\n",
            "new.test.js": b"const test = require('node:test');\nconst assert = require('node:assert');\n"
            b"const app = require('./app.js');\n"
            b"test('rows', () => assert.deepEqual(app.rows().map((n) => n + 1), [2, 3]));\n",
        },
        {**NODE, "app.js": NODE["app.js"] + b"exports.rows = () => '1, 2';\n"},
    ),
    jest_play(
        "a replacement in jest of what is beside",
        {
            "app.js": JEST["app.js"].replace(b"a - b", b"a + b"),
            "new.test.js": b"jest.mock('./net.js', () => ({ load: () => 2 }));\n"
            b"const { load } = require('./net.js');\n"
            + LOAD
            + b"test('adds', () => { expect(add(1, load())).toBe(3); });\n",
        },
        {**JEST, "net.js": b"exports.load = () => { throw new Error('no network'); };\n"},
    ),
]
