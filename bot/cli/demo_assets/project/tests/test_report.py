import unittest
from datetime import date

from timesheet.book import Book
from timesheet.report import render_report
from timesheet.shift import Shift

MONDAY = date(2026, 3, 2)


class ReportTest(unittest.TestCase):
    def test_a_line_for_each_person_and_week(self):
        text = render_report(Book([Shift("Ada", MONDAY, 480, 990, 30), Shift("Ben", MONDAY, 360, 840, 30)]))
        self.assertEqual(
            text.splitlines(),
            ["person       week       hours", "Ada          2026-W10    8:00", "Ben          2026-W10    7:30"],
        )

    def test_overlapping_shifts_are_warned_about(self):
        text = render_report(Book([Shift("Ada", MONDAY, 480, 720), Shift("Ada", MONDAY, 700, 800)]))
        self.assertIn("warning: Ada has overlapping shifts on 2026-03-02", text)
