"""Qualification Links, OneFile's lists with their age, and the page of a run that reads them."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onefile_sync import services
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.messages.catalogue import why_not_read
from onefile_sync.models import (
    DirectoryEntry,
    DirectoryKind,
    DirectoryList,
    OneFileSettings,
    RunKind,
    RunState,
    SyncRun,
)
from tests.factories import LearnerFactory, QualificationFactory

LINKS, CSV, REFRESH = (
    reverse(f"onefile_sync:{name}")
    for name in ("qualification-links", "qualification-links-csv", "refresh-links")
)
LISTS, READ = reverse("onefile_sync:lists"), reverse("onefile_sync:read-lists")


def words(answer: Any) -> str:
    """What the page says, without its frame."""
    page = answer.content.decode()
    said = re.sub(r"<[^>]+>", " ", page[page.index('id="content-main"') :].partition("<footer")[0])
    messages = re.findall(r'<li class="(?:error|success|warning)">(.*?)</li>', page, re.DOTALL)
    return " ".join(html.unescape(" ".join([*messages, said])).split())


@pytest.fixture
def administrator(staff) -> User:
    return staff("refresh_links", "cancel_syncrun")


def keep(*standards: tuple[int, str, str], centre: int = 5740, **values: Any) -> DirectoryList:
    """Keep a centre's standards, as if they had been read."""
    tenant, now = present_tenant(), timezone.now()
    DirectoryEntry.objects.update_or_create(
        tenant=tenant, kind=DirectoryKind.CENTRE, onefile_id=centre, defaults={"name": "Northvale"}
    )
    for onefile_id, title, code in standards:
        DirectoryEntry.objects.create(
            tenant=tenant,
            kind=DirectoryKind.STANDARD,
            centre_id=centre,
            onefile_id=onefile_id,
            name=title,
            code=code,
        )
    return DirectoryList.objects.create(
        **{
            "tenant": tenant,
            "kind": DirectoryKind.STANDARD,
            "centre_id": centre,
            "read_at": now,
            "finished_at": now,
            "entries": len(standards),
            **values,
        }
    )


@pytest.fixture
def in_use() -> None:
    """PICSWeb has three qualifications, of which OneFile has a standard for one."""
    learner = LearnerFactory(onefile_id=None)
    for reference in ("196AS", "215AX", "=SUM(1)"):
        QualificationFactory(learner=learner, reference=reference, onefile_id=None)
    keep(
        (1, "Business Administrator [196AS]", "196AS"),
        (2, "Adult Care Worker [215AS]", "215AS"),
        (3, "=cmd() [103]", "103"),
        (4, "Team Leader: Retail [103]", "103"),
    )


class TestQualificationLinks:
    def test_references_without_a_standard_are_shown_with_near_misses(self, administrator, browser, in_use):
        page = words(browser(administrator).get(LINKS))
        today = f"{timezone.localdate():%d/%m/%Y}"
        assert f"Qualification Links of {today}: 4 standards, 2 VQ References without one." in page
        assert "215AX 1 Adult Care Worker [215AS]" in page
        assert "196AS 1" not in page
        assert "103 =cmd() [103] (OneFile ID 3)" in page

    def test_a_large_onefile_id_has_no_separators(self, administrator, browser, settings):
        settings.USE_THOUSAND_SEPARATOR = True
        keep((1234567, "A [1]", "1"), (1234568, "B [1]", "1"))
        assert "OneFile ID 1234567" in words(browser(administrator).get(LINKS))

    def test_before_the_first_reading_nothing_is_missing(self, administrator, browser):
        page = words(browser(administrator).get(LINKS))
        assert "OneFile's list of standards has not been read yet." in page
        assert "without a standard" not in page

    def test_csv(self, administrator, in_use):
        client = Client()
        client.force_login(administrator)
        answer = client.get(CSV)
        rows = list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
        assert rows[1:] == [
            ["196AS", "1", "In OneFile", "1", "196AS", "Business Administrator [196AS]", "5740"],
            ["215AX", "1", "Not in OneFile, near miss", "2", "215AS", "Adult Care Worker [215AS]", "5740"],
            ["'=SUM(1)", "1", "Not in OneFile"],
        ]

    def test_a_standard_that_is_gone_has_a_line_of_its_own(self, administrator):
        QualificationFactory(reference="103", onefile_id=9)
        keep((4, "Team Leader [103]", "103"))
        DirectoryEntry.objects.filter(onefile_id=4).update(gone_at=timezone.now())
        client = Client()
        client.force_login(administrator)
        rows = list(csv.reader(io.StringIO(client.get(CSV).getvalue().decode("utf-8-sig"))))
        assert rows[-1] == ["", "1", "No longer in OneFile", "4", "103", "Team Leader [103]", "5740"]

    def test_the_button_queues_a_run_and_a_second_click_leads_to_it(self, administrator, browser):
        first, second = (browser(administrator).post(REFRESH) for _click in range(2))
        run = SyncRun.objects.get()
        assert first["Location"] == second["Location"] == run.get_absolute_url()
        assert (run.kind, run.requested_by) == (RunKind.LINKS, administrator)
        assert "OneFile's lists are being read now." in words(browser(administrator).get(LINKS))

    def test_a_refusal_says_why(self, administrator, browser):
        OneFileSettings.objects.update(paused=True)
        answer = browser(administrator).post(REFRESH, follow=True)
        assert "Not started: The OneFile integration is paused." in words(answer)
        assert not SyncRun.objects.exists()


