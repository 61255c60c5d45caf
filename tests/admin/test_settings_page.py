"""The OneFile settings page: one form, a token that is never shown again, and Test connection."""

import sys
from dataclasses import fields
from datetime import UTC, datetime

import pytest
from cryptography.fernet import MultiFernet
from django.contrib.admin import ModelAdmin
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.core.signals import got_request_exception
from django.forms import ModelForm
from django.urls import resolve, reverse
from django_q.models import Schedule
from requests import Session

from onefile_sync import services
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import OneFileSettings, SettingsGroup
from onefile_sync.sync.learner.exchange import policy_of
from onefile_sync.sync.planning.types import Policy
from tests.error_reports import everything_shown
from tests.staff_fixtures import TOKEN, a_run, words

FORM = "/admin/onefile_sync/onefilesettings/1/change/"
NEW_TOKEN = "another-token-that-no-page-shows"

#: The form as a browser submits it without changes.
AS_IT_WAS = {
    "enabled": "on",
    "environment": "sandbox",
    "upload_reviews": "on",
    "download_reviews": "on",
    "visit_type": "not_specified",
    "skip_elements_with_units": "on",
    "safety_stop_percent": "20",
    "match_by": "automatic",
    "safety_stop_learners": "25",
    "create_missing": "shown",
    "send_mis_value": "on",
    "bulk_limit": "50",
}


@pytest.fixture
def client(staff, browser):
    return browser(staff("change_onefilesettings", "view_onefilesettings"))


def _stored() -> OneFileSettings:
    return OneFileSettings.load()


def test_the_list_leads_to_the_one_form(client):
    assert client.get(reverse("admin:onefile_sync_onefilesettings_changelist"))["Location"] == FORM
    text = words(client.get(FORM))
    assert "Integration Status" in text
    for label in (
        "Integration Enabled", "Paused", "Environment", "Customer Token", "Upload Reviews to OneFile",
        "Download Reviews from OneFile", "Visit Type for Uploaded Reviews",
        "Ignore elements of qualifications with units", "Last Synchronised", "Safety stop",
        "Hold a run above this percentage of learners", "Minimum number of learners affected",
    ):  # fmt: skip
        assert label in text


def test_switches_that_nothing_uses_yet_are_not_on_the_form(client):
    text = words(client.get(FORM))
    assert "demographics" not in text


def test_creating_learners_has_a_heading_of_its_own(client):
    text = words(client.get(FORM))
    for label in (
        "Create in OneFile", "Create people and employers", "Send Ident as MIS Value",
        "Create Learner: Classroom from Main Tag", "Create classes", "Additional Assessors",
        "Ask again above this number of learners",
    ):  # fmt: skip
        assert label in text


def test_saving_the_page_untouched_changes_nothing_about_creating_learners(client):
    assert client.post(FORM, AS_IT_WAS).status_code == 302
    names = OneFileSettings.shown()[SettingsGroup.CREATING]
    assert len(names) == 6
    assert [getattr(_stored(), name) for name in names] == [
        OneFileSettings._meta.get_field(name).default for name in names
    ]


def test_the_choices_about_creating_learners_are_kept(client):
    typed = {
        "create_missing": "bulk",
        "send_mis_value": "",
        "classroom_from_main_tag": "on",
        "create_classes": "on",
        "additional_assessors": " Work Coach, IQA,,Work Coach ",
        "bulk_limit": "200",
    }
    assert client.post(FORM, {**AS_IT_WAS, **typed}).status_code == 302
    stored = _stored()
    assert (stored.create_missing, stored.send_mis_value, stored.bulk_limit) == ("bulk", False, 200)
    assert (stored.classroom_from_main_tag, stored.create_classes) == (True, True)
    assert stored.additional_roles == ["Work Coach", "IQA"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("create_missing", "always"), ("bulk_limit", "0"), ("bulk_limit", "-1"), ("bulk_limit", "many")],
)
def test_a_wrong_choice_about_creating_learners_is_not_saved(client, name, wrong):
    assert client.post(FORM, {**AS_IT_WAS, name: wrong}).status_code == 200
    assert getattr(_stored(), name) == OneFileSettings._meta.get_field(name).default


def test_the_form_works_before_anything_was_ever_saved(client):
    OneFileSettings.objects.all().delete()
    assert "No token is stored." in words(client.get(FORM))
    answer = client.post(FORM, {**AS_IT_WAS, "new_customer_token": NEW_TOKEN, "visit_type": "face_to_face"})
    assert answer.status_code == 302
    stored = _stored()
    assert (stored.pk, stored.visit_type, stored.customer_token) == (1, "face_to_face", NEW_TOKEN)


