"""The small projects that the tricks are played on, and what a trick is."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from bot.verify.command import Runner, TestCommand
from bot.verify.subject import Patience
from tests.verify.conftest import BASE, FIX, PYTEST, UNITTEST
from tests.verify.fakes import Files

Patch = dict[str, bytes | None]


@dataclass(frozen=True)
class Play:
    """A change, what it is made to, and how that is tested. The name says what the change tries."""

    name: str
    patch: Patch
    base: Files = field(default_factory=lambda: BASE)
    test: TestCommand = PYTEST
    patience: Patience = field(default_factory=Patience)
    needs: str = ""  # a program that may be missing, or a path of `make toolchains`


BREAKING = FIX["app.py"].replace(b"a * 2", b"a * 3")
"""Mends `add`, breaks `double`: what the old test would find."""

CASES: Files = {
    "app.py": BASE["app.py"],
    "tests/__init__.py": b"",
    "tests/test_app.py": b"import unittest\n\nimport app\n\n\nclass Double(unittest.TestCase):\n"
    b"    def test_double(self):\n        self.assertEqual(app.double(2), 4)\n",
}
CASE_PROOF: Files = {
    "tests/test_add.py": b"import unittest\n\nimport app\n\n\nclass Add(unittest.TestCase):\n"
    b"    def test_add(self):\n        self.assertEqual(app.add(1, 2), 3)\n"
}

NODE: Files = {
    "app.js": b"exports.add = (a, b) => a - b;\nexports.double = (a) => a * 2;\n",
    "old.test.js": b"const test = require('node:test');\nconst assert = require('node:assert');\n"
    b"const { double } = require('./app.js');\ntest('doubles', () => assert.equal(double(2), 4));\n",
}
NODE_PROOF: Files = {
    "new.test.js": b"const test = require('node:test');\nconst assert = require('node:assert');\n"
    b"const { add } = require('./app.js');\ntest('adds', () => assert.equal(add(1, 2), 3));\n"
}
NODE_FIX: Files = {"app.js": NODE["app.js"].replace(b"a - b", b"a + b")}
NODE_BREAKING: Files = {"app.js": NODE_FIX["app.js"].replace(b"a * 2", b"a * 3")}
NODE_TEST = TestCommand(Runner.NODE_TEST, "node --test", "package.json")


def code(text: str) -> bytes:
    """A file's content, written with the indentation of what stands around it."""
    return dedent(text).removeprefix("\n").encode()


def unittest_play(name: str, patch: Patch) -> Play:
    return Play(name, patch, CASES, UNITTEST)


def node_play(name: str, patch: Patch, base: Files = NODE) -> Play:
    return Play(name, patch, base, NODE_TEST, needs="node")


def with_base(files: Files) -> Files:
    return {**BASE, **files}


OLD = "tests/test_app.py"
OLD_TEST = BASE[OLD]
BUG = BASE["app.py"]
OUTSIDE = Path(tempfile.gettempdir(), "pullwright-falsification")
"""Outside of every workspace: stands for whatever differs from run to run."""


def hook(body: str) -> bytes:
    return f"import os\nimport sys\n\nimport pytest\n\n\n{body}".encode()


def ini(options: str) -> bytes:
    return f"[pytest]\npythonpath = .\n{options}\n".encode()


def added(body: str) -> bytes:
    """`add` with this body; `double` as it was."""
    return f"def add(a, b):\n{body}\n\n\ndef double(a):\n    return a * 2\n".encode()


def coin(name: str) -> bytes:
    """A test that passes in its second run, its fifth, and so on, however many run at once: not in step with turns."""
    return code(
        f"""
        import itertools, pathlib


        def {name}():
            for run in itertools.count():
                try:
                    pathlib.Path({str(OUTSIDE)!r} + f'-coin-{{run}}').touch(exist_ok=False)
                except FileExistsError:
                    continue
                assert run % 3 == 1
                return
        """
    )
