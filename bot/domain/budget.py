"""What a run of the agent may use, what it has used, and what the model is told about it.

Pure accounting: amounts in, sentences and named outcomes out. Never reads a clock, never asks a server.
The model is never asked for its own cost: models cannot predict it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from bot.domain import limits
from bot.domain.outcomes import Outcome


class Bound(StrEnum):
    """The four things that run out."""

    TURNS = "turns"
    TOKENS = "tokens"
    MONEY = "money"
    MINUTES = "minutes"


@dataclass(frozen=True)
class Budget:
    """Upper bounds for one task. `tokens` counts input (cached included) and output."""

    turns: int = limits.AGENT_TURNS
    tokens: int = limits.AGENT_TOKENS
    money_usd: float = limits.AGENT_MONEY_USD
    minutes: float = limits.AGENT_MINUTES


@dataclass(frozen=True)
class Spent:
    """What was used so far, failed requests included. `cost_usd` is a lower bound unless `priced`."""

    turns: int = 0
    requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    priced: bool = True  # False once a reply came from a model without a known price
    seconds: float = 0.0  # active time of the agent; waiting for people is not counted

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def add_reply(spent: Spent, cost_usd: float | None, **tokens: int) -> Spent:
    """One model reply more. `tokens`: requests, input_tokens, cached_tokens, output_tokens."""
    summed = {name: getattr(spent, name) + amount for name, amount in tokens.items()}
    return replace(
        spent,
        turns=spent.turns + 1,
        cost_usd=spent.cost_usd + (cost_usd or 0.0),
        priced=spent.priced and cost_usd is not None,
        **summed,
    )


def add_spent(one: Spent, other: Spent) -> Spent:
    """Both together: of two attempts at the same task."""
    return Spent(
        turns=one.turns + other.turns,
        requests=one.requests + other.requests,
        input_tokens=one.input_tokens + other.input_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_usd=one.cost_usd + other.cost_usd,
        priced=one.priced and other.priced,
        seconds=one.seconds + other.seconds,
    )


def decide_budget(operator: Budget, family: Budget) -> Budget:
    """The smaller of both: where more does not help (the family), and what it may cost (the operator)."""
    return Budget(
        turns=min(operator.turns, family.turns),
        tokens=min(operator.tokens, family.tokens),
        money_usd=min(operator.money_usd, family.money_usd),
        minutes=min(operator.minutes, family.minutes),
    )


def limit_budget(budget: Budget, usd: float) -> Budget:
    """No more than the person allows (`--budget`; 0: not said). Tokens count where no price is known."""
    if not usd:
        return budget
    tokens = max(1, int(usd * limits.TOKENS_PER_USD))
    return replace(budget, money_usd=min(budget.money_usd, usd), tokens=min(budget.tokens, tokens))


def lower_budget(budget: Budget, usd: float, minutes: float, turns: int, tokens: int) -> Budget:
    """No more than the repository's file allows; 0: not said. What is higher changes nothing."""
    lower = limit_budget(budget, usd)
    return Budget(
        turns=min(lower.turns, turns or lower.turns),
        tokens=min(lower.tokens, tokens or lower.tokens),
        money_usd=lower.money_usd,
        minutes=min(lower.minutes, minutes or lower.minutes),
    )


def remaining(budget: Budget, spent: Spent) -> Budget:
    """What is left of each bound for a further attempt; never nothing, so that shares can be told."""
    return Budget(
        turns=max(1, budget.turns - spent.turns),
        tokens=max(1_000, budget.tokens - spent.tokens),
        money_usd=max(0.01, budget.money_usd - spent.cost_usd),
        minutes=max(0.1, budget.minutes - spent.seconds / 60),
    )


def used_shares(budget: Budget, spent: Spent) -> dict[Bound, float]:
    """The used part of each bound, 1.0 = all of it. Money counts only as far as prices are known."""
    return {
        Bound.TURNS: spent.turns / budget.turns,
        Bound.TOKENS: spent.tokens / budget.tokens,
        Bound.MONEY: spent.cost_usd / budget.money_usd,
        Bound.MINUTES: spent.seconds / (60 * budget.minutes),
    }


def decide_exhausted(budget: Budget, spent: Spent) -> tuple[Outcome, str] | None:
    """The outcome and one sentence when a bound is reached; None while there is something left."""
    for bound, share in used_shares(budget, spent).items():
        if share >= 1.0:
            return _outcome(bound), f"The budget of {_amount(bound, budget)} is used up."
    return None


def decide_notice(budget: Budget, before: Spent, after: Spent) -> str | None:
    """A sentence for the model when a share of `limits.BUDGET_NOTICES` was crossed: of the fullest bound."""
    shares_before, shares_after = used_shares(budget, before), used_shares(budget, after)
    crossed = [
        (mark, shares_after[bound], bound)
        for bound in Bound
        for mark in limits.BUDGET_NOTICES
        if shares_before[bound] < mark <= shares_after[bound]
    ]
    if not crossed:
        return None
    mark, _, bound = max(crossed, key=lambda item: item[:2])
    advice = (
        "Submit what is verified now."
        if mark >= max(limits.BUDGET_NOTICES)
        else "Work towards a submission."
        if mark > min(limits.BUDGET_NOTICES)
        else "Keep to what the task needs."
    )
    left = f"{_left(bound, budget, after)} of {_amount(bound, budget)} left"
    return f"[budget] {mark:.0%} of the budget is used; {left}. {advice}"


def _outcome(bound: Bound) -> Outcome:
    match bound:
        case Bound.TURNS:
            return Outcome.OUT_OF_TURNS
        case Bound.TOKENS:
            return Outcome.OUT_OF_TOKENS
        case Bound.MONEY:
            return Outcome.OUT_OF_MONEY
        case Bound.MINUTES:
            return Outcome.OUT_OF_TIME
        case _:
            assert_never(bound)


def _amount(bound: Bound, budget: Budget) -> str:
    match bound:
        case Bound.TURNS:
            return f"{budget.turns} model replies"
        case Bound.TOKENS:
            return f"{budget.tokens:,} tokens"
        case Bound.MONEY:
            return f"${budget.money_usd:.2f}"
        case Bound.MINUTES:
            return f"{budget.minutes:g} minutes"
        case _:
            assert_never(bound)


def _left(bound: Bound, budget: Budget, spent: Spent) -> str:
    match bound:
        case Bound.TURNS:
            return str(max(0, budget.turns - spent.turns))
        case Bound.TOKENS:
            return f"{max(0, budget.tokens - spent.tokens):,}"
        case Bound.MONEY:
            return f"${max(0.0, budget.money_usd - spent.cost_usd):.2f}"
        case Bound.MINUTES:
            return f"{max(0.0, budget.minutes - spent.seconds / 60):.0f}"
        case _:
            assert_never(bound)
