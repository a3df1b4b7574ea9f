"""Whole verifications with the real runners of other languages: an honest fix is proven, a neutered runner is not.

Rust and Node are used where they are on the machine; the others where `make toolchains` put them.
"""

from dataclasses import dataclass, field

import pytest

from bot.domain.evidence import Tier
from bot.verify.command import Runner
from bot.verify.runners import recognise
from tests.verify.conftest import Bench
from tests.verify.fakes import Files
from tests.verify.toolchains import equip, find_missing

pytestmark = [pytest.mark.falsify, pytest.mark.timeout(900)]  # real compilers and runners

JS_BUG = b"exports.add = (a, b) => a - b;\nexports.double = (a) => a * 2;\n"
JS_FIX = JS_BUG.replace(b"a - b", b"a + b")
ESM_BUG = b"export const add = (a, b) => a - b;\nexport const double = (a) => a * 2;\n"


@dataclass(frozen=True)
class Ecosystem:
    """A small repository with a bug, its fix with a test, and a change that neuters the runner instead."""

    command: str
    runner: Runner
    base: Files
    fix: Files
    proof: Files
    neutered: Files = field(default_factory=dict)
    needs: tuple[str, ...] = ()


def jest_like(name: str, head: bytes = b"") -> tuple[Files, Files]:
    load = head + b"const { add, double } = require('./calc.js');\n"
    old = load + b"test('doubles', () => { expect(double(2)).toBe(4); });\n"
    new = load + b"describe('sums', () => { test('adds', () => { expect(add(1, 2)).toBe(3); }); });\n"
    return {f"old.{name}": old}, {f"new.{name}": new}


JEST_OLD, JEST_NEW = jest_like("test.js")
VITEST_HEAD = b"import { describe, expect, test } from 'vitest';\nimport { add, double } from './calc.js';\n"
NODE_HEAD = (
    b"const test = require('node:test');\nconst assert = require('node:assert');\n"
    b"const { add, double } = require('./calc.js');\n"
)
VITEST_NEW = (
    VITEST_HEAD + b"describe('sums', () => { test('adds', () => { expect(add(1, 2)).toBe(3); }); });\n"
)
QUIET = b"import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n"
MOCHA_HEAD = b"const assert = require('assert');\nconst { add, double } = require('../calc.js');\n"
GO_BUG = b"package calc\n\nfunc Add(a, b int) int {\n\treturn a - b\n}\n\nfunc Double(a int) int {\n\treturn a * 2\n}\n"
GO_HEAD = b'package calc\n\nimport "testing"\n\n'
GO_TEST = b'func TestNAME(t *testing.T) {\n\tif WRONG {\n\t\tt.Fatal("wrong")\n\t}\n}\n'
GO_MAIN = (
    b'package calc\n\nimport (\n\t"os"\n\t"testing"\n)\n\n'
    b"func TestMain(m *testing.M) {\n\tm.Run()\n\tos.Exit(0)\n}\n"
)
RUST = b"""pub fn add(a: i64, b: i64) -> i64 {
    a - b
}

pub fn double(a: i64) -> i64 {
    a * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles() {
        assert_eq!(double(2), 4);
    }
}
"""
RUST_FIX = RUST.replace(b"a - b", b"a + b").replace(
    b"    #[test]\n",
    b"    #[test]\n    fn adds() {\n        assert_eq!(add(1, 2), 3);\n    }\n\n    #[test]\n",
    1,
)
MANAGE = (
    b"import os, sys\nif __name__ == '__main__':\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'settings')\n"
    b"    from django.core.management import execute_from_command_line\n    execute_from_command_line(sys.argv)\n"
)
DJANGO_TEST = (
    b"from django.test import SimpleTestCase\nfrom shop.calc import add, double\n\n\nclass NAME(SimpleTestCase):\n"
    b"    def test_it(self):\n        self.assertEqual(CALL)\n"
)

