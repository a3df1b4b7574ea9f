"""When a schedule is due, in zones with summer time, after downtime, and scattered."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.due import DAYS, WhenFault, is_caught_up, next_due, parse_when, parse_zone, scatter
from bot.domain.limits import SCHEDULE_NIGHT_HOURS

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
HOUR = 3_600.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def due(when: str, after: str, zone: ZoneInfo = BERLIN, name: str = "7/sums") -> str:
    found = next_due(parse_when(when), zone, name, at(after))
    return datetime.fromtimestamp(found, zone).isoformat()


def test_cron_is_the_zones_own_time() -> None:
    assert due("30 3 * * *", "2026-06-01T00:00:00+00:00") == "2026-06-01T03:30:00+02:00"
    assert due("30 3 * * *", "2026-12-01T00:00:00+00:00") == "2026-12-01T03:30:00+01:00"
    assert due("0 9 * * mon-fri", "2026-11-27T09:00:00+01:00") == "2026-11-30T09:00:00+01:00"


def test_when_the_clock_goes_forward_a_time_that_does_not_exist_comes_an_hour_later_and_once() -> None:
    # 28 March 2027: 02:00 is followed by 03:00.
    assert due("30 2 * * *", "2027-03-28T00:00:00+01:00") == "2027-03-28T03:30:00+02:00"
    assert due("30 2 * * *", "2027-03-28T03:10:00+02:00") == "2027-03-28T03:30:00+02:00"
    assert due("30 2 * * *", "2027-03-28T03:30:00+02:00") == "2027-03-29T02:30:00+02:00"


def test_when_the_clock_goes_back_a_time_that_there_is_twice_comes_the_first_time_only() -> None:
    # 25 October 2026: 03:00 summer time is followed by 02:00.
    first = due("30 2 * * *", "2026-10-25T00:00:00+02:00")
    assert first == "2026-10-25T02:30:00+02:00"
    assert due("30 2 * * *", first) == "2026-10-26T02:30:00+01:00"
    assert due("30 2 * * *", "2026-10-25T02:40:00+01:00") == "2026-10-26T02:30:00+01:00"


def test_daily_and_weekly_come_at_night_and_are_scattered() -> None:
    hour, minute = scatter("7/sums")
    assert due("daily", "2026-12-01T12:00:00+01:00") == f"2026-12-02T{hour:02}:{minute:02}:00+01:00"
    assert due("weekly mon", "2026-11-30T12:00:00+01:00") == f"2026-12-07T{hour:02}:{minute:02}:00+01:00"
    assert due("weekly Monday", "2026-11-30T12:00:00+01:00")[:10] == "2026-12-07"
    assert len({scatter(f"{n}/sums") for n in range(1000)}) > 200, "they do not all begin at once"


def test_a_minute_that_is_not_named_is_scattered_and_a_named_one_is_kept() -> None:
    assert due("* 9 * * *", "2026-12-01T12:00:00+01:00")[14:16] == f"{scatter('7/sums')[1]:02}"
    assert due("5 9 * * *", "2026-12-01T12:00:00+01:00")[14:16] == "05"


@pytest.mark.parametrize(
    "text",
    [
        "", "often", "weekly", "weekly mo", "daily mon", "0 3 * *", "0 3 * * * *", "0 3 30 2 *", "61 3 * * *",
        "*/5 * * * *", "0,30 * * * *", "0-9 * * * *", "r r * * *", "h 3 * * *", "@daily", "0 3 * * 1#9", "0 3 ? * L",
        "0 3 * * xyz", "0 99 * * *", "\x00 3 * * *", "0 3 * * " + "1," * 200,
    ],
)  # fmt: skip
def test_what_is_no_time_or_too_often_is_refused_in_words(text: str) -> None:
    with pytest.raises(WhenFault) as caught:
        parse_when(text)
    assert str(caught.value)


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../../etc/passwd", "/etc/localtime", "Europe/Berlin\x00", "CEST2"]
)
def test_an_unknown_zone_is_refused_in_words(name: str) -> None:
    with pytest.raises(WhenFault, match=r"zone"):
        parse_zone(name)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_fault(text: str) -> None:
    try:
        when = parse_when(text)
    except WhenFault:
        return
    assert next_due(when, BERLIN, "7/x", NOW) > NOW


_WHEN = st.one_of(
    st.just("daily"),
    st.sampled_from(DAYS).map(lambda day: f"weekly {day}"),
    st.tuples(st.integers(0, 59), st.integers(0, 23), st.sampled_from(("*", "1-5", "sun", "*/2"))).map(
        lambda parts: f"{parts[0]} {parts[1]} * * {parts[2]}"
    ),
)
_ZONES = st.sampled_from(("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"))


@given(_WHEN, _ZONES, st.floats(0, 2.2e9))
def test_turns_go_forward_and_nothing_lies_between_two(text: str, zone: str, after: float) -> None:
    when, where = parse_when(text), parse_zone(zone)
    first = next_due(when, where, "7/x", after)
    assert after < first <= after + 8 * 24 * HOUR
    assert next_due(when, where, "7/x", (after + first) / 2) == first
    second = next_due(when, where, "7/x", first)
    assert second >= first + HOUR, "never twice within an hour"


@given(st.text(max_size=60))
def test_the_scatter_is_the_same_for_the_same_name_and_within_the_night(name: str) -> None:
    hour, minute = scatter(name)
    assert scatter(name) == (hour, minute)
    assert 0 <= hour < SCHEDULE_NIGHT_HOURS
    assert 0 <= minute < 60


def test_a_missed_turn_is_caught_up_once_unless_the_next_one_is_near() -> None:
    assert is_caught_up(NOW - 60, NOW + 60, NOW), "it is on time"
    assert is_caught_up(NOW - 50 * HOUR, NOW + 20 * HOUR, NOW)
    assert not is_caught_up(NOW - 23.5 * HOUR, NOW + 0.5 * HOUR, NOW)
