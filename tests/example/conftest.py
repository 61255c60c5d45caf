from datetime import date, time

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from example_project.picsweb.models import Learner, Officer, Organisation, Placement, Qualification, Review


@pytest.fixture
def learner(db: None) -> Learner:
    """Siân, whose names would do harm if a page did not escape them, with a bit of everything."""
    officer = Officer.objects.create(ident="OFF1", first_name="Gwen", surname="Ó Briain")
    learner = Learner.objects.create(
        ident="0005Z",
        first_name="Siân <b>",
        surname="O'Connor & Daughter",
        email="sian@example.org",
        start_date=date(2025, 9, 1),
        planned_end_date=date(2027, 8, 31),
        main_officer=officer,
        main_tag="Autumn start",
        onefile_id=1250009,
    )
    employer = Organisation.objects.create(ident="EMP1", name="Tŷ Gwyn Care")
    Placement.objects.create(learner=learner, organisation=employer, type="P", start_date=date(2025, 9, 1))
    Qualification.objects.create(
        learner=learner,
        reference="196AS",
        title="Business Administrator",
        assessor=officer,
        total_elements=40,
        elements_done=12,
        registration_number="CG-778812",
        registration_date=date(2025, 10, 3),
        onefile_id=4000003,
    )
    Qualification.objects.create(learner=learner, reference="603/4567/8", title="Functional Skills English")
    Review.objects.create(
        learner=learner,
        proposed_date=date(2026, 3, 12),
        proposed_time=time(14, 30),
        attended="yes",
        actual_date=date(2026, 3, 13),
        officer=officer,
        trainee_signed_date=date(2026, 3, 20),
        onefile_id=1000042,
    )
    Review.objects.create(learner=learner, type="Welfare", proposed_date=date(2026, 6, 1))
    return learner


@pytest.fixture
def clerk(db: None) -> User:
    """May look at learners, and no more."""
    clerk = User.objects.create_user("clerk", password="clerk's own")
    clerk.user_permissions.add(Permission.objects.get(codename="view_learner"))
    return clerk


@pytest.fixture
def clerks_browser(clerk: User, client: Client) -> Client:
    client.force_login(clerk)
    return client
