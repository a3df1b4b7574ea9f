from dataclasses import dataclass

import pytest

from bot.forge.answers import Answer
from bot.forge.quota import Quota


@dataclass
class Clock:
    at: float = 1_000.0

    def now(self) -> float:
        return self.at


def answer(left: str, reset: str = "2000", resource: str = "core") -> Answer:
    headers = {"x-ratelimit-remaining": left, "x-ratelimit-reset": reset, "x-ratelimit-resource": resource}
    return Answer(200, headers, "{}")


def test_the_least_of_all_accounts_and_resources_is_told_until_it_is_reset() -> None:
    clock = Clock()
    quota = Quota(clock.now)
    assert quota.least() is None
    quota.learn(7, answer("4000"))
    quota.learn(8, answer("30", "1500"))
    quota.learn(7, answer("900", resource="graphql"))
    assert quota.least() == 30
    quota.learn(8, answer("29", "1500"))
    assert quota.least() == 29
    clock.at = 1_501.0
    assert quota.least() == 900
    clock.at = 3_000.0
    assert quota.least() is None


@pytest.mark.parametrize("left", ["", "-1", "many", "\N{SUPERSCRIPT TWO}"])
def test_an_answer_that_does_not_say_is_no_matter(left: str) -> None:
    quota = Quota(Clock().now)
    quota.learn(7, answer(left))
    quota.learn(7, Answer(200, {}, "{}"))
    assert quota.least() is None
