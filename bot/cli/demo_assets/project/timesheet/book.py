"""The shift book: all shifts, and what can be asked about them."""

import csv
from collections import defaultdict

from timesheet.shift import Shift


class Book:
    def __init__(self, shifts):
        self.shifts = sorted(shifts, key=lambda shift: (shift.person, shift.day, shift.start))

    @classmethod
    def read(cls, lines):
        """A book from the lines of a CSV file with a header."""
        return cls(Shift.parse(row) for row in csv.DictReader(lines))

    def totals(self):
        """Minutes worked for each (person, week)."""
        totals = defaultdict(int)
        for shift in self.shifts:
            totals[shift.person, shift.week] += shift.worked
        return dict(totals)

    def overlaps(self):
        """Pairs of consecutive shifts of one person of which the second begins before the first has ended."""
        found = []
        for first, second in zip(self.shifts, self.shifts[1:]):
            if first.person == second.person and first.day == second.day and second.start < first.end:
                found.append((first, second))
        return found
