"""`pullwright hub`: the GitHub on localhost as a process of its own, for the demo."""

import time
from pathlib import Path

from bot.localhub.server import serve
from bot.localhub.state import Hub


def run_hub(data_dir: Path, port_file: Path, control_token: str) -> int:
    """Serve until SIGTERM; `port_file` gets the addresses as JSON when it listens."""
    data_dir.mkdir(parents=True, exist_ok=True)
    serve(Hub(data_dir, time.time), control_token=control_token, ready=port_file)
    return 0