def test_there_is_no_second_row_of_settings(client):
    answer = client.get(FORM.replace("/1/", "/2/"))
    assert answer["Location"] == "/admin/"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({}, TOKEN),
        ({"new_customer_token": "  "}, TOKEN),
        ({"new_customer_token": NEW_TOKEN}, NEW_TOKEN),
        ({"new_customer_token": f" {NEW_TOKEN} "}, NEW_TOKEN),
        ({"forget_customer_token": "on", "enabled": ""}, ""),
    ],
)
def test_blank_keeps_the_token_a_new_one_replaces_it_and_it_can_be_forgotten(typed, kept, client):
    answer = client.post(FORM, {**AS_IT_WAS, **typed})
    assert answer.status_code == 302
    assert _stored().customer_token == kept


def test_the_token_is_in_no_page_message_or_history(client, admin_user, browser):
    """The fixture's client checks every answer for the old token; this one checks for the new one."""
    posted = client.post(FORM, {**AS_IT_WAS, "new_customer_token": NEW_TOKEN}, follow=True)
    wrong = client.post(FORM, {**AS_IT_WAS, "new_customer_token": NEW_TOKEN, "visit_type": "nonsense"})
    history = browser(admin_user).get(FORM.replace("change", "history"))
    assert wrong.status_code == 200
    for answer in (posted, wrong, history):
        assert NEW_TOKEN not in words(answer)
    assert LogEntry.objects.exists()
    assert NEW_TOKEN not in repr(list(LogEntry.objects.values()))
    assert NEW_TOKEN not in repr([str(each) for each in get_messages(posted.wsgi_request)])


def test_a_user_with_view_permission_sees_whether_there_is_a_token_but_not_the_token(staff, browser):
    text = words(browser(staff("view_onefilesettings")).get(FORM))
    assert "A token is stored." in text
    assert "new_customer_token" not in text
    assert "_test_connection" not in text


@pytest.mark.parametrize(
    ("stored", "deployment", "typed", "saved"),
    [
        ("", None, {}, False),
        ("", None, {"new_customer_token": NEW_TOKEN}, True),
        ("", {"sandbox": "token-of-the-deployment"}, {}, True),
        ("", "token-of-the-deployment", {}, False),
        (TOKEN, None, {}, True),
        (TOKEN, None, {"forget_customer_token": "on"}, False),
        (TOKEN, {"sandbox": "token-of-the-deployment"}, {"forget_customer_token": "on"}, True),
        ("unreadable", None, {}, False),
        ("", 4711, {}, False),
    ],
)
def test_enabling_needs_a_token_from_somewhere(stored, deployment, typed, saved, client, settings):
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "CUSTOMER_TOKEN": deployment}
    row = _stored()
    row.set_customer_token(stored)
    if stored == "unreadable":
        row.encrypted_customer_token = "not a cipher text"
    row.save()
    answer = client.post(FORM, {**AS_IT_WAS, **typed})
    assert (answer.status_code == 302) == saved
    if not saved:
        assert "The integration cannot be enabled without a customer token." in words(answer)


@pytest.mark.parametrize(
    ("percent", "learners", "saved"),
    [("0", "1", True), ("35", "400", True), ("100", "25", True), ("101", "25", False), ("-1", "25", False),
     ("20", "0", False), ("", "25", False), ("20", "", False), ("a lot", "25", False)],
)  # fmt: skip
def test_the_safety_stop_takes_what_makes_sense(percent, learners, saved, client):
    answer = client.post(
        FORM, {**AS_IT_WAS, "safety_stop_percent": percent, "safety_stop_learners": learners}
    )
    assert (answer.status_code == 302) == saved
    stored = _stored()
    assert (stored.safety_stop_percent, stored.safety_stop_learners) == (
        (int(percent), int(learners)) if saved else (20, 25)
    )


def test_the_safety_stop_says_what_its_numbers_mean(client):
    text = words(client.get(FORM))
    assert "if it would replace values of more than this percentage of the learners compared." in text
    assert "No values are replaced until a person applies the run." in text
    assert "A run that would replace values of fewer learners is never held" in text


