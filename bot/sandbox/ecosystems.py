"""Where each package manager of this host goes: asked of the manager itself, and of what its index links to.

No registry host stands here. A manager that does not print its default is asked to fetch through a proxy that is
not there: its complaint names the address. Managers that are not installed have no preset.

Each `parse_` takes what a manager printed and gives URLs; each `links_` takes an index's answer and gives URLs.
"""

import json
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

NOWHERE: Final = "http://127.0.0.1:9"  # the discard port: nobody listens
_URL: Final = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[^\s\"'`,|)\]}>]*)?")


@dataclass(frozen=True)
class Question:
    """How a manager is asked. `files`: laid down in the empty folder that it runs in. `detached`: through NOWHERE."""

    argv: tuple[str, ...]
    parse: Callable[[str], list[str]]
    files: dict[str, str] = field(default_factory=dict)
    detached: bool = False


@dataclass(frozen=True)
class Ecosystem:
    """`probe`: appended to an index's URL for a page whose links show where files lie; "" when it has none.
    `variable`: by which the manager inside is told the host's index."""

    name: str
    questions: tuple[Question, ...]
    probe: str = ""
    links: Callable[[str], list[str]] = lambda _text: []
    variable: str = ""
    files: Callable[[], list[str]] = list


def parse_urls(text: str) -> list[str]:
    """Every https URL of a text, without doubles."""
    return list(dict.fromkeys(_URL.findall(text)))


def parse_npm(text: str) -> list[str]:
    """`npm config ls --json`, or one URL: the registry, and those of scopes."""
    try:
        found = json.loads(text)
    except ValueError:
        return parse_urls(text)
    if not isinstance(found, dict):
        return []
    keys = sorted((key for key in found if key == "registry" or key.endswith(":registry")), key=len)
    named = [found[key] for key in keys]
    return [url for value in named if isinstance(value, str) for url in parse_urls(value)]


def parse_go(text: str) -> list[str]:
    """`go env GOPROXY GOSUMDB`: proxies separated by `,` or `|`, then a name or a name, key and URL."""
    proxies, _, database = text.strip().partition("\n")
    urls = [part for part in re.split(r"[,|]", proxies) if part.startswith("https://")]
    words = database.split()
    if words and words[0] != "off":
        urls += [words[-1] if words[-1].startswith("https://") else f"https://{words[0].split('+')[0]}"]
    return urls


def parse_maven_settings(text: str) -> list[str]:
    """`settings.xml` or a POM: the URLs of mirrors and repositories; none of a file that is no XML."""
    try:
        root = ET.fromstring(text)  # noqa: S314  # the host's own configuration
    except ET.ParseError:
        return []
    kinds = ("mirror", "repository", "pluginRepository")
    urls = [
        child.text.strip()
        for parent in root.iter()
        if parent.tag.rpartition("}")[2] in kinds
        for child in parent
        if child.tag.rpartition("}")[2] == "url" and child.text
    ]
    return [url for url in urls if url.startswith("https://")]


def read_maven() -> list[str]:
    """Maven's own defaults (the POM that all others inherit) and the host's mirrors."""
    urls: list[str] = []
    for settings in (Path.home() / ".m2/settings.xml", Path("/etc/maven/settings.xml")):
        if settings.is_file():
            urls += parse_maven_settings(settings.read_text(encoding="utf-8", errors="replace"))
    for home in (Path("/usr/share/maven"), *sorted(Path("/opt").glob("*maven*"))):
        for jar in (home / "lib").glob("maven-model-builder*.jar"):
            urls += _pom_inside(jar)
    return urls


def _pom_inside(jar: Path) -> list[str]:
    try:
        with zipfile.ZipFile(jar) as archive:
            names = [name for name in archive.namelist() if re.fullmatch(r".*/pom-4\.\d\.\d\.xml", name)]
            texts = [archive.read(name).decode("utf-8", "replace") for name in names]
    except (OSError, zipfile.BadZipFile):
        return []
    return [url for text in texts for url in parse_maven_settings(text)]


def links_npm(text: str) -> list[str]:
    """A package's document: where its archives lie."""
    return _strings(text, "tarball")


def links_cargo(text: str) -> list[str]:
    """`config.json` of a sparse index: where crates are downloaded."""
    return [*_strings(text, "dl"), *_strings(text, "api")]


def links_composer(text: str) -> list[str]:
    """A package's document: where distributions lie."""
    return [url for url in _strings(text, "url") if not url.endswith(".git")]


def _strings(text: str, wanted: str) -> list[str]:
    """All https values of a key, anywhere in a JSON text."""
    try:
        stack: list[Any] = [json.loads(text)]
    except (ValueError, RecursionError):
        return []
    found: list[str] = []
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            value = one.get(wanted)
            if isinstance(value, str) and value.startswith("https://"):
                found.append(value)
            stack += one.values()
        elif isinstance(one, list):
            stack += one
    return list(dict.fromkeys(found))


_CRATE: Final = '[package]\nname = "x"\nversion = "0.1.0"\n[dependencies]\nserde = "1"\n'

ECOSYSTEMS: Final = (
    Ecosystem(
        "javascript",
        (
            Question(("npm", "config", "ls", "--json", "-l"), parse_npm),
            Question(("pnpm", "config", "get", "registry"), parse_npm),
            Question(("yarn", "config", "get", "registry"), parse_npm),
            Question(("yarn", "config", "get", "npmRegistryServer"), parse_npm),
        ),
        probe="npm",
        links=links_npm,
        variable="npm_config_registry",
    ),
    Ecosystem(
        "rust",
        (Question(("cargo", "fetch"), parse_urls, {"Cargo.toml": _CRATE, "src/lib.rs": ""}, detached=True),),
        probe="config.json",
        links=links_cargo,
    ),
    Ecosystem("go", (Question(("go", "env", "GOPROXY", "GOSUMDB"), parse_go),), variable="GOPROXY"),
    Ecosystem("java", (), files=read_maven),
    Ecosystem(
        "ruby",
        (
            Question(("gem", "sources"), parse_urls),
            Question(("bundle", "config", "list"), parse_urls),
        ),
    ),
    Ecosystem(
        "php",
        (Question(("composer", "config", "--global", "repositories"), parse_urls),),
        probe="p2/composer/installers.json",
        links=links_composer,
    ),
)
"""Python's is asked in `registries`: its index is also handed in by name."""
PRESETS: Final = ("python", *(one.name for one in ECOSYSTEMS))
