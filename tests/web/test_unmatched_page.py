"""The Unmatched page and its CSV file, as staff see them."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.urls import reverse

from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import DirectoryEntry
from tests import staff_fixtures
from tests.factories import LearnerFactory, OrganisationFactory, QualificationFactory

PAGE, CSV = "/onefile/unmatched/", "/onefile/unmatched/csv/"


def words(answer: Any) -> str:
    """The page as people read it."""
    return html.unescape(staff_fixtures.words(answer))


def listed(name: str, kind: str = "learner", onefile_id: int = 1) -> None:
    DirectoryEntry.objects.create(
        tenant=present_tenant(), kind=kind, centre_id=1, onefile_id=onefile_id, name=name
    )


def csv_of(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode("utf-8-sig")


def test_sections_are_chosen_and_counted(staff: Any, browser: Any) -> None:
    ann = LearnerFactory(first_name="Ann", surname="<i>Ash", onefile_id=None)
    listed("=cmd|' /C calc'!A0", "placement")
    client = browser(staff("view_syncrun"))
    answer = client.get(PAGE)
    text = answer.content.decode()
    assert "Ann &lt;i&gt;Ash" in text
    assert reverse("admin:picsweb_learner_change", args=[ann.pk]) in text
    assert '<a href="?section=placements">Placements <span>1</span></a>' in " ".join(text.split())
    placements = words(client.get(PAGE, {"section": "placements"}))
    assert "OneFile's list has not been read yet, so nothing can be said." in placements
    for odd in ("nothing", "<script>", "\x00"):
        assert client.get(PAGE, {"section": odd, "page": odd}).status_code == 200


def test_long_sections_have_pages(staff: Any, browser: Any) -> None:
    for number in range(60):
        listed(f"User {number:02}", onefile_id=number + 1)
    client = browser(staff("view_syncrun"))
    assert "Page 1 of 2" in words(client.get(PAGE, {"section": "onefile_learners"}))
    assert "User 59" in words(client.get(PAGE, {"section": "onefile_learners", "page": 2}))


def test_the_file_has_everything_and_runs_no_formula(staff: Any, browser: Any) -> None:
    LearnerFactory(first_name="+Ann", surname="Ash", onefile_id=None)
    listed("=cmd|' /C calc'!A0", "placement")
    QualificationFactory(learner=LearnerFactory(onefile_id=5), reference="", onefile_id=None)
    text = csv_of(browser(staff("view_syncrun")).get(CSV))
    assert "'=cmd|" in text
    assert "'+Ann Ash" in text
    assert "No VQ Reference" in text
    assert len(text.splitlines()) == 4


def test_restricted_staff_get_their_learners_only(staff: Any, restrict: Any, browser: Any) -> None:
    LearnerFactory(first_name="Hidden", surname="Ash", onefile_id=None)
    mine = LearnerFactory(first_name="Mine", surname="Ash", onefile_id=None)
    listed("Theirs")
    client = browser(restrict(staff("view_syncrun"), mine))
    text = words(client.get(PAGE))
    assert "Mine Ash" in text
    assert "Hidden" not in text
    assert "OneFile's learners are left out" in text
    assert "Theirs" not in words(client.get(PAGE, {"section": "onefile_learners"}))
    file = csv_of(client.get(CSV))
    assert "Mine Ash" in file
    assert "Hidden" not in file
    assert "Theirs" not in file


def test_the_way_to_look_up_is_for_those_who_may_link(staff: Any, browser: Any) -> None:
    hallam = OrganisationFactory(name="Hallam", onefile_id=None)
    address = reverse("onefile_sync:look-up", args=["organisation", hallam.pk])
    seeing = browser(staff("view_syncrun")).get(PAGE, {"section": "organisations"}).content.decode()
    assert "Hallam" in seeing
    assert address not in seeing
    linking = browser(staff("view_syncrun", "link_records", "change_organisation"))
    assert address in linking.get(PAGE, {"section": "organisations"}).content.decode()


@pytest.mark.parametrize(("centres", "told"), [(1, "OneFile ID"), (2, "MIS Value (2 centres)")])
def test_how_officers_are_matched_is_told(
    staff: Any, browser: Any, integration: Any, centres: int, told: str
) -> None:
    tenant = present_tenant()
    tenant.centres = centres
    tenant.save()
    integration.linked_tenant = tenant
    integration.save()
    assert f"by: <strong>{told}</strong>" in words(browser(staff("view_syncrun")).get(PAGE))


def test_who_may_link_gets_straight_to_where_it_is_done(staff: Any, browser: Any) -> None:
    ann = LearnerFactory(first_name="Ann", surname="Ash", onefile_id=None)
    bea = LearnerFactory(first_name="Bea", surname="Birch", onefile_id=5)
    staff_fixtures.a_link(bea, tenant=present_tenant(), onefile_id=5, reviews_pending=True)
    client = browser(staff("match_records", "link_records", "change_learner"))
    for section, learner in (("learners", ann), ("reviews", bea)):
        address = f"{reverse('onefile_sync:link', args=[learner.pk])}?next=%2Fonefile%2Funmatched%2F"
        assert address in client.get(PAGE, {"section": section}).content.decode()
    looks_only = browser(staff("match_records"))
    assert reverse("onefile_sync:link", args=[bea.pk]) not in words(
        looks_only.get(PAGE, {"section": "reviews"})
    )
