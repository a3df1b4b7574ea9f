"""What holds for every test.

Hypothesis tries the same cases in every run, so that a red run means the change under test; fifty of each, since the
same fifty more would only be slower. To look for new ones:
`make test ARGS="tests/editing --hypothesis-profile=explore"`.
"""

import random

import pytest
from hypothesis import HealthCheck, settings

# Neither a deadline nor a complaint about slowness: a busy machine is no fault of the change.
settings.register_profile(
    "steady", derandomize=True, max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", max_examples=2_000, deadline=None)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--sample", type=int, default=0, help="play only so many of the falsification suite's tricks"
    )
    parser.addoption("--sample-seed", default="0", help="which ones; any text")


@pytest.hookimpl(trylast=True)  # of what the marks have left
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The same ones in every process of a run: chosen by the seed alone."""
    size = config.getoption("sample")
    if not size:
        return
    chosen = random.Random(config.getoption("sample_seed")).sample(items, min(size, len(items)))
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The falsification suite's table: tier, trick, what caught it."""
    reports = [one for key in ("passed", "failed") for one in terminalreporter.stats.get(key, [])]
    rows = [dict(one.user_properties) for one in reports if dict(one.user_properties).get("trick")]
    if not rows:
        return
    terminalreporter.section("tier, trick, caught by")
    for row in sorted(rows, key=lambda row: (row["tier"], row["trick"])):
        terminalreporter.write_line(f"{row['tier']}  {row['trick']:<58} {row['caught by']}")
        if row["gate"]:
            terminalreporter.write_line(f"   {'':<58} gate: {row['gate']}")
