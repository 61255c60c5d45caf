"""What our own tables record about learners, as the planner receives it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from onefile_sync import host as picsweb
from onefile_sync.models import Difference, UploadIntent
from onefile_sync.sync.learner.on_record import read_on_record
from onefile_sync.sync.planning.types import OnRecord, OpenUpload

pytestmark = pytest.mark.django_db

AT_NINE = datetime(2026, 11, 1, 9, tzinfo=UTC)


def begun(learner_pk: str, review_pk: str, **values: Any) -> UploadIntent:
    return UploadIntent.objects.create(
        learner_type=picsweb.learner_type(),
        learner_pk=learner_pk,
        review_pk=review_pk,
        scheduled_for=AT_NINE,
        **values,
    )


def test_an_unfinished_upload_is_returned() -> None:
    begun("7", "31", visit_id=44, visits_in_doubt=2)
    begun("7", "32", review_id=3, finished_at=AT_NINE)

    known = read_on_record(["7"])["7"]

    assert known.uploads == {"31": OpenUpload(AT_NINE, visit_id=44, visits_in_doubt=2)}


@pytest.mark.parametrize(("minutes_ago", "may_still_arrive"), [(1, True), (60, False)])
def test_a_create_may_still_arrive_for_as_long_as_a_lease(minutes_ago: int, may_still_arrive: bool) -> None:
    begun("7", "31", in_doubt_since=timezone.now() - timedelta(minutes=minutes_ago))

    assert read_on_record(["7"])["7"].uploads["31"].may_still_arrive is may_still_arrive


def test_a_reported_difference_is_returned() -> None:
    about = {
        "side": "onefile",
        "subject_kind": "qualification",
        "subject_pk": "9",
        "field": "registration_date",
    }
    kept = {"offered": "2026-01-01", "kept": ""}
    Difference.objects.create(learner_type=picsweb.learner_type(), learner_pk="7", **about, **kept)

    known = read_on_record(["7"])["7"]

    assert known.differences == {("onefile", "qualification", "9", "registration_date"): ("2026-01-01", "")}


def test_every_learner_has_an_entry_in_two_queries(django_assert_num_queries: Any) -> None:
    begun("7", "31")
    begun("somebody else", "33")
    picsweb.learner_type()

    with django_assert_num_queries(2):
        known = read_on_record(["7", "8"])

    assert known == {"7": OnRecord({"31": OpenUpload(AT_NINE)}), "8": OnRecord()}