@pytest.mark.parametrize(
    ("permissions", "linked"),
    [
        (("change_onefilesettings",), False),
        (("view_onefilesettings",), False),
        (("change_onefilesettings", "view_health"), True),
        (("view_onefilesettings", "view_health"), True),
    ],
)
def test_the_health_page_is_linked_for_users_who_may_see_it(permissions, linked, staff, browser):
    link = f'<a href="{reverse("onefile_sync:health")}">Is it working?</a>'
    assert (link in words(browser(staff(*permissions)).get(FORM))) == linked


def test_a_token_cannot_be_entered_and_forgotten_at_once(client):
    answer = client.post(FORM, {**AS_IT_WAS, "new_customer_token": NEW_TOKEN, "forget_customer_token": "on"})
    assert "Either enter a token or forget the stored one, not both." in words(answer)
    assert _stored().customer_token == TOKEN


def test_the_page_says_whose_token_is_used(client, settings):
    assert "A token is stored." in words(client.get(FORM))
    OneFileSettings.objects.update(encrypted_customer_token="not a cipher text")
    assert "can no longer be read" in words(client.get(FORM))
    settings.ONEFILE_SYNC = {
        **settings.ONEFILE_SYNC,
        "CUSTOMER_TOKEN": {"sandbox": "token-of-the-deployment"},
    }
    text = words(client.get(FORM))
    assert "A token is set in the installation&#x27;s own settings" in text
    assert "token-of-the-deployment" not in text


@pytest.mark.parametrize(
    ("environment", "given", "said"),
    [
        ("live", None, ">https://wsapi.onefile.co.uk/api/v2.1<"),
        ("practice", None, ">https://wsapi2.onefile.co.uk/api/v2.1<"),
        (
            "live",
            "http://127.0.0.1:8765",
            ">http://127.0.0.1:8765/api/v2.1: the installation&#x27;s own settings give this address",
        ),
        ("live", "nowhere", "settings are wrong: python manage.py check says where."),
    ],
)
def test_the_page_says_which_address_is_really_used(environment, given, said, client, settings):
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": given}
    OneFileSettings.objects.update(environment=environment)
    assert said in words(client.get(FORM))


def test_last_synchronised_is_the_last_finished_daily_sync(client, learner):
    assert "Not yet." in words(client.get(FORM))
    a_run((learner, "updated"), kind="daily", finished_at=datetime(2025, 7, 1, 2, 30, tzinfo=UTC))
    a_run((learner, "updated"), kind="refresh", finished_at=datetime(2025, 7, 2, 9, 0, tzinfo=UTC))
    a_run((learner, "queued"), kind="daily", state="running", open_key="daily")
    assert "01/07/2025 03:30" in words(client.get(FORM))


def test_the_last_attempt_stands_beside_it_with_its_own_time_and_outcome(client, learner):
    a_run((learner, "updated"), kind="daily", finished_at=datetime(2025, 7, 1, 2, 30, tzinfo=UTC))
    a_run((learner, "failed"), kind="daily", finished_at=datetime(2025, 7, 2, 2, 30, tzinfo=UTC))
    text = words(client.get(FORM))
    assert "01/07/2025 03:30" in text
    assert "02/07/2025 03:30: Failed" in text


def test_the_next_daily_sync_is_shown_or_how_to_schedule_it(client):
    assert "python manage.py onefile_schedule install" in words(client.get(FORM))
    schedule = Schedule.objects.create(name="onefile_sync daily", func="onefile_sync.tasks.daily", repeats=-1)
    Schedule.objects.filter(pk=schedule.pk).update(next_run=datetime(2025, 7, 3, 1, 0, tzinfo=UTC))
    assert "03/07/2025 02:00" in words(client.get(FORM))
    Schedule.objects.filter(pk=schedule.pk).update(next_run=None)
    assert "Not scheduled." in words(client.get(FORM))