class TestKeptLists:
    def test_age_size_and_failures(self, administrator, browser):
        keep((1, "A", "1"))
        old = timezone.now() - timedelta(days=3)
        keep(centre=5741, read_at=old, entries=1234, failure="refused", unreadable_items=2)
        page = words(browser(administrator).get(LISTS))
        assert "Standards Northvale 1 0 0 0" in page
        assert "Up to date" in page
        assert "Not read OneFile refused to list these records. Read the list again" in page
        assert "2 entries could not be read, so nothing counts as gone." in page

    def test_the_button_reads_every_list(self, administrator, browser):
        browser(administrator).post(READ)
        run = SyncRun.objects.get()
        assert run.kind == RunKind.LISTS
        assert set(DirectoryList.objects.filter(run=run).values_list("kind", flat=True)) == set(DirectoryKind)


class TestARunOfLists:
    @pytest.fixture
    def run(self, administrator) -> SyncRun:
        return services.read_lists(by=administrator)

    def test_it_is_followed_without_javascript(self, administrator, browser, run):
        answer = browser(administrator).get(run.get_absolute_url())
        assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in answer.content.decode()
        assert "Waiting to start." in words(answer)
        assert "Learners – – 0 0 0 never Being read now" in words(answer)
        assert "0 calls to OneFile." in words(answer)

    def test_its_progress_is_told_in_lists(self, administrator, browser, run):
        SyncRun.objects.filter(pk=run.pk).update(state=RunState.RUNNING)
        DirectoryList.objects.filter(kind=DirectoryKind.CENTRE).update(
            finished_at=timezone.now(), next_page=3
        )
        told = browser(administrator).get(reverse("onefile_sync:progress", args=[run.pk])).json()
        assert told["headline"] == "Reading OneFile's lists: 1 of 7 done, 2 pages so far."
        assert (told["total"], told["done"], told["final"]) == (7, 1, False)

    @pytest.mark.parametrize(
        ("values", "headline"),
        [
            ({}, "Finished: 6 of 7 lists were read."),
            ({"failure": "unreachable"}, "Failed: OneFile could not be reached."),
            ({"ending": "cancelled"}, "Cancelled: 6 of 7 lists were read."),
        ],
        ids=["finished", "failed", "cancelled"],
    )
    def test_how_it_ended(self, administrator, browser, run, values, headline):
        finished = timezone.now()
        DirectoryList.objects.update(finished_at=finished)
        DirectoryList.objects.filter(kind=DirectoryKind.PLACEMENT).update(failure="refused")
        SyncRun.objects.filter(pk=run.pk).update(
            state=RunState.FINISHED, finished_at=finished, open_key=None, **values
        )
        assert headline in words(browser(administrator).get(run.get_absolute_url()))

    def test_a_run_whose_lists_were_read_again_says_so(self, administrator, browser, run):
        SyncRun.objects.filter(pk=run.pk).update(state=RunState.FINISHED, open_key=None)
        services.read_lists(by=administrator)
        page = words(browser(administrator).get(run.get_absolute_url()))
        assert "Finished. Its lists have been read again since." in page

    def test_it_can_be_cancelled(self, administrator, browser, run):
        client, address = browser(administrator), reverse("onefile_sync:cancel", args=[run.pk])
        assert "What was kept of the lists that are not finished stays." in words(client.get(address))
        client.post(address)
        run.refresh_from_db()
        assert (run.state, run.ending) == (RunState.FINISHED, "cancelled")

    def test_a_lost_worker_is_told_of(self, administrator, browser, run):
        long_ago = timezone.now() - timedelta(minutes=10)
        SyncRun.objects.filter(pk=run.pk).update(created_at=long_ago, worked_at=long_ago)
        page = words(browser(administrator).get(run.get_absolute_url()))
        assert "Waiting: no worker is processing this run." in page


