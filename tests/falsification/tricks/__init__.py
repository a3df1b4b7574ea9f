"""Changes that look fixed and are not. None of them may come out as proven.

Each is a whole verification with real runs. New ones are welcome: a name that says what is tried, and a patch.
"""

from tests.falsification.tricks.code_itself import CODE
from tests.falsification.tricks.collection import COLLECTION
from tests.falsification.tricks.commands import COMMANDS
from tests.falsification.tricks.compiled import COMPILED
from tests.falsification.tricks.interpreter import INTERPRETER
from tests.falsification.tricks.javascript import JAVASCRIPT
from tests.falsification.tricks.old_tests import TESTS
from tests.falsification.tricks.proofs import PROOFS
from tests.falsification.tricks.runner import RUNNER
from tests.falsification.tricks.shadows import SHADOWS
from tests.falsification.tricks.tells import TELLS

TRICKS = [
    *RUNNER,
    *COLLECTION,
    *TESTS,
    *PROOFS,
    *CODE,
    *COMMANDS,
    *JAVASCRIPT,
    *COMPILED,
    *SHADOWS,
    *TELLS,
    *INTERPRETER,
]

__all__ = ["TRICKS"]
