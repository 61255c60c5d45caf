"""A value that a side keeps in its own way is recorded so, said once, and left until either side changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import post_save, pre_save

from onefile_sync import services
from onefile_sync.models import Difference, LearnerOutcome
from onefile_sync.onefile.client import OneFile
from onefile_sync.sandbox.entities import ABSENT
from onefile_sync.sandbox.world import World
from tests.conftest import changes, preview, problems, sync

from .conftest import SUMMER, Academy, daily
from .models import Award, Sitting

pytestmark = pytest.mark.matrix("once")

Once = Callable[[], LearnerOutcome]


@pytest.fixture
def connected() -> Iterator[Callable[[Any, Any, type[Any]], None]]:
    receivers = []

    def connect(signal: Any, receiver: Any, sender: type[Any]) -> None:
        signal.connect(receiver, sender=sender, weak=False)
        receivers.append((signal, receiver, sender))

    yield connect
    for signal, receiver, sender in receivers:
        signal.disconnect(receiver, sender=sender)


def number_of(academy: Academy) -> str:
    return Award.objects.get(pk=academy.award.pk).registration_number


def assert_left_alone(once: Once, counting: Any) -> None:
    """Nothing is written and nothing is said, however often everybody is compared."""
    for _night in range(2):
        with counting() as written:
            outcome = once()
        assert (outcome.state, problems(outcome), written.to_picsweb) == ("unchanged", [], 0)
        assert changes(outcome) == set()


def test_a_value_that_save_tidies_is_recorded_as_it_is_kept_and_said_once(
    academy: Academy, once: Once, counting: Any
) -> None:
    academy.aim.registration_number = "ab 2x"

    outcome = once()

    assert number_of(academy) == "AB2X"
    assert changes(outcome) == {("picsweb", "registration_number", "AB1", "AB2X")}
    [problem] = outcome.problems.all()
    assert (problem.code, problem.subject_pk) == ("kept_differently", str(academy.award.pk))
    text, _remedy = services.read_out(problem.code, problem.details)
    assert "“AB2X” where OneFile has “ab 2x”" in text
    assert_left_alone(once, counting)


def test_what_tidies_to_what_is_there_already_is_no_change(
    academy: Academy, once: Once, counting: Any
) -> None:
    academy.aim.registration_number = "ab 1"

    outcome = once()

    assert (changes(outcome), problems(outcome)) == (set(), ["kept_differently"])
    assert_left_alone(once, counting)


def test_a_new_value_in_onefile_is_saved_and_reported_again(
    academy: Academy, once: Once, counting: Any
) -> None:
    academy.aim.registration_number = "ab 1"
    once()
    academy.aim.registration_number = "cd 5"

    outcome = once()

    assert changes(outcome) == {("picsweb", "registration_number", "AB1", "CD5")}
    assert problems(outcome) == ["kept_differently"]
    assert_left_alone(once, counting)


def test_a_value_entered_by_a_clerk_is_compared_again(academy: Academy, once: Once, counting: Any) -> None:
    academy.aim.registration_number = "ab 1"
    once()
    Award.objects.filter(pk=academy.award.pk).update(registration_number="TYPED")

    outcome = once()

    assert changes(outcome) == {("picsweb", "registration_number", "TYPED", "AB1")}
    assert_left_alone(once, counting)


def test_space_around_a_text_is_no_difference(academy: Academy, once: Once, counting: Any) -> None:
    academy.aim.registration_number = " AB7 "

    outcome = once()

    assert (number_of(academy), problems(outcome)) == ("AB7", [])
    assert changes(outcome) == {("picsweb", "registration_number", "AB1", "AB7")}
    assert_left_alone(once, counting)


def test_a_preview_promises_nothing_and_remembers_nothing(academy: Academy) -> None:
    academy.aim.registration_number = "ab 2x"

    assert problems(preview(academy.apprentice)) == []
    assert not Difference.objects.exists()
    assert problems(sync(academy.apprentice)) == ["kept_differently"]
    assert changes(preview(academy.apprentice)) == set()


def move_the_officer(instance: Sitting, **_kwargs: Any) -> None:
    instance.officer_id = None


def blank_the_date(instance: Sitting, **_kwargs: Any) -> None:
    Sitting.everything.filter(pk=instance.pk).update(actual_date=None)


def test_a_signal_before_saving(academy: Academy, once: Once, counting: Any, connected: Any) -> None:
    Sitting.objects.update(officer=None)
    connected(pre_save, move_the_officer, Sitting)

    outcome = once()

    assert (changes(outcome), problems(outcome)) == (set(), ["kept_differently"])
    assert_left_alone(once, counting)


def test_a_signal_after_saving(academy: Academy, once: Once, counting: Any, connected: Any) -> None:
    Sitting.objects.update(actual_date=None, attended="no")
    connected(post_save, blank_the_date, Sitting)

    outcome = once()

    assert changes(outcome) == {("picsweb", "attended", "No", "Yes")}
    assert problems(outcome) == ["kept_differently"]
    assert_left_alone(once, counting)


def test_a_signal_that_changes_another_field_back(
    academy: Academy, once: Once, counting: Any, connected: Any
) -> None:
    """Without looking at the whole row, the two fields would take turns for ever."""

    def either_or(instance: Award, **_kwargs: Any) -> None:
        was = Award.everything.filter(pk=instance.pk)
        if instance.elements_done == 8:
            was.update(registration_number="")
        instance.refresh_from_db()
        if instance.registration_number:
            was.update(elements_done=7)

    academy.aim.elements_done = 8
    connected(post_save, either_or, Award)
    once()

    assert_left_alone(once, counting)


def test_a_field_that_cuts_off(
    academy: Academy, once: Once, counting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = Award._meta.get_field("registration_number")
    monkeypatch.setattr(field, "get_prep_value", lambda value: value[:4])
    academy.aim.registration_number = "LONG-NUMBER"

    outcome = once()

    assert changes(outcome) == {("picsweb", "registration_number", "AB1", "LONG")}
    assert_left_alone(once, counting)


def test_a_field_that_rounds(
    academy: Academy, once: Once, counting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("total_elements", "elements_done"):
        field = Award._meta.get_field(name)
        monkeypatch.setattr(field, "get_prep_value", lambda value: value and value // 10 * 10)
    academy.aim.total_elements, academy.aim.elements_done = 27, 14

    outcome = once()

    assert changes(outcome) == {
        ("picsweb", "total_elements", "20", "20"),
        ("picsweb", "elements_done", "7", "10"),
    } - {("picsweb", "total_elements", "20", "20")}
    assert_left_alone(once, counting)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the trigger is written in SQLite's words")
def test_a_trigger_of_the_database(academy: Academy, once: Once, counting: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER lower_it AFTER UPDATE OF registration_number ON academy_award BEGIN "
            "UPDATE academy_award SET registration_number = lower(NEW.registration_number) WHERE id = NEW.id; END"
        )
    academy.aim.registration_number = "XY9"

    outcome = once()

    assert changes(outcome) == {("picsweb", "registration_number", "AB1", "xy9")}
    assert_left_alone(once, counting)


def test_a_review_that_is_created(academy: Academy, once: Once, counting: Any, connected: Any) -> None:
    academy.sitting.delete()
    connected(pre_save, move_the_officer, Sitting)

    outcome = once()

    assert ("picsweb", "actual_date", "", "01/07/2026") in changes(outcome)
    assert not outcome.changes.filter(field="officer").exists()
    [problem] = outcome.problems.all()
    assert (problem.code, problem.subject_pk) == ("kept_differently", str(Sitting.objects.get().pk))
    assert_left_alone(once, counting)


def test_a_review_that_is_uploaded(
    academy: Academy, once: Once, counting: Any, connected: Any, world: World
) -> None:
    Sitting.objects.create(apprentice=academy.apprentice, proposed_date=SUMMER, proposed_time="15:00")
    connected(pre_save, move_the_officer, Sitting)

    outcome = once()

    assert len(world.reviews) == 2
    assert problems(outcome) == ["kept_differently"]
    assert not outcome.changes.filter(field="officer").exists()
    assert_left_alone(once, counting)


def test_a_review_whose_id_is_not_kept_is_not_created_over_and_over(
    academy: Academy, once: Once, counting: Any, connected: Any
) -> None:
    def forget_the_id(instance: Sitting, **_kwargs: Any) -> None:
        instance.onefile_id = None

    academy.sitting.delete()
    connected(pre_save, forget_the_id, Sitting)

    for _night in range(2):
        outcome = once()
        assert (changes(outcome), problems(outcome)) == (set(), ["not_saved"])
        assert outcome.problems.get().details == {"fields": "onefile_id"}
    assert not Sitting.everything.exists()


def test_a_review_whose_id_is_not_kept_is_not_uploaded_over_and_over(
    academy: Academy, once: Once, connected: Any, world: World
) -> None:
    def forget_the_id(instance: Sitting, **_kwargs: Any) -> None:
        instance.onefile_id = None

    Sitting.objects.create(apprentice=academy.apprentice, proposed_date=SUMMER, proposed_time="15:00")
    connected(pre_save, forget_the_id, Sitting)

    for _night in range(3):
        assert "not_saved" in problems(once())

    assert len(world.reviews) == 2


def test_what_is_remembered_of_an_apprentice_goes_with_them(academy: Academy) -> None:
    academy.aim.registration_number = "ab 1"
    sync(academy.apprentice)
    assert Difference.objects.exists()

    academy.apprentice.delete()

    assert not Difference.objects.exists()


class TestOneFileKeepsItDifferently:
    @pytest.fixture(autouse=True)
    def blank_in_onefile(self, academy: Academy) -> None:
        academy.aim.registration_number = ""

    def test_a_value_that_onefile_drops_is_not_sent_every_night(self, academy: Academy, world: World) -> None:
        academy.aim.wire = {"RegistrationNumber": ABSENT}
        assert problems(daily()) == ["push_not_taken"]
        writes = world.writes

        for _night in range(2):
            outcome = daily()
            assert (problems(outcome), changes(outcome)) == (["push_not_taken"], set())

        assert world.writes == writes

    def test_a_manual_refresh_sends_it_again(self, academy: Academy, world: World) -> None:
        academy.aim.wire = {"RegistrationNumber": ABSENT}
        daily()
        academy.aim.wire, academy.aim.registration_number = {}, ""

        outcome = sync(academy.apprentice)

        assert (problems(outcome), changes(outcome)) == ([], {("onefile", "registration_number", "", "AB1")})
        assert academy.aim.registration_number == "AB1"

    def test_a_new_value_of_picswebs_is_sent(self, academy: Academy, world: World) -> None:
        academy.aim.wire = {"RegistrationNumber": ABSENT}
        daily()
        academy.aim.wire, academy.aim.registration_number = {}, ""
        Award.objects.update(registration_number="NEW")

        assert changes(daily()) == {("onefile", "registration_number", "", "NEW")}

    def test_a_value_that_onefile_writes_in_its_own_way_is_recorded_so_and_left(
        self, academy: Academy, once: Once, counting: Any, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        update = OneFile.update_learning_aim

        def update_and_tidy(*arguments: Any, **values: Any) -> None:
            update(*arguments, **values)
            academy.aim.registration_number = "AB-1"

        monkeypatch.setattr(OneFile, "update_learning_aim", update_and_tidy)

        outcome = once()

        assert changes(outcome) == {("onefile", "registration_number", "", "AB-1")}
        assert problems(outcome) == ["kept_differently_there"]
        writes = world.writes
        assert_left_alone(once, counting)
        assert (world.writes, number_of(academy)) == (writes, "AB1")

        academy.aim.registration_number = "OF-2"
        assert changes(once()) >= {("picsweb", "registration_number", "AB1", "OF-2")}
