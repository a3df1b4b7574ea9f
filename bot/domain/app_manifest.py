"""The GitHub App that Pullwright is: its permissions and events, and the manifest that creates it. Pure.

Least permissions: what the code uses and nothing more. `app-manifest.yml` is generated from here.
"""

from typing import Any, Final

PERMISSIONS: Final[dict[str, str]] = {
    "actions": "read",  # logs of red CI
    "checks": "write",  # the check run on the pull request's head
    "contents": "write",  # fetch; push of the branch agent/...
    "issues": "write",  # reaction, tracking comment
    "metadata": "read",  # always
    "pull_requests": "write",  # open the pull request
    "statuses": "read",  # whether CI is red
}
EVENTS: Final[tuple[str, ...]] = (
    "check_run",
    "check_suite",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "status",
)
PROJECT_URL: Final = "https://github.com/OWNER/pullwright"


def build_manifest(name: str, webhook_url: str, redirect_url: str) -> dict[str, Any]:
    """What GitHub's form for creating an App takes, as JSON."""
    return {
        "name": name,
        "url": PROJECT_URL,
        "hook_attributes": {"url": webhook_url, "active": True},
        "redirect_url": redirect_url,
        "public": False,
        "default_permissions": dict(PERMISSIONS),
        "default_events": list(EVENTS),
    }


def missing_permissions(granted: dict[str, str]) -> list[str]:
    """What the App lacks, as `issues: write`."""
    rank = {"read": 1, "write": 2, "admin": 3}
    return [
        f"{name}: {level}"
        for name, level in PERMISSIONS.items()
        if rank.get(granted.get(name, ""), 0) < rank[level]
    ]


def needless_permissions(granted: dict[str, str]) -> list[str]:
    """What the App has and never uses: more to steal than there has to be."""
    rank = {"read": 1, "write": 2, "admin": 3}
    return [
        f"{name}: {level}"
        for name, level in granted.items()
        if rank.get(level, 0) > rank.get(PERMISSIONS.get(name, ""), 0)
    ]
