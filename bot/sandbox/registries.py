"""Which hosts the package managers really use here, read from their own effective configuration.

No registry host stands in our source: managers name their defaults themselves, and files may lie on another host
than the index; which one, the index's own pages say. Asked once in a worker's life. When an index can't be asked,
its own host is the answer, and a set-up that needs more is told which host was refused.
"""

import asyncio
import functools
import json
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from bot.log import LateLog
from bot.sandbox.ecosystems import ECOSYSTEMS, NOWHERE, Ecosystem, Question

_TIMEOUT_S = 10.0
_MANAGER_TIMEOUT_S = 60.0  # npm starts in 0.5 s, a JVM in 1 s; on a host full of work ten times that
_PAGE_BYTES = 16 << 20
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

log = LateLog()


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


@dataclass(frozen=True)
class Preset:
    """What one ecosystem's managers need on this host. `variables`: how those inside are told its index."""

    hosts: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


async def effective_presets(*, linked: bool = True) -> dict[str, Preset]:
    """By ecosystem, for every manager that is installed here. Never raises.
    `linked`: look also at what the indexes link to, over the network."""
    others = await asyncio.gather(*(_preset(one, linked) for one in ECOSYSTEMS))
    found = {one.name: preset for one, preset in zip(ECOSYSTEMS, others, strict=True) if preset.hosts}
    return {"python": Preset(await effective_registry_hosts(linked=linked)), **found}


class AskedOnce:
    """`effective_presets`, asked when it is first wanted: a repository without a set-up never waits for it."""

    def __init__(self) -> None:
        self._found: dict[str, Preset] | None = None
        self._asking = asyncio.Lock()

    async def __call__(self) -> dict[str, Preset]:
        async with self._asking:
            if self._found is None:
                self._found = await effective_presets()
            return self._found


async def effective_registry_hosts(*, linked: bool = True) -> tuple[str, ...]:
    """Hosts of pip's indexes and of the files that they link to, without doubles. Never raises."""
    index, extra = await asyncio.to_thread(effective_index)
    urls = [url for url in (index, *extra) if urlsplit(url).scheme == "https"]
    hosts = hosts_of(urls)
    for url in urls if linked else ():
        page = f"{url.rstrip('/')}/{_PROBE}/"
        hosts += linked_hosts(page, await fetch_page(page, "text/html"))
    return tuple(dict.fromkeys(hosts))


async def _preset(one: Ecosystem, linked: bool) -> Preset:
    urls = await asyncio.to_thread(_ask_managers, one)
    hosts = hosts_of(urls)
    for url in urls if one.probe and linked else ():
        is_page = urlsplit(url).path.endswith(f"/{one.probe}")  # a manager's complaint names the page itself
        page = url if is_page else f"{url.rstrip('/')}/{one.probe}"
        hosts += hosts_of(one.links(await fetch_page(page, "application/json")))
    variables = {one.variable: urls[0]} if one.variable and urls else {}
    return Preset(tuple(dict.fromkeys(hosts)), variables)


def _ask_managers(one: Ecosystem) -> list[str]:
    urls = one.files()
    for question in one.questions:
        if shutil.which(question.argv[0]):
            urls += question.parse(_ask(question))
    return list(dict.fromkeys(urls))


def _ask(question: Question) -> str:
    """What the manager prints, complaints included; it runs in an empty folder of its own."""
    names = ("HTTPS_PROXY", "https_proxy", "CARGO_HTTP_PROXY")
    more = [*(f"{name}={NOWHERE}" for name in names), "CARGO_NET_RETRY=0"] if question.detached else []
    with tempfile.TemporaryDirectory() as folder:
        for name, text in question.files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        try:
            done = subprocess.run(
                ["/usr/bin/env", *more, *question.argv], cwd=folder, capture_output=True, text=True,
                timeout=_MANAGER_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
            log.warning("registries.unknown", manager=question.argv[0], why=type(error).__name__)
            return ""
    return done.stdout + (done.stderr if question.detached else "")


def hosts_of(urls: list[str]) -> list[str]:
    """Pure: the hosts of URLs on the usual port, without doubles."""
    parts = (urlsplit(url) for url in urls)
    return list(dict.fromkeys(part.hostname for part in parts if part.hostname and part.port in (None, 443)))


async def fetch_page(page: str, accept: str) -> str:
    """A page's text; "" when it can't be read."""
    import httpx2  # most runs read no page

    context = ssl.create_default_context()  # the host's own certificates, as its package manager uses
    try:
        async with httpx2.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=True, verify=context) as client:
            answer = await client.get(page, headers={"Accept": accept})
            answer.raise_for_status()
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        log.warning("registries.page_unread", why=type(error).__name__)
        return ""
    return answer.text[:_PAGE_BYTES]


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
