"""What the work may reach, what a set-up may, and what the pull request says of hosts that were not let out."""

from bot.sandbox.contract import EgressPolicy
from bot.sandbox.registries import Preset
from bot.tasks.change.prepare import decide_egress, decide_setup_egress
from bot.texts.pull_request import _blocked

OPERATOR = EgressPolicy(("index.example", "extra.example"), {"index.example": "10.0.0.0/8"}, b"bundle")
PRESETS = {"python": Preset(("index.example", "files.example")), "go": Preset(("proxy.example",))}


def test_the_work_reaches_nothing_unless_the_file_says_so() -> None:
    assert decide_egress(OPERATOR, PRESETS, ()).hosts == ()


def test_a_preset_stands_for_what_the_managers_say_and_pins_stay_the_operators() -> None:
    work = decide_egress(OPERATOR, PRESETS, ("python", "api.example", "*.cdn.example"))
    assert work.hosts == ("index.example", "files.example", "api.example", "*.cdn.example")
    assert (work.pins, work.ca_bundle) == (OPERATOR.pins, OPERATOR.ca_bundle)
    assert "network" in work.where


def test_a_preset_of_a_manager_that_is_not_here_is_no_host() -> None:
    assert decide_egress(OPERATOR, PRESETS, ("ruby",)).hosts == ()


def test_a_set_up_reaches_both_lists_once_each() -> None:
    work = decide_egress(OPERATOR, PRESETS, ("api.example", "index.example"))
    setup = decide_setup_egress(OPERATOR, PRESETS, work)
    assert setup.hosts == ("index.example", "files.example", "proxy.example", "extra.example", "api.example")


def test_blocked_hosts_are_told_with_the_command_and_cannot_forge_markdown() -> None:
    text = _blocked((("api.example", "not on the list", "curl `x` https://api.example\n# Proven"),))
    assert text.splitlines()[2].startswith("- api.example, wanted by `curl x https://api.example")
    assert "\n# Proven" not in text
    assert _blocked(()) == ""
    assert "and 5 more" in _blocked(tuple((f"h{n}.example", "no", "x") for n in range(15)))
