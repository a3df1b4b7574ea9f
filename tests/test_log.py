"""A late log is loaded with its first line, and looks like every other.

In processes of their own: here it is loaded already.
"""

import subprocess
import sys


def _said(code: str) -> tuple[str, str]:
    """On standard output and standard error."""
    begin = "import logging, sys\nfrom bot.log import LateLog, configure_log\n"
    ran = subprocess.run([sys.executable, "-c", begin + code], capture_output=True, text=True, check=True)
    return ran.stdout.strip(), ran.stderr.strip()


def test_what_is_below_the_level_loads_nothing() -> None:
    code = "configure_log(logging.WARNING, late=True)\nLateLog().info('done', files=3)\n"
    assert _said(f"{code}print('structlog' in sys.modules)") == ("False", "")


def test_the_first_line_is_written_as_the_command_asked() -> None:
    """To standard error: standard output belongs to the command."""
    told, line = _said(
        "configure_log(logging.WARNING, late=True)\nLateLog().warning('left out', why='no git')"
    )
    assert told == ""
    assert "level=warning" in line
    assert 'why="no git"' in line


def test_a_log_that_is_configured_at_once_is_the_same_one() -> None:
    told, line = _said(
        "configure_log(logging.INFO)\nLateLog().info('done', files=3)\nLateLog().debug('unseen')"
    )
    assert told == ""
    assert "files=3" in line
    assert "unseen" not in line
