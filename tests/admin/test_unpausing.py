"""Unticking Paused queues the work that has been waiting."""

import pytest
from django.urls import reverse
from django_q.models import OrmQ

from onefile_sync import services
from onefile_sync.models import OneFileSettings
from tests.factories import PICSWEB

FORM = {
    "enabled": "on",
    "environment": "sandbox",
    "visit_type": "not_specified",
    "upload_reviews": "on",
    "safety_stop_percent": "20",
    "match_by": "automatic",
    "create_missing": "shown",
    "send_mis_value": "on",
    "bulk_limit": "50",
    "safety_stop_learners": "25",
}


@pytest.mark.django_db
@pytest.mark.parametrize(("form", "tasks"), [(FORM, 1), ({**FORM, "paused": "on"}, 0)])
def test_the_runs_that_wait_are_handed_to_the_workers(
    admin_client, django_capture_on_commit_callbacks, form, tasks
):
    row = OneFileSettings(enabled=True, paused=False)
    row.set_customer_token("a token")
    row.save()
    services.refresh([PICSWEB.learner()])
    OneFileSettings.objects.update(paused=True)

    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(reverse("admin:onefile_sync_onefilesettings_change", args=[1]), form)

    assert answer.status_code == 302
    assert OrmQ.objects.count() == tasks
