"""Awkward but honest changes: each of them must come out as proven, or refusing everything would be enough."""

from bot.verify.command import Runner, TestCommand
from bot.verify.runners import recognise
from bot.verify.verification import Patience
from tests.falsification.project import (
    BASE,
    CASE_PROOF,
    FIX,
    NODE_FIX,
    NODE_PROOF,
    PROOF,
    Play,
    node_play,
    unittest_play,
    with_base,
)
from tests.falsification.tricks import ini

OLD = "tests/test_app.py"
ADD = b"\n\ndef test_add():\n    assert app.add(1, 2) == 3\n"
NO_INI = {path: text for path, text in BASE.items() if path != "pytest.ini"}

HONEST = [
    Play("a fix with a new test file", {**FIX, **PROOF}),
    Play("a test added to an old file", {**FIX, OLD: BASE[OLD] + ADD}),
    unittest_play("a test case", {**FIX, **CASE_PROOF}),
    unittest_play("a subtest", {**FIX, "tests/test_add.py": CASE_PROOF["tests/test_add.py"].replace(b"        self", b"        with self.subTest(n=1):\n            self")}),
    node_play("a fix in Node", {**NODE_FIX, **NODE_PROOF}),
    Play("a parametrised test", {**FIX, "tests/test_add.py": b"import app\nimport pytest\n\n\n@pytest.mark.parametrize(('a', 'b'), [(1, 2), (3, 4)])\ndef test_add(a, b):\n    assert app.add(a, b) == a + b\n"}),
    Play("a test in a class, with a fixture of its own", {**FIX, "tests/test_add.py": b"import app\nimport pytest\n\n\nclass TestAdd:\n    @pytest.fixture\n    def two(self):\n        return 2\n\n    def test_add(self, two):\n        assert app.add(1, two) == 3\n"}, with_base({"pytest.ini": ini("python_classes = Test*")})),
    Play("an exception that goes away", {"app.py": b"def add(a, b):\n    return (a or 0) + (b or 0)\n\n\ndef double(a):\n    return a * 2\n", "tests/test_none.py": b"import app\n\n\ndef test_none():\n    assert app.add(None, 2) == 2\n"}),
    Play("an exception that has to come", {"app.py": b"def add(a, b):\n    return a - b\n\n\ndef double(a):\n    if a is None:\n        raise ValueError('a number is needed')\n    return a * 2\n", "tests/test_none.py": b"import app\nimport pytest\n\n\ndef test_none():\n    with pytest.raises(ValueError):\n        app.double(None)\n"}),
    Play("a test that failed before already", dict(FIX), with_base(dict(PROOF))),
    Play("another test that fails before and after", {**FIX, **PROOF}, with_base({"tests/test_red.py": b"def test_red():\n    assert 1 == 2\n"})),
    Play("old skips and expected failures", {**FIX, **PROOF}, with_base({"tests/test_odd.py": b"import pytest\n\n\n@pytest.mark.skip\ndef test_skipped():\n    pass\n\n\n@pytest.mark.xfail\ndef test_expected():\n    assert 0\n"})),
    Play("quiet options of the repository", {**FIX, **PROOF}, with_base({"pytest.ini": ini("addopts = -qq -x -p no:terminal")})),
    Play("a message without a UTF-8 form", {**FIX, "tests/test_add.py": b"import app\n\n\ndef test_add():\n    if app.add(1, 2) != 3:\n        raise AssertionError('\\udc80')\n"}),
    Play("line ends of another system", {"app.py": FIX["app.py"].replace(b"\n", b"\r\n"), "tests/test_add.py": PROOF["tests/test_add.py"].replace(b"\n", b"\r\n")}, with_base({"app.py": BASE["app.py"].replace(b"\n", b"\r\n")})),
    Play("a file beside the test that it reads", {**FIX, "tests/sums.txt": b"1 2 3\n", "tests/test_add.py": b"import pathlib\n\nimport app\n\n\ndef test_add():\n    a, b, c = map(int, pathlib.Path('tests/sums.txt').read_text().split())\n    assert app.add(a, b) == c\n"}),
    Play("a version raised in the project's file", {**FIX, **PROOF, "pyproject.toml": b"[project]\nname = 'x'\nversion = '2'\n"}, with_base({"pyproject.toml": b"[project]\nname = 'x'\nversion = '1'\n"})),
    Play("a command that is red without a failing test", {**FIX, **PROOF}, test=recognise("python3 -m pytest && exit 3", "x")),
    Play("a command with a folder and a variable", {**FIX, **PROOF}, test=recognise("cd . && PYTHONPATH=$PWD python3 -m pytest", "x")),
    Play("a command in a Makefile", {**FIX, **PROOF}, with_base({"Makefile": b"test:\n\tpython3 -m pytest\n"}), recognise("make test", "x", texts={"Makefile": "test:\n\tpython3 -m pytest\n"}), needs="make"),
    Play("code that moved to a file of its own", {"app.py": b"from sums import add\n\n\ndef double(a):\n    return a * 2\n", "sums.py": b"def add(a, b):\n    return a + b\n", **PROOF}),
    Play("a slow suite, repeated in part", {**FIX, **PROOF}, patience=Patience(whole_suite_s=0.0)),
    Play("a constant that is right", {"app.py": b"def add(a, b):\n    return a - b\n\n\ndef double(a):\n    if not a:\n        return 0\n    return a * 2\n", "tests/test_none.py": b"import app\n\n\ndef test_none():\n    assert app.double(None) == 0\n"}),
    Play("an old test that is flaky", {**FIX, **PROOF}, with_base({"tests/test_luck.py": b"import random\n\n\ndef test_luck():\n    assert random.random() < 0.5\n"})),
    Play("unittest's own command, found by its folder", {**FIX, "tests/test_add.py": CASE_PROOF["tests/test_add.py"]}, {"app.py": BASE["app.py"], "tests/test_app.py": b"import unittest\n\nimport app\n\n\nclass Double(unittest.TestCase):\n    def test_double(self):\n        self.assertEqual(app.double(2), 4)\n"}, TestCommand(Runner.UNITTEST, "python3 -m unittest discover -s tests", "x")),
]  # fmt: skip
