"""A set-up script to begin with when one has failed: the same steps, with what its log complains about. Pure.

The words are those of the common tools; what is not recognised is left as it is. It is a proposal to a person and is
never run.
"""

import re
from typing import Final

_HINTS: Final = (
    (re.compile(r"([\w.-]+): command not found"), "# `{0}` is missing: install it into /env first"),
    (re.compile(r"fatal error: ([\w./-]+\.h): No such file"), "# {0} is missing: use a wheel, or ask the operator"),
    (re.compile(r"(?:Could not find a version|No matching distribution found for) ?(\S*)"), "# not on the index: {0}"),
    (re.compile(r"CONNECT tunnel failed|Tunnel connection failed|not let out|ERR_PROXY|403 Forbidden"),
     "# a host was not let out: add it under `network:` in this file"),
    (re.compile(r"requires a different Python: (\S+)"), "# the sandbox has Python {0}"),
    (re.compile(r"EACCES|Permission denied|Read-only file system"),
     "# only /env, /workspace, /tmp and the home are writable"),
    (re.compile(r"npm ERR! code E(RESOLVE|USAGE)|can only install packages when your package.json"),
     "# the lock file does not fit package.json: run `npm install` and commit it"),
)  # fmt: skip


def propose_script(script: str, log: list[str]) -> str:
    """The script with a comment for each complaint that is known, fit for `setup: |`."""
    hints = []
    for pattern, text in _HINTS:
        found = next((match for line in log if (match := pattern.search(line))), None)
        if found is not None:
            hints.append(text.format(*found.groups()))
    lines = [
        "setup: |",
        *(f"  {line}" for line in (*hints, "set -euo pipefail", *script.strip().splitlines())),
    ]
    return "\n".join(lines)
