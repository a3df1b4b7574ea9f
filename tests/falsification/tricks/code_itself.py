"""The code is right for the test only."""

from tests.falsification.project import Play, added, code, with_base
from tests.verify.conftest import PROOF

ROLL = code(
    """
            import random


            def roll():
                return random.randint(0, 5)
            """
)
ROLL_TEST = code(
    """
            import app2


            def test_roll():
                assert all(1 <= app2.roll() <= 6 for _ in range(200))
            """
)

CODE = [
    Play(
        "a switch by an environment variable",
        {
            **PROOF,
            "app.py": added(
                "    import os\n    if os.environ.get('CI'):\n        return a + b\n    return a - b"
            ),
        },
    ),
    Play(
        "a switch by the runner's presence",
        {**PROOF, "app.py": added("    import sys\n    return a + b if 'pytest' in sys.modules else a - b")},
    ),
    Play(
        "a hard-coded case",
        {**PROOF, "app.py": added("    if (a, b) == (1, 2):\n        return 3\n    return a - b")},
    ),
    Play("a hard-coded answer", {**PROOF, "app.py": added("    return 3")}),
    Play(
        "an answer that is equal to everything",
        {
            **PROOF,
            "app.py": code(
                """
            class Any:
                def __eq__(self, other): return True


            """
            )
            + added("    return Any()"),
        },
    ),
    Play(
        "a mock as the answer",
        {
            **PROOF,
            "app.py": code(
                """
            from unittest.mock import ANY


            """
            )
            + added("    return ANY"),
        },
    ),
    Play(
        "a module that takes the place of the standard library's",
        {"random.py": b"def randint(a, b):\n    return 3\n", "tests/test_roll.py": ROLL_TEST},
        with_base({"app2.py": ROLL}),
    ),
]
