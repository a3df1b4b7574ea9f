"""The short-lived process in which all work on git objects happens. Forked from `zygote.py` for one operation.

One JSON request on its connection (a token is in it, never in an argument or the environment), one JSON answer.
Limits are set before anything is read: a repository of 2.6 MB can hold a blob that takes 1.2 GB. The environment is
empty and HOME does not exist, so that no configuration of any user is found.
"""

import errno
import json
import resource
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bot.domain import limits
from bot.errors import PullwrightError, RepositoryFault, RetryLater, TokenRefused
from bot.repos import trees
from bot.repos.checkout import materialise
from bot.repos.checkout_local import import_head, write_back
from bot.repos.diff import diff
from bot.repos.fetch import fetch
from bot.repos.left_out import left_out
from bot.repos.merge import merge
from bot.repos.push import push, write_commit
from bot.repos.snapshot import snapshot

JsonObject = dict[str, Any]

_TOLD: Final = 2_000  # characters of the end of a traceback
_NO_ROOM_S: Final = 60.0  # until somebody or the reaper makes some


def serve(connection: socket.socket) -> None:
    """Read one request and answer it. No answer at all means that the process was killed."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.GIT_CHILD_MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with connection, connection.makefile("rwb") as stream:
        stream.write(json.dumps(_answer(json.load(stream))).encode())


def _answer(request: JsonObject) -> JsonObject:
    try:
        return {"result": _OPERATIONS[request["operation"]](Path(request["cache"]), **request["arguments"])}
    except RetryLater as fault:
        return {"fault": "retry", "message": str(fault), "after_s": fault.after_s}
    except TokenRefused as fault:
        return {"fault": "token", "message": fault.message, "remedy": fault.remedy}
    except RepositoryFault as fault:
        return {"fault": "repository", "message": fault.message, "remedy": fault.remedy}
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            return {"fault": "bug", "message": traceback.format_exc()[-_TOLD:]}
        return {"fault": "retry", "message": f"no room on the disk: {fault.strerror}", "after_s": _NO_ROOM_S}
    except MemoryError:
        size = limits.GIT_CHILD_MEMORY_BYTES // limits.MIB
        return {"fault": "repository", "message": f"The repository needs more than {size} MiB to read.",
                "remedy": "Remove very large files from it."}  # fmt: skip
    except PullwrightError as fault:
        return {"fault": "bug", "message": str(fault)}
    except Exception:  # noqa: BLE001 - nobody here can do more than tell it
        return {"fault": "bug", "message": traceback.format_exc()[-_TOLD:]}


_OPERATIONS: Final[dict[str, Callable[..., Any]]] = {
    "fetch": fetch,
    "push": push,
    "commit": write_commit,
    "merge": merge,
    "materialise": materialise,
    "snapshot": snapshot,
    "import_head": import_head,
    "write_back": write_back,
    "left_out": left_out,
    "diff": diff,
    **trees.OPERATIONS,
}
