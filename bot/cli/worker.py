"""`pullwright worker`: intake, admission and the tasks themselves, until SIGTERM hands everything over.

When it is ready, `worker.json` in the data directory says so.
"""

import asyncio
import json
import os

from bot.cli.serve import write_whole
from bot.compose import open_worker
from bot.log import configure_log
from bot.settings import load_settings
from bot.tasks.runner import Stop, WorkerEnd, stop_on_signals


def run_worker() -> int:
    """Exit code 0 after a hand-over, 1 when it was taken for dead. Raises SettingsFault, SandboxUnavailable."""
    configure_log()
    end = asyncio.run(_run())
    if end is WorkerEnd.FENCED:  # threads may be in the middle of a request: they are not waited for
        os._exit(1)
    return 0


async def _run() -> WorkerEnd:
    settings = load_settings()
    stop = Stop()
    stop_on_signals(stop)
    async with open_worker(settings) as worker:
        write_whole(settings.data_dir / "worker.json", json.dumps({"ready": True}))
        return await worker.run(stop)
