import unittest
from datetime import date

from timesheet.clock import ClockError
from timesheet.shift import Shift

ROW = {"person": "Ada", "day": "2026-03-02", "start": "08:00", "end": "16:30", "pause": "30"}


class ShiftTest(unittest.TestCase):
    def test_a_row_becomes_a_shift(self):
        self.assertEqual(Shift.parse(ROW), Shift("Ada", date(2026, 3, 2), 480, 990, 30))

    def test_no_pause_is_a_pause_of_zero(self):
        self.assertEqual(Shift.parse({**ROW, "pause": ""}).pause, 0)

    def test_worked_is_the_time_between_without_the_pause(self):
        self.assertEqual(Shift.parse(ROW).worked, 480)

    def test_the_week_is_the_iso_week(self):
        self.assertEqual(Shift("Ada", date(2027, 1, 1), 0, 60).week, (2026, 53))

    def test_a_row_without_a_day_is_refused(self):
        with self.assertRaises(ClockError):
            Shift.parse({"person": "Ada", "start": "08:00", "end": "09:00"})
