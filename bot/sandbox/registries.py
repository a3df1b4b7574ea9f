"""Which hosts a package manager really uses here, read from its own effective configuration.

No registry host stands in our source: pip names its default itself, and files may lie on another host than the
index; which one, the index's own pages say. Asked once when a worker starts. When the index can't be asked, its own
host is the answer, and a set-up that needs more is told which host was refused.
"""

import asyncio
import functools
import json
import re
import ssl
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx2
import structlog

_TIMEOUT_S = 10.0
_PAGE_BYTES = 4 << 20
_PROBE = "pip"  # a project that every index has
_ASK_PIP = """
import json
from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI
found = Configuration(isolated=False)
found.load()
names = {key.split(".", 1)[-1]: value for key, value in found.items()}
print(json.dumps({
    "index": names.get("index-url") or PyPI.simple_url,
    "extra": names.get("extra-index-url") or "",
}))
"""

log = structlog.get_logger()


@functools.cache  # the host's configuration, asked once for each process
def effective_index() -> tuple[str, tuple[str, ...]]:
    """pip's index and its extra indexes, as the host's configuration has them. Empty when pip can't say."""
    try:
        said = subprocess.run(
            [sys.executable, "-c", _ASK_PIP], capture_output=True, text=True, timeout=30, check=True
        )
        body = json.loads(said.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        log.warning("registries.unknown", why=type(error).__name__)
        return "", ()
    return str(body["index"]), tuple(re.split(r"[\s,]+", str(body["extra"]).strip())) if body["extra"] else ()


async def effective_registry_hosts() -> tuple[str, ...]:
    """Hosts of the indexes and of the files that they link to, without doubles. Never raises."""
    index, extra = await asyncio.to_thread(effective_index)
    urls = [url for url in (index, *extra) if urlsplit(url).scheme == "https"]
    hosts = [host for url in urls if (host := urlsplit(url).hostname)]
    for url in urls:
        hosts += await fetch_linked_hosts(f"{url.rstrip('/')}/{_PROBE}/")
    return tuple(dict.fromkeys(hosts))


async def fetch_linked_hosts(page: str) -> list[str]:
    """The hosts of a page's links; none when it can't be read."""
    context = ssl.create_default_context()  # the host's own certificates, as its package manager uses
    try:
        async with httpx2.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=True, verify=context) as client:
            answer = await client.get(page, headers={"Accept": "text/html"})
            answer.raise_for_status()
    except (httpx2.HTTPError, OSError) as error:
        log.warning("registries.page_unread", why=type(error).__name__)
        return []
    return linked_hosts(page, answer.text[:_PAGE_BYTES])


def linked_hosts(page: str, html: str) -> list[str]:
    """Pure: the hosts of all HTTPS links of an index page, in order of appearance."""
    parser = _Links()
    parser.feed(html)
    urls = (urlsplit(urljoin(page, link)) for link in parser.links)
    return list(dict.fromkeys(url.hostname for url in urls if url.scheme == "https" and url.hostname))


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]
