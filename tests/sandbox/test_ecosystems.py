"""What package managers say about where they go, in their own formats; toolchains outside /usr."""

import shutil
from pathlib import Path

import pytest

from bot.sandbox import ecosystems
from bot.sandbox.ecosystems import ECOSYSTEMS, PRESETS, parse_go, parse_maven_settings, parse_npm, parse_urls
from bot.sandbox.registries import hosts_of
from bot.sandbox.toolchains import find_toolchains

CARGO = """error: failed to get `serde` as a dependency of package `x v0.1.0 (/tmp/x)`

Caused by:
  failed to download from `https://index.example/config.json`

Caused by:
  [7] Could not connect to server (Failed to connect to 127.0.0.1 port 9 after 0 ms)
"""
GEM = "*** CURRENT SOURCES ***\n\nhttps://gems.example/\n"
COMPOSER = '{"packagist.org":{"type":"composer","url":"https://repo.example"}}'
NPM = '{"registry": "https://npm.example/", "@corp:registry": "https://npm.corp.example/x/", "cache": "https://no.example"}'
SETTINGS = """<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0"><mirrors><mirror><id>m</id>
<url>https://maven.corp.example/all</url></mirror></mirrors><localRepository>/x</localRepository></settings>"""


@pytest.mark.parametrize(
    ("found", "hosts"),
    [
        (parse_urls(CARGO), ["index.example"]),
        (parse_urls(GEM), ["gems.example"]),
        (parse_urls(COMPOSER), ["repo.example"]),
        (parse_npm(NPM), ["npm.example", "npm.corp.example"]),
        (parse_npm("https://npm.example/\n"), ["npm.example"]),
        (parse_npm("undefined\n"), []),
        (parse_go("https://proxy.example,direct\nsum.example\n"), ["proxy.example", "sum.example"]),
        (parse_go("https://a.example|https://b.example\nsum.example+key https://c.example\n"),
         ["a.example", "b.example", "c.example"]),
        (parse_go("off\noff\n"), []),
        (parse_maven_settings(SETTINGS), ["maven.corp.example"]),
        (parse_maven_settings("no xml"), []),
        (ecosystems.links_npm('{"v": {"1": {"dist": {"tarball": "https://files.example/x.tgz"}}}}'), ["files.example"]),
        (ecosystems.links_cargo('{"dl": "https://static.example/crates", "api": "https://api.example"}'),
         ["static.example", "api.example"]),
        (ecosystems.links_composer('{"packages": {"a/b": [{"dist": {"url": "https://zip.example/z"}, '
                                   '"source": {"url": "https://git.example/r.git"}}]}}'), ["zip.example"]),
        (ecosystems.links_npm("[" * 100_000), []),
        (["https://a.example:8443/x", "http://b.example", "https://c.example"], ["b.example", "c.example"]),
    ],
)  # fmt: skip
def test_the_hosts_are_read_from_what_managers_say(found: list[str], hosts: list[str]) -> None:
    assert hosts_of(found) == hosts


def test_every_preset_has_a_name_that_the_repositorys_file_knows() -> None:
    from bot.domain.repo_config import PRESETS as known

    assert set(PRESETS) == set(known)


def test_no_registry_stands_in_our_source() -> None:
    texts = [path.read_text() for path in Path(ecosystems.__file__).parent.glob("*.py")]
    for word in (
        "npmjs",
        "crates.io",
        "pypi.org",
        "pythonhosted",
        "rubygems",
        "golang.org",
        "packagist",
        "maven.org",
    ):
        assert not any(word in text for text in texts), word


@pytest.mark.skipif(shutil.which("mvn") is None, reason="Maven is not installed here")
def test_mavens_own_default_is_found_in_maven() -> None:
    assert all(url.startswith("https://") for url in ecosystems.read_maven())
    assert [one.name for one in ECOSYSTEMS if one.files is ecosystems.read_maven] == ["java"]


def tool(home: Path, path: str) -> None:
    program = home / path
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


def test_the_newest_toolchain_of_each_kind_is_found(tmp_path: Path) -> None:
    for path in (
        ".nvm/versions/node/v9.1.0/bin/node",
        ".nvm/versions/node/v20.11.1/bin/node",
        ".rustup/toolchains/stable-x86_64/bin/cargo",
        ".sdkman/candidates/java/21.0.2-tem/bin/java",
        "sdk/go1.22.1/bin/go",
    ):
        tool(tmp_path, path)
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo" / "credentials.toml").write_text("token")
    found = {one.kind: one.path.name for one in find_toolchains((), tmp_path, tmp_path / "none")}
    assert found["node"] == "v20.11.1"
    assert (found["rust"], found["java"], found["go"]) == ("stable-x86_64", "21.0.2-tem", "go1.22.1")
    assert not any(".cargo" in str(one.path) for one in find_toolchains((), tmp_path))


def test_a_folder_with_credentials_is_not_shown(tmp_path: Path) -> None:
    tool(tmp_path, ".nvm/versions/node/v20.11.1/bin/node")
    (tmp_path / ".nvm/versions/node/v20.11.1/.npmrc").write_text("//x/:_authToken=1")
    assert "node" not in {one.kind for one in find_toolchains((), tmp_path, tmp_path / "none")}


def test_the_operators_come_first_and_none_twice(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    found = find_toolchains((own, own, Path("/usr/lib")), tmp_path, tmp_path)
    assert next(one.path for one in found) == own
    assert len({one.path for one in found}) == len(found)
    assert not any(one.path.is_relative_to("/usr") for one in found)
