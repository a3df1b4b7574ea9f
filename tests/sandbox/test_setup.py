"""Environments: made once, kept under the hash of what they depend on, never half."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import SetupFailed
from bot.sandbox.backend import BubblewrapSandbox
from bot.sandbox.contract import Command, EgressPolicy, SetupSpec
from bot.sandbox.registries import effective_index, linked_hosts
from bot.sandbox.setup import environment_digest

SCRIPT = (
    "mkdir -p /env/bin && date +%N > /env/made && echo built > /workspace/built.txt && "
    "printf '#!/bin/sh\\necho tool\\n' > /env/bin/tool && chmod +x /env/bin/tool"
)


@pytest.fixture
def spec(tmp_path: Path) -> SetupSpec:
    template = tmp_path / "template"
    template.mkdir()
    (template / "a.txt").write_text("a\n")
    return SetupSpec(SCRIPT, template, ("key",), EgressPolicy())


async def test_an_environment_is_made_once_however_many_ask(
    sandbox: BubblewrapSandbox, spec: SetupSpec
) -> None:
    first, second = await asyncio.gather(*(sandbox.ensure_environment(spec) for _ in range(2)))
    assert first == second == await sandbox.ensure_environment(spec)
    workspace = await sandbox.open_workspace(spec.template, first)
    try:
        seen = await workspace.run(
            Command("tool; cat built.txt a.txt; touch /env/x 2>&1; echo more >> built.txt")
        )
        assert seen.output.decode().splitlines()[:3] == ["tool", "built", "a"]
        assert "Read-only" in seen.output.decode()
    finally:
        await workspace.close()
    other = await sandbox.open_workspace(spec.template, first)
    try:
        assert (await other.run(Command("cat built.txt"))).output == b"built\n"
    finally:
        await other.close()


async def test_a_failed_set_up_tells_the_end_of_its_log_and_is_not_kept(
    sandbox: BubblewrapSandbox, spec: SetupSpec
) -> None:
    failing = replace(spec, script="echo 'no such package' >&2; exit 3")
    for _ in range(2):
        with pytest.raises(SetupFailed, match="exit code 3") as raised:
            await sandbox.ensure_environment(failing)
        assert "no such package" in raised.value.message
        assert "PULLWRIGHT_EGRESS" in raised.value.remedy


def test_everything_that_can_change_it_is_in_the_key(spec: SetupSpec) -> None:
    variants = [
        spec,
        replace(spec, script="true"),
        replace(spec, key_parts=("other",)),
        replace(spec, egress=EgressPolicy(("a.example",))),
    ]
    assert len({environment_digest(one) for one in variants}) == 4
    assert environment_digest(replace(spec, template=Path("/elsewhere"))) == environment_digest(spec)


def test_pip_is_not_asked_for_a_set_up_that_reaches_nothing(spec: SetupSpec) -> None:
    asked = effective_index.cache_info()
    environment_digest(replace(spec, egress=EgressPolicy()))
    assert effective_index.cache_info() == asked


def test_the_index_is_what_pip_says_here() -> None:
    index, _ = effective_index()
    assert index.startswith(("https://", "http://", "file://"))


def test_an_indexs_pages_say_where_its_files_are() -> None:
    html = '<a href="../../x.whl#sha256=1">x</a><a href="https://files.example/y.whl">y</a><a href="http://plain/z">z</a>'
    assert linked_hosts("https://index.example/simple/pip/", html) == ["index.example", "files.example"]
