"""The settings page asks what becomes of linked records before it saves another environment or token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages

from example_project.picsweb.models import Learner, Officer
from onefile_sync import services
from onefile_sync.linking import moving
from onefile_sync.models import OneFileSettings, RecordLink, RunState, SyncRun, Tenant, UploadIntent
from onefile_sync.sync.connection import id_owner
from tests.admin.test_settings_page import AS_IT_WAS, FORM, NEW_TOKEN
from tests.staff_fixtures import TOKEN, words

MOVE = "/admin/onefile_sync/onefilesettings/1/move-links/"
TO_LIVE = {**AS_IT_WAS, "environment": "live", "new_customer_token": NEW_TOKEN}


@pytest.fixture
def client(staff: Any, browser: Any) -> Any:
    return browser(staff("change_onefilesettings", "view_onefilesettings"))


@pytest.fixture
def learner() -> Learner:
    """A learner who is linked to the sandbox, and an officer."""
    Officer.objects.create(ident="OFF1", onefile_id=9)
    return Learner.objects.create(ident="L1", surname="Owen", status="live", onefile_id=1250777)


@pytest.fixture(autouse=True)
def no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "customer_id", lambda settings: pytest.fail("OneFile was called"))


@pytest.fixture
def customer(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The linked customer is known as 7; OneFile says whose the new token is."""

    def say(number: int) -> None:
        id_owner.confirm(OneFileSettings.load(), lambda: 7)
        Tenant.objects.update(customer_id=7)
        monkeypatch.setattr(services, "customer_id", lambda settings: number)

    return say


def onefile_id(learner: Learner) -> int | None:
    learner.refresh_from_db()
    return learner.onefile_id


def environment() -> tuple[str, str]:
    stored = OneFileSettings.load()
    return stored.environment, stored.customer_token


