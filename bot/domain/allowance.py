"""What an issue, a person, a repository and a day may cost, over all tasks. Pure.

A task's own budget ends it; an allowance keeps the next one from beginning. It is looked at when a request is taken,
so tasks that run at that moment may go beyond it together, by their own budgets and no more.
"""

from dataclasses import dataclass, field

from bot.domain import limits
from bot.domain.outcomes import Refusal


@dataclass(frozen=True)
class Cost:
    """Tokens of input and output, and US dollars as far as prices were known."""

    tokens: int = 0
    money_usd: float = 0.0


@dataclass(frozen=True)
class CostBefore:
    """What tasks have cost that a new one would add to. All but `issue`: in the last 24 hours."""

    issue: Cost = Cost()
    author: Cost = Cost()
    repository: Cost = Cost()
    everybody: Cost = Cost()


def _allowance(tasks: int) -> Cost:
    """So many tasks at their whole budget."""
    return Cost(tasks * limits.AGENT_TOKENS, tasks * limits.AGENT_MONEY_USD)


@dataclass(frozen=True)
class Allowances:
    """The same four scopes, as what may be reached. Tokens count where no price is known."""

    issue: Cost = field(default_factory=lambda: _allowance(limits.ISSUE_BUDGETS))
    author: Cost = field(default_factory=lambda: _allowance(limits.AUTHOR_DAY_BUDGETS))
    repository: Cost = field(default_factory=lambda: _allowance(limits.REPOSITORY_DAY_BUDGETS))
    everybody: Cost = field(default_factory=lambda: _allowance(limits.DAY_BUDGETS))


def decide_allowance(before: CostBefore, allowances: Allowances) -> Refusal | None:
    """Why a new task may not begin: the narrowest scope that is used up; None: it may."""
    scopes = (
        (Refusal.ISSUE_ALLOWANCE, before.issue, allowances.issue),
        (Refusal.AUTHOR_ALLOWANCE, before.author, allowances.author),
        (Refusal.REPOSITORY_ALLOWANCE, before.repository, allowances.repository),
        (Refusal.DAY_ALLOWANCE, before.everybody, allowances.everybody),
    )
    for refusal, cost, most in scopes:
        if cost.tokens >= most.tokens or cost.money_usd >= most.money_usd:
            return refusal
    return None
