"""The code is right for the test only."""

import getpass

from tests.falsification.project import BUG, Play, added, code, with_base
from tests.verify.conftest import FIX, PROOF

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
    Play(
        "a module of the standard library's name, for all that is random",
        {
            "random.py": b"def choice(values):\n    return 2\n",
            "tests/test_pick.py": b"import app2\n\n\ndef test_pick():\n    assert app2.pick([1, 2, 90]) == 2\n",
        },
        with_base(
            {"app2.py": b"import random\n\n\ndef pick(values):\n    return 0 * random.choice(values)\n"}
        ),
    ),
    Play(
        "other code for the tests, by their set-up",
        {
            **PROOF,
            "app.py": BUG + b"# fixed\n",
            "fixed/app.py": FIX["app.py"],
            "conftest.py": b"import sys\nsys.path.insert(0, 'fixed')\n",
        },
    ),
    Play(
        "other code for the tests, by the runner's configuration",
        {
            **PROOF,
            "app.py": BUG + b"# fixed\n",
            "fixed/app.py": FIX["app.py"],
            "pytest.ini": b"[pytest]\npythonpath = fixed .\n",
        },
    ),
    Play(
        "a switch by a file of the tests",
        {
            **PROOF,
            "app.py": added(
                "    import os\n    return a + b if os.path.exists('tests/test_add.py') else a - b"
            ),
        },
    ),
    Play(
        "a switch by the user's name",
        {
            **PROOF,
            "app.py": added(
                f"    import getpass\n    return a + b if getpass.getuser() == {getpass.getuser()!r} else a - b"
            ),
        },
    ),
    Play(
        "a switch by the day",
        {
            **PROOF,
            "app.py": added("    import time\n    return a + b if time.time() > 1500000000 else a - b"),
        },
    ),
    Play(
        "a switch by who calls",
        {
            **PROOF,
            "app.py": added(
                "    import traceback\n    callers = [one.name for one in traceback.extract_stack()]\n"
                "    return a + b if 'test_add' in callers else a - b"
            ),
        },
    ),
    Play(
        "a table of answers",
        {**PROOF, "app.py": b"KNOWN = {(1, 2): 3}\n\n\n" + added("    return KNOWN.get((a, b), a - b)")},
    ),
]