class TestAnotherEnvironment:
    def test_is_not_saved_before_somebody_has_chosen(self, client: Any, learner: Learner) -> None:
        answer = client.post(FORM, TO_LIVE)

        text = words(answer)
        assert answer.status_code == 200
        assert "Linked to OneFile Sandbox (to practise on): 1 learner, 1 officer." in text
        assert "The same numbers are other people&#x27;s records in Live." in text
        assert "Nothing was saved. Choose what becomes of the links." in text
        assert "enter it once more below" in text
        assert 'value="put_away"' in text
        assert 'value="same_customer"' not in text
        assert NEW_TOKEN not in text
        assert environment() == ("sandbox", TOKEN)
        assert onefile_id(learner) == 1250777

    def test_is_saved_once_the_links_may_be_put_away(self, client: Any, learner: Learner) -> None:
        answer = client.post(FORM, {**TO_LIVE, "old_links": "put_away"})

        assert answer.status_code == 302
        assert environment() == ("live", NEW_TOKEN)
        assert onefile_id(learner) is None
        said = [str(each) for each in get_messages(answer.wsgi_request)]
        assert "The OneFile IDs in PICSWeb are now those of the chosen OneFile." in said

    def test_brings_the_links_back_on_the_way_back(self, client: Any, learner: Learner) -> None:
        client.post(FORM, {**TO_LIVE, "old_links": "put_away"})

        back = {**AS_IT_WAS, "new_customer_token": TOKEN}  # nothing is linked, so nothing is asked
        assert client.post(FORM, back).status_code == 302

        assert onefile_id(learner) == 1250777

    def test_needs_the_token_once_more(self, client: Any, learner: Learner) -> None:
        answer = client.post(FORM, {**AS_IT_WAS, "old_links": "put_away"})

        assert "Nothing was saved. Enter the token of the new OneFile again." in words(answer)
        assert onefile_id(learner) == 1250777

    def test_of_rows_that_are_not_linked_asks_nothing(self, client: Any) -> None:
        assert client.post(FORM, TO_LIVE).status_code == 302
        assert environment() == ("live", NEW_TOKEN)

    def test_without_a_token_asks_later(self, client: Any, learner: Learner) -> None:
        """Nothing can be exchanged until there is a token; entering it asks."""
        id_owner.confirm(OneFileSettings.load(), lambda: 7)
        assert client.post(FORM, {**AS_IT_WAS, "enabled": "", "environment": "live"}).status_code == 302

        answer = client.post(FORM, TO_LIVE)

        assert "Choose what becomes of the links." in words(answer)

    def test_is_refused_while_a_run_is_open(self, client: Any, learner: Learner) -> None:
        SyncRun.objects.create(kind="daily", state=RunState.HELD)

        for typed in (TO_LIVE, {**TO_LIVE, "old_links": "put_away"}):
            text = words(client.post(FORM, typed))
            assert "is not finished. Links are moved to another OneFile only while no run is open." in text
            assert "Daily sync" in text
        assert environment() == ("sandbox", TOKEN)

    def test_is_refused_while_an_upload_is_in_doubt(self, client: Any, learner: Learner) -> None:
        UploadIntent.objects.create(
            learner_type=services.learner_type(),
            learner_pk=str(learner.pk),
            review_pk="1",
            scheduled_for="2026-03-02T12:00Z",
            in_doubt_since="2026-03-02T12:00Z",
        )

        text = words(client.post(FORM, {**TO_LIVE, "old_links": "put_away"}))

        assert f"OneFile did not say whether it created a review of learner {learner.pk}." in text

    def test_is_refused_while_links_are_moved(self, client: Any, learner: Learner) -> None:
        id_owner.confirm(OneFileSettings.load(), lambda: 7)
        OneFileSettings.objects.update(moving_to=Tenant.objects.create(token_digest="x", environment="live"))

        text = words(client.post(FORM, {**TO_LIVE, "old_links": "put_away"}))

        assert "are being exchanged for those of another OneFile environment" in text

    def test_testing_the_connection_asks_nothing(
        self, client: Any, learner: Learner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report = services.ConnectionReport(True, "Hallam", "Connected.")
        monkeypatch.setattr(services, "test_connection", lambda settings: report)

        assert "Choose what becomes" not in words(client.post(FORM, {**TO_LIVE, "_test_connection": "yes"}))


class TestANewTokenInTheSameEnvironment:
    TYPED = {**AS_IT_WAS, "new_customer_token": NEW_TOKEN}

    def test_of_the_known_customer_is_saved_without_a_question(
        self, client: Any, learner: Learner, customer: Callable[[int], None]
    ) -> None:
        customer(7)

        assert client.post(FORM, self.TYPED).status_code == 302

        assert onefile_id(learner) == 1250777
        assert services.refusal_for(learner) is None
        assert Tenant.objects.count() == 1

    def test_of_another_customer_asks(
        self, client: Any, learner: Learner, customer: Callable[[int], None]
    ) -> None:
        customer(8)

        text = words(client.post(FORM, self.TYPED))

        assert "The same numbers are other people&#x27;s records in another OneFile." in text
        assert 'value="same_customer"' not in text
        assert client.post(FORM, {**self.TYPED, "old_links": "same_customer"}).status_code == 200
        assert client.post(FORM, {**self.TYPED, "old_links": "put_away"}).status_code == 302
        assert onefile_id(learner) is None

    def test_of_nobody_knows_whom_leaves_it_to_a_person(self, client: Any, learner: Learner) -> None:
        id_owner.confirm(OneFileSettings.load(), lambda: 7)

        assert 'value="same_customer"' in words(client.post(FORM, self.TYPED))
        assert client.post(FORM, {**self.TYPED, "old_links": "same_customer"}).status_code == 302

        assert onefile_id(learner) == 1250777
        assert services.refusal_for(learner) is None
        assert not RecordLink.objects.exists()

    def test_that_onefile_does_not_accept_is_not_saved(
        self, client: Any, learner: Learner, customer: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer(7)

        def refuse(settings: OneFileSettings) -> int:
            raise services.Refused(services.Refusal("bad_customer_token"))

        monkeypatch.setattr(services, "customer_id", refuse)

        assert "OneFile did not accept the customer token." in words(client.post(FORM, self.TYPED))
        assert environment() == ("sandbox", TOKEN)


class TestAChangeInTheDeploymentsSettings:
    @pytest.fixture
    def elsewhere(self, learner: Learner, settings: Any) -> None:
        id_owner.confirm(OneFileSettings.load(), lambda: 7)
        there = {"BASE_URL": "http://127.0.0.1:9", "CUSTOMER_TOKEN": "token-of-the-deployment"}
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, **there}

    def test_is_said_with_a_button(self, elsewhere: None, client: Any) -> None:
        text = words(client.get(FORM))

        assert "records in another OneFile. So nothing is exchanged." in text
        assert f'<form method="post" action="{MOVE}">' in text

    def test_the_button_puts_the_links_away(self, elsewhere: None, client: Any, learner: Learner) -> None:
        assert client.post(MOVE)["Location"] == FORM

        assert onefile_id(learner) is None
        assert "So nothing is exchanged" not in words(client.get(FORM))
        assert "Nothing is to be done" in words(client.post(MOVE, follow=True))

    def test_the_button_is_refused_while_a_run_is_open(
        self, elsewhere: None, client: Any, learner: Learner
    ) -> None:
        SyncRun.objects.create(kind="daily")

        assert "is not finished." in words(client.post(MOVE, follow=True))
        assert onefile_id(learner) == 1250777

    def test_only_a_post_of_someone_who_may_change_settings_counts(
        self, elsewhere: None, client: Any, learner: Learner, staff: Any, browser: Any
    ) -> None:
        assert client.get(MOVE).status_code == 405
        viewer = browser(staff("view_onefilesettings"))
        assert MOVE not in words(viewer.get(FORM))
        assert viewer.post(MOVE).status_code == 403
        assert onefile_id(learner) == 1250777

    def test_the_health_page_says_so(self, elsewhere: None) -> None:
        (finding,) = [each for each in services.health().findings if each.code == "links"]
        assert (finding.level.name, finding.value) == ("CRITICAL", "other_onefile")


def test_the_page_shows_how_far_a_move_has_got(
    client: Any, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "AT_ONCE", 0)
    client.post(FORM, {**TO_LIVE, "old_links": "put_away"})

    text = words(client.get(FORM))

    assert "2 links are still to be put away or brought back" in text
    (finding,) = [each for each in services.health().findings if each.code == "links"]
    assert finding.level.name == "WARNING"


def test_the_page_lists_what_did_not_come_back(client: Any, learner: Learner) -> None:
    client.post(FORM, {**TO_LIVE, "old_links": "put_away"})
    Learner.objects.create(ident="L2", surname="Rees", status="live", onefile_id=1250777)
    client.post(FORM, {**AS_IT_WAS, "new_customer_token": TOKEN, "old_links": "put_away"})
    first = Learner.objects.create(ident="L3", surname="Pugh", status="live")
    tenant = OneFileSettings.load().linked_tenant
    RecordLink.objects.filter(subject_kind="learner").update(
        tenant=tenant, ending="put_away", subject_pk=str(first.pk), ended_at="2026-03-02T12:00Z"
    )

    text = words(client.get(FORM))

    assert "not brought back" in text
    assert f"Learner {first.pk}: OneFile ID 1250777" in text


def test_a_onefile_that_cannot_be_asked_is_said_and_nothing_moves(
    client: Any, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_settings: OneFileSettings) -> None:
        raise services.Refused(services.Refusal("unreachable"))

    monkeypatch.setattr(services, "change_of_onefile", refuse)
    answer = client.post(MOVE)
    assert [str(each) for each in get_messages(answer.wsgi_request)] == [
        services.Refusal("unreachable").reason
    ]
    assert OneFileSettings.load().moving_to is None
