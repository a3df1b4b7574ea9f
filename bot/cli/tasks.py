"""`pullwright tasks`: what the operator asks about tasks. Reads the database only."""

import sys

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
