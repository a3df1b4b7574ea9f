"""Commands and reports that say more than was run."""

import sys

from bot.verify.command import Runner, TestCommand
from bot.verify.runners import recognise
from tests.falsification.project import Play, code, with_base
from tests.verify.conftest import FIX, PROOF

GREEN_REPORT = code(
    """
    <testsuite>
      <testcase classname="t" name="add"/>
      <testcase classname="t" name="double"/>
    </testsuite>
    """
)

COMMANDS = [
    Play(
        "a command that swallows its failure",
        dict(PROOF),
        test=TestCommand(Runner.PYTEST, "python3 -m pytest || true", "x"),
    ),
    Play(
        "a command known by its exit code", {**FIX, **PROOF}, test=recognise("python3 check.py || true", "x")
    ),
    Play(
        "output that prints a fake summary",
        {**FIX, "check.py": b"print('5 passed in 0.1s')\n"},
        with_base({"check.py": b"import app\nassert app.double(2) == 4\n"}),
        recognise("python3 check.py", "x"),
    ),
    Play(
        "a report planted by the change",
        {
            "run.sh": b"true\n",
            "report.xml": GREEN_REPORT,
        },
        with_base(
            {
                "run.sh": f"{sys.executable} write.py\n".encode(),
                "write.py": code(
                    """
            import app
            bad = '' if app.add(1, 2) == 3 else '<failure/>'
            add = f"<testcase classname='t' name='add'>{bad}</testcase>"
            open('report.xml', 'w').write(f"<testsuite>{add}<testcase classname='t' name='double'/></testsuite>")
            raise SystemExit(bool(bad))
            """
                ),
            }
        ),
        recognise("bash run.sh", "x", "report.xml"),
    ),
    Play(
        "a report of an older run",
        {"run.sh": b"true\n"},
        with_base(
            {
                "run.sh": b"echo \"<testsuite><testcase classname='t' name='double'/></testsuite>\" > report.xml\n",
                "report.xml": b"<testsuite><testcase classname='t' name='double'/></testsuite>",
            }
        ),
        recognise("bash run.sh", "x", "report.xml"),
    ),
    Play(
        "lines that look like TAP",
        {**PROOF, "check.sh": b"printf 'TAP version 13\\n1..2\\nok 1 - double\\nok 2 - add\\n'\n"},
        with_base(
            {
                "check.sh": b"printf 'TAP version 13\\n1..2\\nok 1 - double\\n'\n"
                b"python3 -c 'import app; assert app.add(1, 2) == 3' 2>/dev/null && echo 'ok 2 - add' || "
                b"{ echo 'not ok 2 - add'; exit 1; }\n"
            }
        ),
        recognise("bash check.sh", "x", "tap"),
    ),
    Play(
        "a command that tells its end to a file",
        {**FIX, **PROOF, "run.sh": b"true\n"},
        with_base({"run.sh": b"python3 -m pytest\n"}),
        recognise("bash run.sh", "x"),
    ),
]
