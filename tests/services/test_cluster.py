"""The daily sync by django-q2's own worker processes, on both brokers, and what is left of it after a kill."""

from __future__ import annotations

from collections import Counter

import pytest
from django_q.models import Failure, Success

from example_project.picsweb.models import Review
from onefile_sync import services
from onefile_sync.models import OutcomeState, SyncRun, UploadIntent
from onefile_sync.sandbox.faults import Fault

from .conftest import Office, in_scope, is_finished, states

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

DONE = {OutcomeState.UPDATED, OutcomeState.UNCHANGED, OutcomeState.ATTENTION}


def test_everyone_in_scope_has_one_outcome_and_the_next_day_changes_nothing(office: Office) -> None:
    office.deliver_the_schedule()
    cluster = office.start_cluster()
    office.wait(cluster, SyncRun.objects.exists)
    first = SyncRun.objects.get()
    office.wait(cluster, lambda: is_finished(first))

    assert sorted(states(first)) == in_scope()
    assert set(states(first).values()) <= DONE
    assert set(first.outcomes.values_list("attempts", flat=True)) == {1}
    assert all(number > 0 for number in services.totals(first).changes.values())
    counted = sum(times for name, times in office.onefile.calls.items() if name != "Authentication")
    assert services.totals(first).api_calls == counted

    office.let_a_day_pass()
    writes_before = office.onefile.world.writes
    office.deliver_the_schedule()
    office.wait(cluster, lambda: SyncRun.objects.count() == 2)
    second = SyncRun.objects.exclude(pk=first.pk).get()
    office.wait(cluster, lambda: is_finished(second))

    assert sorted(states(second)) == in_scope()
    assert set(states(second).values()) <= {OutcomeState.UNCHANGED, OutcomeState.ATTENTION}
    assert services.totals(second).changes == {"picsweb": 0, "onefile": 0}
    assert office.onefile.world.writes == writes_before
    assert not Failure.objects.exists()


def test_the_schedule_delivered_again_on_the_same_day_does_nothing(office: Office) -> None:
    cluster = office.start_cluster()
    office.deliver_the_schedule()
    office.wait(cluster, SyncRun.objects.exists)
    run = SyncRun.objects.get()
    office.wait(cluster, lambda: is_finished(run))
    calls_before = office.onefile.calls.total()

    office.deliver_the_schedule()
    daily = Success.objects.filter(func="onefile_sync.tasks.daily")
    office.wait(cluster, lambda: daily.count() == 2)

    assert [task.result for task in daily.order_by("started")] == [
        f"queued: {run.pk}",
        f"already done today: {run.pk}",
    ]
    assert SyncRun.objects.count() == 1
    assert office.onefile.calls.total() == calls_before


def test_a_cluster_killed_between_created_and_stored_loses_nothing_and_creates_nothing_twice(
    office: Office,
) -> None:
    world = office.onefile.world
    reviews_before, visits_before = set(world.reviews), set(world.visits)
    unlinked = list(Review.objects.filter(onefile_id=None).values_list("pk", flat=True))
    # From the third on reviews are created in OneFile, and the answers that say so do not arrive.
    office.onefile.faults += [
        Fault(operation="Review/create", kind="delay", when="after", times=2),
        Fault(operation="Review/create", kind="delay", when="after", seconds=600, times=4),
    ]
    office.deliver_the_schedule()
    cluster = office.start_cluster()
    office.wait(cluster, lambda: len(set(world.reviews) - reviews_before) >= 3)
    run = SyncRun.objects.get()
    office.kill(cluster)
    office.onefile.faults.clear()  # with fewer hands under way than answers to hold back
    cut_off = set(run.outcomes.filter(state=OutcomeState.WORKING).values_list("learner_pk", flat=True))
    without_answer = set(
        UploadIntent.objects.filter(finished_at=None, review_id=None).values_list("learner_pk", flat=True)
    )
    assert without_answer
    assert without_answer <= cut_off
    assert {OutcomeState.QUEUED, OutcomeState.ASIDE} & set(states(run).values()), "nobody was left to do"

    office.children.running.remove(cluster)
    office.let_a_day_pass()
    if office.broker == "Redis":
        office.deliver_the_schedule()  # Redis forgot the task; the database hands it out again
    cluster = office.start_cluster()
    office.wait(cluster, lambda: is_finished(run))

    assert sorted(states(run)) == in_scope()
    assert set(states(run).values()) <= DONE
    # The attempts at a learner who was cut off just before being put aside are counted anew once everyone is compared.
    twice = set(run.outcomes.filter(attempts=2).values_list("learner_pk", flat=True))
    assert without_answer <= twice <= cut_off
    assert run.outcomes.filter(attempts=1).count() == len(in_scope()) - len(twice)
    created = set(world.reviews) - reviews_before
    uploaded = Review.objects.filter(pk__in=unlinked, onefile_id__isnull=False)
    assert len(created) > 3
    assert sorted(uploaded.values_list("onefile_id", flat=True)) == sorted(created)
    without_review = len(set(world.visits) - visits_before) - len(created)
    assert 0 <= without_review <= run.outcomes.filter(problems__code="visit_left_over").count()
    linked = Counter(Review.objects.exclude(onefile_id=None).values_list("onefile_id", flat=True))
    assert set(linked.values()) == {1}
    assert not UploadIntent.objects.filter(finished_at=None).exists()
