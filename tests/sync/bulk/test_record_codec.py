"""The exact stored form of a record: if it changed, an upgrade would rewrite every record."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from onefile_sync.sync.bulk.staging import AIMS, REVIEWS, RecordCodec, digest_of
from tests.sync.planning.rows_and_records import AIM, LEARNER, REVIEW, aim, record

WHOLE_AIM = aim(
    total_elements=20,
    elements_done=0,
    registration_number="AB 1",
    registration_date=date(2026, 7, 1),
    certificate_applied_date=date(2026, 4, 14),
    certificate_received_date=date(2026, 10, 30),
)
UNREADABLE_AIM = aim(registration_number="AB 1", unreadable=frozenset({"registration_date", "elements_done"}))
WHOLE_REVIEW = record(
    assessor_id=71,
    visit_id=701,
    scheduled_for=datetime(2026, 7, 1, 9, tzinfo=UTC),
    started_on=date(2026, 7, 1),
    learner_signed_on=date(2026, 7, 2),
    assessor_signed_on=date(2026, 7, 3),
)

KEPT: list[tuple[RecordCodec, Any, dict[str, Any], str]] = [
    (
        AIMS,
        WHOLE_AIM,
        {
            "learner_id": 501,
            "total_elements": 20,
            "elements_done": 0,
            "registration_number": "AB 1",
            "registration_date": "2026-07-01",
            "certificate_applied_date": "2026-04-14",
            "certificate_received_date": "2026-10-30",
        },
        "ede9c19cf50f060ea1ab4e239aca54fc",
    ),
    (
        AIMS,
        UNREADABLE_AIM,
        {
            "learner_id": 501,
            "registration_number": "AB 1",
            "unreadable": ["elements_done", "registration_date"],
        },
        "4f19a20ebb7357a9c061b0d952456f3a",
    ),
    (
        REVIEWS,
        WHOLE_REVIEW,
        {
            "learner_id": 501,
            "assessor_id": 71,
            "visit_id": 701,
            "scheduled_for": "2026-07-01T09:00:00+00:00",
            "started_on": "2026-07-01",
            "learner_signed_on": "2026-07-02",
            "assessor_signed_on": "2026-07-03",
        },
        "0ebd941bb51be5c54fc622602bd5ec6b",
    ),
]
NAMES = ["whole aim", "aim with unreadable values", "whole review"]


@pytest.mark.parametrize(("codec", "read", "values", "digest"), KEPT, ids=NAMES)
def test_a_record_is_kept_as_it_always_was(
    codec: RecordCodec, read: Any, values: dict[str, Any], digest: str
) -> None:
    assert codec.values(read) == values
    assert digest_of(codec.values(read)) == digest


@pytest.mark.parametrize(("codec", "read", "values", "digest"), KEPT, ids=NAMES)
def test_what_is_kept_becomes_the_same_record_again(
    codec: RecordCodec, read: Any, values: dict[str, Any], digest: str
) -> None:
    again = codec.revived(read.id, LEARNER, values, was_read=True, silent=frozenset())

    assert again == read


@pytest.mark.parametrize(("codec", "onefile_id"), [(AIMS, AIM), (REVIEWS, REVIEW)], ids=["aim", "review"])
def test_of_a_record_that_was_not_read_only_the_learner_is_known(codec: RecordCodec, onefile_id: int) -> None:
    revived = codec.revived(onefile_id, LEARNER, {}, was_read=False, silent=frozenset())

    assert (revived.id, revived.learner_id, revived.complete) == (onefile_id, LEARNER, False)
