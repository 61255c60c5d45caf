"""Looking for a learner in OneFile before anything is created."""

from __future__ import annotations

import pytest

from onefile_sync import services
from onefile_sync.enrolment.plan import PartyStatus
from onefile_sync.models import OutcomeState
from onefile_sync.sandbox.server import SandboxServer

from .conftest import NewLearner, perform

pytestmark = [
    pytest.mark.parametrize("host", ["picsweb"], indirect=True),
    pytest.mark.usefixtures("defaults_chosen"),
]


def test_the_window_shows_what_would_be_created(onefile: SandboxServer, new_learner: NewLearner) -> None:
    learner = new_learner()

    run = perform(services.enrol_check([learner], queued=False))
    window = services.enrolment.enrolment_window(learner)

    assert run.outcomes.get().state == OutcomeState.UNCHANGED, list(run.outcomes.get().problems.all())
    assert window.run is None
    assert window.plan is not None
    assert window.plan.can_create
    assert window.plan.main_officer is not None
    assert window.plan.main_officer.status is PartyStatus.TO_CREATE
    assert window.plan.matches == ()