class TestAnotherEnvironment:
    """A token belongs to its environment: for another one, the page asks for a new token and warns about the IDs."""

    @pytest.mark.parametrize("enabled", [True, False])
    def test_an_integration_that_is_on_needs_the_token_of_the_new_environment(self, enabled, client):
        moved = {**AS_IT_WAS, "environment": "live", "enabled": "on" if enabled else ""}

        answer = client.post(FORM, moved)

        assert (answer.status_code == 302) == (not enabled)
        stored = _stored()
        assert stored.environment == ("sandbox" if enabled else "live")
        assert stored.customer_token == TOKEN
        assert stored.token_belongs_here == enabled
        if enabled:
            text = words(answer)
            assert "The stored token was entered for another environment or address." in text
            assert 'value="live" selected' in text

    def test_a_token_that_is_typed_with_the_change_belongs_to_the_new_one(self, client):
        answer = client.post(FORM, {**AS_IT_WAS, "environment": "live", "new_customer_token": NEW_TOKEN})

        assert answer.status_code == 302
        stored = _stored()
        assert (stored.environment, stored.customer_token, stored.token_belongs_here) == (
            "live",
            NEW_TOKEN,
            True,
        )

    @pytest.mark.parametrize("enabled", [True, False])
    def test_so_does_another_address(self, enabled, client, settings):
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": "http://127.0.0.1:9"}

        answer = client.post(FORM, {**AS_IT_WAS, "enabled": "on" if enabled else ""})

        assert (answer.status_code == 302) == (not enabled)
        assert not _stored().token_belongs_here

    def test_the_page_says_whose_the_stored_token_is(self, client):
        OneFileSettings.objects.update(environment="practice")

        text = words(client.get(FORM))

        assert "was entered for Sandbox (to practise on) (http://127.0.0.1:8765/api/v2.1)." in text
        assert "enter the token of the environment chosen above." in text
        OneFileSettings.objects.update(token_address="")
        assert "for Sandbox (to practise on) (address not known)" in words(client.get(FORM))

    def test_the_page_says_before_what_a_change_needs_and_warns_after_it(self, client):
        assert "needs its own customer token and its own OneFile IDs" in words(client.get(FORM))

        changed = client.post(FORM, {**AS_IT_WAS, "environment": "live", "new_customer_token": NEW_TOKEN})

        (warning, _success) = [str(each) for each in get_messages(changed.wsgi_request)]
        client.get(FORM)
        assert warning.startswith(
            "The environment was changed from Sandbox (to practise on) to Live: OneFile is called at "
            "https://wsapi.onefile.co.uk/api/v2.1 from now on."
        )
        assert "those entered for Sandbox (to practise on) lead to other people's records in Live." in warning
        same = client.post(FORM, {**AS_IT_WAS, "environment": "live", "paused": "on"}, follow=True)
        assert "The environment was changed" not in words(same)

    def test_the_warning_says_where_no_address_is_known(self, client, settings):
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": "nowhere"}

        answer = client.post(FORM, {**AS_IT_WAS, "enabled": "", "environment": "live"}, follow=True)

        assert "OneFile is called at an address that is not known from now on" in words(answer)


class TestTestConnection:
    """*Test connection* calls OneFile with the unsaved values of the form and saves nothing."""

    @pytest.fixture
    def asked(self, monkeypatch):
        """The settings for the call: environment, token, and whether the token may be sent there."""
        asked = []

        def test_connection(settings):
            token = settings.customer_token
            asked.append((settings.environment, token, settings.token_belongs_here))
            return services.ConnectionReport(
                True, "Hallam", "Connected to OneFile as “Hallam <b>Training</b>”."
            )

        monkeypatch.setattr(services, "test_connection", test_connection)
        return asked

    def _test(self, client, **typed):
        return client.post(FORM, {**AS_IT_WAS, **typed, "_test_connection": "yes"})

    @pytest.mark.parametrize(
        ("typed", "with_what", "said"),
        [
            ({}, ("sandbox", TOKEN, True), ""),
            ({"new_customer_token": NEW_TOKEN}, ("sandbox", NEW_TOKEN, True), "Enter the token once more"),
            (
                {"environment": "live", "new_customer_token": NEW_TOKEN},
                ("live", NEW_TOKEN, True),
                "Enter the token once more",
            ),
            (
                {"enabled": "", "environment": "live"},
                ("live", TOKEN, False),
                "Save to keep what you have typed",
            ),
            ({"enabled": "", "forget_customer_token": "on"}, ("sandbox", "", False), "Save to keep"),
        ],
    )
    def test_it_tries_what_is_typed_and_saves_nothing(self, typed, with_what, said, client, asked):
        before = list(OneFileSettings.objects.values())

        answer = self._test(client, **typed)

        assert asked == [with_what]
        assert list(OneFileSettings.objects.values()) == before
        assert not LogEntry.objects.exists()
        text = words(answer)
        assert answer.status_code == 200
        assert (
            '<li class="success">Connected to OneFile as “Hallam &lt;b&gt;Training&lt;/b&gt;”.</li>' in text
        )
        assert said in text
        assert ("Nothing was saved." in text) == bool(said)
        assert NEW_TOKEN not in text

    def test_a_token_that_is_only_typed_is_not_said_to_be_stored(self, client, asked):
        OneFileSettings.objects.update(encrypted_customer_token="")

        assert "No token is stored." in words(self._test(client, new_customer_token=NEW_TOKEN))

    def test_the_form_stands_as_it_was_typed(self, client, asked):
        text = words(
            self._test(client, environment="live", new_customer_token=NEW_TOKEN, safety_stop_percent="35")
        )

        assert 'value="live" selected' in text
        assert 'name="safety_stop_percent" value="35"' in text
        assert "Please correct" not in text

    @pytest.mark.parametrize(
        "typed",
        [{"environment": "elsewhere"}, {"new_customer_token": NEW_TOKEN, "forget_customer_token": "on"}],
    )
    def test_what_is_wrong_in_the_form_is_said_instead(self, typed, client, asked):
        text = words(self._test(client, **typed))

        assert asked == []
        assert "Please correct the error below." in text

    def test_a_failure_is_shown_as_one(self, client, monkeypatch):
        failed = services.ConnectionReport(False, "", "OneFile could not be reached.")
        monkeypatch.setattr(services, "test_connection", lambda settings: failed)

        assert '<li class="error">OneFile could not be reached.</li>' in words(self._test(client))

    def test_it_really_asks(self, client):
        """Without a token OneFile cannot be called, and the page says so."""
        OneFileSettings.objects.update(encrypted_customer_token="")

        text = words(self._test(client, enabled=""))

        assert "There is no customer token. Enter it in the OneFile settings." in text

    def test_the_stored_token_is_not_sent_to_an_environment_that_is_only_typed(self, client):
        text = words(self._test(client, enabled="", environment="practice"))

        assert "belongs to another environment or address, so it was not sent" in text

    def test_it_is_not_within_a_transaction_of_the_request(self, client):
        """Otherwise it would hold up the calls of all processes."""
        view = resolve(FORM).func

        assert "default" in view._non_atomic_requests


