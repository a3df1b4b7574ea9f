"""Times of the day and lengths of time, both in minutes."""

MINUTES_OF_A_DAY = 24 * 60


class ClockError(ValueError):
    """A time, a date or a row that can't be read."""


def parse_clock(text):
    """Minutes since midnight for "HH:MM"."""
    hours, colon, minutes = text.strip().partition(":")
    if not colon or not hours.isdigit() or not minutes.isdigit() or len(minutes) != 2:
        raise ClockError(f"not a time of the day: {text!r}")
    value = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or value >= MINUTES_OF_A_DAY:
        raise ClockError(f"not a time of the day: {text!r}")
    return value


def format_minutes(total):
    """A length of time as "H:MM"; a negative one with a leading minus."""
    sign = "-" if total < 0 else ""
    hours, minutes = divmod(abs(total), 60)
    return f"{sign}{hours}:{minutes:02d}"
