"""Requesting a learner's refresh."""

from __future__ import annotations

import pytest
from django_q.models import OrmQ
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from onefile_sync.models import RunKind, SyncRun

from .callers import (
    REFRESH,
    absent_learner,
    clerk,
    member_of_staff,
    refresh_url,
    signed_in,
    view_learner,
)

pytestmark = pytest.mark.matrix


def test_asking_queues_a_refresh_and_says_where_to_follow_it(host, django_capture_on_commit_callbacks):
    asker = member_of_staff(REFRESH, view_learner(host))
    learner = host.learner()
    with django_capture_on_commit_callbacks(execute=True):
        answer = signed_in(asker).post(refresh_url(learner))

    run = SyncRun.objects.get()
    assert (run.kind, run.requested_by) == (RunKind.REFRESH, asker)
    assert [outcome.learner for outcome in run.outcomes.all()] == [learner]
    assert OrmQ.objects.get().task["args"] == (str(run.pk),)

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"http://testserver/api/onefile/runs/{run.pk}/"
    assert answer.headers["Retry-After"] == "2"
    assert answer.json()["id"] == str(run.pk)
    assert answer.json()["state"] == "queued"


def test_the_run_is_found_where_the_answer_says_and_is_the_one_in_the_answer(host):
    asker = clerk(host)
    asked = asker.post(refresh_url(host.learner()))
    assert asker.get(asked.headers["Location"]).json() == asked.json()


def test_asking_again_while_the_refresh_is_open_leads_to_the_same_run(
    host, django_capture_on_commit_callbacks
):
    asker, learner = clerk(host), host.learner()
    with django_capture_on_commit_callbacks(execute=True):
        first, second = asker.post(refresh_url(learner)), asker.post(refresh_url(learner))
    assert second.status_code == 202
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["Location"] == first.headers["Location"]
    assert SyncRun.objects.get().outcomes.count() == 1
    assert OrmQ.objects.count() == 1


def test_two_learners_have_a_run_each(host):
    asker = clerk(host)
    for onefile_id in (501, 502):
        asker.post(refresh_url(host.learner(onefile_id=onefile_id)))
    assert SyncRun.objects.count() == 2


class TestWhatCannotBeRefreshed:
    def refused(self, host, learner):
        answer = clerk(host).post(refresh_url(learner))
        assert answer.status_code == 409
        assert not SyncRun.objects.exists()
        body = answer.json()
        assert set(body) == {"code", "detail"}
        assert body["detail"]
        return body["code"]

    def test_a_learner_without_a_onefile_id(self, host):
        assert self.refused(host, host.learner(onefile_id=None)) == "no_onefile_id"

    def test_a_learner_who_shares_the_onefile_id_with_another(self, host):
        host.learner(onefile_id=501)
        assert self.refused(host, host.learner(onefile_id=501)) == "learner_duplicate"

    def test_anybody_while_the_integration_is_off(self, host, integration):
        integration.enabled = False
        integration.save()
        assert self.refused(host, host.learner()) == "off"

    def test_anybody_without_a_customer_token(self, host, integration):
        integration.set_customer_token("")
        integration.save()
        assert self.refused(host, host.learner()) == "no_token"

    def test_anybody_while_the_integration_is_paused(self, host, integration):
        integration.paused = True
        integration.save()
        assert self.refused(host, host.learner()) == "paused"

    def test_anybody_while_the_host_is_set_up_wrongly(self, host, settings):
        learner = host.learner()
        settings.ONEFILE_SYNC = {**host.mapping, "REVIEW": {"model": "picsweb.Appraisal"}}
        assert self.refused(host, learner) == "mapping_wrong"


@pytest.mark.parametrize("key", ["absent", "not-a-key", "0", "99999999999999999999999"])
def test_an_unknown_learner_is_not_found(host, key):
    answer = clerk(host).post(refresh_url(absent_learner(host) if key == "absent" else key))
    assert answer.status_code == 404
    assert not SyncRun.objects.exists()


class TestThrottle:
    def test_a_host_that_names_no_rate_does_not_limit(self, host):
        asker, learner = clerk(host), host.learner()
        answers = [asker.post(refresh_url(learner)).status_code for _each in range(10)]
        assert answers == [202] * 10

    def test_the_hosts_rate_limits_each_caller_on_their_own(self, host, settings):
        settings.REST_FRAMEWORK = {
            **settings.REST_FRAMEWORK,
            "DEFAULT_THROTTLE_RATES": {"onefile-refresh": "2/minute"},
        }
        hasty, learner = clerk(host), host.learner()
        answers = [hasty.post(refresh_url(learner)) for _each in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
        assert clerk(host).post(refresh_url(learner)).status_code == 202

    def test_the_hosts_own_throttles_still_count(self, host, monkeypatch):
        class Closed(BaseThrottle):
            def allow_request(self, _request, _view):
                return False

        monkeypatch.setattr(APIView, "throttle_classes", [Closed])
        assert clerk(host).post(refresh_url(host.learner())).status_code == 429
