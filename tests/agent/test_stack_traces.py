"""Lines that an issue's stack traces name, found in the repository's own paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.stack_traces import Place, cut_regions, find_places
from bot.domain import limits

PATHS = (
    "src/app/core.py",
    "src/app/util.py",
    "lib/util.py",
    "web/index.ts",
    "cmd/main.go",
    "java/org/x/App.java",
)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('  File "/home/ada/w/src/app/core.py", line 12, in f', [("src/app/core.py", 12)]),
        ("    at run (/srv/web/index.ts:7:13)", [("web/index.ts", 7)]),
        ("\tat org.x.App.main(App.java:31)", [("java/org/x/App.java", 31)]),
        ("/go/src/cmd/main.go:5 +0x1d", [("cmd/main.go", 5)]),
        ("error at C:\\w\\src\\app\\core.py:3", [("src/app/core.py", 3)]),
        ("https://github.com/o/r/blob/main/src/app/core.py#L8-L9", [("src/app/core.py", 8)]),
        ('File "/usr/lib/python3.11/json/decoder.py", line 355', []),
        ("util.py:4", []),  # two files have the name: nothing tells which
        ("app/util.py:4", [("src/app/util.py", 4)]),
        ("core.py:0, core.py:99999999999, at 10:30, http://x.test:80/a", []),
    ],
)
def test_places_are_found_in_many_spellings(text: str, places: list[tuple[str, int]]) -> None:
    assert find_places(text, PATHS) == tuple(Place(*one) for one in places)


def test_regions_are_joined_bounded_and_never_beyond_the_file() -> None:
    texts = {"a.py": "".join(f"line {number}\n" for number in range(1, 301)), "b.py": "one\n"}
    places = (*(Place("a.py", line) for line in (100, 110, 125, 999, 1, 290)), Place("b.py", 1))
    regions = cut_regions(places, texts)
    assert [(one.path, one.first, len(one.lines)) for one in regions] == [
        ("a.py", 1, 21),
        ("a.py", 80, 66),
        ("a.py", 270, 31),
        ("b.py", 1, 1),
    ]
    assert regions[1].lines[20] == "line 100"
    many = tuple(Place("a.py", line) for line in range(1, 300, 45))
    assert len(cut_regions(many, texts)) == limits.TRACE_REGIONS


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    find_places(text, PATHS)
