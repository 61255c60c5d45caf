"""GET unmatched/: counts of all sections, and the records of one of them page by page."""

from __future__ import annotations

from typing import Any

from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import DirectoryEntry
from tests.factories import LearnerFactory

ADDRESS = "/api/onefile/unmatched/"


def listed(number: int) -> None:
    for onefile_id in range(1, number + 1):
        DirectoryEntry.objects.create(
            tenant=present_tenant(),
            kind="learner",
            centre_id=1,
            onefile_id=onefile_id,
            name=f"User {onefile_id}",
        )


def test_sections_are_counted_and_one_is_listed(integration: Any, staff: Any, browser: Any) -> None:
    LearnerFactory(first_name="Ann", surname="Ash", onefile_id=None)
    listed(101)
    client = browser(staff("view_syncrun"))
    told = client.get(ADDRESS).json()
    counts = {each["code"]: each["count"] for each in told["sections"]}
    assert (counts["learners"], counts["onefile_learners"], told["sees_everyone"]) == (1, 101, True)
    assert told["records"] == []
    first = client.get(ADDRESS, {"section": "onefile_learners"}).json()
    assert (len(first["records"]), first["pages"]) == (100, 2)
    assert len(client.get(ADDRESS, {"section": "onefile_learners", "page": 2}).json()["records"]) == 1
    [ours] = client.get(ADDRESS, {"section": "learners"}).json()["records"]
    assert (ours["why"], ours["onefile_id"]) == ("Not linked", None)
    for odd in ("x", "-1", "\x00"):
        assert client.get(ADDRESS, {"section": odd, "page": odd}).json()["records"] == []


def test_restricted_callers_get_their_learners_only(
    integration: Any, staff: Any, restrict: Any, browser: Any
) -> None:
    LearnerFactory(onefile_id=None)
    mine = LearnerFactory(onefile_id=None)
    listed(1)
    told = browser(restrict(staff("view_syncrun"), mine)).get(ADDRESS, {"section": "learners"}).json()
    assert [each["learner"] for each in told["records"]] == [str(mine.pk)]
    assert "onefile_learners" not in {each["code"] for each in told["sections"]}
    assert told["sees_everyone"] is False


def test_it_needs_a_permission(integration: Any, staff: Any, browser: Any) -> None:
    assert browser(staff("link_records")).get(ADDRESS).status_code == 403
    assert browser(staff("match_records")).get(ADDRESS).status_code == 200
