import io
import unittest
from datetime import date

from timesheet.book import Book
from timesheet.shift import Shift

MONDAY = date(2026, 3, 2)
TUESDAY = date(2026, 3, 3)


class BookTest(unittest.TestCase):
    def test_a_book_is_read_from_csv(self):
        book = Book.read(io.StringIO("person,day,start,end,pause\nAda,2026-03-02,08:00,12:00,0\n"))
        self.assertEqual(book.shifts, [Shift("Ada", MONDAY, 480, 720, 0)])

    def test_totals_add_up_by_person_and_week(self):
        book = Book([Shift("Ada", MONDAY, 480, 720), Shift("Ada", TUESDAY, 480, 540), Shift("Ben", MONDAY, 0, 60)])
        self.assertEqual(book.totals(), {("Ada", (2026, 10)): 300, ("Ben", (2026, 10)): 60})

    def test_shifts_that_touch_do_not_overlap(self):
        self.assertEqual(Book([Shift("Ada", MONDAY, 480, 720), Shift("Ada", MONDAY, 720, 800)]).overlaps(), [])

    def test_shifts_that_overlap_are_found(self):
        first, second = Shift("Ada", MONDAY, 480, 720), Shift("Ada", MONDAY, 700, 800)
        self.assertEqual(Book([second, first]).overlaps(), [(first, second)])

    def test_different_people_never_overlap(self):
        self.assertEqual(Book([Shift("Ada", MONDAY, 480, 720), Shift("Ben", MONDAY, 500, 600)]).overlaps(), [])
