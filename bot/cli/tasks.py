"""`pullwright tasks`: what the operator asks about tasks. Reads the database, and changes nothing in it."""

import shlex
import sys
from pathlib import Path

from bot.cli.evidence_files import RECORD_NAME, write_evidence
from bot.compose import open_database
from bot.domain.ids import TaskId
from bot.errors import ForPerson
from bot.settings import load_settings
from bot.store.events import Events
from bot.store.tasks import Tasks
from bot.tasks.export import render_log


def run_export(task: str) -> int:
    """The task's event log to standard output. Raises SettingsFault, ForPerson (no such task)."""
    settings = load_settings()
    database = open_database(settings)
    try:
        view = Tasks(database).find(TaskId(task))
        if view is None:
            raise ForPerson(f"There is no task {task!r}.", "Its id stands in the tracking comment's source.")
        rows = Events(database).load(view.id)
    finally:
        database.close()
    sys.stdout.write(render_log(view, rows, settings.literal_secrets))
    return 0


def run_evidence(task: str, folder: Path) -> int:
    """The task's signed evidence into `folder`. Raises SettingsFault, ForPerson (there is none)."""
    settings = load_settings()
    database = open_database(settings)
    try:
        if not write_evidence(database, TaskId(task), folder, settings.data_dir):
            raise ForPerson(
                f"There is no evidence of a task {task!r}.", "Only a change that was verified leaves some."
            )
    finally:
        database.close()
    print(f"pullwright verify {shlex.quote(str(folder / RECORD_NAME))}")
    return 0
