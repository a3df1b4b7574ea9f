import pytest

from bot.domain.repo_sections import TriggersConfig
from bot.domain.tasks import WayIn
from bot.domain.ways import is_open, is_silent


@pytest.mark.parametrize("way", WayIn)
def test_without_a_file_every_way_is_open_that_needs_no_names(way: WayIn) -> None:
    named = way in (WayIn.ASSIGN, WayIn.REVIEW_REQUEST)
    assert is_open(TriggersConfig(), way, "octo-agent") is not named


@pytest.mark.parametrize(
    ("config", "way"),
    [
        (TriggersConfig(mention=False), WayIn.MENTION),
        (TriggersConfig(opened=False), WayIn.OPENED),
        (TriggersConfig(label=False), WayIn.LABEL),
        (TriggersConfig(reviews=False), WayIn.REVIEWED),
        (TriggersConfig(checks=False), WayIn.CHECKS),
    ],
)
def test_each_key_closes_its_own_way(config: TriggersConfig, way: WayIn) -> None:
    assert [one for one in WayIn if not is_open(config, one, "")] == [
        one for one in WayIn if one in (way, WayIn.ASSIGN, WayIn.REVIEW_REQUEST)
    ]


@pytest.mark.parametrize(
    ("called", "is_it"), [("Octo-Agent", True), ("octo-agent2", False), ("", False), ("octo/agents", False)]
)
def test_a_machine_user_is_the_one_that_is_named(called: str, is_it: bool) -> None:
    assert is_open(TriggersConfig(assign=("octo-agent",)), WayIn.ASSIGN, called) is is_it


def test_a_team_is_named_with_its_organisation() -> None:
    config = TriggersConfig(review_request=("octo/agents",))
    assert is_open(config, WayIn.REVIEW_REQUEST, "Octo/Agents")
    assert not is_open(config, WayIn.REVIEW_REQUEST, "other/agents")


def test_only_who_wrote_a_text_is_told_that_the_way_is_closed() -> None:
    assert [way for way in WayIn if not is_silent(way)] == [WayIn.MENTION, WayIn.OPENED]
