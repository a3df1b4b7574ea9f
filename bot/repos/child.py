"""The short-lived process in which all work on git objects happens: `python -m bot.repos.child`.

One JSON request on stdin (a token is in it, never in an argument or the environment), one JSON answer on stdout.
Limits are set before anything is read: a repository of 2.6 MB can hold a blob that takes 1.2 GB. Started with an
empty environment and a HOME that does not exist, so that no configuration of any user is found.
"""

import errno
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bot.domain import limits
from bot.errors import PullwrightError, RepositoryFault, RetryLater, TokenRefused

JsonObject = dict[str, Any]

_NO_ROOM_S: Final = 60.0  # until somebody or the reaper makes some


def main() -> int:
    """Always exit code 0 with an answer; anything else means that the process was killed."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.GIT_CHILD_MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not get between us
    answers.write(json.dumps(_answer(json.load(sys.stdin))))
    answers.close()
    return 0


def _answer(request: JsonObject) -> JsonObject:
    try:
        return {"result": _operation(request["operation"])(Path(request["cache"]), **request["arguments"])}
    except RetryLater as fault:
        return {"fault": "retry", "message": str(fault), "after_s": fault.after_s}
    except TokenRefused as fault:
        return {"fault": "token", "message": fault.message, "remedy": fault.remedy}
    except RepositoryFault as fault:
        return {"fault": "repository", "message": fault.message, "remedy": fault.remedy}
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return {"fault": "retry", "message": f"no room on the disk: {fault.strerror}", "after_s": _NO_ROOM_S}
    except MemoryError:
        size = limits.GIT_CHILD_MEMORY_BYTES // limits.MIB
        return {"fault": "repository", "message": f"The repository needs more than {size} MiB to read.",
                "remedy": "Remove very large files from it."}  # fmt: skip
    except PullwrightError as fault:
        return {"fault": "bug", "message": str(fault)}


def _operation(name: str) -> Callable[..., Any]:
    """Imported when it is asked for: a walk needs no network code."""
    match name:
        case "fetch":
            from bot.repos.fetch import fetch

            return fetch
        case "push":
            from bot.repos.push import push

            return push
        case "commit":
            from bot.repos.push import write_commit

            return write_commit
        case "materialise":
            from bot.repos.checkout import materialise

            return materialise
        case "snapshot":
            from bot.repos.snapshot import snapshot

            return snapshot
        case "import_head":
            from bot.repos.checkout_local import import_head

            return import_head
        case "write_back":
            from bot.repos.checkout_local import write_back

            return write_back
        case "left_out":
            from bot.repos.left_out import left_out

            return left_out
        case "diff":
            from bot.repos.diff import diff

            return diff
        case _:
            from bot.repos import trees

            return trees.OPERATIONS[name]


if __name__ == "__main__":
    sys.exit(main())