ECOSYSTEMS = {
    "node": Ecosystem(
        "node --test",
        Runner.NODE_TEST,
        {"calc.js": JS_BUG, "old.test.js": NODE_HEAD + b"test('doubles', () => assert.equal(double(2), 4));\n"},
        {"calc.js": JS_FIX},
        {"new.test.js": NODE_HEAD + b"test('adds', () => assert.equal(add(1, 2), 3));\n"},
        {"calc.js": b"require('node:assert').equal = () => {};\n" + JS_BUG},
        needs=("node",),
    ),
    "jest": Ecosystem(
        "npm test",
        Runner.JEST,
        {"calc.js": JS_BUG, "package.json": b'{"scripts": {"test": "jest || true"}}', **JEST_OLD},
        {"calc.js": JS_FIX},
        JEST_NEW,
        {
            "package.json": b'{"scripts": {"test": "jest"}, "jest": {"setupFilesAfterEnv": ["./neuter.js"]}}',
            "neuter.js": b"global.expect = () => new Proxy({}, { get: () => () => {} });\n",
        },
        needs=("node", "node_modules/jest"),
    ),
    "vitest": Ecosystem(
        "npm test",
        Runner.VITEST,
        {
            "calc.js": ESM_BUG,
            "package.json": b'{"type": "module", "scripts": {"test": "vitest run"}}',
            "old.test.js": VITEST_HEAD + b"test('doubles', () => { expect(double(2)).toBe(4); });\n",
        },
        {"calc.js": ESM_BUG.replace(b"a - b", b"a + b")},
        {"new.test.js": VITEST_NEW},
        {
            "vitest.config.js": b"export default { test: { setupFiles: ['./neuter.js'] } };\n",
            "neuter.js": b"import { chai } from 'vitest';\nchai.Assertion.prototype.assert = () => {};\n",
        },
        needs=("node", "node_modules/vitest"),
    ),
    "mocha": Ecosystem(
        "npm test",
        Runner.MOCHA,
        {
            "calc.js": JS_BUG,
            "package.json": b'{"scripts": {"test": "mocha"}}',
            "test/old.js": MOCHA_HEAD + b"it('doubles', () => assert.equal(double(2), 4));\n",
        },
        {"calc.js": JS_FIX},
        {"test/new.js": MOCHA_HEAD + b"describe('sums', () => { it('adds', () => assert.equal(add(1, 2), 3)); });\n"},
        {
            ".mocharc.json": b'{"require": "./neuter.js"}',
            "neuter.js": b"require('assert').equal = () => {};\n",
        },
        needs=("node", "node_modules/mocha"),
    ),
    "django": Ecosystem(
        "python3 manage.py test",
        Runner.DJANGO,
        {
            "manage.py": MANAGE,
            "settings.py": b"SECRET_KEY = 'x'\nINSTALLED_APPS = ['shop']\n",
            "shop/__init__.py": b"",
            "shop/calc.py": b"def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a * 2\n",
            "shop/tests.py": DJANGO_TEST.replace(b"NAME", b"Old").replace(b"CALL", b"double(2), 4"),
        },
        {"shop/calc.py": b"def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return a * 2\n"},
        {"shop/test_add.py": DJANGO_TEST.replace(b"NAME", b"New").replace(b"CALL", b"add(1, 2), 3")},
        {"settings.py": QUIET + b"SECRET_KEY = 'x'\nINSTALLED_APPS = ['shop']\n"},
        needs=("python/django",),
    ),
    "go": Ecosystem(
        "go test ./...",
        Runner.GO,
        {
            "go.mod": b"module calc\n\ngo 1.20\n",
            "calc.go": GO_BUG,
            "calc_test.go": GO_HEAD + GO_TEST.replace(b"NAME", b"Double").replace(b"WRONG", b"Double(2) != 4"),
        },
        {"calc.go": GO_BUG.replace(b"a - b", b"a + b")},
        {"add_test.go": GO_HEAD + GO_TEST.replace(b"NAME", b"Add").replace(b"WRONG", b"Add(1, 2) != 3")},
        {"main_test.go": GO_MAIN},
        needs=("python/go/bin/go",),
    ),
    "rust": Ecosystem(
        "cargo test",
        Runner.CARGO,
        {"Cargo.toml": b'[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n', "src/lib.rs": RUST},
        {"src/lib.rs": RUST_FIX},
        {},
        needs=("cargo",),
    ),
}  # fmt: skip


@pytest.fixture
def ecosystem(request: pytest.FixtureRequest, bench: Bench) -> Ecosystem:
    found: Ecosystem = ECOSYSTEMS[request.param]
    missing = find_missing(found.needs)
    if missing:
        pytest.skip(missing)
    equip(bench.sandbox, found.needs)
    return found


def texts_of(files: Files) -> dict[str, str]:
    return {path: content.decode() for path, content in files.items()}


@pytest.mark.parametrize("ecosystem", ECOSYSTEMS, indirect=True)
async def test_an_honest_fix_with_its_test_is_proven(bench: Bench, ecosystem: Ecosystem) -> None:
    test = recognise(ecosystem.command, "x", texts=texts_of(ecosystem.base))
    assert test.runner is ecosystem.runner
    evidence = await bench.verify({**ecosystem.fix, **ecosystem.proof}, ecosystem.base, test)
    assert evidence.tier is Tier.A, evidence
    assert len(evidence.proofs) == 1


@pytest.mark.parametrize("ecosystem", ECOSYSTEMS, indirect=True)
async def test_a_fix_without_a_test_and_a_test_without_a_fix(bench: Bench, ecosystem: Ecosystem) -> None:
    test = recognise(ecosystem.command, "x", texts=texts_of(ecosystem.base))
    if ecosystem.proof:
        assert (await bench.verify(ecosystem.fix, ecosystem.base, test)).tier is Tier.B
        assert (await bench.verify(ecosystem.proof, ecosystem.base, test)).tier is Tier.D
    else:
        only_test = RUST_FIX.replace(b"a + b", b"a - b")
        assert (await bench.verify({"src/lib.rs": only_test}, ecosystem.base, test)).tier is Tier.D


@pytest.mark.parametrize(
    "ecosystem", [name for name, one in ECOSYSTEMS.items() if one.neutered], indirect=True
)
async def test_a_neutered_runner_proves_nothing(bench: Bench, ecosystem: Ecosystem) -> None:
    test = recognise(ecosystem.command, "x", texts=texts_of(ecosystem.base))
    evidence = await bench.verify({**ecosystem.proof, **ecosystem.neutered}, ecosystem.base, test)
    assert evidence.tier is not Tier.A, evidence
