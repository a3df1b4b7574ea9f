"""Environments of every back end: made once, seen by later tasks, changed by none; never shared across trust."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import SetupFailed
from bot.sandbox.contract import Command, EgressPolicy, SetupSpec
from tests.hostile.cage import Backend
from tests.hostile.points import point

SCRIPT = """mkdir -p /env/bin node_modules/x && printf '#!/bin/sh\\necho tool\\n' > /env/bin/tool && chmod +x /env/bin/tool
echo product > node_modules/x/y; echo changed >> README; ln -s ../README node_modules/link; rm pkg/run.sh"""


@pytest.fixture
def spec(template: Path) -> SetupSpec:
    return SetupSpec(
        SCRIPT, template, ("repository 1/2", f"trust base {template}"), EgressPolicy(), ("lock",)
    )


@point(67)
async def test_what_a_set_up_made_is_there_and_stays_as_it_was(backend: Backend, spec: SetupSpec) -> None:
    made = await backend.sandbox.ensure_environment(spec)
    for _ in range(2):
        workspace = await backend.sandbox.open_workspace(spec.template, made)
        said = await workspace.run(
            Command(
                "tool; cat node_modules/x/y README; readlink node_modules/link; echo mine > node_modules/x/y; touch /env/x 2>&1"
            )
        )
        await workspace.close()
        lines = said.output.decode().splitlines()
        assert lines[:5] == ["tool", "product", "below", "changed", "../README"]
        assert "Read-only" in lines[5]
    assert (spec.template / "README").read_text() == "below\n"
    assert (spec.template / "pkg" / "run.sh").exists()


@point(67)
async def test_a_set_up_is_run_once(backend: Backend, spec: SetupSpec) -> None:
    counted = replace(spec, script="date +%s%N > /env/made")
    first = await backend.sandbox.ensure_environment(counted)
    assert first == await backend.sandbox.ensure_environment(counted)
    other = await backend.sandbox.ensure_environment(
        replace(counted, key_parts=("repository 1/2", "trust patch 7"))
    )
    assert other.digest != first.digest
    assert first.env_layer is not None
    assert other.env_layer is not None
    assert (first.env_layer / "made").read_text() != (other.env_layer / "made").read_text()


@point(40)
async def test_a_failed_set_up_names_the_host_that_it_wanted(backend: Backend, spec: SetupSpec) -> None:
    ask = "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT evil.example:443 HTTP/1.1\\r\\n\\r\\n' >&3; head -1 <&3; exit 5"
    policy = EgressPolicy(("listed.example",))
    with pytest.raises(SetupFailed) as failed:
        await backend.sandbox.ensure_environment(replace(spec, script=ask, egress=policy))
    assert "The set-up ended with exit code 5" in failed.value.message
    assert "wanted these hosts and did not get them: evil.example" in failed.value.remedy
    assert "listed.example" in failed.value.remedy
    assert "setup: |" in failed.value.remedy


@point(40)
async def test_the_work_reaches_what_its_environment_says_and_blocked_hosts_are_kept(
    backend: Backend, template: Path
) -> None:
    from bot.sandbox.contract import NO_SETUP

    allowed = replace(NO_SETUP, egress=EgressPolicy(("listed.example",), where="the list"))
    workspace = await backend.sandbox.open_workspace(template, allowed)
    ask = "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT evil.example:443 HTTP/1.1\\r\\n\\r\\n' >&3; head -1 <&3"
    result = await workspace.run(Command(f"{ask}\ntrue"))
    await workspace.close()
    assert b" 403 " in result.output
    assert "the list" in result.refused["evil.example"]
    assert [(one.host, one.command[:10]) for one in workspace.blocked] == [("evil.example", "exec 3<>/d")]
