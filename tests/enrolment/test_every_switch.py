"""A learner is created once and completely, however OneFile settles what its documentation leaves open."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from onefile_sync.linking import directory
from onefile_sync.models import CreateIntent
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .conftest import NEEDED, NewLearner, add_qualification, perform
from .test_learner_run import create, learners_in, problems

pytestmark = [
    pytest.mark.parametrize("host", ["picsweb"], indirect=True),
    pytest.mark.usefixtures("defaults_chosen"),
]

#: The switches of what a creation asks first or gets as an answer; "make test" tries these only.
OF_CREATING = {
    "user_filters",
    "mis_values",
    "user_create_answer",
    "search_lag",
    "same_mis_value",
    "standard_code",
    "items",
}
#: What a person is told, by switch and value. OneFile's MIS Values are off: those of officer, employer and learner.
TOLD = {
    ("mis_values", "dropped"): ["push_not_taken"] * 3,
    ("standard_code", "property"): ["not_in_onefile"],
    ("standard_code", "absent"): ["not_in_onefile"],
}


def cases() -> list[object]:
    return [
        pytest.param(
            replace(changed, rate_limit=0),
            TOLD.get((name, value), []),
            id=f"{name}={value}",
            marks=[] if name in OF_CREATING else [pytest.mark.exhaustive],
        )
        for name, value, changed in Switches.each_alternative()
    ]


@pytest.mark.parametrize(("switches", "told"), cases())
def test_everything_is_created_once(
    onefile: SandboxServer, world: World, new_learner: NewLearner, told: list[str]
) -> None:
    world.add_standard(title="Welding", code="196AS", organisation_ids=[world.centre_id])
    learner = new_learner()
    qualification = add_qualification(learner, "196AS", start_date=date(2026, 9, 7))
    perform(directory.start_reading(NEEDED, queued=False))

    run = create(learner)

    qualification.refresh_from_db()
    has_standard = "not_in_onefile" not in told
    assert problems(run) == told
    assert [each.id for each in learners_in(world)] == [learner.onefile_id]
    assert [each.id for each in world.aims.values()] == [qualification.onefile_id] * has_standard
    assert len(world.placements) == 2  # the centre's default, and the employer
    assert not CreateIntent.objects.filter(finished_at=None).exists()
