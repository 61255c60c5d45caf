"""Numbers, texts and dates: every oddity in which OneFile may write them, and how we write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefile_sync.onefile import parsing
from onefile_sync.onefile.parsing import UnreadableError

# Time is no matter here: a busy machine is no fault of the parsers.
at_leisure = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
LONDON = ZoneInfo("Europe/London")
UNREADABLE = object()


def outcome(read, value: object) -> object:
    try:
        return read(value)
    except UnreadableError:
        return UNREADABLE


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        (0, 0),
        (12, 12),
        (-3, -3),
        (12.0, 12),
        (12.5, UNREADABLE),
        ("12", 12),
        (" 12 ", 12),
        ("+7", 7),
        ("-7", -7),
        ("12.0", 12),
        ("12.5", UNREADABLE),
        ("١٢", UNREADABLE),
        ("twelve", UNREADABLE),
        (True, UNREADABLE),
        (False, UNREADABLE),
        (2**63 - 1, 2**63 - 1),
        (2**63, UNREADABLE),
        (float("inf"), UNREADABLE),
        (1e300, UNREADABLE),
        ([12], UNREADABLE),
        ({"ID": 12}, UNREADABLE),
    ],
)
def test_whole_number(sent: object, expected: object) -> None:
    assert outcome(parsing.whole_number, sent) == expected


@pytest.mark.parametrize(
    ("sent", "as_count", "as_reference"),
    [(0, 0, None), (5, 5, 5), (-1, UNREADABLE, UNREADABLE), ("0", 0, None), (None, None, None)],
)
def test_counts_are_never_negative_and_no_record_has_the_id_0(sent, as_count, as_reference) -> None:
    assert outcome(parsing.count, sent) == as_count
    assert outcome(parsing.reference, sent) == as_reference


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (None, ""),
        ("", ""),
        (" \u00a0", ""),
        (" AB/123 ", "AB/123"),
        ("Zoë O’Neill", "Zoë O’Neill"),
        (700123, "700123"),
        (0, "0"),
        (True, UNREADABLE),
        (1.5, UNREADABLE),
        (10**30, UNREADABLE),
        ("AB\x00123", UNREADABLE),
        ("AB\n123", UNREADABLE),
        ("AB\ud800", UNREADABLE),
        (["AB"], UNREADABLE),
    ],
)
def test_text(sent: object, expected: object) -> None:
    assert outcome(parsing.text, sent) == expected


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]  # the parts are no more than six


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (None, None),
        ("", None),
        ("2026-01-15T09:30:00Z", utc(2026, 1, 15, 9, 30)),
        ("2026-01-15T09:30:00", utc(2026, 1, 15, 9, 30)),
        ("2026-01-15T09:30Z", utc(2026, 1, 15, 9, 30)),
        ("2026-01-15 09:30:00", utc(2026, 1, 15, 9, 30)),
        ("2026-01-15t09:30:00z", utc(2026, 1, 15, 9, 30)),
        (" 2026-01-15T09:30:00Z ", utc(2026, 1, 15, 9, 30)),
        ("2026-01-15T09:30:00.1Z", utc(2026, 1, 15, 9, 30, 0) + timedelta(milliseconds=100)),
        ("2026-01-15T09:30:00.123", utc(2026, 1, 15, 9, 30, 0) + timedelta(milliseconds=123)),
        ("2026-01-15T09:30:00.1234567Z", utc(2026, 1, 15, 9, 30, 0) + timedelta(microseconds=123456)),
        ("2026-06-15T09:30:00+01:00", utc(2026, 6, 15, 8, 30)),
        ("2026-06-15T09:30:00.0000000+0100", utc(2026, 6, 15, 8, 30)),
        ("2026-06-15T09:30:00-05:00", utc(2026, 6, 15, 14, 30)),
        ("2026-06-15", utc(2026, 6, 14, 23)),
        ("2026-01-15", utc(2026, 1, 15)),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("1900-01-01", None),
        ("1900-01-01T00:00:00Z", None),
        ("1899-12-31", UNREADABLE),
        ("0001-01-02T00:00:00+23:00", UNREADABLE),
        ("9999-12-31T23:59:59-05:00", UNREADABLE),
        ("2026-02-30", UNREADABLE),
        ("2026-01-15T25:00:00Z", UNREADABLE),
        ("2026-01-15T09:30:00+99:00", UNREADABLE),
        ("15/01/2026", UNREADABLE),
        ("next Tuesday", UNREADABLE),
        ("2026-01-15T09:30:00Z; drop", UNREADABLE),
        ("2026-07-01 09:30:00 +01:00", utc(2026, 7, 1, 8, 30)),
        ("2026-07-01 09:30:00.1234567 +01:00", utc(2026, 7, 1, 8, 30) + timedelta(microseconds=123456)),
        ("2026-07-01 09:30:00Z", utc(2026, 7, 1, 9, 30)),
        ("2026-07-01 09:30:00 UTC", utc(2026, 7, 1, 9, 30)),
        ("2026-07-01 09:30:00 gmt", utc(2026, 7, 1, 9, 30)),
        ("2026-07-01T09:30:00+01", utc(2026, 7, 1, 8, 30)),
        ("2026-07-01T09:30:00,5z", utc(2026, 7, 1, 9, 30) + timedelta(milliseconds=500)),
        ("2026-07-01 09:30:00  +01:00", UNREADABLE),
        ("2026-07-01 +01:00", UNREADABLE),
        ("2026-07-01T09:30:00 BST", UNREADABLE),
        ("/Date(1782894600000)/", utc(2026, 7, 1, 8, 30)),
        ("/Date(1782894600000+0100)/", utc(2026, 7, 1, 8, 30)),
        ("/Date(1782894600123-0500)/", utc(2026, 7, 1, 8, 30) + timedelta(milliseconds=123)),
        ("/Date(0)/", utc(1970, 1, 1)),
        ("/Date(-1)/", utc(1969, 12, 31, 23, 59, 59) + timedelta(milliseconds=999)),
        ("/Date(-62135596800000)/", None),
        ("/Date(-62135596800000+0000)/", None),
        ("/Date(-62135596800000-0500)/", None),
        ("/Date(-62135600400000+0100)/", None),
        ("/Date(-62135578800000-0500)/", None),
        ("/Date(-2208988800000)/", None),
        ("/Date(-2208992400000+0100)/", None),
        ("/Date(-2209075200000)/", UNREADABLE),
        ("/Date(253402300799999)/", datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)),
        ("/Date(253402300800000)/", UNREADABLE),
        ("/Date(999999999999999)/", UNREADABLE),
        ("/Date(1782894600000+9900)/", UNREADABLE),
        ("/Date(1782894600000)/x", UNREADABLE),
        ("/Date(soon)/", UNREADABLE),
        ("/Date()/", UNREADABLE),
        (20260115, UNREADABLE),
        (True, UNREADABLE),
        ({"date": "2026-01-15"}, UNREADABLE),
    ],
)
def test_moment(sent: object, expected: object) -> None:
    found = outcome(parsing.moment, sent)
    assert found == expected
    assert not isinstance(found, datetime) or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        # London's midnight in summer is 23:00 of the day before in UTC.
        ("2026-06-14T23:00:00Z", date(2026, 6, 15)),
        ("2026-06-14T22:59:59Z", date(2026, 6, 14)),
        ("2026-06-15T00:00:00Z", date(2026, 6, 15)),
        ("2026-06-15T00:00:00", date(2026, 6, 15)),
        ("2026-06-15T00:00:00+01:00", date(2026, 6, 15)),
        ("2026-06-15", date(2026, 6, 15)),
        ("2026-01-15T00:00:00Z", date(2026, 1, 15)),
        ("2026-01-14T23:59:59Z", date(2026, 1, 14)),
        ("2026-03-29", date(2026, 3, 29)),
        ("2026-10-25T00:30:00Z", date(2026, 10, 25)),
        ("9999-12-31T23:59:59", date(9999, 12, 31)),
        (None, None),
    ],
)
def test_london_date(sent: object, expected: date | None) -> None:
    assert parsing.london_date(sent) == expected


@at_leisure
@given(st.dates(date(1900, 1, 2), date(2200, 1, 1)))
def test_a_sent_date_comes_back_as_the_same_date_in_every_zone(day: date) -> None:
    sent = parsing.date_text(day)
    local = datetime.fromisoformat(sent.removesuffix("Z")).replace(tzinfo=LONDON).astimezone(UTC)
    for returned in (sent, sent.removesuffix("Z"), sent[:10], local.isoformat()):
        assert parsing.london_date(returned) == day


def test_a_moment_is_sent_in_utc() -> None:
    assert parsing.moment_text(datetime(2026, 6, 15, 9, tzinfo=LONDON)) == "2026-06-15T08:00:00.000Z"
    assert parsing.moment_text(datetime(2026, 1, 15, 9, tzinfo=LONDON)) == "2026-01-15T09:00:00.000Z"
    five_east = timezone(timedelta(hours=5))
    assert parsing.moment_text(datetime(2026, 1, 15, 9, 0, 5, 999, five_east)) == "2026-01-15T04:00:05.000Z"


def test_a_moment_without_a_zone_is_not_sent() -> None:
    with pytest.raises(ValueError, match="time zone"):
        parsing.moment_text(datetime(2026, 6, 15, 9))  # noqa: DTZ001 - that is the point


@at_leisure
@given(
    st.datetimes(datetime(1900, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - the zone is given below
    st.integers(0, 7),
    st.sampled_from(["", "Z", "+00:00", "+01:00", "-0330"]),
)
def test_every_way_to_write_a_moment_is_read(at: datetime, digits: int, zone: str) -> None:
    fraction = f".{at.microsecond:06d}0"[: digits + 1] if digits else ""
    found = parsing.moment(f"{at:%Y-%m-%dT%H:%M:%S}{fraction}{zone}")
    offset = {"+01:00": timedelta(hours=1), "-0330": -timedelta(hours=3, minutes=30)}.get(zone, timedelta())
    assert found is not None
    assert abs(found - (at.replace(tzinfo=UTC) - offset)) < timedelta(seconds=1)


@at_leisure
@given(
    st.datetimes(datetime(1900, 1, 3), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from([None, 0, 60, -300, 825]),
)
def test_every_way_in_which_net_writes_a_moment_is_read(at: datetime, minutes_east: int | None) -> None:
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    milliseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    there = at.astimezone(timezone(timedelta(minutes=minutes_east or 0)))
    offset = "" if minutes_east is None else f"{there:%z}"
    for written in (
        f"/Date({milliseconds}{offset})/",
        f"{there:%Y-%m-%d %H:%M:%S}.{there.microsecond:06d}0 {offset or '+0000'}",
        there.isoformat(sep=" ").replace("+", " +"),
        there.isoformat(),
    ):
        assert parsing.moment(written) == at
        assert parsing.is_moment(written)
