"""Tests that prove nothing, and suites that can not be a measure."""

from bot.verify.subject import Patience
from tests.falsification.project import (
    BREAKING,
    BUG,
    OLD,
    OUTSIDE,
    Play,
    code,
    coin,
    unittest_play,
    with_base,
)
from tests.verify.conftest import FIX, PROOF

CLOCK = code(
    f"""
    import pathlib, time


    def test_clock():
        mark = pathlib.Path({str(OUTSIDE)!r} + '-clock')
        mark.touch(exist_ok=True)
        assert time.time() - mark.stat().st_mtime > 1.5
    """
)

PROOFS = [
    Play("a fix without a test", dict(FIX)),
    Play("a test without a fix", dict(PROOF)),
    Play(
        "a test that passes on the base",
        {
            **FIX,
            "tests/test_idle.py": code(
                """
            import app


            def test_idle():
                assert app.double(3) == 6
            """
            ),
        },
    ),
    Play(
        "a test that never asserts",
        {
            **FIX,
            "tests/test_idle.py": code(
                """
            import app


            def test_idle():
                app.add(1, 2)
            """
            ),
        },
    ),
    Play(
        "a test that can't be imported on the base",
        {
            "app.py": BUG
            + code(
                """


            def triple(a):
                return a * 3
            """
            ),
            "tests/test_triple.py": code(
                """
            from app import triple


            def test_triple():
                assert triple(1) == 3
            """
            ),
        },
    ),
    Play(
        "a test that imports what is new in its body",
        {
            "app.py": BUG
            + code(
                """


            def triple(a):
                return a * 3
            """
            ),
            "tests/test_triple.py": code(
                """
            def test_triple():
                from app import triple

                assert triple(1)
            """
            ),
        },
    ),
    Play(
        "a test of an attribute that is new",
        {
            "app.py": BUG
            + code(
                """


            def triple(a):
                return a * 3
            """
            ),
            "tests/test_triple.py": code(
                """
            import app


            def test_triple():
                assert app.triple(1)
            """
            ),
        },
    ),
    Play(
        "a fixture that fails on the base",
        {
            **FIX,
            "tests/test_three.py": code(
                """
            import app
            import pytest


            @pytest.fixture
            def three():
                assert app.add(1, 2) == 3


            def test_three(three):
                pass
            """
            ),
        },
    ),
    Play(
        "a flaky test sold as proof",
        {
            **FIX,
            "tests/test_coin.py": coin("test_coin"),
        },
    ),
    Play(
        "a test that passes from some moment on",
        {
            "app.py": BUG + b"# later\n",
            "tests/test_clock.py": CLOCK,
        },
    ),
    Play(
        "a test that depends on order",
        {
            "app.py": BUG
            + code(
                """


            STATE = []
            """
            ),
            "tests/test_order.py": code(
                """
            import app


            def test_first():
                getattr(app, 'STATE', []).append(1)


            def test_second():
                assert getattr(app, 'STATE', None)
            """
            ),
        },
    ),
    Play(
        "a test that needs the network",
        {
            **FIX,
            "tests/test_net.py": code(
                """
            import socket


            def test_net():
                socket.create_connection(('127.0.0.1', 9), 1)
            """
            ),
        },
    ),
    Play(
        "a suite that hangs with the change",
        {**PROOF, "app.py": FIX["app.py"].replace(b"return a * 2", b"import time; time.sleep(60)")},
        patience=Patience(least_s=4.0, slower=1.0),
    ),
    Play(
        "a suite that is too slow for its limit",
        {**FIX, **PROOF},
        with_base(
            {
                OLD: code(
                    """
            import time


            def test_double():
                time.sleep(60)
            """
                )
            }
        ),
        patience=Patience(suite_s=3.0),
    ),
    Play(
        "a red suite made green by its set-up",
        {"conftest.py": b"import app\napp.add = lambda a, b: a + b\n", "app.py": BUG + b"# fixed\n"},
        with_base(dict(PROOF)),
    ),
    Play(
        "a base that can't be collected",
        {**FIX, **PROOF},
        {"app.py": b"", OLD: b"import nothing_of_this_name\n"},
    ),
    Play("a broken test", {**PROOF, "app.py": BREAKING}),
    Play(
        "a new test that is skipped without the change",
        {
            "app.py": BUG + b"\n\nMARK = True\n",
            "tests/test_mark.py": code(
                """
            import app
            import pytest


            @pytest.mark.skipif(not hasattr(app, 'MARK'), reason='x')
            def test_mark():
                assert app.double(3) == 6
            """
            ),
        },
    ),
    Play(
        "a new test that is expected to fail",
        {
            **FIX,
            "tests/test_add.py": b"import pytest\n"
            + PROOF["tests/test_add.py"].replace(b"def test", b"@pytest.mark.xfail\ndef test"),
        },
    ),
    Play(
        "a test that hangs on the base",
        {
            "app.py": BUG + b"\n\nMARK = True\n",
            "tests/test_mark.py": code(
                """
            import time

            import app


            def test_mark():
                while 'MARK' not in app.add.__globals__:
                    time.sleep(0.1)
            """
            ),
        },
        patience=Patience(least_s=5.0, slower=1.0),
    ),
    Play(
        "a test that ends the process on the base",
        {
            "app.py": BUG + b"\n\nMARK = True\n",
            "tests/test_mark.py": code(
                """
            import os

            import app


            def test_mark():
                if 'MARK' not in app.add.__globals__:
                    os._exit(1)
            """
            ),
        },
    ),
    Play(
        "a test that fails in its tear-down on the base",
        {
            **FIX,
            "tests/test_three.py": code(
                """
            import app
            import pytest


            @pytest.fixture
            def three():
                yield
                assert app.add(1, 2) == 3


            def test_three(three):
                pass
            """
            ),
        },
    ),
    unittest_play(
        "a class that can't be set up on the base",
        {
            **FIX,
            "tests/test_three.py": code(
                """
            import unittest

            import app


            class Three(unittest.TestCase):
                @classmethod
                def setUpClass(cls):
                    assert app.add(1, 2) == 3

                def test_three(self):
                    pass
            """
            ),
        },
    ),
    Play(
        "a test that asks for a name",
        {
            "app.py": BUG + b"\n\nFIXED = True\n",
            "tests/test_name.py": b"import app\n\n\ndef test_name():\n    assert hasattr(app, 'FIXED')\n",
        },
    ),
    Play(
        "a test that reads the code's text",
        {
            "app.py": BUG + b"# a + b\n",
            "tests/test_text.py": b"def test_text():\n    assert 'a + b' in open('app.py').read()\n",
        },
    ),
    Play(
        "a test of a copy that is right",
        {
            "sums.py": FIX["app.py"],
            "tests/test_sums.py": b"def test_sums():\n    import sums\n\n    assert sums.add(1, 2) == 3\n",
        },
    ),
    Play(
        "a copy of the code beside the tests",
        {
            "tests/app.py": FIX["app.py"],
            "tests/test_add.py": PROOF["tests/test_add.py"],
            "app.py": BUG + b"# fixed\n",
        },
    ),
    Play(
        "a comparison that holds by itself",
        {
            **FIX,
            "tests/test_tuple.py": b"import app\n\n\ndef test_tuple():\n    assert (app.add(1, 2) == 3, 'wrong')\n",
        },
    ),
]
