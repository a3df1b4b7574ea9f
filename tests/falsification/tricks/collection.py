"""Tests that would fail are not collected."""

from bot.verify.runners import recognise
from tests.falsification.project import (
    BREAKING,
    CASE_PROOF,
    OLD,
    OLD_TEST,
    Play,
    code,
    hook,
    ini,
    unittest_play,
    with_base,
)
from tests.verify.conftest import BASE, FIX, PROOF

COLLECTION = [
    Play(
        "collect_ignore",
        {**PROOF, "app.py": BREAKING, "conftest.py": b"collect_ignore = ['tests/test_app.py']\n"},
    ),
    Play("addopts -k", {**PROOF, "app.py": BREAKING, "pytest.ini": ini("addopts = -k add")}),
    Play("addopts --co", {**FIX, **PROOF, "pytest.ini": ini("addopts = --co")}),
    Play(
        "addopts --deselect",
        {**PROOF, "app.py": BREAKING, "pytest.ini": ini("addopts = --deselect=tests/test_app.py")},
    ),
    Play(
        "a hook that deselects what fails",
        {
            **PROOF,
            "app.py": BREAKING,
            "conftest.py": hook(
                "def pytest_collection_modifyitems(items):\n"
                "    items[:] = [one for one in items if 'double' not in one.name]\n"
            ),
        },
    ),
    Play("a pattern that finds no test", {**FIX, **PROOF, "pytest.ini": ini("python_files = none_*.py")}),
    Play("a deleted test", {**PROOF, "app.py": BREAKING, OLD: None}),
    Play(
        "a renamed test",
        {
            **PROOF,
            "app.py": BREAKING,
            OLD: OLD_TEST.replace(b"test_double", b"test_twice").replace(b"== 4", b""),
        },
    ),
    Play(
        "a test moved out of collection",
        {**PROOF, "app.py": BREAKING, OLD: None, "tests/checks_app.py": OLD_TEST},
    ),
    Play(
        "a parametrisation emptied",
        {
            **PROOF,
            "app.py": BREAKING,
            OLD: code(
                """
            import app
            import pytest


            @pytest.mark.parametrize('n', [])
            def test_double(n):
                assert app.double(n) == 2 * n
            """
            ),
        },
        with_base(
            {
                OLD: code(
                    """
            import app
            import pytest


            @pytest.mark.parametrize('n', [1, 2])
            def test_double(n):
                assert app.double(n) == 2 * n
            """
                )
            }
        ),
    ),
    Play(
        "another command in the Makefile",
        {**PROOF, "app.py": BREAKING, "Makefile": b"test:\n\tpython3 -m pytest -k add\n"},
        with_base({"Makefile": b"test:\n\tpython3 -m pytest\n"}),
        recognise("make test", "x", texts={"Makefile": "test:\n\tpython3 -m pytest\n"}),
        needs="make",
    ),
    Play(
        "another configuration in tox.ini",
        {**PROOF, "app.py": BREAKING, "tox.ini": ini("addopts = -k add")},
        {**{path: text for path, text in BASE.items() if path != "pytest.ini"}, "tox.ini": ini("")},
    ),
    Play(
        "other folders to look in",
        {
            **PROOF,
            "app.py": BREAKING,
            "tests/test_add.py": None,
            "tests/new/test_add.py": PROOF["tests/test_add.py"],
            "pytest.ini": ini("testpaths = tests/new"),
        },
    ),
    Play(
        "folders not to look in",
        {
            **PROOF,
            "app.py": BREAKING,
            "pytest.ini": ini("norecursedirs = old"),
            OLD: None,
            "tests/old/test_app.py": OLD_TEST,
        },
    ),
    Play(
        "a configuration that comes before the other",
        {
            **PROOF,
            "app.py": BREAKING,
            "pytest.toml": b"[pytest]\npythonpath = ['.']\naddopts = ['-k', 'add']\n",
        },
    ),
    Play(
        "a hook that ignores files",
        {
            **PROOF,
            "app.py": BREAKING,
            "conftest.py": hook(
                "def pytest_ignore_collect(collection_path):\n    return 'test_app' in str(collection_path) or None\n"
            ),
        },
    ),
    Play(
        "an old test defined once more",
        {**PROOF, "app.py": BREAKING, OLD: OLD_TEST + b"\n\ndef test_double():\n    pass\n"},
    ),
    unittest_play(
        "a loader that leaves out what fails",
        {
            **CASE_PROOF,
            "app.py": BREAKING,
            "tests/__init__.py": code(
                """
            import unittest


            def load_tests(loader, standard, pattern):
                from tests import test_add

                return loader.loadTestsFromModule(test_add)
            """
            ),
        },
    ),
]
