"""Which back end is taken: never a weaker one than was named, and none is a refusal."""

from pathlib import Path

import pytest

from bot.errors import SandboxUnavailable
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.choice import ChosenSandbox
from bot.sandbox.contract import Check, Environment, Preflight, Sandbox, SetupSpec, Workspace
from tests.hostile.points import point
from tests.sandbox.conftest import UID


class Off:
    """A back end that does not work here."""

    def __init__(self, name: str) -> None:
        self.name, self.asked = name, 0

    async def preflight(self) -> Preflight:
        self.asked += 1
        return Preflight(
            "", (Check(self.name, False, f"{self.name} is switched off", f"switch {self.name} on"),)
        )

    async def open_workspace(self, template: Path, environment: Environment | None = None) -> Workspace:
        raise AssertionError("opened although its preflight failed")

    async def ensure_environment(self, spec: SetupSpec) -> Environment:
        raise AssertionError("used although its preflight failed")


def real(tmp_path: Path) -> BubblewrapSandbox:
    return BubblewrapSandbox(SandboxSettings(tmp_path / "state", UID))


@point(66)
async def test_the_next_is_taken_when_it_was_named(tmp_path: Path) -> None:
    off, on = Off("first"), real(tmp_path)
    chosen = ChosenSandbox((("first", off), ("bubblewrap", on)))
    found = await chosen.preflight()
    assert found.backend == "bubblewrap"
    assert [(check.name, check.ok) for check in found.passed_over] == [("first", False)]
    (template := tmp_path / "template").mkdir()
    workspace = await chosen.open_workspace(template)
    await workspace.close()
    assert off.asked == 1


@point(66)
async def test_the_preflight_is_tried_again_as_long_as_none_has_passed(tmp_path: Path) -> None:
    class Recovers(Off):
        async def preflight(self) -> Preflight:
            found = await super().preflight()
            return found if self.asked == 1 else Preflight("first", (Check("first", True, ""),))

    backend = Recovers("first")
    chosen = ChosenSandbox((("first", backend),))
    assert not (await chosen.preflight()).ok
    assert (await chosen.preflight()).backend == "first"
    assert (await chosen.preflight()).backend == "first"
    assert backend.asked == 2, "one that has passed is not asked again"


@point(66)
async def test_the_first_that_works_is_taken(tmp_path: Path) -> None:
    later = Off("later")
    chosen = ChosenSandbox((("bubblewrap", real(tmp_path)), ("later", later)))
    assert (await chosen.preflight()).backend == "bubblewrap"
    assert later.asked == 0


@point(66)
@pytest.mark.parametrize("names", [("bubblewrap",), ("container",), ("bubblewrap", "container")])
async def test_none_is_a_refusal_with_every_reason(tmp_path: Path, names: tuple[str, ...]) -> None:
    backends: tuple[tuple[str, Sandbox], ...] = tuple((name, Off(name)) for name in names)
    chosen = ChosenSandbox(backends)
    found = await chosen.preflight()
    assert (found.ok, found.backend) == (False, "")
    with pytest.raises(SandboxUnavailable) as refused:
        await chosen.open_workspace(tmp_path)
    for name in names:
        assert f"{name} is switched off" in refused.value.message
        assert f"switch {name} on" in refused.value.remedy
    with pytest.raises(SandboxUnavailable):
        await chosen.ensure_environment(None)  # type: ignore[arg-type]
