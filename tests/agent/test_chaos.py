"""Random sessions: every one ends by name, no exception escapes, no request is invalid."""

from collections import Counter

import pytest

from bot.agent.contract import EventKind, Exhausted
from tests.agent.chaos import TURNS, run_session

SESSIONS = 200


async def _run(seeds: range) -> Counter[str]:
    ends: Counter[str] = Counter()
    for seed in seeds:
        session = await run_session(seed)
        name = session.end.outcome.value if isinstance(session.end, Exhausted) else "finished"
        ends[name] += 1
        ends["compactions"] += session.world.log.kinds().count(EventKind.COMPACTED)
        ends["deaths"] += session.deaths
        assert session.requests <= 3 * TURNS, f"seed {seed} asked {session.requests} times"
    return ends


async def test_a_few_random_sessions_end_by_name() -> None:
    await _run(range(8))


@pytest.mark.chaos
async def test_two_hundred_random_sessions_end_by_name() -> None:
    ends = await _run(range(SESSIONS))
    # The run is worth something only if it came by most of what can happen.
    assert ends["compactions"] > 50
    assert ends["deaths"] > 50
    assert {"finished", "model_misbehaved", "out_of_tokens", "model_unavailable"} <= set(ends)
