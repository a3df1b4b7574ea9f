"""Authority is a person with write permission now (law 6): asked once more before a result is posted.

What is left: it is withdrawn between the question and the post, which are a second or two apart.
"""

from http import HTTPStatus

from bot.domain.access import decide_access
from bot.domain.outcomes import Refusal
from bot.domain.repo_config import REPO_CONFIG_PATH, ConfigFault, parse_repo_config
from bot.errors import AccessWithdrawn, GitHubFault
from bot.tasks.change.desk import Desk

_FORBIDDEN = int(HTTPStatus.FORBIDDEN)


async def check_access(desk: Desk) -> None:
    """Who asked may still write here: one question to GitHub before anything is sent. What a schedule asked for, the
    file on the default branch still has to name. Raises AccessWithdrawn; GitHubFault when GitHub does not say."""
    request = desk.request
    if request.maintenance is not None:
        await _check_schedule(desk, request.maintenance.schedule)
        return
    permission = await desk.call(
        desk.github.threads.fetch_permission, request.requested_by, request.requested_by_id
    )
    refusal = decide_access(permission)
    if refusal is None:
        return
    remedy = "Somebody with write access can ask again."
    if refusal is Refusal.PERMISSION_UNKNOWN:  # nothing is said about a person that GitHub did not say
        what = f"GitHub does not tell the App any more whether {request.requested_by} has write access here."
        raise GitHubFault(what, remedy, status=_FORBIDDEN)
    what = f"{request.requested_by} has no write access to this repository any more."
    raise AccessWithdrawn(what, remedy, status=_FORBIDDEN)


async def _check_schedule(desk: Desk, schedule: str) -> None:
    branch = desk.request.repository.default_branch
    found = await desk.call(desk.github.refs.find_file, REPO_CONFIG_PATH, branch)
    try:
        named = parse_repo_config((found or b"").decode("utf-8", "replace")).schedules.tasks
    except ConfigFault as fault:
        raise GitHubFault(str(fault), fault.remedy, status=_FORBIDDEN) from fault
    if schedule not in named:
        what = f"`{REPO_CONFIG_PATH}` does not name the schedule `{schedule}` any more."
        raise AccessWithdrawn(what, "Somebody with write access can ask.", status=_FORBIDDEN)
