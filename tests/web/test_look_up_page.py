"""Look Up OneFile ID, as staff see it: on PICSWeb's own pages, in the admin, without JavaScript."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.template import RequestContext, Template
from django.urls import reverse
from django.utils import timezone

from example_project.picsweb.models import Officer
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import DirectoryEntry, DirectoryList, SyncRun
from tests import staff_fixtures
from tests.factories import OfficerFactory, OrganisationFactory

TAG = Template("{% load onefile_sync %}{% onefile_look_up officer %}")


def words(answer: Any) -> str:
    """The page as people read it."""
    return html.unescape(staff_fixtures.words(answer))


@pytest.fixture
def officer() -> Officer:
    return OfficerFactory(first_name="<b>Gwen", surname="Price</b>", ident="17")


@pytest.fixture
def linker_of_officers(staff: Any) -> Any:
    return staff("link_records", "change_officer", "change_organisation", "refresh_links")


def listed(
    onefile_id: int, name: str = "Gwen Price", kind: str = "assessor", **values: Any
) -> DirectoryEntry:
    tenant = present_tenant()
    DirectoryList.objects.get_or_create(
        tenant=tenant,
        kind=kind,
        centre_id=1,
        role=5 if kind == "assessor" else 0,
        defaults={"read_at": timezone.now(), "finished_at": timezone.now()},
    )
    first, _, last = name.partition(" ")
    return DirectoryEntry.objects.create(
        tenant=tenant,
        kind=kind,
        centre_id=1,
        onefile_id=onefile_id,
        name=name,
        first_name=first,
        last_name=last,
        **values,
    )


def page_of(row: Any, kind: str = "officer", query: str = "") -> str:
    return reverse("onefile_sync:look-up", args=[kind, row.pk]) + query


def test_a_person_chooses_and_saves(officer: Officer, linker_of_officers: Any, browser: Any) -> None:
    listed(122762, mis_value="17", email="gwen@example.org", archived=True)
    client = browser(linker_of_officers)
    address = page_of(officer, query="?next=/officers/")
    text = client.get(address).content.decode()
    assert "&lt;b&gt;Gwen Price&lt;/b&gt;" in text
    for shown in ("gwen@example.org", "MIS Value", "Archived", 'value="122762"', "<caption"):
        assert shown in text
    assert "<script" not in re.sub(r'<script src="/static/admin[^>]*></script>', "", text)

    answer = client.post(page_of(officer), {"onefile_id": "122762", "next": "/officers/"}, follow=True)
    officer.refresh_from_db()
    assert officer.onefile_id == 122762
    said = words(answer)
    assert "Gwen Price</b> is linked to OneFile's assessor 122762." in said
    assert "That record is archived in OneFile." in said
    assert 'href="/officers/"' in answer.content.decode()


def test_an_organisation_has_a_placement(linker_of_officers: Any, browser: Any) -> None:
    hallam = OrganisationFactory(name="Hallam")
    listed(55, "Hallam", "placement")
    client = browser(linker_of_officers)
    answer = client.post(page_of(hallam, "organisation"), {"onefile_id": "55"}, follow=True)
    assert "Hallam is linked to OneFile's placement 55." in words(answer)


@pytest.mark.parametrize("sees", [True, False], ids=["seen", "hidden"])
def test_an_id_that_somebody_has_is_refused_by_name(
    officer: Officer, staff: Any, browser: Any, sees: bool, monkeypatch: Any
) -> None:
    OfficerFactory(first_name="Ann", surname="Ash", onefile_id=122762)
    listed(122762)
    client = browser(staff("link_records", "change_officer"))
    if not sees:
        monkeypatch.setattr("onefile_sync.access.may_see_row", lambda request, row: row == officer)
    text = words(client.get(page_of(officer)))
    assert ("Ann Ash" in text) == sees
    assert ("Another record" in text) != sees
    answer = client.post(page_of(officer), {"onefile_id": "122762"}, follow=True)
    assert "has the OneFile ID 122762." in words(answer)
    assert ("It is linked to Ann Ash." in words(answer)) == sees
    officer.refresh_from_db()
    assert officer.onefile_id is None


@pytest.mark.parametrize(
    "typed", ["", "x", "-1", "0", "²", "9" * 30, "1 OR 1=1", "122762\x00", "99"], ids=range(9)
)
def test_nothing_else_is_accepted(
    officer: Officer, linker_of_officers: Any, browser: Any, typed: str
) -> None:
    listed(122762)
    answer = browser(linker_of_officers).post(page_of(officer), {"onefile_id": typed}, follow=True)
    assert "not linked" in words(answer).lower() or "Nothing was linked" in words(answer)
    officer.refresh_from_db()
    assert officer.onefile_id is None


@pytest.mark.parametrize("query", ["?page=99", "?page=x", "?page=<script>", "?next=//evil.example"])
def test_odd_questions_are_answered(
    officer: Officer, linker_of_officers: Any, browser: Any, query: str
) -> None:
    listed(122762)
    answer = browser(linker_of_officers).get(page_of(officer, query=query))
    assert answer.status_code == 200
    assert "evil" not in answer.content.decode()
    for sought in ("<script>", "\x00", "x" * 5000):
        answer = browser(linker_of_officers).post(page_of(officer), {"q": sought})
        assert answer.status_code == 200
        assert "<script>" not in answer.content.decode()


def test_unlinking_asks_first(linker_of_officers: Any, browser: Any) -> None:
    officer = OfficerFactory(first_name="Ann", surname="Ash", onefile_id=122762)
    client = browser(linker_of_officers)
    address = reverse("onefile_sync:look-up-unlink", args=["officer", officer.pk, 122762])
    assert f'href="{address}"' in client.get(page_of(officer)).content.decode()
    assert "Unlink Ann Ash from OneFile's assessor 122762?" in words(client.get(address))
    officer.refresh_from_db()
    assert officer.onefile_id == 122762
    answer = client.post(address, follow=True)
    officer.refresh_from_db()
    assert officer.onefile_id is None
    assert "Ann Ash is no longer linked to OneFile's assessor 122762." in words(answer)
    assert "Not unlinked:" in words(client.post(address, follow=True))


@pytest.mark.parametrize(
    ("kind", "pk"), [("learner", "1"), ("officer", "999999"), ("officer", "x"), ("review", "1")]
)
def test_other_rows_are_not_found(linker_of_officers: Any, browser: Any, kind: str, pk: str) -> None:
    assert browser(linker_of_officers).get(f"/onefile/look-up/{kind}/{pk}/").status_code == 404


def test_long_lists_have_pages(officer: Officer, linker_of_officers: Any, browser: Any) -> None:
    for number in range(30):
        listed(1000 + number, f"Ann Number{number:02}")
    client = browser(linker_of_officers)
    assert "Page 1 of 2" in words(client.get(page_of(officer)))
    second = client.get(page_of(officer, query="?page=2&next=/officers/"))
    assert second.content.decode().count('type="radio"') == 5
    assert "page=1&next=%2Fofficers%2F" in html.unescape(second.content.decode())


def test_what_is_searched_stands_in_no_address(
    officer: Officer, linker_of_officers: Any, browser: Any
) -> None:
    listed(1, "Ann Ash", email="ann@example.org")
    for number in range(2, 110):
        listed(number, f"Bob Number{number}")
    client = browser(linker_of_officers)
    found = client.post(page_of(officer), {"q": "ann@example.org", "next": "/officers/"})
    text = found.content.decode()
    assert (found.status_code, text.count('type="radio"')) == (200, 1)
    assert not re.search(r'(?:href|action)="[^"]*ann', text)
    many = client.post(page_of(officer), {"q": "bob"})
    assert many.content.decode().count('type="radio"') == 100
    assert "More records have these words." in words(many)
    assert "Nobody in OneFile's list has these words." in words(client.post(page_of(officer), {"q": "zz"}))
    officer.refresh_from_db()
    assert officer.onefile_id is None


class TestTheTag:
    def show(self, rf: Any, row: Any, member: Any) -> str:
        request = rf.get("/officers/?page=2")
        request.user = member
        return TAG.render(RequestContext(request, {"officer": row})).strip()

    def test_it_leads_to_the_page_and_back(self, rf: Any, officer: Officer, linker_of_officers: Any) -> None:
        text = self.show(rf, officer, linker_of_officers)
        assert f'href="{page_of(officer)}?next=%2Fofficers%2F%3Fpage%3D2"' in text

    def test_it_is_empty_for_others(self, rf: Any, officer: Officer, staff: Any, learner: Any) -> None:
        assert self.show(rf, officer, staff("link_records", "view_officer")) == ""
        assert self.show(rf, learner, staff("link_records", "change_learner")) == ""
        assert self.show(rf, Officer(), staff("link_records", "change_officer")) == ""

    def test_it_is_empty_while_the_mapping_is_wrong(
        self, rf: Any, officer: Officer, linker_of_officers: Any, settings: Any
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "OFFICER": {"model": "picsweb.Nobody"}}
        assert self.show(rf, officer, linker_of_officers) == ""


class TestTheAdmin:
    def test_officers_and_organisations_have_the_button(
        self, officer: Officer, linker_of_officers: Any, browser: Any, staff: Any
    ) -> None:
        address = reverse("admin:picsweb_officer_change", args=[officer.pk])
        assert page_of(officer) in browser(linker_of_officers).get(address).content.decode()
        assert page_of(officer) not in browser(staff("change_officer")).get(address).content.decode()
        hallam = OrganisationFactory()
        address = reverse("admin:picsweb_organisation_change", args=[hallam.pk])
        assert page_of(hallam, "organisation") in browser(linker_of_officers).get(address).content.decode()

    def test_what_the_mapping_does_not_name_has_none(
        self, linker_of_officers: Any, browser: Any, settings: Any
    ) -> None:
        mapping = {key: part for key, part in settings.ONEFILE_SYNC.items() if key != "ORGANISATION"}
        settings.ONEFILE_SYNC = mapping
        hallam = OrganisationFactory()
        address = reverse("admin:picsweb_organisation_change", args=[hallam.pk])
        text = browser(linker_of_officers).get(address).content.decode()
        assert "look-up" not in text
        assert browser(linker_of_officers).get(page_of(hallam, "organisation")).status_code == 404


def test_only_its_own_list_is_read_again(officer: Officer, linker_of_officers: Any, browser: Any) -> None:
    client = browser(linker_of_officers)
    text = client.get(page_of(officer)).content.decode()
    assert "OneFile's list has not been read yet." in html.unescape(text)
    assert '<input type="hidden" name="kind" value="assessor">' in text
    answer = client.post(reverse("onefile_sync:read-lists"), {"kind": "assessor"})
    run = SyncRun.objects.get()
    assert answer["Location"] == run.get_absolute_url()
    assert set(run.directory_lists.values_list("kind", flat=True)) == {"centre", "assessor"}
    assert "OneFile's lists are being read now." in html.unescape(
        client.get(page_of(officer)).content.decode()
    )
