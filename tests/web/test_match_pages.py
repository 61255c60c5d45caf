"""*Match with OneFile* in the browser, without JavaScript: from the count to the links."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import reverse

from example_project.picsweb.models import Learner, Officer
from onefile_sync import services
from onefile_sync.linking import linker
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import MatchSuggestion, OneFileSettings, RecordLink, SyncRun, Tenant
from onefile_sync.reporting import matches
from onefile_sync.sandbox.entities import CENTRE_ID
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.conftest import dont_wait
from tests.linking.provider import on_both_sides, provider_with_mistakes

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)

START, FOUND = reverse("onefile_sync:match"), reverse("onefile_sync:matches")
LINK, CSV = reverse("onefile_sync:link_matches"), reverse("onefile_sync:matches_csv")


@pytest.fixture
def office(staff: Callable[..., User], browser: Callable[..., Any]) -> Any:
    return browser(staff("match_records", "view_syncrun"))


@pytest.fixture
def matched(world: World, onefile: SandboxServer) -> None:
    on_both_sides(world, provider_with_mistakes(20))
    services.perform(services.match(["learner", "officer", "organisation"], queued=False), sleep=dont_wait)


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def certain() -> Any:
    return MatchSuggestion.objects.filter(subject_kind="learner", level="certain")


def test_from_the_count_to_the_links(office: Any, world: World, onefile: SandboxServer) -> None:
    on_both_sides(world, provider_with_mistakes(20))
    first = words(office.get(START))
    assert "Learners not linked: " in first
    assert "this is a guess" in first
    started = office.post(START, {"kind": ["learner"]})
    services.perform(SyncRun.objects.get(), sleep=dont_wait)
    assert office.get(started["Location"]).status_code == 200

    listed = office.get(FOUND)
    number = certain().count()
    assert f"Certain {number}" in words(listed)
    assert listed.content.decode().count("checked") == number
    asked = office.post(LINK, {"kind": "learner", "level": "certain", "all": "yes"})
    assert f"{number} pairs will be linked" in words(asked)
    assert asked.content.decode().count('<th scope="row">') == 10
    assert not SyncRun.objects.filter(kind="linking").exists(), "nothing happens before it is confirmed"
    going = office.post(LINK, {"kind": "learner", "level": "certain", "all": "yes", "confirmed": str(number)})
    run = SyncRun.objects.get(kind="linking")
    assert going["Location"] == run.get_absolute_url()
    services.perform(run, sleep=dont_wait)
    assert RecordLink.objects.filter(subject_kind="learner").count() == number
    assert run.suggestions_to_link.filter(state="linked").count() == number


@pytest.mark.usefixtures("matched")
class TestWhatWasFound:
    def test_only_what_was_ticked_is_linked(self, office: Any) -> None:
        one, *_others = certain()
        form = {"kind": "learner", "level": "certain", "pair": [str(one.pk)]}
        assert "1 pair will be linked" in words(office.post(LINK, form))
        office.post(LINK, {**form, "confirmed": "1"})
        assert MatchSuggestion.objects.filter(state="queued").get() == one

    def test_what_was_decided_meanwhile_is_asked_about_again(self, office: Any) -> None:
        form = {"kind": "learner", "level": "certain", "all": "yes", "confirmed": str(certain().count())}
        certain().first().delete()
        assert "will be linked" in words(office.post(LINK, form))
        assert not SyncRun.objects.filter(kind="linking").exists()

    def test_the_others_cannot_be_ticked(self, office: Any) -> None:
        for level in ("possible", "several", "contradicted", "nothing"):
            page = office.get(FOUND, {"kind": "learner", "level": level})
            assert page.status_code == 200
            assert "checkbox" not in page.content.decode(), level
            answer = office.post(LINK, {"kind": "learner", "level": level, "all": "yes", "confirmed": "1"})
            assert answer.status_code == 403, level

    def test_a_pair_is_opened_with_clear_values_of_one_call(
        self, office: Any, onefile: SandboxServer
    ) -> None:
        one = certain().first()
        before = sum(onefile.calls.values())
        page = office.get(reverse("onefile_sync:match_pair", args=[one.pk]))
        assert sum(onefile.calls.values()) - before <= 1
        learner = Learner.objects.get(pk=one.subject_pk)
        assert f"{learner.date_of_birth:%d/%m/%Y}" in words(page)

    def test_a_pair_of_another_onefile_is_not_looked_up_in_this_one(
        self, office: Any, onefile: SandboxServer
    ) -> None:
        """The same OneFile ID is somebody else there."""
        elsewhere = Tenant.objects.create(
            environment="live", address="https://live.example", token_digest="x"
        )
        for kind in ("learner", "officer", "organisation"):
            one = MatchSuggestion.objects.filter(subject_kind=kind).first()
            assert one is not None
            MatchSuggestion.objects.filter(pk=one.pk).update(tenant=elsewhere)
            before = sum(onefile.calls.values())
            page = words(office.get(reverse("onefile_sync:match_pair", args=[one.pk])))
            assert "belong to another OneFile" in page
            assert "Comparison" not in page
            assert sum(onefile.calls.values()) == before

    def test_officers_and_organisations_are_opened_as_well(self, office: Any) -> None:
        for kind in ("officer", "organisation"):
            assert office.get(FOUND, {"kind": kind}).status_code == 200
            one = MatchSuggestion.objects.filter(subject_kind=kind).first()
            assert one is not None
            page = words(office.get(reverse("onefile_sync:match_pair", args=[one.pk])))
            assert "Comparison" in page

    def test_not_the_same_is_remembered(self, office: Any) -> None:
        one = certain().first()
        page = reverse("onefile_sync:match_pair", args=[one.pk])
        office.post(page, {"action": "not_same"})
        one.refresh_from_db()
        assert one.state == "not_same"
        assert "Decided already" in words(office.get(page))

    def test_a_pair_is_linked_singly(self, office: Any) -> None:
        one = MatchSuggestion.objects.exclude(level="certain").first()
        assert one is not None
        page = reverse("onefile_sync:match_pair", args=[one.pk])
        MatchSuggestion.objects.filter(pk=one.pk).update(contradictions=["dob"])
        office.post(page, {"action": "link"})
        assert not SyncRun.objects.filter(kind="linking").exists(), "it contradicts"
        office.post(page, {"action": "link", "same_person": "yes"})
        assert SyncRun.objects.filter(kind="linking").exists()

    def test_a_pair_that_somebody_else_decided_meanwhile_stays_decided(self, office: Any) -> None:
        one = certain().first()
        MatchSuggestion.objects.filter(pk=one.pk).update(state="linked")
        page = reverse("onefile_sync:match_pair", args=[one.pk])
        for action in ("not_same", "link"):
            answer = office.post(page, {"action": action, "same_person": "yes"}, follow=True)
            assert "Somebody else has decided about this pair already." in words(answer)
            one.refresh_from_db()
            assert one.state == "linked"
        assert not SyncRun.objects.filter(kind="linking").exists()

    def test_while_paused_nothing_is_linked(self, office: Any) -> None:
        one = certain().first()
        OneFileSettings.objects.update(paused=True)
        form = {"kind": "learner", "level": "certain", "pair": [str(one.pk)], "confirmed": "1"}
        pair = reverse("onefile_sync:match_pair", args=[one.pk])
        for page, sent in ((pair, {"action": "link"}), (LINK, form)):
            answer = office.post(page, sent, follow=True)
            assert "Not linked: The OneFile integration is paused." in words(answer)
            one.refresh_from_db()
            assert one.state == "open"

    def test_why_a_pair_was_not_linked_stands_beside_it(self, office: Any) -> None:
        one = certain().first()
        MatchSuggestion.objects.filter(pk=one.pk).update(state="refused", refusal="match_changed")
        assert "Not linked: The two records no longer agree" in words(office.get(FOUND))

    def test_only_the_names_on_the_page_are_read(self, office: Any, monkeypatch: Any) -> None:
        """10,000 names for a number beside a tab are too many."""
        Learner.objects.update(onefile_id=None)
        MatchSuggestion.objects.filter(subject_kind="learner").exclude(pk__in=certain()[:1]).delete()
        read: list[str] = []
        monkeypatch.setattr(
            Learner, "__str__", lambda learner: read.append(learner.pk) or "Somebody", raising=True
        )
        page = words(office.get(FOUND))
        assert re.search(r"Nothing found \d\d", page)
        assert len(read) <= 2

    def test_an_officer_who_is_linked_on_record_is_not_among_the_unlinked(self, office: Any) -> None:
        """As by MIS Value, where the customer has several centres."""
        MatchSuggestion.objects.filter(subject_kind="officer").delete()
        unlinked = services.matches.in_no_pair("officer")
        assert services.matches.count_unlinked("officer") == len(unlinked) > 1
        pk = min(unlinked)
        linker.link(
            "officer", pk, 77, tenant=present_tenant(), how="mis_value", centre_id=CENTRE_ID, in_row=False
        )
        assert services.matches.in_no_pair("officer") == unlinked - {pk}
        assert services.matches.count_unlinked("officer") == len(unlinked) - 1
        assert f"Officers not linked: {len(unlinked) - 1}." in words(office.get(START))

    def test_everything_is_in_the_csv(self, office: Any) -> None:
        lines = b"".join(office.get(CSV).streaming_content).decode().splitlines()
        nothing = sum(
            len(services.matches.nothing_found(kind)) for kind in ("learner", "officer", "organisation")
        )
        assert len(lines) == 1 + MatchSuggestion.objects.count() + nothing

    def test_restricted_staff_see_and_tick_only_their_learners(
        self, staff: Callable[..., User], restrict: Callable[..., User], browser: Callable[..., Any]
    ) -> None:
        clerk = browser(restrict(staff("match_records")))
        assert "Certain 0" in words(clerk.get(FOUND))
        assert "Learners not linked: 0." in words(clerk.get(START))
        one = certain().first()
        assert clerk.get(reverse("onefile_sync:match_pair", args=[one.pk])).status_code == 404
        form = {"kind": "learner", "level": "certain", "pair": [str(one.pk)], "confirmed": "1"}
        clerk.post(LINK, form)
        assert not SyncRun.objects.filter(kind="linking").exists()
        csv = b"".join(clerk.get(CSV).streaming_content).decode()
        assert not any(line.startswith("Learners") for line in csv.splitlines())


def test_names_are_shown_as_text(office: Any, world: World, onefile: SandboxServer) -> None:
    world.add_assessor(first_name="<script>alert(1)</script>", last_name="Ash", misid="1")
    officer = Officer.objects.create(first_name="=1+1", surname="Ash", ident="1")
    Learner.objects.create(
        first_name="A", surname="B", status="live", start_date="2026-01-01", main_officer=officer
    )
    services.perform(services.match(["officer"], queued=False), sleep=dont_wait)
    page = office.get(FOUND, {"kind": "officer"}).content.decode()
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page


def test_while_lists_are_read_matching_has_to_wait(office: Any, onefile: SandboxServer) -> None:
    reading = services.read_lists()
    answer = office.post(START, {"kind": ["learner"]}, follow=True)
    assert "Start the matching after that." in words(answer)
    assert SyncRun.objects.get() == reading


def test_without_a_token_the_pages_say_why(office: Any, host: Any) -> None:
    OneFileSettings.objects.update(encrypted_customer_token="")
    for page in (START, FOUND, CSV):
        assert "token" in words(office.get(page, follow=True))


def test_with_a_wrong_mapping_the_pages_say_so(office: Any, onefile: SandboxServer, settings: Any) -> None:
    mapping = settings.ONEFILE_SYNC
    settings.ONEFILE_SYNC = {**mapping, "LEARNER": {**mapping["LEARNER"], "main_officer": "nonsense"}}
    unmatched, its_csv = reverse("onefile_sync:unmatched"), reverse("onefile_sync:unmatched-csv")
    for page in (START, FOUND, f"{FOUND}?kind=officer&level=nothing", CSV, unmatched, its_csv):
        assert "PICSWeb is not set up for OneFile" in words(office.get(page, follow=True)), page
    assert office.get(reverse("onefile_sync_rest:unmatched")).json()["code"] == "mapping_wrong"


@pytest.mark.usefixtures("matched")
def test_the_runs_pages_say_how_far_they_are_and_lead_on(office: Any) -> None:
    found = office.get(SyncRun.objects.get(kind="match").get_absolute_url())
    assert "Finished. What was found is listed by confidence." in words(found)
    assert f'href="{FOUND}"' in found.content.decode()
    linking = services.link_ticked(list(certain().values_list("pk", flat=True)), queued=False)
    assert linking is not None
    SyncRun.objects.update(state="running", finished_at=None)
    number = certain().count()
    going = office.get(linking.get_absolute_url())
    assert f"Linking: 0 of {number} pairs done." in words(going)
    MatchSuggestion.objects.filter(linking_run=linking).update(state="linked")
    SyncRun.objects.update(state="finished")
    assert f"Finished: {number} of {number} pairs were linked." in words(
        office.get(linking.get_absolute_url())
    )


@pytest.mark.usefixtures("onefile")
def test_while_records_are_read_the_page_counts_calls(office: Any) -> None:
    run = services.match(["learner"], queued=False)
    SyncRun.objects.filter(pk=run.pk).update(state="running", expected_calls=100, api_calls=40)
    page = words(office.get(run.get_absolute_url()))
    assert "Reading records individually from OneFile: 40 of about 100 calls made." in page


@pytest.mark.usefixtures("onefile")
def test_the_settings_and_unmatched_lead_here(
    staff: Callable[..., User], browser: Callable[..., Any]
) -> None:
    settings = reverse("admin:onefile_sync_onefilesettings_change", args=[1])
    for permissions, leads in (
        (("match_records", "view_syncrun", "view_onefilesettings"), True),
        (("view_syncrun", "view_onefilesettings"), False),
    ):
        member = browser(staff(*permissions))
        for page in (settings, reverse("onefile_sync:unmatched")):
            assert (f'href="{START}"' in member.get(page).content.decode()) == leads


def test_counting_starts_nothing(office: Any, world: World, onefile: SandboxServer) -> None:
    on_both_sides(world, provider_with_mistakes(20))
    counted = words(office.post(START, {"kind": ["officer"], "count": "yes"}))
    assert "Officers not linked: " in counted
    assert "Learners not linked: " not in counted
    assert not SyncRun.objects.exists()


def test_it_is_found_from_the_admins_front_page(staff: Any, browser: Any, world: World, onefile: Any) -> None:
    visitor = browser(staff("match_records"))
    front = words_with_links(visitor.get(reverse("admin:index")))
    for entry, page in (("matchsuggestion", "match"), ("directorylist", "lists")):
        listed = reverse(f"admin:onefile_sync_{entry}_changelist")
        assert listed in front
        assert visitor.get(listed)["Location"] == reverse(f"onefile_sync:{page}")
    ways = words_with_links(visitor.get(START))
    for page in ("matches", "unmatched", "qualification-links", "lists"):
        assert f'href="{reverse(f"onefile_sync:{page}")}"' in ways
    assert "Match with OneFile" not in words(browser(staff("link_records")).get(reverse("admin:index")))


def words_with_links(answer: HttpResponse) -> str:
    return " ".join(answer.content.decode().split())


@pytest.mark.usefixtures("onefile")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"way": "search"}, "Learners were searched for one by one"),
        (
            {"way": "lists", "fell_back": "search_ignores_filters"},
            "so the lists of all learners were read instead",
        ),
    ],
    ids=["searched", "fell back"],
)
def test_the_runs_page_says_how_learners_were_found(office: Any, options: Any, said: str) -> None:
    run = SyncRun.objects.create(kind="match", state="finished", options=options)
    assert said in words(office.get(run.get_absolute_url()))


class TestTheListOfPairs:
    @pytest.fixture
    def found(self, world: World, onefile: SandboxServer) -> None:
        on_both_sides(world, provider_with_mistakes())
        services.perform(
            services.match(["learner", "officer", "organisation"], queued=False), sleep=dont_wait
        )

    def test_each_kind_says_how_many_wait(self, office: Any, found: None) -> None:
        page = words(office.get(FOUND))
        for kind, label in (
            ("learner", "Learners"),
            ("officer", "Officers"),
            ("organisation", "Organisations"),
        ):
            assert f"{label} {MatchSuggestion.objects.filter(subject_kind=kind).count()} " in page

    def test_the_pairs_are_in_order_of_name(self, office: Any, found: None) -> None:
        Learner.objects.filter(pk=certain().last().subject_pk).update(first_name="Aaa")
        names = re.findall(
            r'<th scope="row" data-column="PICSWeb">(.*?)</th>', office.get(FOUND).content.decode()
        )
        assert len(names) > 9
        assert names == sorted(names, key=str.casefold)
        assert names[0].startswith("Aaa")

    def test_those_of_one_name_are_in_order_of_key(self, office: Any, found: None) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Learner, "__str__", lambda _learner: "Ann Ash")
            listed = matches.by_name(certain())
        assert [int(each.subject_pk) for each in listed] == sorted(int(each.subject_pk) for each in listed)

    @pytest.mark.parametrize("way", ["ticked", "all"])
    def test_the_confirmation_shows_ten_examples(self, office: Any, found: None, way: str) -> None:
        pks = [str(pk) for pk in certain().values_list("pk", flat=True)]
        chosen = {"all": "yes"} if way == "all" else {"pair": pks}
        asked = office.post(LINK, {"kind": "learner", "level": "certain", **chosen})
        shown = re.findall(r'<th scope="row">(.*?)</th>', asked.content.decode())
        assert len(shown) == 10 < len(pks)
        listed = re.findall(r'data-column="PICSWeb">(.*?)</th>', office.get(FOUND).content.decode())
        assert shown == listed[:10]


def test_a_failed_match_does_not_promise_that_a_sync_tries_again(office: Any, onefile: SandboxServer) -> None:
    run = SyncRun.objects.create(kind="match", state="finished", failure="server_error")
    page = words(office.get(run.get_absolute_url()))
    assert "the next sync tries again" not in page
    assert "No sync repeats this: start it again later." in page


def test_a_pair_that_onefile_did_not_answer_about_is_not_promised_either(
    office: Any, onefile: SandboxServer, world: World
) -> None:
    on_both_sides(world, provider_with_mistakes())
    services.perform(services.match(["learner"], queued=False), sleep=dont_wait)
    certain().update(state="refused", refusal="timed_out")
    page = words(office.get(FOUND))
    assert "OneFile took too long to answer. What was done until then is kept." in page
    assert "next sync" not in page


def test_the_tick_of_a_contradiction_has_one_label(office: Any, onefile: SandboxServer, world: World) -> None:
    on_both_sides(world, provider_with_mistakes())
    services.perform(services.match(["learner"], queued=False), sleep=dont_wait)
    one = certain().first()
    MatchSuggestion.objects.filter(pk=one.pk).update(level="contradicted", contradictions=["uln"])
    address = reverse("onefile_sync:match_pair", args=[one.pk])
    assert "This is the same person all the same." in words(office.get(address))
    refused = words(office.post(address, {"action": "link"}, follow=True))
    assert "tick the box if this is the same person all the same" in refused
