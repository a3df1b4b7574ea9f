"""The code is right for the test only."""

from tests.falsification.project import Play, added, code, with_base
from tests.verify.conftest import PROOF

MIDDLE = b"import app2\n\n\ndef test_middle():\n    assert app2.middle([1, 2, 90]) == 2\n"

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
        {
            "statistics.py": b"def mean(values):\n    return sorted(values)[len(values) // 2]\n",
            "tests/test_middle.py": MIDDLE,
        },
        with_base(
            {"app2.py": b"import statistics\n\n\ndef middle(values):\n    return statistics.mean(values)\n"}
        ),
    ),
]
