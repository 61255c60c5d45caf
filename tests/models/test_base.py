"""The learner of one of our rows, also where PICSWeb has no such model any more."""

import pytest
from django.contrib.contenttypes.models import ContentType

from onefile_sync.models import LearnerOutcome
from tests.factories import LearnerFactory

pytestmark = pytest.mark.django_db


def test_is_found_by_model_and_key():
    learner = LearnerFactory()
    kind = ContentType.objects.get_for_model(learner)
    assert LearnerOutcome(learner_type=kind, learner_pk=str(learner.pk)).learner == learner


def test_is_nobody_once_the_model_is_gone():
    kind = ContentType.objects.create(app_label="removed", model="trainee")
    assert LearnerOutcome(learner_type=kind, learner_pk="1").learner is None
