"""How programs of ours are started beside the worker: isolated, with the standard library alone."""

import os
import sys
from pathlib import Path
from typing import Final

PROGRAMS: Final = Path(__file__).resolve().parents[2]
"""The directory that holds the package `bot`, for programs that start without site-packages."""

INTERPRETER: Final = os.path.realpath(sys.executable)


def program(module: str) -> list[str]:
    """argv that runs `main()` of a module of ours, with the standard library alone."""
    code = f"import sys; sys.path.insert(0, {str(PROGRAMS)!r}); from {module} import main; main()"
    return [INTERPRETER, "-I", "-S", "-c", code]
