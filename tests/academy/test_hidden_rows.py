"""Rows that the academy hides, as it has archived them: they are known, and left as they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.conf import settings

from onefile_sync import host as picsweb_side
from onefile_sync import services
from onefile_sync.models import LearnerOutcome
from onefile_sync.sandbox.world import World
from tests.conftest import changes, preview, problems, sync

from .conftest import Academy, daily
from .models import Apprentice, Award, Coach, Sitting

pytestmark = pytest.mark.matrix("once")

Once = Callable[[], LearnerOutcome]


def archive(row: Any) -> None:
    type(row)._base_manager.filter(pk=row.pk).update(archived=True)


class TestAHiddenReview:
    def test_is_neither_created_again_nor_changed_and_said_once(
        self, academy: Academy, once: Once, counting: Any
    ) -> None:
        archive(academy.sitting)
        academy.record.started_on = None

        with counting() as written:
            first = once()

        [problem] = first.problems.all()
        assert (problem.code, problem.subject_pk) == ("review_hidden", str(academy.sitting.pk))
        assert problem.subject_onefile_id == academy.record.id
        assert "hidden in PICSWeb" in services.read_out(problem.code, problem.details)[0]
        assert (changes(first), written.to_picsweb) == (set(), 0)
        for _night in range(2):
            outcome = once()
            assert (outcome.state, problems(outcome), changes(outcome)) == ("unchanged", [], set())
        assert Sitting.everything.get().actual_date == academy.sitting.actual_date

    def test_a_preview_leaves_it_to_be_said(self, academy: Academy, once: Once) -> None:
        archive(academy.sitting)

        assert problems(preview(academy.apprentice)) == ["review_hidden"]
        assert problems(once()) == ["review_hidden"]

    def test_that_is_shown_again_is_synchronised_again(self, academy: Academy, once: Once) -> None:
        archive(academy.sitting)
        once()
        Sitting.everything.update(archived=False, attended="no")

        assert changes(once()) == {("picsweb", "attended", "No", "Yes")}

    def test_that_is_not_in_onefile_is_ignored(self, academy: Academy, once: Once, world: World) -> None:
        archive(Sitting.objects.create(apprentice=academy.apprentice, proposed_date=date(2026, 12, 1)))
        archive(academy.sitting)
        del world.reviews[academy.record.id]

        outcome = once()

        assert (outcome.state, problems(outcome)) == ("unchanged", [])
        assert not world.reviews


class TestAHiddenApprentice:
    def test_is_not_synchronised(self, academy: Academy) -> None:
        archive(academy.apprentice)
        academy.aim.registration_number = "NEW"

        run = services.start_daily(new_run=True)

        assert run.outcomes.count() == 0

    def test_with_the_same_onefile_id_is_seen(self, academy: Academy) -> None:
        hidden = Apprentice.objects.create(ident="A0", onefile_id=academy.apprentice.onefile_id)
        archive(hidden)

        refusal = services.refusal_for(academy.apprentice)
        assert refusal is not None
        assert refusal.code == "learner_duplicate"
        assert problems(daily()) == ["learner_duplicate"]
        assert academy.apprentice.onefile_id in picsweb_side.shared_onefile_ids()
        assert "archived" in services.read_out("learner_duplicate", {})[0]


class TestAHiddenQualification:
    def test_is_left_alone(self, academy: Academy, once: Once, counting: Any, world: World) -> None:
        archive(academy.award)
        academy.aim.registration_number = "NEW"

        with counting() as written:
            outcome = once()

        assert (outcome.state, problems(outcome), written.to_picsweb) == ("unchanged", [], 0)
        assert Award.everything.get().registration_number == "AB1"


class TestAHiddenCoach:
    def test_is_still_who_held_the_review(self, academy: Academy, once: Once) -> None:
        archive(academy.coach)
        Sitting.objects.update(officer=None)

        outcome = once()

        assert problems(outcome) == []
        assert Sitting.objects.get().officer_id == academy.coach.pk

    def test_makes_way_for_one_who_is_shown(self, academy: Academy, once: Once) -> None:
        archive(academy.coach)
        successor = Coach.objects.create(name="Gwen Price", onefile_id=academy.coach.onefile_id)

        outcome = once()

        assert problems(outcome) == []
        assert Sitting.objects.get().officer_id == successor.pk

    def test_beside_another_hidden_one_is_ambiguous(self, academy: Academy, once: Once) -> None:
        archive(Coach.objects.create(name="Gwen Price", onefile_id=academy.coach.onefile_id))
        archive(academy.coach)

        assert problems(once()) == ["officer_ambiguous"]


@pytest.mark.skipif(len(settings.DATABASES) > 1, reason="one database's queries are counted")
def test_a_host_that_hides_nothing_pays_for_nothing(
    academy: Academy, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(academy.apprentice)  # content types are known from here on
    [apprentice] = picsweb_side.learners_by_pk([str(academy.apprentice.pk)])
    with django_assert_num_queries(3):
        picsweb_side.read_learner(apprentice)
    monkeypatch.setattr(Sitting._meta, "default_manager_name", "everything")
    monkeypatch.delitem(Sitting._meta.__dict__, "default_manager", raising=False)
    with django_assert_num_queries(2):
        picsweb_side.read_learner(apprentice)
