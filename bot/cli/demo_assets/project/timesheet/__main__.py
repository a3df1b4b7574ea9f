"""The command line: python3 -m timesheet report BOOK."""

import argparse
import sys

from timesheet.book import Book
from timesheet.clock import ClockError
from timesheet.report import render_report


def main(argv=None):
    parser = argparse.ArgumentParser(prog="timesheet", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    report = commands.add_parser("report", help="hours by person and week")
    report.add_argument("book", help="a CSV file: person,day,start,end,pause")
    options = parser.parse_args(argv)
    try:
        with open(options.book, newline="", encoding="utf-8") as file:
            book = Book.read(file)
    except (OSError, ClockError) as error:
        print(f"timesheet: {error}", file=sys.stderr)
        return 1
    print(render_report(book))
    return 0


if __name__ == "__main__":
    sys.exit(main())
