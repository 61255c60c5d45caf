"""PICSWeb's learner admin with the mixin: buttons, panel, action, and other extensions alongside."""

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.urls import reverse

from example_project.picsweb.models import Learner
from onefile_sync.admin import OneFileLearnerAdminMixin
from onefile_sync.models import LearnerOutcome, OneFileSettings, SyncRun
from tests.factories import LearnerFactory
from tests.staff_fixtures import a_change, a_run, words

CHANGELIST = "/admin/picsweb/learner/"


@pytest.fixture
def clerk(staff):
    return staff("refresh_learner", "preview_learner", "change_learner")


@pytest.fixture
def page(browser, clerk, learner):
    def get(member=None) -> str:
        return words(browser(member or clerk).get(reverse("admin:picsweb_learner_change", args=[learner.pk])))

    return get


def _button(name, learner):
    """The form that a button posts. It is separate, as themes put the buttons inside the page's own form."""
    address = reverse(f"admin:picsweb_learner_onefile_{name}", args=[learner.pk])
    return f'<form method="post" action="{address}" id="onefile-{name}"'


def test_the_buttons_are_there_beside_the_admins_own(page, learner):
    text = page()
    for name in ("refresh", "preview"):
        assert f'<button type="submit" form="onefile-{name}">' in text
        assert _button(name, learner) in text
        # Outside the page's form, as browsers drop a nested form.
        assert text.index(_button(name, learner)) > text.index("</form>", text.index('id="learner_form"'))
    assert "historylink" in text


@pytest.mark.parametrize(
    ("permissions", "refresh", "preview", "panel"),
    [
        ((), False, False, False),
        (("refresh_learner",), True, False, True),
        (("preview_learner",), False, True, True),
        (("view_syncrun",), False, False, True),
    ],
)
def test_each_button_and_the_panel_have_their_own_permission(
    permissions, refresh, preview, panel, page, learner, staff
):
    text = page(staff(*permissions))
    assert (_button("refresh", learner) in text) == refresh
    assert (_button("preview", learner) in text) == preview
    assert ("Not synchronised yet." in text) == panel


@pytest.mark.parametrize(
    ("settings_now", "onefile_id", "reason"),
    [
        ({"enabled": False}, 501, "The OneFile integration is switched off."),
        ({"paused": True}, 501, "The OneFile integration is paused."),
        ({"encrypted_customer_token": ""}, 501, "There is no customer token."),
        ({}, None, "The learner has no OneFile ID."),
        ({}, 777, "Another learner, perhaps an archived one, has the same OneFile ID."),
    ],
)
def test_where_a_refresh_cannot_be_the_buttons_give_way_to_the_reason(
    settings_now, onefile_id, reason, page, learner, clerk, browser
):
    LearnerFactory(onefile_id=777)
    OneFileSettings.objects.update(**{"enabled": True, **settings_now})
    Learner.objects.filter(pk=learner.pk).update(onefile_id=onefile_id)
    text = page()
    assert reason in text
    assert "onefile-tool" not in text
    assert "Save and" not in text.replace("Save and continue editing", "").replace("Save and add another", "")
    for name in ("refresh", "preview"):
        client = browser(clerk)
        answer = client.post(reverse(f"admin:picsweb_learner_onefile_{name}", args=[learner.pk]))
        assert answer["Location"] == reverse("admin:picsweb_learner_change", args=[learner.pk])
        assert f'<li class="error">{reason}' in words(client.get(answer["Location"]))
    assert not SyncRun.objects.exists()


def test_the_panel_says_last_synchronised_the_outcome_and_what_runs_now(page, learner):
    done = a_run((learner, "attention")).outcomes.get()
    under_way = a_run((learner, "working"), state="running")
    text = page()
    assert "Last synchronised" in text
    here = f"next=%2Fadmin%2Fpicsweb%2Flearner%2F{learner.pk}%2Fchange%2F"
    assert f'<a href="{reverse("onefile_sync:outcome", args=[done.pk])}?{here}">Needs attention</a>' in text
    assert f'<strong>Under way now:</strong> <a href="{under_way.get_absolute_url()}?{here}">' in text


def test_a_run_that_the_user_may_not_open_is_shown_without_a_link(page, learner):
    daily = a_run(
        (learner, "queued"), (LearnerFactory(onefile_id=9), "queued"), kind="daily", state="running"
    )
    text = page()
    assert "Under way now:" in text
    assert daily.get_absolute_url() not in text


def test_refresh_and_preview_queue_a_run_and_lead_to_it(learner, clerk, browser):
    for name in ("refresh", "preview"):
        answer = browser(clerk).post(reverse(f"admin:picsweb_learner_onefile_{name}", args=[learner.pk]))
        run = SyncRun.objects.get(kind=name)
        assert answer["Location"].partition("?")[0] == run.get_absolute_url()
        assert run.requested_by == clerk


