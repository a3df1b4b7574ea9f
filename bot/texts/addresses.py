"""Addresses of GitHub's pages that our texts lead to. Pure."""

from urllib.parse import quote

from bot.domain.config_nodes import REPO_CONFIG_PATH


def render_config_address(web_url: str, repository: str, branch: str) -> str:
    """The page of the repository's own file. `web_url`: of GitHub, without a slash at its end; `repository`:
    `owner/name`."""
    return f"{web_url}/{repository}/blob/{quote(branch)}/{REPO_CONFIG_PATH}"


def render_thread_address(web_url: str, repository: str, pull: int, comment: int) -> str:
    """The thread of a comment on a pull request's lines."""
    return f"{web_url}/{repository}/pull/{pull}#discussion_r{comment}"
