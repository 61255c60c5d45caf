"""Who may request a refresh, follow a run and read a learner's status."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from rest_framework.authentication import BasicAuthentication
from rest_framework.test import APIClient
from rest_framework.views import APIView

from onefile_sync.models import SyncRun

from .callers import (
    REFRESH,
    VIEW_RUNS,
    absent_learner,
    clerk,
    member_of_staff,
    outcomes_url,
    refresh_url,
    run_url,
    signed_in,
    status_url,
    view_learner,
)

pytestmark = pytest.mark.matrix

CALLERS = ("anonymous", "without permission", "with just the permission", "superuser")

#: The answer to each of the callers above. A method that is not offered is 405 once the caller is signed in.
ANSWERS = {
    ("refresh", "get"): (403, 405, 405, 405),
    ("refresh", "post"): (403, 403, 202, 202),
    ("status", "get"): (403, 403, 200, 200),
    ("status", "post"): (403, 405, 405, 405),
    ("run", "get"): (403, 403, 200, 200),
    ("run", "post"): (403, 405, 405, 405),
    ("outcomes", "get"): (403, 403, 200, 200),
    ("outcomes", "post"): (403, 405, 405, 405),
}


def permissions_for(endpoint, host):
    return {
        "refresh": (REFRESH, view_learner(host)),
        "status": (VIEW_RUNS, view_learner(host)),
        "run": (VIEW_RUNS,),
        "outcomes": (VIEW_RUNS,),
    }[endpoint]


def client_of(who, endpoint, host):
    if who == "anonymous":
        return APIClient()
    if who == "without permission":
        return signed_in(member_of_staff())
    if who == "with just the permission":
        return signed_in(member_of_staff(*permissions_for(endpoint, host)))
    return signed_in(User.objects.create_superuser("head-of-mis"))


def address_of(endpoint, host):
    if endpoint in ("refresh", "status"):
        return {"refresh": refresh_url, "status": status_url}[endpoint](host.learner())
    return {"run": run_url, "outcomes": outcomes_url}[endpoint](SyncRun.objects.create(kind="daily"))


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize(("endpoint", "method"), ANSWERS)
def test_each_caller_is_answered_as_the_table_says(host, endpoint, method, who):
    answer = getattr(client_of(who, endpoint, host), method)(address_of(endpoint, host))
    assert answer.status_code == ANSWERS[endpoint, method][CALLERS.index(who)]


@pytest.mark.parametrize("who", CALLERS)
def test_a_run_is_queued_only_for_accepted_callers(host, who):
    answer = client_of(who, "refresh", host).post(address_of("refresh", host))
    assert SyncRun.objects.count() == (1 if answer.status_code == 202 else 0)


def test_refreshing_needs_both_permissions(host):
    """A refresh requires two permissions: to refresh learners, and to view the learner in PICSWeb."""
    learner = host.learner()
    assert signed_in(member_of_staff(REFRESH)).post(refresh_url(learner)).status_code == 404
    assert signed_in(member_of_staff(view_learner(host))).post(refresh_url(learner)).status_code == 403


def test_a_refusal_says_what_the_caller_may_not_do(host):
    answer = signed_in(member_of_staff(view_learner(host))).post(refresh_url(host.learner()))
    assert answer.json()["detail"] == "You may not refresh this learner with OneFile."


def test_the_host_decides_how_callers_authenticate(host, monkeypatch):
    """With basic authentication as the host's default, an anonymous caller is asked for credentials."""
    monkeypatch.setattr(APIView, "authentication_classes", [BasicAuthentication])
    answer = APIClient().post(refresh_url(host.learner()))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_post_by_session_needs_the_csrf_token(host):
    learner = host.learner()
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(member_of_staff(REFRESH, view_learner(host)))

    refused = client.post(refresh_url(learner))
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]
    assert not SyncRun.objects.exists()

    client.cookies["csrftoken"] = "c" * 32
    assert client.post(refresh_url(learner), headers={"X-CSRFToken": "c" * 32}).status_code == 202


class OwnLearnersOnly:
    """A host's backend: a tutor holds every permission for the one learner whose key is their surname."""

    def authenticate(self, _request):
        return None

    def has_perm(self, user, _permission, learner=None):
        return learner is not None and str(learner.pk) == user.last_name


class TestPermissionForOneLearner:
    @pytest.fixture(autouse=True)
    def backends(self, settings):
        settings.AUTHENTICATION_BACKENDS = [
            "django.contrib.auth.backends.ModelBackend",
            "tests.rest.test_permissions.OwnLearnersOnly",
        ]

    def tutor_of(self, learner):
        tutor = member_of_staff()
        tutor.last_name = str(learner.pk)
        tutor.save()
        return signed_in(tutor)

    def test_a_tutor_refreshes_and_follows_their_own_learner_and_no_other(self, host):
        own, another = host.learner(onefile_id=501), host.learner(onefile_id=502)
        tutor = self.tutor_of(own)

        accepted = tutor.post(refresh_url(own))
        assert accepted.status_code == 202
        assert tutor.get(accepted.json()["url"]).status_code == 200
        assert tutor.get(status_url(own)).json()["may_refresh"] is True

        assert tutor.post(refresh_url(another)).status_code == 403
        assert tutor.get(status_url(another)).status_code == 403

    def test_a_tutor_does_not_find_out_by_trial_which_learners_there_are(self, host):
        own, another = host.learner(onefile_id=501), host.learner(onefile_id=502)
        tutor = self.tutor_of(own)
        answers = [tutor.get(status_url(each)) for each in (another, absent_learner(host))]
        assert [answer.status_code for answer in answers] == [403, 403]


class TestReadingARun:
    def test_the_requester_may_read_it_while_they_may_refresh(self, host):
        asker = member_of_staff(REFRESH, view_learner(host))
        url = signed_in(asker).post(refresh_url(host.learner())).json()["url"]
        pages = [url, f"{url}outcomes/"]
        assert [signed_in(asker).get(page).status_code for page in pages] == [200, 200]

        asker.user_permissions.clear()
        assert [signed_in(asker).get(page).status_code for page in pages] == [403, 403]

    def test_a_colleague_who_asks_while_it_is_open_is_led_to_a_run_they_may_read(self, host):
        learner = host.learner()
        first = clerk(host).post(refresh_url(learner)).json()["url"]
        colleague = clerk(host)
        second = colleague.post(refresh_url(learner)).json()["url"]
        assert second == first
        assert colleague.get(second).status_code == 200

    def test_being_allowed_to_refresh_learners_does_not_open_the_daily_run(self, host):
        daily = SyncRun.objects.create(kind="daily")
        for url in (run_url(daily), outcomes_url(daily)):
            assert clerk(host).get(url).status_code == 404
