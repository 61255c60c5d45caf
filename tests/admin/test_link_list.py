"""The admin's list of links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from example_project.picsweb.models import Learner
from tests.factories import LearnerFactory, OfficerFactory, QualificationFactory
from tests.staff_fixtures import a_link, words

pytestmark = pytest.mark.usefixtures("integration")

LIST = reverse("admin:onefile_sync_recordlink_changelist")


@pytest.fixture
def other() -> Learner:
    return LearnerFactory(first_name="Nia", surname="Haf")


@pytest.fixture
def office(staff: Callable[..., User], browser: Callable[..., Any]) -> Any:
    return browser(staff("view_recordlink"))


def test_says_what_is_linked_how_and_on_what_evidence(office: Any, learner: Learner, staff: Any) -> None:
    link = a_link(learner, linked_by=staff())
    page = words(office.get(LIST))
    assert "Máire" in page
    assert "Linked after a check of both records" in page
    assert "ULN; differs: Date of Birth" in page
    assert str(link.linked_by) in page
    assert "<b>Máire" not in page


def test_is_filtered_by_kind_and_state(office: Any, learner: Learner, other: Learner) -> None:
    a_link(learner)
    a_link(other, onefile_id=777, ended_at=timezone.now(), ending="unlinked")
    a_link(OfficerFactory(surname="Llwyd"), subject_kind="officer", onefile_id=888)
    ended = words(office.get(f"{LIST}?state=ended"))
    assert ("777" in ended, "501" in ended) == (True, False)
    in_force = words(office.get(f"{LIST}?state=open"))
    assert ("777" in in_force, "501" in in_force) == (False, True)
    officers = words(office.get(f"{LIST}?subject_kind__exact=officer"))
    assert ("Llwyd" in officers, "777" in officers) == (True, False)


def test_is_searched_by_learner_and_by_onefile_id(office: Any, learner: Learner, other: Learner) -> None:
    mine = a_link(learner)
    a_link(other, onefile_id=777)
    qualification = QualificationFactory(learner=learner, title="Care")
    a_link(qualification, subject_kind="qualification", onefile_id=4001, parent=mine)
    found = words(office.get(f"{LIST}?q=Brien"))
    assert ("Care" in found, "777" in found) == (True, False)
    assert "Nia Haf" in words(office.get(f"{LIST}?q=777"))


def test_restricted_staff_see_the_links_of_their_learners(
    staff: Any, restrict: Any, browser: Any, learner: Learner, other: Learner
) -> None:
    mine, theirs = a_link(learner), a_link(other, onefile_id=777)
    a_link(QualificationFactory(learner=other, title="Care"), subject_kind="qualification", parent=theirs)
    client = browser(restrict(staff("view_recordlink"), learner))
    page = words(client.get(LIST))
    assert (str(mine.onefile_id) in page, "777" in page, "Care" in page) == (True, False, False)


def test_names_take_one_query_for_each_kind(
    office: Any, learner: Learner, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        a_link(LearnerFactory(), onefile_id=9000 + number)
    with django_assert_max_num_queries(14):
        office.get(LIST)


def test_a_record_that_is_gone_is_shown_by_its_key(office: Any, learner: Learner) -> None:
    a_link(learner, subject_pk="987654")
    assert "987654" in words(office.get(LIST))
