"""The model's own git: one commit of the base, made inside the sandbox, so that `git diff` shows the change.

It has no remotes, no tokens and no later history, and the host never opens it: the result of the work is read from the
files alone (law 5). Made once for each base tree and kept like an environment, as a layer that every workspace of that
base is opened over. A host (or an image) without git has none.
"""

from dataclasses import replace
from pathlib import Path

from bot.domain import limits
from bot.domain.ids import TreeSha
from bot.errors import SetupFailed
from bot.log import LateLog
from bot.repos.contract import RepoKey
from bot.sandbox.contract import EgressPolicy, Environment, Sandbox, SetupSpec

# -f: a tracked file may be named by .gitignore. trustctime: another template's link to a file changes only its ctime
# (docs/decisions/0106), and git would call it modified. Everything that could run a program is left at git's defaults.
_SCRIPT = """
command -v git > /dev/null || exit 0
git -c init.defaultBranch=base init -q
git config user.name agent
git config user.email agent@localhost
git config gc.auto 0
git config core.trustctime false
git add -A -f
git commit -q --allow-empty --no-verify -m "Base of this task"
"""

log = LateLog()


def name_base(key: RepoKey, tree: TreeSha) -> str:
    """How a base is named to `with_history`."""
    return f"{key} {tree}"


async def with_history(sandbox: Sandbox, environment: Environment, template: Path, base: str) -> Environment:
    """The environment with a `.git` of the base, where one can be made. `base`: see `name_base`.

    Raises SandboxUnavailable.
    """
    key = (f"history of {base}",)
    spec = SetupSpec(_SCRIPT, template, key, egress=EgressPolicy(), timeout_s=limits.HISTORY_S)
    try:
        made = await sandbox.ensure_environment(spec)
    except SetupFailed as fault:
        log.warning("history.left_out", base=base, why=fault.message[-300:])
        return environment
    layer = made.workspace_layer
    if layer is None or not (layer / ".git").is_dir():
        return environment
    return replace(environment, history_layer=layer)
