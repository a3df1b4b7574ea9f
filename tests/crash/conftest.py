"""Which process plays which points, when several play."""

import pytest
from xdist.scheduler import LoadScopeScheduling, Scheduling


class ByStory(LoadScopeScheduling):
    """A story's misfortunes stay together: its world, which takes longer than a point, is made once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.rpartition("-")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling | None:
    """With `--dist loadscope`. Marks of groups are no way: pytest 9.2 no longer reads the names that the library
    changes for them."""
    return ByStory(config, log) if config.getvalue("dist") == "loadscope" else None
