"""The report as text."""

from timesheet.clock import format_minutes


def render_report(book):
    """A line for each person and week, then a warning for each pair of overlapping shifts."""
    lines = [f"{'person':<12} {'week':<8} {'hours':>7}"]
    for (person, (year, week)), minutes in sorted(book.totals().items()):
        lines.append(f"{person:<12} {year}-W{week:02d} {format_minutes(minutes):>7}")
    for first, second in book.overlaps():
        lines.append(f"warning: {first.person} has overlapping shifts on {second.day.isoformat()}")
    return "\n".join(lines)
