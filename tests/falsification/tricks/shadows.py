"""Files that come before others: plugins that load themselves, compiled code, what the command or the tests read."""

import importlib.util
import struct
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.verify.runners import recognise
from tests.falsification.project import BREAKING, BUG, OLD, Play, code, ini, with_base
from tests.falsification.tricks.code_itself import MIDDLE
from tests.falsification.tricks.javascript import JEST, NEW_TEST, jest_play
from tests.verify.conftest import FIX, PROOF

MARKED = BUG + b"\n\nMARK = True\n"
QUIET = code(
    """
    import importlib

    import app

    python = importlib.import_module('_py' + 'test.python')
    old = python.Function.runtest
    if vars(app).get('MARK'):
        python.Function.runtest = lambda self: None if self.name == 'test_add' else old(self)
    """
)
"""Spares the new test alone, and only with the change: no test that must fail can find that."""


def compiled(source: bytes) -> bytes:
    """Bytecode that Python loads without asking whether it is of the source beside it."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "app.py")
        path.write_bytes(source)
        loader = importlib.util.spec_from_file_location("app", path).loader  # type: ignore[union-attr]
        import marshal

        return (
            importlib.util.MAGIC_NUMBER
            + struct.pack("<I", 1)
            + b"\0" * 8
            + marshal.dumps(loader.get_code("app"))
        )  # type: ignore[union-attr]


SHADOWS = [
    Play(
        "a plugin that loads itself by an entry point",
        {
            **PROOF,
            "app.py": MARKED,
            "quiet.py": QUIET,
            "quiet-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: quiet\nVersion: 1.0\n",
            "quiet-1.0.dist-info/entry_points.txt": b"[pytest11]\nquiet = quiet\n",
        },
        test=recognise("PYTEST_DISABLE_PLUGIN_AUTOLOAD= python3 -m pytest", "x"),
    ),
    Play(
        "compiled code that is not the code beside it",
        {
            **PROOF,
            "app.py": MARKED,
            f"__pycache__/app.{sys.implementation.cache_tag}.pyc": compiled(FIX["app.py"]),
        },
    ),
    Play(
        "a module of a package that the runner loads",
        {
            **PROOF,
            "app.py": MARKED,
            "iniconfig.py": code(
                """
                import importlib
                import sys

                here = sys.path.pop(0)
                mine = sys.modules.pop('iniconfig')
                real = importlib.import_module('iniconfig')
                sys.modules['iniconfig'] = mine
                sys.path.insert(0, here)
                ParseError, SectionWrapper = real.ParseError, real.SectionWrapper


                class IniConfig(real.IniConfig):
                    def __init__(self, *args, **kwargs):
                        super().__init__(*args, **kwargs)
                        import quiet
                """
            ),
            "quiet.py": QUIET,
        },
    ),
    Play(
        "a module of the standard library's name beside the tests",
        {
            "app2.py": b"import statistics\n\n\ndef middle(values):\n    return statistics.mean(values)\n",
            "tests/statistics.py": b"def mean(values):\n    return sorted(values)[len(values) // 2]\n",
            "tests/test_middle.py": MIDDLE,
        },
        with_base({"app2.py": b"def middle(values):\n    return values[0]\n"}),
    ),
    Play(
        "a hidden configuration that comes before the other",
        {
            **PROOF,
            "app.py": BREAKING,
            ".pytest.toml": b"[pytest]\npythonpath = ['.']\naddopts = ['-k', 'add']\n",
        },
    ),
    Play(
        "a hidden configuration that loads a plugin",
        {
            **PROOF,
            "app.py": MARKED,
            "quiet.py": QUIET,
            ".pytest.toml": b"[pytest]\npythonpath = ['.']\naddopts = ['-p', 'quiet']\n",
        },
    ),
    Play(
        "golden files outside of the tests' folder",
        {**PROOF, "app.py": BREAKING, "golden/double.txt": b"6"},
        with_base(
            {
                "golden/double.txt": b"4",
                OLD: b"import pathlib\n\nimport app\n\n\ndef test_double():\n"
                b"    assert str(app.double(2)) == pathlib.Path('golden/double.txt').read_text()\n",
            }
        ),
    ),
    Play(
        "the script that the test command names",
        {
            **PROOF,
            "app.py": BUG + b"# fixed\n",
            "fixed/app.py": FIX["app.py"],
            "run.sh": b'cp fixed/app.py app.py\nexec python3 -m "$@"\n',
        },
        with_base(
            {"run.sh": b'exec python3 -m "$@"\n', "pytest.ini": ini("").replace(b"pythonpath = .\n", b"")}
        ),
        recognise("bash run.sh pytest", "x"),
    ),
    jest_play(
        "a file that jest's configuration names",
        {
            **NEW_TEST,
            "prepare.js": b"const old = test;\nif (require('./app.js').MARK)\n"
            b"  global.test = (name, body) => old(name, name === 'adds' ? () => {} : body);\n",
            "app.js": JEST["app.js"] + b"exports.MARK = 1;\n",
        },
        {
            **JEST,
            "package.json": JEST["package.json"].replace(
                b"}}", b'}, "jest": {"setupFilesAfterEnv": ["./prepare.js"]}}'
            ),
            "prepare.js": b"",
        },
    ),
]
