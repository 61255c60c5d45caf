"""*Defaults of centres*: a class and a placement for new learners, chosen from OneFile's kept lists."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onefile_sync import services
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import CentreDefaults, DirectoryEntry, DirectoryKind, DirectoryList
from onefile_sync.web.centre_defaults_page import LONGEST_MENU
from tests.staff_fixtures import words

PAGE = reverse("onefile_sync:centre-defaults")
SETTINGS = "/admin/onefile_sync/onefilesettings/1/change/"
CLASS, PLACEMENT = "classroom-4740", "placement-4740"


def keep(kind: DirectoryKind, names: dict[int, str], centre_id: int = 4740) -> None:
    tenant = present_tenant()
    DirectoryEntry.objects.bulk_create(
        DirectoryEntry(tenant=tenant, kind=kind, centre_id=centre_id, onefile_id=onefile_id, name=name)
        for onefile_id, name in names.items()
    )
    DirectoryList.objects.create(tenant=tenant, kind=kind, centre_id=centre_id, read_at=timezone.now())


@pytest.fixture
def administrator(staff: Any) -> User:
    found: User = staff("change_onefilesettings", "view_onefilesettings")
    return found


@pytest.fixture
def client(administrator: User, browser: Any) -> Client:
    found: Client = browser(administrator)
    return found


@pytest.fixture
def lists(administrator: User) -> None:
    """One centre with two classes and more placements than a menu takes."""
    keep(DirectoryKind.CENTRE, {4740: "Northvale"}, centre_id=0)
    keep(DirectoryKind.CLASSROOM, {70: "Business", 71: "<b>Digital</b>"})
    keep(DirectoryKind.PLACEMENT, {800 + n: f"Trent Valley {n}" for n in range(LONGEST_MENU + 1)})


def kept() -> tuple[int | None, int | None]:
    row = CentreDefaults.objects.get()
    return row.classroom_id, row.placement_id


@pytest.mark.usefixtures("lists")
class TestChoosing:
    def test_a_short_list_is_a_menu_and_a_long_one_proposes_what_fits(self, client: Client) -> None:
        page = client.get(PAGE).content.decode()
        assert re.search(
            r'<select name="classroom-4740".*?<option value="70">Business \(70\)</option>', page, re.DOTALL
        )
        assert "&lt;b&gt;Digital&lt;/b&gt; (71)" in page
        assert "<b>Digital" not in page
        assert '<datalist id="placement-4740-records">' in page
        assert 'list="placement-4740-records"' in page
        assert page.count('<option value="Trent Valley') == LONGEST_MENU + 1
        for label in ("Class", "Placement"):
            assert re.search(rf'<label for="id_{label.lower()}\w*-4740">{label}</label>', page)

    @pytest.mark.parametrize("typed", ["Trent Valley 3 (803)", "  trent  valley 3 (803) ", "803"])
    def test_what_was_chosen_is_kept_and_shown_again(self, client: Client, typed: str) -> None:
        answer = client.post(PAGE, {CLASS: "71", PLACEMENT: typed}, follow=True)
        assert answer.redirect_chain == [(PAGE, 302)]
        assert "The defaults of the centres were saved." in words(answer)
        assert kept() == (71, 803)
        page = answer.content.decode()
        assert '<option value="71" selected>' in page
        assert re.search(r'<input[^>]*value="Trent Valley 3 \(803\)"', page)

    def test_blank_takes_them_away(self, client: Client) -> None:
        client.post(PAGE, {CLASS: "71", PLACEMENT: "803"})
        client.post(PAGE, {CLASS: "", PLACEMENT: "  "})
        assert kept() == (None, None)

    @pytest.mark.parametrize(
        "typed", ["Trent", "Trent Valley 3", "900", "70", "-803", "٨٠٣", "\x00", "8" * 500, "<script>"]
    )
    def test_what_is_not_in_the_list_is_refused(self, client: Client, typed: str) -> None:
        answer = client.post(PAGE, {CLASS: "71", PLACEMENT: typed})
        assert answer.status_code == 200
        assert "errorlist" in answer.content.decode()
        assert "<script>" not in answer.content.decode().replace("<script src", "")
        assert not CentreDefaults.objects.exists()

    def test_what_onefile_no_longer_has_is_said_and_stays_until_somebody_chooses(
        self, client: Client
    ) -> None:
        client.post(PAGE, {CLASS: "71", PLACEMENT: "803"})
        DirectoryEntry.objects.filter(onefile_id__in=[71, 803]).update(gone_at=timezone.now())
        page = client.get(PAGE).content.decode()
        assert page.count("no longer in OneFile&#x27;s list") == 3  # two in the lists, one in the box
        client.post(PAGE, {CLASS: "71", PLACEMENT: "OneFile ID 803, no longer in OneFile's list"})
        assert kept() == (71, 803)

    def test_lists_that_were_read_again_meanwhile_keep_nothing(
        self, client: Client, monkeypatch: Any
    ) -> None:
        def gone(_chosen: Any) -> None:
            raise services.UnknownRecord

        monkeypatch.setattr(services, "keep_centre_defaults", gone)
        answer = client.post(PAGE, {CLASS: "71", PLACEMENT: ""}, follow=True)
        assert "Nothing was saved: " in words(answer)


class TestNoListYet:
    def test_of_anything(self, client: Client) -> None:
        assert "No list yet." in words(client.get(PAGE))
        assert client.post(PAGE, {}).status_code == 302
        assert not CentreDefaults.objects.exists()

    def test_of_a_centre(self, staff: Any, browser: Any) -> None:
        reader = browser(staff("change_onefilesettings", "refresh_links"))
        keep(DirectoryKind.CENTRE, {4740: "Northvale"}, centre_id=0)
        keep(DirectoryKind.CLASSROOM, {70: "Business"})
        page = reader.get(PAGE).content.decode()
        assert page.count(f'No list yet: <a href="{reverse("onefile_sync:lists")}">') == 1
        reader.post(PAGE, {CLASS: "70"})
        assert kept() == (70, None)


@pytest.mark.usefixtures("lists")
class TestTheSettingsPage:
    def test_leads_there_and_says_how_many_centres_have_both(self, client: Client) -> None:
        page = client.get(SETTINGS)
        assert f'href="{PAGE}"' in page.content.decode()
        assert "0 of 1 centres have a default class and placement." in words(page)
        client.post(PAGE, {CLASS: "71", PLACEMENT: "803"})
        assert "1 of 1 centres have a default class and placement." in words(client.get(SETTINGS))

    def test_does_not_lead_there_whoever_may_only_look(self, staff: Any, browser: Any) -> None:
        assert PAGE not in browser(staff("view_onefilesettings")).get(SETTINGS).content.decode()


class TestPermission:
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_is_that_of_changing_the_settings(self, staff: Any, browser: Any, method: str) -> None:
        other = browser(staff("view_onefilesettings", "refresh_links", "match_records"))
        assert getattr(other, method)(PAGE).status_code == 403

    def test_needs_a_log_in(self, db: None) -> None:
        assert Client().get(PAGE).status_code == 302

    @pytest.mark.usefixtures("lists")
    def test_a_form_from_elsewhere_is_refused(self, administrator: User) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(administrator)
        assert client.post(PAGE, {CLASS: "71"}).status_code == 403