PAGES = [("get", LINKS), ("get", CSV), ("get", LISTS), ("post", REFRESH), ("post", READ)]


class TestPermissions:
    @pytest.mark.parametrize(("method", "address"), PAGES)
    def test_nobody_comes_in_without_logging_in(self, browser, method, address):
        answer = getattr(browser(), method)(address)
        assert (answer.status_code, "login" in answer["Location"]) == (302, True)

    @pytest.mark.parametrize(("method", "address"), PAGES)
    @pytest.mark.parametrize(
        "permission", ["refresh_links", "match_records", "view_syncrun", "refresh_learner", "view_health"]
    )
    def test_who_may_see_and_who_may_start(self, staff, method, address, permission):
        client = Client()
        client.force_login(staff(permission))
        sees = ("refresh_links", "match_records", "view_syncrun") if method == "get" else ("refresh_links",)
        expected = (302 if method == "post" else 200) if permission in sees else 403
        assert getattr(client, method)(address).status_code == expected

    @pytest.mark.parametrize("address", [REFRESH, READ])
    def test_a_link_starts_nothing(self, administrator, browser, address):
        assert browser(administrator).get(address).status_code == 405
        assert browser(administrator, checks_csrf=True).post(address).status_code == 403
        assert not SyncRun.objects.exists()

    @pytest.mark.parametrize("permission", ["refresh_links", "match_records", "view_syncrun"])
    def test_a_run_of_lists_is_for_those_who_work_with_lists(self, staff, browser, permission, administrator):
        run = services.read_lists(by=administrator)
        assert browser(staff(permission)).get(run.get_absolute_url()).status_code == 200
        assert browser(staff("refresh_learner")).get(run.get_absolute_url()).status_code == 404

    def test_somebody_who_sees_no_learner_may_follow_it(self, staff, restrict, browser, administrator):
        run = services.read_lists(by=administrator)
        member = restrict(staff("view_syncrun"))
        assert browser(member).get(run.get_absolute_url()).status_code == 200

    def test_no_page_is_kept_by_a_cache(self, administrator, browser):
        assert "no-store" in browser(administrator).get(LINKS)["Cache-Control"]


def test_the_admins_list_of_runs_counts_no_learners(staff, browser, administrator):
    services.read_lists(by=administrator)
    page = browser(staff("view_syncrun")).get(reverse("admin:onefile_sync_syncrun_changelist"))
    assert page.content.decode().count(">–</td>") == 3
    SyncRun.objects.update(state=RunState.FINISHED, open_key=None, failure="unreachable")
    failed = browser(staff("view_syncrun")).get(reverse("admin:onefile_sync_syncrun_changelist"))
    assert '<span class="onefile-failed">Failed</span>' in failed.content.decode()


def test_the_settings_page_leads_to_the_links(staff, browser, in_use):
    page = browser(staff("view_onefilesettings", "refresh_links")).get(
        reverse("admin:onefile_sync_onefilesettings_change", args=[1])
    )
    assert f'href="{LINKS}"' in page.content.decode()
    assert "4 standards, 2 VQ References without one." in page.content.decode()


@pytest.mark.parametrize("code", ["refused", "forbidden", "not_found"])
def test_what_is_said_of_a_list_is_not_said_of_a_record(code: str) -> None:
    said = why_not_read(code)
    assert "this record" not in said
    assert "refresh the learner" not in said
    assert "list" in said