class TestErrorReports:
    """What Django's error reports, by e-mail and as a page, show of a form with a token."""

    @pytest.fixture
    def reports(self):
        made = []

        def report(request, **_kwargs):
            made.append(everything_shown(sys.exc_info()[1], request))

        got_request_exception.connect(report)
        yield made
        got_request_exception.disconnect(report)

    @pytest.mark.parametrize(
        ("where", "name"),
        [
            (ModelForm, "clean"),
            (ModelForm, "_post_clean"),
            (ModelForm, "save"),
            (OneFileSettings, "save"),
            (OneFileSettings, "set_customer_token"),
            (MultiFernet, "encrypt"),
            (ModelAdmin, "construct_change_message"),
            (ModelAdmin, "log_change"),
            (Session, "request"),
        ],
    )
    def test_do_not_show_it(self, where, name, reports, client, monkeypatch):
        def broken(*_args, **_kwargs):
            raise RuntimeError

        monkeypatch.setattr(where, name, broken)
        client.raise_request_exception = False
        typed = {**AS_IT_WAS, "new_customer_token": NEW_TOKEN}
        if where is Session:
            typed["_test_connection"] = "on"
        assert client.post(FORM, typed).status_code == 500
        (shown,) = reports
        assert "RuntimeError" in shown
        assert NEW_TOKEN not in shown


def test_every_setting_that_stands_under_a_heading_is_on_the_page(client):
    shown = client.get(FORM).context_data["adminform"]
    page = {str(each.name): list(each.fields) for each in shown}
    for group, names in OneFileSettings.shown().items():
        assert page[str(group.label)][: len(names)] == names


def test_each_switch_of_the_rules_is_one_that_staff_can_set():
    switches = {each.name for each in fields(Policy)} - {"send_again"}
    on_page = {name for names in OneFileSettings.shown().values() for name in names}
    assert switches - {"links_recorded"} <= on_page
    off = OneFileSettings(**dict.fromkeys(switches, False))
    assert policy_of(off) == Policy(**dict.fromkeys(switches, False))
    assert policy_of(off, send_again=True).send_again


def test_what_matching_comes_to_is_told_beside_the_choice(admin_client, integration):
    tenant = present_tenant()
    tenant.centres = 2
    tenant.save()
    OneFileSettings.objects.update(linked_tenant=tenant)
    text = words(admin_client.get(reverse("admin:onefile_sync_onefilesettings_change", args=[1])))
    assert "MIS Value (2 centres)" in text
    assert reverse("onefile_sync:unmatched") in text


def test_the_list_of_settings_is_not_for_everybody(staff, browser):
    changelist = reverse("admin:onefile_sync_onefilesettings_changelist")
    assert browser(staff("view_syncrun")).get(changelist).status_code == 403
