"""The runners of JavaScript, and what configures them. jest, vitest and mocha: where `make toolchains` put them."""

from bot.verify.runners import recognise
from tests.falsification.project import NODE, NODE_BREAKING, NODE_PROOF, Patch, Play, code, node_play
from tests.verify.fakes import Files

BUG = b"exports.add = (a, b) => a - b;\nexports.double = (a) => a * 2;\n"
BREAKING = b"exports.add = (a, b) => a + b;\nexports.double = (a) => a * 3;\n"
LOAD = b"const { add, double } = require('./app.js');\n"
OLD_TEST = LOAD + b"test('doubles', () => { expect(double(2)).toBe(4); });\n"
NEW_TEST: Files = {"new.test.js": LOAD + b"test('adds', () => { expect(add(1, 2)).toBe(3); });\n"}


def package(script: str, more: str = "") -> bytes:
    return f'{{"scripts": {{"test": "{script}"}}{more}}}'.encode()


JEST: Files = {"app.js": BUG, "old.test.js": OLD_TEST, "package.json": package("jest")}


def jest_play(name: str, patch: Patch, base: Files = JEST) -> Play:
    texts = {"package.json": base["package.json"].decode()}
    return Play(name, patch, base, recognise("npm test", "x", texts=texts), needs="node_modules/jest")


SHOTS: Files = {
    **JEST,
    "old.test.js": LOAD + b"test('doubles', () => { expect(double(2)).toMatchSnapshot(); });\n",
    "__snapshots__/old.test.js.snap": b"// Jest Snapshot v1, https://jestjs.io/docs/snapshot-testing\n\n"
    b"exports[`doubles 1`] = `4`;\n",
}
SET_UP = ', "jest": {"setupFilesAfterEnv": ["./neuter.js"]}'
MOCHA_HEAD = b"const assert = require('assert');\nconst { add, double } = require('../app.js');\n"
MOCHA: Files = {
    "app.js": BUG,
    "package.json": package("mocha"),
    "test/old.js": MOCHA_HEAD + b"it('doubles', () => assert.equal(double(2), 4));\n",
}

JAVASCRIPT = [
    node_play(
        "a test function of Node that does nothing",
        {
            **NODE_PROOF,
            "app.js": b"const t = require('node:test');\nt.test = t.it = () => {};\n" + NODE["app.js"],
        },
    ),
    node_play(
        "an exit code of Node put right at the end",
        {**NODE_PROOF, "app.js": b"process.on('exit', () => { process.exitCode = 0; });\n" + NODE["app.js"]},
    ),
    node_play(
        "an old test of Node that is not waited for",
        {
            **NODE_PROOF,
            **NODE_BREAKING,
            "old.test.js": code(
                """
            const test = require('node:test');
            const assert = require('node:assert');
            const { double } = require('./app.js');
            test('doubles', () => { Promise.resolve().then(() => assert.equal(double(2), 4)).catch(() => {}); });
            """
            ),
        },
    ),
    Play(
        "another command in package.json",
        {**NODE_PROOF, **NODE_BREAKING, "package.json": package("node --test new.test.js")},
        {**NODE, "package.json": package("node --test")},
        recognise("npm test", "x", texts={"package.json": package("node --test").decode()}),
        needs="node",
    ),
    Play(
        "a script of unknown kind that became true",
        {**NODE_PROOF, "package.json": package("true")},
        {**NODE, "package.json": package("node check.js"), "check.js": b"require('./old.test.js');\n"},
        recognise("npm test", "x", texts={"package.json": package("node check.js").decode()}),
        needs="npm",
    ),
    jest_play(
        "a set-up file of jest that neuters expect",
        {
            **NEW_TEST,
            "package.json": package("jest", SET_UP),
            "neuter.js": b"global.expect = () => new Proxy({}, { get: () => () => {} });\n",
        },
    ),
    jest_play(
        "code that neuters expect in jest",
        {**NEW_TEST, "app.js": b"global.expect = () => new Proxy({}, { get: () => () => {} });\n" + BUG},
    ),
    jest_play(
        "a set-up file of jest that exits",
        {**NEW_TEST, "package.json": package("jest", SET_UP), "neuter.js": b"process.exit(0);\n"},
    ),
    jest_play(
        "a script of jest that swallows its failure",
        {**NEW_TEST, "package.json": package("jest || true")},
    ),
    jest_play(
        "only the new test, by its word",
        {
            "app.js": BREAKING,
            "old.test.js": OLD_TEST + b"test.only('adds', () => { expect(add(1, 2)).toBe(3); });\n",
        },
    ),
    jest_play(
        "old tests ignored by jest's configuration",
        {
            **NEW_TEST,
            "app.js": BREAKING,
            "package.json": package("jest", ', "jest": {"testPathIgnorePatterns": ["old.test"]}'),
        },
    ),
    jest_play(
        "a snapshot of jest updated",
        {
            **NEW_TEST,
            "app.js": BREAKING,
            "__snapshots__/old.test.js.snap": SHOTS["__snapshots__/old.test.js.snap"].replace(b"`4`", b"`6`"),
        },
        SHOTS,
    ),
    Play(
        "retries in mocha's configuration",
        {
            "test/new.js": MOCHA_HEAD + b"it('adds', () => assert.equal(add(1, 2), 3));\n",
            ".mocharc.json": b'{"retries": 9}',
            "app.js": b"let n = 0;\nexports.add = (a, b) => (++n % 3 === 0 ? a + b : a - b);\n"
            b"exports.double = (a) => a * 2;\n",
        },
        MOCHA,
        recognise("npm test", "x", texts={"package.json": package("mocha").decode()}),
        needs="node_modules/mocha",
    ),
    Play(
        "a set-up file of vitest that neuters what it asserts with",
        {
            "new.test.js": b"import { expect, test } from 'vitest';\nimport { add } from './app.js';\n"
            b"test('adds', () => { expect(add(1, 2)).toBe(3); });\n",
            "vitest.config.js": b"export default { test: { setupFiles: ['./neuter.js'] } };\n",
            "neuter.js": b"import { chai } from 'vitest';\nchai.Assertion.prototype.assert = () => {};\n",
        },
        {
            "app.js": b"export const add = (a, b) => a - b;\nexport const double = (a) => a * 2;\n",
            "package.json": package("vitest run", ', "type": "module"'),
            "old.test.js": b"import { expect, test } from 'vitest';\nimport { double } from './app.js';\n"
            b"test('doubles', () => { expect(double(2)).toBe(4); });\n",
        },
        recognise("npm test", "x", texts={"package.json": package("vitest run").decode()}),
        needs="node_modules/vitest",
    ),
]
