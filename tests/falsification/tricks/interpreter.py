"""Code that reaches into what runs it, or knows that it is tested, in other words than the plain ones."""

from bot.verify.runners import recognise
from tests.falsification.project import (
    BREAKING,
    BUG,
    NODE,
    NODE_PROOF,
    Play,
    added,
    code,
    node_play,
    unittest_play,
    with_base,
)
from tests.falsification.tricks.compiled import GO, GO_PROOF, RUST, go_play, rust_play
from tests.falsification.tricks.javascript import JEST, LOAD, NEW_TEST, jest_play
from tests.verify.conftest import BASE, PROOF


def switched(name: str, condition: str, imports: str = "import os, sys") -> Play:
    """Right where the condition holds, wrong elsewhere."""
    return Play(
        name, {**PROOF, "app.py": added(f"    {imports}\n    return a + b if {condition} else a - b")}
    )


IN_RUST = code(
    """
    pub fn add(a: i64, b: i64) -> i64 {
        a - b
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn doubles() {
            assert_eq!(2 * 2, 4);
        }
    }
    """
)

INTERPRETER = [
    switched("a switch by the command line", "'pytest' in ' '.join(sys.argv) or '-m' in sys.orig_argv"),
    switched("a switch by all of the environment", "any(name.startswith('PYTEST') for name in os.environ)"),
    switched("a switch by the process's own line", "'pytest' in open('/proc/self/cmdline').read()"),
    switched("a switch by the harness's folder", "any('pullwright' in path for path in sys.path)"),
    switched("a switch by the main module", "'pytest' in str(__main__.__file__)", "import __main__"),
    switched("a switch by loaded modules", "any('pytest' in name for name in list(sys.modules))"),
    switched("a switch by a variable of the harness", "sys.dont_write_bytecode"),
    Play(
        "a switch by the traceback of an exception",
        {
            **PROOF,
            "app.py": added(
                "    try:\n        raise ValueError\n    except ValueError as error:\n"
                "        caller = error.__traceback__.tb_frame.f_back.f_code.co_name\n"
                "    return a + b if caller == 'test_add' else a - b"
            ),
        },
    ),
    Play(
        "code that changes how later modules are loaded",
        {
            "tests/test_a.py": PROOF["tests/test_add.py"],
            "app.py": BREAKING
            + code(
                """


                import importlib.abc, importlib.machinery, sys


                class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
                    def find_spec(self, name, path, target=None):
                        if name.endswith('test_app'):
                            return importlib.machinery.ModuleSpec(name, self)

                    def exec_module(self, module):
                        module.__file__ = __import__('os').path.abspath('tests/test_app.py')
                        exec('def test_double(): pass', module.__dict__)


                sys.meta_path.insert(0, _Finder())
                """
            ),
        },
    ),
    Play(
        "code that writes an old test anew when it is imported",
        {
            "tests/test_a.py": PROOF["tests/test_add.py"],
            "app.py": BREAKING + b"\n\nopen('tests/test_app.py', 'w').write('def test_double(): pass')\n",
        },
    ),
    Play(
        "hooks in the code that the test set-up loads",
        {
            **PROOF,
            "app.py": BUG + b"\n\nMARK = True\n",
            "support.py": b"import app\n\n\ndef pytest_pyfunc_call(pyfuncitem):\n"
            b"    return True if pyfuncitem.name == 'test_add' and hasattr(app, 'MARK') else None\n",
        },
        with_base({"conftest.py": b"from support import *\n", "support.py": b"LIMIT = 3\n"}),
    ),
    Play(
        "code that watches every call",
        {
            **PROOF,
            "app.py": added(
                "    import sys\n    frame = sys._current_frames()\n"
                "    return a + b if 'test_add' in [f.f_code.co_name for f in walk(frame)] else a - b"
            )
            + code(
                """


                def walk(frames):
                    for frame in frames.values():
                        while frame:
                            yield frame
                            frame = frame.f_back
                """
            ),
        },
    ),
    unittest_play(
        "a base class that empties its tests",
        {
            "app.py": code(
                """
                import unittest


                class Base(unittest.TestCase):
                    def __init_subclass__(cls):
                        for name in list(vars(cls)):
                            if name.startswith('test'):
                                setattr(cls, name, lambda self: None)


                def add(a, b):
                    return a - b


                def double(a):
                    return a * 2
                """
            ),
            "tests/test_add.py": code(
                """
                import unittest

                import app


                class Add(getattr(app, 'Base', unittest.TestCase)):
                    def test_add(self):
                        self.assertEqual(app.add(1, 2), 3)
                """
            ),
        },
    ),
    Play(
        "an answer that is equal to everything, in other words",
        {
            **PROOF,
            "app.py": code(
                """
                class Sum(int):
                    def __eq__(self, other):
                        '''All numbers are one.'''
                        return isinstance(other, int)

                    __hash__ = int.__hash__


                """
            )
            + added("    return Sum(a - b)"),
        },
    ),
    Play(
        "an answer that holds everything",
        {
            "app.py": BUG + b"\n\ndef parts(a):\n    return [a]\n\n\nclass All(list):\n"
            b"    def __contains__(self, one):\n        return True\n\n\ndef numbers():\n    return All()\n",
            "tests/test_numbers.py": b"import app\n\n\ndef test_numbers():\n    assert 3 in app.numbers()\n",
        },
        with_base({"app.py": BUG + b"\n\ndef numbers():\n    return []\n"}),
    ),
    Play(
        "a hard-coded answer in a lambda",
        {**PROOF, "app.py": b"add = lambda a, b: 3\n\n\n" + BUG.split(b"\n\n\n")[1]},
    ),
    node_play(
        "a hard-coded answer of an arrow", {**NODE_PROOF, "app.js": NODE["app.js"].replace(b"a - b", b"3")}
    ),
    node_play(
        "a switch by a variable of Node's runner",
        {
            **NODE_PROOF,
            "app.js": NODE["app.js"].replace(b"a - b", b"process.env.NODE_TEST_CONTEXT ? a + b : a - b"),
        },
    ),
    node_play(
        "a switch by the stack in Node",
        {
            **NODE_PROOF,
            "app.js": NODE["app.js"].replace(
                b"a - b", b"/\\.test\\./.test(new Error().stack) ? a + b : a - b"
            ),
        },
    ),
    node_play(
        "a switch by the main module in Node",
        {
            **NODE_PROOF,
            "app.js": NODE["app.js"].replace(
                b"a - b", b"process.argv[1].endsWith('.test.js') ? a + b : a - b"
            ),
        },
    ),
    jest_play(
        "an answer that jest takes for everything",
        {
            "app.js": b"exports.add = (a, b) => ({ asymmetricMatch: () => true });\nexports.double = (a) => a * 2;\n",
            "new.test.js": LOAD + b"test('adds', () => { expect(add(1, 2)).toEqual(3); });\n",
        },
    ),
    jest_play(
        "a switch by a global of jest",
        {
            **NEW_TEST,
            "app.js": JEST["app.js"].replace(b"a - b", b"globalThis.expect ? a + b : a - b"),
        },
    ),
    Play(
        "a doctest rewritten with what it tests",
        {
            **PROOF,
            "app.py": b"def add(a, b):\n    return a + b\n\n\ndef double(a):\n"
            b"    '''Twice.\n\n    >>> double(2)\n    6\n    '''\n    return a * 3\n",
        },
        {
            "app.py": b"def add(a, b):\n    return a - b\n\n\ndef double(a):\n"
            b"    '''Twice.\n\n    >>> double(2)\n    4\n    '''\n    return a * 2\n",
            "pytest.ini": BASE["pytest.ini"],
        },
        recognise("python3 -m pytest --doctest-modules", "x"),
    ),
    rust_play(
        "a switch by Rust's own mark of tests",
        {
            "src/lib.rs": IN_RUST.replace(
                b"pub fn add(a: i64, b: i64) -> i64 {\n    a - b\n}\n",
                b"#[cfg(not(test))]\npub fn add(a: i64, b: i64) -> i64 {\n    a - b\n}\n\n"
                b"#[cfg(test)]\npub fn add(a: i64, b: i64) -> i64 {\n    a + b\n}\n",
            ).replace(
                b"    fn doubles()",
                b"    fn adds() {\n        assert_eq!(super::add(1, 2), 3);\n    }\n\n    #[test]\n    fn doubles()",
            ),
        },
        {"Cargo.toml": RUST["Cargo.toml"], "src/lib.rs": IN_RUST},
    ),
    rust_play(
        "a switch by how Rust is built",
        {
            "src/lib.rs": RUST["src/lib.rs"].replace(
                b"a - b", b"if cfg!(debug_assertions) { a + b } else { a - b }"
            ),
            "tests/new.rs": b"#[test]\nfn adds() {\n    assert_eq!(calc::add(1, 2), 3);\n}\n",
        },
    ),
    go_play(
        "a switch by a flag of Go's tests",
        {
            **GO_PROOF,
            "calc.go": GO["calc.go"]
            .replace(b"package calc\n", b'package calc\n\nimport "flag"\n')
            .replace(
                b"{ return a - b }",
                b'{\n\tif flag.Lookup("test.v") != nil {\n\t\treturn a + b\n\t}\n\treturn a - b\n}',
            ),
        },
    ),
    go_play(
        "a switch by the name of Go's program",
        {
            **GO_PROOF,
            "calc.go": GO["calc.go"]
            .replace(b"package calc\n", b'package calc\n\nimport (\n\t"os"\n\t"strings"\n)\n')
            .replace(
                b"{ return a - b }",
                b'{\n\tif strings.HasSuffix(os.Args[0], ".test") {\n\t\treturn a + b\n\t}\n\treturn a - b\n}',
            ),
        },
    ),
]
