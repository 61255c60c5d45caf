"""A learner of PICSWeb is created in OneFile, and then in step as every other learner."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest

from example_project.picsweb.models import Learner, Officer, Organisation, Review
from onefile_sync import services
from onefile_sync.linking import directory
from onefile_sync.models import (
    Change,
    CreateIntent,
    LinkMethod,
    OutcomeState,
    RecordLink,
    RunKind,
    SyncRun,
)
from onefile_sync.sandbox.entities import SandboxUser
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.enrolment.conftest import NEEDED, NewLearner, add_qualification, perform

pytestmark = [
    pytest.mark.parametrize("host", ["picsweb"], indirect=True),
    pytest.mark.usefixtures("defaults_chosen"),
]


def looked_up(learner: Learner, **choices: Any) -> services.EnrolmentChoices:
    perform(services.enrol_check([learner], queued=False))
    return services.EnrolmentChoices(**choices)


def create(learner: Learner, **choices: Any) -> SyncRun:
    """Look for the learner in OneFile, and confirm what the window shows."""
    chosen = looked_up(learner, **choices)
    plan = services.enrolment.enrolment_window(learner, chosen).plan
    assert plan is not None
    run = perform(services.enrol(learner, chosen, plan.shown, queued=False))
    learner.refresh_from_db()
    return run


def learners_in(world: World) -> list[SandboxUser]:
    return [user for user in world.users.values() if user.role == 1]


def problems(run: SyncRun) -> list[str]:
    return [problem.code for outcome in run.outcomes.all() for problem in outcome.problems.order_by("pk")]


def test_a_learner_is_created_with_everything_and_linked(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    world.add_standard(title="Welding", code="196AS", organisation_ids=[world.centre_id])
    learner = new_learner()
    qualification = add_qualification(learner, "196AS", start_date=date(2026, 9, 7))
    perform(directory.start_reading(NEEDED, queued=False))

    run = create(learner)

    (made,) = learners_in(world)
    assert problems(run) == []
    assert run.kind == RunKind.ENROL
    assert run.outcomes.get().state == OutcomeState.UPDATED
    assert (learner.onefile_id, learner.onefile_centre_id) == (made.id, world.centre_id)
    assert (made.first_name, made.last_name, made.email) == ("Ann", "Bell", learner.email)
    assert (made.uln, made.misid) == (learner.uln, learner.ident)
    (aim,) = world.aims_of(made.id)
    qualification.refresh_from_db()
    assert qualification.onefile_id == aim.id
    officer, employer = Officer.objects.get(), Organisation.objects.get()
    assert world.users[officer.onefile_id].role == 5
    assert made.default_assessor_id == officer.onefile_id
    assert made.placement_id == employer.onefile_id
    assert not CreateIntent.objects.filter(finished_at=None).exists()
    link = RecordLink.objects.get(subject_kind="learner")
    assert link.how == LinkMethod.CREATED


def test_its_planned_reviews_go_up_in_the_same_run(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    learner = new_learner()
    review = Review.objects.create(
        learner=learner, proposed_date=date(2026, 12, 1), proposed_time=time(10), officer=learner.main_officer
    )

    run = create(learner)

    review.refresh_from_db()
    assert problems(run) == []
    assert review.onefile_id in {each.id for each in world.reviews_of(learner.onefile_id)}


def test_a_second_run_creates_nothing(onefile: SandboxServer, world: World, new_learner: NewLearner) -> None:
    learner = new_learner()
    create(learner)
    users, intents = len(world.users), CreateIntent.objects.count()

    again = perform(services.refresh([learner]))

    assert problems(again) == []
    assert again.outcomes.get().state == OutcomeState.UNCHANGED
    assert (len(world.users), CreateIntent.objects.count()) == (users, intents)


def test_a_learner_who_was_changed_after_the_look_is_not_created(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    learner = new_learner()
    plan = services.enrolment.enrolment_window(learner, looked_up(learner)).plan
    assert plan is not None
    run = services.enrol(learner, services.EnrolmentChoices(), plan.shown, queued=False)
    Learner.objects.filter(pk=learner.pk).update(email="other@home.example")

    perform(run)

    assert problems(run) == ["preview_outdated"]
    assert learners_in(world) == []


def test_what_the_person_saw_must_be_what_is_confirmed(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    learner = new_learner()
    plan = services.enrolment.enrolment_window(learner, looked_up(learner)).plan
    assert plan is not None
    Learner.objects.filter(pk=learner.pk).update(surname="Ball")

    with pytest.raises(services.Refused) as refused:
        services.enrol(learner, services.EnrolmentChoices(), plan.shown, queued=False)

    assert refused.value.code == "look_again"
    assert learners_in(world) == []


def test_who_may_be_in_onefile_already_is_not_created(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    learner = new_learner()
    twin = world.add_learner(first_name="Ann", last_name="Bell", uln=learner.uln, dob=learner.date_of_birth)
    choices = looked_up(learner)
    window = services.enrolment.enrolment_window(learner, choices)
    assert window.plan is not None
    assert [each.person.id for each in window.plan.matches] == [twin.id]

    with pytest.raises(services.Refused) as refused:
        services.enrol(learner, choices, window.plan.shown, queued=False)
    run = create(learner, different_person=True)

    assert refused.value.code == "answer_first"
    assert problems(run) == []
    assert len(learners_in(world)) == 2


def test_qualifications_are_added_for_a_linked_learner(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    world.add_standard(title="Welding", code="196AS", organisation_ids=[world.centre_id])
    perform(directory.start_reading(NEEDED, queued=False))
    learner = new_learner()
    create(learner)
    qualification = add_qualification(learner, "196AS")

    run = create(learner)

    qualification.refresh_from_db()
    assert problems(run) == []
    assert [aim.id for aim in world.aims_of(learner.onefile_id)] == [qualification.onefile_id]
    assert len(learners_in(world)) == 1


def test_several_ready_learners_are_created_together(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    first = new_learner("N0001", uln="")
    create(first)
    ready, nameless = (
        new_learner("N0002", first_name="Bea", uln="", ni_number=""),
        new_learner("N0003", first_name="Cy", surname="Dale", email="", uln="", ni_number=""),
    )
    check = perform(services.enrol_check([first, ready, nameless], queued=False))

    found = services.enrolment.enrolment_readiness(check)
    run = perform(services.enrolment.enrol_ready(check, queued=False))

    assert [each.learner_pk for each in found.ready] == [str(ready.pk)]
    assert [each.learner_pk for each in found.cannot] == [str(nameless.pk)]
    assert problems(run) == []
    ready.refresh_from_db()
    assert ready.onefile_id is not None
    assert len(learners_in(world)) == 2


def test_the_ledger_says_what_was_sent_and_what_it_became(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    learner = new_learner()

    run = create(learner)

    made = Change.objects.filter(outcome__run=run, side="onefile", subject_kind="learner", made=True)
    told = dict(made.values_list("field", "new"))
    assert told["last_name"] == "Bell"
    assert told["date_of_birth"] == "04/03/2005"
    assert set(made.values_list("subject_onefile_id", flat=True)) == {learner.onefile_id}
    linked = Change.objects.get(outcome__run=run, side="picsweb", subject_kind="learner", field="onefile_id")
    assert linked.new == str(learner.onefile_id)
    assert {services.rule_text(rule) for rule in made.values_list("rule", flat=True)}.isdisjoint(
        made.values_list("rule", flat=True)
    )


def test_a_class_that_was_deleted_meanwhile_is_noticed_and_said(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    learner = new_learner()
    choices = looked_up(learner)
    plan = services.enrolment.enrolment_window(learner, choices).plan
    assert plan is not None
    run = services.enrol(learner, choices, plan.shown, queued=False)
    world.classrooms.clear()

    perform(run)
    perform(services.enrol_check([learner], queued=False))
    looked_again = services.enrolment.enrolment_window(learner, choices).plan

    assert "preview_outdated" in problems(run)
    assert learners_in(world) == []
    assert looked_again is not None
    assert [each.code for each in looked_again.refusals] == ["no_class"]


def test_the_night_links_what_an_interrupted_creation_has_made_and_creates_nothing(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    learner = new_learner()

    def say_nothing_and_go_away(_answer: Any) -> dict[str, Any]:
        onefile.faults.append(Fault(operation="*", kind="status", status=503, times=100))
        return {}

    onefile.faults.append(
        Fault(operation="User/create", kind="edited", when="after", edit=say_nothing_and_go_away)
    )
    create(learner)
    onefile.faults.clear()
    assert Officer.objects.get().onefile_id is None
    assert learner.onefile_id is None

    looked = services.enrolment.look_for_creates(queued=False)

    assert looked is not None
    users = len(world.users)
    perform(looked)
    learner.refresh_from_db()
    assert Officer.objects.get().onefile_id in world.users
    assert learner.onefile_id is None
    assert len(world.users) == users == 1
    assert services.enrolment.look_for_creates(queued=False) is None


def test_without_a_create_in_doubt_the_night_opens_no_run(new_learner: NewLearner) -> None:
    create(new_learner())

    assert services.enrolment.look_for_creates(queued=False) is None


def test_every_change_is_made_by_a_rule_that_can_be_read(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    world.add_standard(title="Welding", code="196AS", organisation_ids=[world.centre_id])
    perform(directory.start_reading(NEEDED, queued=False))
    learner = new_learner()
    add_qualification(learner, "196AS", start_date=date(2026, 9, 7))

    run = create(learner)

    rules = set(Change.objects.filter(outcome__run=run).values_list("rule", flat=True))
    assert {rule for rule in rules if services.rule_text(rule) == rule} == set()


def test_a_learner_who_was_deleted_before_the_run_is_left_out(
    onefile: SandboxServer, world: World, new_learner: NewLearner
) -> None:
    learner = new_learner()
    choices = looked_up(learner)
    plan = services.enrolment.enrolment_window(learner, choices).plan
    assert plan is not None
    run = services.enrol(learner, choices, plan.shown, queued=False)
    learner.delete()

    perform(run)

    assert not run.outcomes.exists()  # what is recorded of a learner goes with the learner
    assert world.users == {}