def test_a_learner_whom_this_admin_hides_is_not_refreshed(learner, clerk, browser, monkeypatch):
    learner_admin = admin.site._registry[Learner]
    monkeypatch.setattr(learner_admin, "has_view_permission", lambda request, obj=None: False)
    monkeypatch.setattr(learner_admin, "has_change_permission", lambda request, obj=None: False)
    answer = browser(clerk).post(reverse("admin:picsweb_learner_onefile_refresh", args=[learner.pk]))
    assert answer.status_code == 404


def test_the_page_for_a_new_learner_is_the_hosts_own(admin_user, browser):
    text = words(browser(admin_user).get(reverse("admin:picsweb_learner_add")))
    assert "onefile-panel" not in text
    assert "onefile-tool" not in text


class TestUnsavedEdits:
    """Refresh and Preview use the saved values, and staff are warned before they lose unsaved input."""

    @pytest.fixture
    def editor(self, staff, browser):
        """May change the learner, but none of the rows below: so the form is short."""
        return browser(staff("refresh_learner", "preview_learner", "change_learner"))

    def _post(self, client, learner, button, **typed):
        form = {
            "ident": learner.ident, "onefile_id": learner.onefile_id, "first_name": "Moira", "surname": "Byrne",
            "status": "live", "start_date": "01/09/2025", **typed, button: "yes",
        }  # fmt: skip
        return client.post(reverse("admin:picsweb_learner_change", args=[learner.pk]), form)

    @pytest.mark.parametrize(
        ("button", "kind"), [("_onefile_refresh", "refresh"), ("_onefile_preview", "preview")]
    )
    def test_what_is_typed_is_saved_first(self, button, kind, editor, learner):
        answer = self._post(editor, learner, button)
        run = SyncRun.objects.get()
        assert (run.kind, answer["Location"].partition("?")[0]) == (kind, run.get_absolute_url())
        learner.refresh_from_db()
        assert learner.first_name == "Moira"
        assert "was changed successfully" in words(editor.get(answer["Location"]))

    def test_what_cannot_be_saved_is_not_refreshed_either(self, editor, learner):
        answer = self._post(editor, learner, "_onefile_refresh", surname="")
        assert answer.status_code == 200
        assert "Please correct the error below." in words(answer)
        assert 'value="Moira"' in words(answer)
        assert not SyncRun.objects.exists()

    def test_a_refusal_is_shown_and_the_input_is_saved(self, editor, learner):
        answer = self._post(editor, learner, "_onefile_refresh", onefile_id="")
        learner.refresh_from_db()
        assert (learner.first_name, learner.onefile_id) == ("Moira", None)
        text = words(editor.get(answer["Location"]))
        assert "was changed successfully" in text
        assert "The learner has no OneFile ID." in text
        assert not SyncRun.objects.exists()

    @pytest.mark.parametrize(("button", "other"), [("refresh", "preview"), ("preview", "refresh")])
    def test_without_the_permission_nothing_is_saved_and_nothing_begins(
        self, button, other, staff, browser, learner
    ):
        client = browser(staff(f"{other}_learner", "change_learner"))
        assert self._post(client, learner, f"_onefile_{button}").status_code == 403
        learner.refresh_from_db()
        assert learner.first_name != "Moira"
        assert not SyncRun.objects.exists()

    def test_without_permission_to_change_there_is_nothing_to_save(self, staff, browser, learner):
        client = browser(staff("refresh_learner", "preview_learner"))
        text = words(client.get(reverse("admin:picsweb_learner_change", args=[learner.pk])))
        assert '<li class="onefile-tool"><button type="submit" form="onefile-refresh">' in text
        for absent in ("_onefile_refresh", "data-onefile-unsaved", "unsaved.js"):
            assert absent not in text
        assert self._post(client, learner, "_onefile_refresh").status_code == 403
        assert not SyncRun.objects.exists()

    def test_those_who_can_edit_meet_the_buttons_that_save_nothing_only_with_their_warning(self, page):
        """The warning script shows them."""
        text = page()
        assert (
            '<li class="onefile-tool" data-onefile-tool hidden><button type="submit" form="onefile-refresh">'
            in text
        )
        assert (
            'data-onefile-edits="learner_form" data-onefile-unsaved="What you have typed on this page' in text
        )
        assert '<script src="/static/onefile_sync/unsaved.js" defer></script>' in text
        for name, label in (("refresh", "Save and refresh"), ("preview", "Save and preview")):
            assert f'name="_onefile_{name}" value="yes" form="learner_form">{label}</button>' in text

    def test_enter_saves_and_does_nothing_else(self, page):
        """Pressing Enter submits a form with its first button."""
        text = page()
        assert text.index('name="_save"') < text.index('form="learner_form"')


