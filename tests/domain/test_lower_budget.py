from bot.domain.budget import Budget, lower_budget

OPERATOR = Budget(turns=50, tokens=2_000_000, money_usd=3.0, minutes=30.0)


def test_nothing_said_changes_nothing() -> None:
    assert lower_budget(OPERATOR, 0.0, 0.0, 0, 0) == OPERATOR


def test_each_bound_is_lowered_and_none_is_raised() -> None:
    assert lower_budget(OPERATOR, 1.0, 10.0, 20, 0) == Budget(20, 1_200_000, 1.0, 10.0)
    assert lower_budget(OPERATOR, 0.0, 0.0, 0, 5_000) == Budget(50, 5_000, 3.0, 30.0)
    assert lower_budget(OPERATOR, 100.0, 1_000.0, 9_999, 10**9) == OPERATOR
