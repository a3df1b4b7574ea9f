import unittest

from timesheet.clock import ClockError, format_minutes, parse_clock


class ParseClockTest(unittest.TestCase):
    def test_midnight_is_zero(self):
        self.assertEqual(parse_clock("00:00"), 0)

    def test_an_afternoon(self):
        self.assertEqual(parse_clock("14:05"), 845)

    def test_blanks_around_it_do_not_matter(self):
        self.assertEqual(parse_clock(" 06:30 "), 390)

    def test_what_is_not_a_time_is_refused(self):
        for text in ("", "6", "6:5", "24:00", "12:60", "ab:cd", "-1:00"):
            with self.subTest(text), self.assertRaises(ClockError):
                parse_clock(text)


class FormatMinutesTest(unittest.TestCase):
    def test_hours_and_minutes(self):
        self.assertEqual(format_minutes(485), "8:05")

    def test_zero(self):
        self.assertEqual(format_minutes(0), "0:00")

    def test_a_negative_length(self):
        self.assertEqual(format_minutes(-90), "-1:30")
