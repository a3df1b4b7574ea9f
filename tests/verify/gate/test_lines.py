"""What a change may add."""

import pytest

from bot.verify.gate.lines import (
    find_conflicts,
    find_debris,
    find_licences,
    find_new_suppressions,
    find_secret_lines,
    find_white_space,
)
from tests.verify.gate.changes import changed

MARKERS = "<<<<<<< ours\nx\n=======\ny\n>>>>>>> theirs\n"


def test_conflict_markers() -> None:
    assert find_conflicts((changed("a.py", "x\n", MARKERS),)) == ["`a.py` holds conflict markers."]
    assert find_conflicts((changed("test_merge.py", MARKERS, MARKERS + "x"),)) == []
    assert find_conflicts((changed("a.rst", "x\n", "x\n=======\n"),)) == []


def test_a_file_that_says_the_same_as_before() -> None:
    assert "white space" in find_white_space((changed("a.py", "x = 1\n", "x  = 1\r\n"),))[0]
    assert find_white_space((changed("a.py", "x = 1\n", "x = 2\n"),)) == []
    assert find_white_space((changed("a.py", None, ""),)) == []


@pytest.mark.parametrize(
    "line",
    ["-----BEGIN RSA PRIVATE " + "KEY-----", "token = 'ghp_" + "a1B2" * 9 + "'", "AKIA" + "IOSFODNN7EXAMPL3"],
)
def test_secrets_of_known_shapes(line: str) -> None:
    (fault,) = find_secret_lines((changed("a.py", "x\n", f"x\n{line}\n"),))
    assert "looks like a secret" in fault
    assert line not in fault


def test_a_secret_that_was_there_is_not_of_the_change() -> None:
    text = "-----BEGIN RSA PRIVATE " + "KEY-----\n"
    assert find_secret_lines((changed("a.pem", text, text + "x\n"),)) == []


@pytest.mark.parametrize(
    "line",
    ["x = f()  # type: ignore", "// eslint-disable-next-line", "#[allow(dead_code)]", "// nolint:errcheck"],
)
def test_suppressions(line: str) -> None:
    assert "1 new suppressions" in find_new_suppressions((changed("a", "x\n", f"x\n{line}\n"),))[0]
    assert find_new_suppressions((changed("a", f"{line}\n", f"{line}\nx\n"),)) == []
    assert find_new_suppressions((changed("a", None, f"{line}\n"),)) == []


@pytest.mark.parametrize(
    "line",
    ["    breakpoint()", "import pdb; pdb.set_trace()", "  debugger;", "dbg!(x);", "print('DEBUG', x)"],
)
def test_debris(line: str) -> None:
    assert "take it out" in find_debris((changed("a", "x\n", f"x\n{line}\n"),))[0]


@pytest.mark.parametrize("line", ["print('done')", "import pdbfile", "console.log('listening')"])
def test_what_is_no_debris(line: str) -> None:
    assert find_debris((changed("a", "x\n", f"x\n{line}\n"),)) == []


@pytest.mark.parametrize(
    "line",
    [
        "# SPDX-License-Identifier: GPL-3.0",
        "// Copyright (c) 2019 Somebody",
        "Licensed under the Apache License",
    ],
)
def test_notices_of_others(line: str) -> None:
    assert "licence notice" in find_licences((changed("a.py", None, f"{line}\nx\n"),))[0]
    neighbour = changed("b.py", f"{line}\n", f"{line}\ny\n")
    assert find_licences((changed("a.py", None, f"{line}\nx\n"), neighbour)) == []
