from datetime import date

import pytest

from example_project.picsweb.models import Learner, Officer, Organisation, Placement, Qualification, Review


@pytest.mark.parametrize(
    ("done", "total", "progress"),
    [
        (None, None, None),
        (3, None, None),
        (3, 0, None),
        (None, 40, 0),
        (0, 40, 0),
        (12, 40, 30),
        (199, 200, 99),
        (40, 40, 100),
        (41, 40, 100),
    ],
)
def test_progress_of_a_qualification_is_a_whole_percentage(
    done: int | None, total: int | None, progress: int | None
) -> None:
    assert Qualification(total_elements=total, elements_done=done).progress == progress


@pytest.mark.django_db
def test_progress_of_a_learner_counts_the_elements_of_all_qualifications_together() -> None:
    learner = Learner.objects.create(ident="1", first_name="Ann", surname="Lee")
    assert learner.progress is None
    learner.qualifications.create(reference="A", title="A", total_elements=30, elements_done=30)
    learner.qualifications.create(reference="B", title="B", total_elements=90)
    learner.qualifications.create(reference="C", title="C", elements_done=500)
    assert learner.progress == 25


@pytest.mark.django_db
def test_the_placement_is_the_latest_of_type_p_else_the_latest() -> None:
    learner = Learner.objects.create(ident="1", first_name="Ann", surname="Lee")
    old, new, visited = (
        Organisation.objects.create(ident=name, name=name) for name in ("old", "new", "visited")
    )

    def place(organisation: Organisation, kind: str, started: date | None) -> None:
        Placement.objects.create(learner=learner, organisation=organisation, type=kind, start_date=started)

    def current() -> Organisation | None:
        placement = Learner.objects.get().placement
        return placement.organisation if placement else None

    assert current() is None
    place(visited, "V", date(2026, 1, 1))
    assert current() == visited
    place(old, "P", None)
    assert current() == old
    place(new, "P", date(2024, 1, 1))
    assert current() == new


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (Officer(first_name="Gwen", surname="Price"), "Gwen Price"),
        (Organisation(name="Tŷ Gwyn Care"), "Tŷ Gwyn Care"),
        (Learner(ident="0005Z", first_name="Siân", surname="O'Connor"), "Siân O'Connor (0005Z)"),
        (Qualification(reference="196AS", title="Business Administrator"), "196AS Business Administrator"),
        (Review(proposed_date=date(2026, 3, 12)), "Normal review 12/03/2026"),
        (
            Review(type="Exit", proposed_date=date(2026, 3, 12), actual_date=date(2026, 4, 1)),
            "Exit review 12/03/2026",
        ),
        (Review(actual_date=date(2026, 4, 1)), "Normal review 01/04/2026"),
        (Review(), "Normal review"),
    ],
)
def test_records_read_as_staff_would_say_them(record: object, text: str) -> None:
    assert str(record) == text


@pytest.mark.django_db
def test_deleting_an_officer_deletes_no_learner() -> None:
    officer = Officer.objects.create(ident="1", first_name="Gwen", surname="Price")
    learner = Learner.objects.create(ident="1", first_name="Ann", surname="Lee", main_officer=officer)
    learner.reviews.create(officer=officer)
    learner.qualifications.create(reference="A", title="A", assessor=officer)

    officer.delete()

    learner.refresh_from_db()
    assert learner.main_officer is None
    assert learner.reviews.get().officer is None
    assert learner.qualifications.get().assessor is None
