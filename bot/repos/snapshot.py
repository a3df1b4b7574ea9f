"""Keeps a work tree: starts the walker, believes nothing that it says unchecked, makes a tree of the cache.

The whole of it is walked, or only what stands in the layers that were written over plain files that we know
(docs/decisions/0105); both give the same tree.
"""

import contextlib
import subprocess
from pathlib import Path
from typing import Any

from bot.errors import RepositoryFault
from bot.repos.cache import locked_cache
from bot.repos.reading import Reading
from bot.repos.trees import compare
from bot.repos.whole import WholeReading
from bot.repos.written import WrittenReading, walks_to_itself

Written = dict[str, Any]
"""`argv`: starts the walker with its layers. `under`: the tree whose plain files these lie over."""


def snapshot(cache: Path, base: str, argv: list[str], written: Written | None = None) -> dict[str, Any]:
    """`argv` starts the walker in the sandbox's view. The tree, the changes, what was left out."""
    with locked_cache(cache) as repo:
        reading: Reading
        if written is not None and walks_to_itself(repo, base, written["under"]):
            reading, argv = WrittenReading(repo, base, written["under"]), written["argv"]
        else:
            reading = WholeReading(repo, base)
        _converse(argv, reading)
        tree = reading.write_tree()
        return {
            "tree": tree,
            "changes": compare(repo, base, tree),
            "left_out": reading.left_out_shown(),
        }


def _converse(argv: list[str], reading: Reading) -> None:
    """Start the walker and take all that it says; it is dead when this returns."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin"},
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise RepositoryFault("The walk could not be started.")
        reading.read(process.stdin, process.stdout)
    except (BrokenPipeError, ValueError) as error:
        said = process.stderr.read()[-500:].decode(errors="replace") if process.stderr else ""
        raise RepositoryFault(f"The work tree could not be read: {said or error}") from error
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(BrokenPipeError):  # what we had still to say to it
                if pipe is not None:
                    pipe.close()
        process.wait()
