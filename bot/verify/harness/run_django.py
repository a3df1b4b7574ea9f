"""`python manage.py test` with a report: Django's own runner with the result class of `run_unittest.py`.

    python3 /pullwright/harness/run_django.py manage.py test ARGUMENTS

Python 3.8 and later. Must never change what is found, run or reported.
"""

import os
import runpy
import sys

import run_unittest  # beside this file


def _report():
    """Late: Django's settings are there only when manage.py has named them."""
    from django.test import runner

    class Result(run_unittest.Result):
        pass

    runner.DiscoverRunner.get_resultclass = lambda self: Result


if __name__ == "__main__":
    manage = sys.argv[1]
    sys.argv = sys.argv[1:]
    _report()
    sys.path[0] = os.path.dirname(os.path.abspath(manage))
    runpy.run_path(manage, run_name="__main__")
