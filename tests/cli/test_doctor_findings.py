"""What the doctor says of the sandbox: what was chosen, what was passed over and why, who keeps each bound."""

from pathlib import Path

from bot.cli.doctor_findings import Health, judge_registries, judge_sandbox, judge_toolchains
from bot.sandbox.contract import Check, Preflight
from bot.sandbox.toolchains import Toolchain

LIMITS = {"memory": "cgroup v2", "processes": "cgroup v2 and rlimit"}


def test_a_host_that_can_says_who_keeps_each_bound() -> None:
    found = judge_sandbox(Preflight("bubblewrap", (Check("bubblewrap", True, "0.11.0"),), LIMITS))
    assert [one.health for one in found] == [Health.GOOD, Health.GOOD]
    assert found[0].said == "bubblewrap (0.11.0)"
    assert "memory: cgroup v2\nprocesses" in found[1].said


def test_what_was_passed_over_is_a_warning_with_its_remedy() -> None:
    refused = (Check("start", False, "uid map was refused", "write an AppArmor profile"),)
    found = judge_sandbox(Preflight("container", (Check("container", True, "podman 5"),), LIMITS, refused))
    assert (found[0].health, found[0].remedy) == (Health.WARNING, "write an AppArmor profile")
    assert found[1].said.startswith("container")


def test_no_cgroup_is_a_warning_that_names_delegation() -> None:
    weak = {"memory": "rlimit (each process) and watchdog (all together)"}
    found = judge_sandbox(Preflight("bubblewrap", (Check("bubblewrap", True, "0.11.0"),), weak))
    assert found[-1].health is Health.WARNING
    assert "Delegate=memory pids cpu" in found[-1].remedy


def test_none_is_bad_with_every_reason() -> None:
    found = judge_sandbox(Preflight("", (Check("a", False, "x", "do y"), Check("b", False, "z"))))
    assert [(one.health, one.said) for one in found] == [(Health.BAD, "a: x"), (Health.BAD, "b: z")]


def test_toolchains_and_registries_are_listed() -> None:
    assert judge_toolchains((Toolchain("node", Path("/opt/node")),)).said == "node: /opt/node"
    assert "only what is in /usr" in judge_toolchains(()).said
    assert (
        judge_registries({"python": ("a.example", "b.example"), "go": ()}).said
        == "python: a.example, b.example"
    )
    assert judge_registries({}).health is Health.WARNING
