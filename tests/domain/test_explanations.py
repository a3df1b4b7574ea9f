from bot.domain.explanations import Explanations
from bot.domain.ids import RepositoryId
from bot.domain.limits import EXPLANATIONS_A_DAY, EXPLANATIONS_AN_HOUR

HERE, THERE = RepositoryId(1), RepositoryId(2)


def test_a_person_is_told_a_few_times_a_day_in_each_repository() -> None:
    told = Explanations()
    assert [told.take(HERE, "eve", at) for at in range(EXPLANATIONS_A_DAY + 1)] == [
        True
    ] * EXPLANATIONS_A_DAY + [False]
    assert not told.take(HERE, "EVE", 50.0), "names do not differ by case"
    assert told.take(HERE, "bob", 50.0)
    assert told.take(THERE, "eve", 50.0)
    assert told.take(HERE, "eve", 86_400.5)


def test_many_strangers_together_are_told_no_more_than_so_often_an_hour() -> None:
    told = Explanations()
    answers = [told.take(HERE, f"eve{number}", float(number)) for number in range(EXPLANATIONS_AN_HOUR + 5)]
    assert answers == [True] * EXPLANATIONS_AN_HOUR + [False] * 5
    assert told.take(HERE, "late", 3_700.0)