class TestOtherExtensions:
    """Our template extends the one that the page would have used, regardless of who chose that."""

    @pytest.fixture(autouse=True)
    def picsweb_template(self, settings, tmp_path):
        own = tmp_path / "picsweb_change_form.html"
        own.write_text(
            '{% extends "admin/change_form.html" %}{% block object-tools-items %}{{ block.super }}'
            '<li><a href="#">Print learner</a></li>{% endblock %}{% block form_top %}Ask before you edit.{% endblock %}'
        )
        templates = [{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]
        settings.TEMPLATES = templates

    def _page(self, model_admin, learner, admin_user, rf, **extra):
        request = rf.get("/")
        request.user = admin_user
        return words(model_admin.change_view(request, str(learner.pk), **extra).render())

    def test_a_template_set_on_the_hosts_admin(self, learner, admin_user, rf):
        class LearnerAdmin(OneFileLearnerAdminMixin, admin.ModelAdmin):
            change_form_template = "picsweb_change_form.html"

        text = self._page(LearnerAdmin(Learner, admin.site), learner, admin_user, rf)
        for part in (
            "Print learner",
            "Ask before you edit.",
            "Not synchronised yet.",
            _button("refresh", learner),
        ):
            assert part in text

    def test_a_mixin_that_sets_the_template_when_the_admin_is_made(self, learner, admin_user, rf):
        class Printing:
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.change_form_template = "picsweb_change_form.html"

        for bases in ((Printing, OneFileLearnerAdminMixin), (OneFileLearnerAdminMixin, Printing)):
            made = type("LearnerAdmin", (*bases, admin.ModelAdmin), {})(Learner, admin.site)
            text = self._page(made, learner, admin_user, rf)
            assert "Print learner" in text
            assert _button("refresh", learner) in text

    def test_an_extension_that_answers_with_a_page_of_its_own(self, learner, admin_user, rf):
        from django.http import HttpResponse

        class Own:
            def render_change_form(self, request, context, *args, **kwargs):
                return HttpResponse("its own page")

        made = type("LearnerAdmin", (OneFileLearnerAdminMixin, Own, admin.ModelAdmin), {})(
            Learner, admin.site
        )
        request = rf.get("/")
        request.user = admin_user
        assert made.change_view(request, str(learner.pk)).content == b"its own page"

    def test_the_hosts_own_actions_stay_and_none_stays_none(self, admin_user, rf):
        def print_selected(model_admin, request, queryset):
            """Print the selected learners."""

        for actions, expected in (
            ([print_selected], {"print_selected", "refresh_with_onefile"}),
            (None, set()),
        ):
            made = type("LearnerAdmin", (OneFileLearnerAdminMixin, admin.ModelAdmin), {"actions": actions})(
                Learner, admin.site
            )
            request = rf.get("/")
            request.user = admin_user
            assert set(made.get_actions(request)) - {"delete_selected"} == expected


class TestAction:
    """Refresh selected learners with OneFile."""

    @pytest.fixture
    def client(self, browser, clerk):
        return browser(clerk)

    def _choose(self, client, *learners, **more):
        return client.post(
            CHANGELIST,
            {"action": "refresh_with_onefile", "_selected_action": [each.pk for each in learners], **more},
        )

    def test_it_is_offered_only_with_the_permission(self, client, staff, browser, learner):
        assert "Refresh selected learners with OneFile" in words(client.get(CHANGELIST))
        other = browser(staff("change_learner"))
        assert "Refresh selected learners with OneFile" not in words(other.get(CHANGELIST))
        self._choose(other, learner, onefile_confirmed="yes")
        assert not SyncRun.objects.exists()

    def test_confirmation_counts_who_will_be_refreshed_who_will_not_and_why(self, client, learner):
        unlinked = [LearnerFactory(surname=f"Unlinked {n}") for n in range(2)]
        shared = [LearnerFactory(surname=f"Shared {n}", onefile_id=88) for n in range(2)]
        text = words(self._choose(client, learner, *unlinked, *shared))
        assert "1 learner will be refreshed" in text
        assert "&lt;b&gt;Máire O&#x27;Brien&lt;/b&gt;" in text
        assert "4 learners will not be refreshed" in text
        assert "or enter the OneFile ID on the learner&#x27;s record. (2)" in text
        assert (
            "Another learner, perhaps an archived one, has the same OneFile ID. "
            "Correct the OneFile ID of one of them, then refresh again. (2)" in text
        )
        assert "Unlinked 1" in text
        told = [
            text.index(part)
            for part in (
                "learner will be refreshed",
                "Each of them",
                "&lt;b&gt;Máire",
                "will not be refreshed",
            )
        ]
        assert told == sorted(told), "the explanation belongs to the learners who will be refreshed"
        assert not SyncRun.objects.exists()

    def test_names_are_listed_up_to_a_limit(self, client):
        many = [LearnerFactory(onefile_id=1000 + n) for n in range(23)]
        text = words(self._choose(client, *many))
        assert "23 learners will be refreshed" in text
        assert "and 3 more" in text

    def test_confirmation_says_that_the_safety_stop_guards_many(self, client):
        learners = [LearnerFactory(onefile_id=700 + number) for number in range(3)]
        guarded = "The safety stop applies to this refresh as it does to the daily sync."
        OneFileSettings.objects.update(safety_stop_learners=3)
        assert guarded in words(self._choose(client, *learners))
        assert guarded not in words(self._choose(client, *learners[:2]))
        OneFileSettings.objects.update(safety_stop_percent=100)
        assert guarded not in words(self._choose(client, *learners))

    def test_confirming_queues_one_run_of_those_who_can_be_refreshed(self, client, clerk, learner):
        other, unlinked = LearnerFactory(onefile_id=502), LearnerFactory()
        answer = self._choose(client, learner, other, unlinked, onefile_confirmed="yes")
        run = SyncRun.objects.get()
        assert answer["Location"] == run.get_absolute_url()
        assert {each.learner for each in run.outcomes.all()} == {learner, other}
        assert run.requested_by == clerk

    def test_all_of_thousands_travel_as_all_and_not_as_ids(self, client):
        everyone = [LearnerFactory(onefile_id=1000 + n) for n in range(120)]
        ticked = {"_selected_action": [each.pk for each in everyone[:100]], "index": "0"}
        text = words(
            client.post(CHANGELIST, {"action": "refresh_with_onefile", "select_across": "1", **ticked})
        )
        assert "120 learners will be refreshed" in text
        assert text.count('name="_selected_action"') == 1
        assert '<input type="hidden" name="select_across" value="1">' in text
        confirmed = client.post(
            CHANGELIST,
            {
                "action": "refresh_with_onefile",
                "select_across": "1",
                "_selected_action": everyone[0].pk,
                "onefile_confirmed": "yes",
            },
        )
        assert confirmed["Location"] == SyncRun.objects.get().get_absolute_url()
        assert LearnerOutcome.objects.count() == 120

    def test_the_filter_of_the_list_holds_for_all(self, client, learner):
        LearnerFactory(onefile_id=502, status="dormant")
        client.post(
            f"{CHANGELIST}?status__exact=dormant",
            {
                "action": "refresh_with_onefile",
                "select_across": "1",
                "_selected_action": learner.pk,
                "onefile_confirmed": "yes",
            },
        )
        assert [each.onefile_id for each in LearnerOutcome.objects.all()] == [502]

    def test_if_no_learner_can_be_refreshed_there_is_nothing_to_confirm(self, client):
        unlinked = LearnerFactory()
        text = words(self._choose(client, unlinked))
        assert "0 learners will be refreshed" in text
        assert "Back to the list" in text
        assert "onefile_confirmed" not in text
        answer = self._choose(client, unlinked, onefile_confirmed="yes")
        assert [str(each) for each in get_messages(answer.wsgi_request)] == [
            "None of the selected learners can be refreshed."
        ]

    def test_a_refusal_at_the_last_moment_is_shown(self, client, learner, monkeypatch):
        """Between the check and the queueing, someone else started the only accepted learner."""
        from onefile_sync import services
        from onefile_sync.models import RunKind

        real = services.partition

        def sorted_then_switched_off(learners):
            selection = real(learners)
            OneFileSettings.objects.update(enabled=False)
            return selection

        monkeypatch.setattr(services, "partition", sorted_then_switched_off)
        answer = self._choose(client, learner, onefile_confirmed="yes")
        assert answer["Location"] == CHANGELIST
        assert "Not refreshed: The OneFile integration is switched off" in words(client.get(CHANGELIST))
        assert not SyncRun.objects.filter(kind=RunKind.REFRESH).exists()


def test_deleting_a_learner_takes_along_what_was_recorded_without_asking_for_more(learner, staff, browser):
    """Although the ledger is read-only, users who may delete learners can still delete one with outcomes."""
    run = a_run((learner, "updated"))
    a_change(run.outcomes.get())
    client = browser(staff("delete_learner", "delete_qualification", "delete_review", "delete_placement"))
    answer = client.post(reverse("admin:picsweb_learner_delete", args=[learner.pk]), {"post": "yes"})
    assert answer.status_code == 302
    assert not Learner.objects.filter(pk=learner.pk).exists()
    assert not LearnerOutcome.objects.exists()
