"""Fills the example PICSWeb with an invented provider whose other half is the sandbox OneFile."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any, TypeVar

from django.core.management.base import CommandError
from django.db import connection, transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from example_project.picsweb.models import (
    Learner,
    Officer,
    Organisation,
    Placement,
    Qualification,
    Review,
    Unit,
)
from onefile_sync.management.onefile_command import OneFileCommand
from onefile_sync.models import Environment, OneFileSettings
from onefile_sync.sandbox.demo_data.command_line import add_provider_arguments, provider_of
from onefile_sync.sandbox.demo_data.demo_data import DemoLearner, PicswebLearner, Provider
from onefile_sync.sandbox.demo_data.provider import build
from onefile_sync.sandbox.server import CUSTOMER_TOKEN

Row = TypeVar("Row", bound=Model)

BATCH = 500
_LEARNER_FIELDS = [
    each.name
    for each in fields(PicswebLearner)
    if each.name not in ("main_officer", "qualifications", "reviews", "placements")
]


class Command(OneFileCommand):
    help = (
        "Fills the example PICSWeb with invented learners. onefile_sandbox with the same numbers fits them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_provider_arguments(parser)
        parser.add_argument(
            "--replace", action="store_true", help="delete the learners, officers and organisations there are"
        )
        parser.add_argument("--unlinked", action="store_true", help="without any OneFile ID")

    def handle(self, *_args: Any, **options: Any) -> None:
        counts = fill(provider_of(options), replace=options["replace"])
        self.stdout.write(", ".join(f"{how_many} {what}" for what, how_many in counts.items()))
        if not OneFileSettings.objects.exists():
            switch_on()
            self.stdout.write(
                _("The integration was not set up yet: it is switched on, with the sandbox's token.")
            )


def switch_on() -> None:
    """Set PICSWeb up to talk to the sandbox OneFile."""
    onefile_settings = OneFileSettings.load()
    onefile_settings.enabled = True
    onefile_settings.paused = False
    onefile_settings.environment = Environment.SANDBOX
    onefile_settings.set_customer_token(CUSTOMER_TOKEN)
    onefile_settings.save()


def seed(learners: int, number: int, *, replace: bool = False, today: date | None = None) -> dict[str, int]:
    """Write PICSWeb's side of ``build(learners, number, today)``, as :func:`fill` does."""
    return fill(build(learners, number, today), replace=replace)


@transaction.atomic
def fill(provider: Provider, *, replace: bool = False) -> dict[str, int]:
    """Write PICSWeb's side of the provider; how many rows of each kind there are now.

    Raises ``CommandError`` when there are learners already and they are not to be replaced.
    """
    if replace:
        for model in (Learner, Officer, Organisation):
            model._default_manager.all().delete()
    elif Learner.objects.exists():
        raise CommandError(_("There are learners already. Use --replace to delete them and begin again."))
    officers = {
        officer.ident: officer
        for officer in create_all(
            Officer(
                ident=story.ident,
                first_name=story.first_name,
                surname=story.surname,
                email=story.email,
                onefile_id=story.onefile_id,
            )
            for story in provider.officers
        )
    }
    organisations = {
        organisation.ident: organisation
        for organisation in create_all(
            Organisation(ident=story.ident, name=story.name, onefile_id=story.onefile_id)
            for story in provider.organisations
        )
    }
    for start in range(0, len(provider.learners), BATCH):
        add_learners(provider.learners[start : start + BATCH], officers, organisations)
    return {
        "learners": Learner.objects.count(),
        "qualifications": Qualification.objects.count(),
        "units": Unit.objects.count(),
        "reviews": Review.objects.count(),
        "placements": Placement.objects.count(),
        "officers": len(officers),
        "organisations": len(organisations),
    }


def create_all(rows: Iterable[Row]) -> list[Row]:
    """Create rows whose primary keys are needed afterwards: MySQL does not tell those of rows created together."""
    created = list(rows)
    if connection.features.can_return_rows_from_bulk_insert and created:
        type(created[0])._default_manager.bulk_create(created)
    else:
        for row in created:
            row.save(force_insert=True)
    return created


def add_learners(
    stories: tuple[DemoLearner, ...],
    officers: Mapping[str, Officer],
    organisations: Mapping[str, Organisation],
) -> None:
    """A batch of learners with everything that hangs on them; a few queries for each kind of row."""
    learners = create_all(
        Learner(
            main_officer=officers[story.picsweb.main_officer],
            **{name: getattr(story.picsweb, name) for name in _LEARNER_FIELDS},
        )
        for story in stories
    )
    qualifications, units, reviews, placements = [], [], [], []
    for learner, story in zip(learners, stories, strict=True):
        for known in story.picsweb.qualifications:
            qualification = Qualification(
                learner=learner,
                reference=known.reference,
                title=known.title,
                onefile_id=known.onefile_id,
                start_date=known.start_date,
                assessor=officers[known.assessor] if known.assessor else None,
                total_elements=known.total_elements,
                elements_done=known.elements_done,
                registration_number=known.registration_number,
                registration_date=known.registration_date,
                certificate_applied_date=known.certificate_applied_date,
                certificate_received_date=known.certificate_received_date,
            )
            qualifications.append(qualification)
            units += [Unit(qualification=qualification, title=title) for title in known.units]
        reviews += [
            Review(
                learner=learner,
                type=known.type,
                onefile_id=known.onefile_id,
                proposed_date=known.proposed_date,
                proposed_time=known.proposed_time,
                attended=known.attended,
                actual_date=known.actual_date,
                officer=officers[known.officer] if known.officer else None,
                trainee_signed_date=known.trainee_signed_date,
            )
            for known in story.picsweb.reviews
        ]
        placements += [
            Placement(
                learner=learner,
                organisation=organisations[known.organisation],
                type=known.type,
                start_date=known.start_date,
            )
            for known in story.picsweb.placements
        ]
    create_all(qualifications)
    Unit.objects.bulk_create(units)
    Review.objects.bulk_create(reviews)
    Placement.objects.bulk_create(placements)
