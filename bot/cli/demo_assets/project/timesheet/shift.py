"""One shift of one person."""

from dataclasses import dataclass
from datetime import date

from timesheet.clock import ClockError, parse_clock


@dataclass(frozen=True)
class Shift:
    person: str
    day: date
    start: int  # minutes since midnight
    end: int  # minutes since midnight
    pause: int = 0  # minutes

    @classmethod
    def parse(cls, row):
        """A shift from a row of the book (a mapping of strings)."""
        try:
            day = date.fromisoformat(row["day"].strip())
            pause = int(row.get("pause") or 0)
        except (KeyError, ValueError) as error:
            raise ClockError(f"can't read the row {dict(row)!r}") from error
        return cls(row["person"].strip(), day, parse_clock(row["start"]), parse_clock(row["end"]), pause)

    @property
    def week(self):
        """The ISO week in which the shift begins, as (year, week)."""
        year, week, _ = self.day.isocalendar()
        return year, week

    @property
    def worked(self):
        """Minutes worked, the pause taken off."""
        return self.end - self.start - self.pause
