"""A learner of PICSWeb whom OneFile does not have, beside a OneFile that has everything else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from example_project.picsweb.models import Learner, Officer, Organisation, Placement, Qualification
from onefile_sync.enrolment.centre_directory import NEEDED
from onefile_sync.linking import directory
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import CentreDefaults, DirectoryKind, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync import daily
from tests.conftest import dont_wait

NewLearner = Callable[..., Learner]
#: A valid ULN.
ULN = "1000000000"


@pytest.fixture
def new_learner(onefile: SandboxServer) -> NewLearner:
    """A learner with a main officer, an employer and a qualification, none of them linked."""

    def make(ident: str = "N0001", **values: Any) -> Learner:
        officer, _ = Officer.objects.get_or_create(
            ident="OFF9",
            defaults={"first_name": "Ola", "surname": "Reed", "email": "ola.reed@provider.example"},
        )
        employer, _ = Organisation.objects.get_or_create(ident="EMP9", defaults={"name": "Mill & Co"})
        given = {
            "first_name": "Ann",
            "surname": "Bell",
            "email": f"{ident.lower()}@home.example",
            "date_of_birth": date(2005, 3, 4),
            "uln": ULN,
            "ni_number": "AB123456C",
            "start_date": date(2026, 9, 7),
            "planned_end_date": date(2027, 9, 7),
            "main_officer": officer,
        } | values
        learner = Learner.objects.create(ident=ident, **given)
        Placement.objects.create(learner=learner, organisation=employer, start_date=date(2026, 9, 7))
        return learner

    return make


@pytest.fixture
def defaults_chosen(onefile: SandboxServer, world: World) -> None:
    """OneFile's lists are read, and each centre has a default class and placement."""
    for centre in list(world.centres.values()):
        world.add_classroom(organisation_id=centre.id, name="Main class")
        world.add_placement(organisation_id=centre.id, name="No employer yet")
    perform(directory.start_reading(NEEDED, queued=False))
    tenant = present_tenant()
    for listed in directory.centres(tenant):
        (room,) = directory.entries(tenant, DirectoryKind.CLASSROOM, centre_id=listed.onefile_id)
        (place,) = directory.entries(tenant, DirectoryKind.PLACEMENT, centre_id=listed.onefile_id)
        CentreDefaults.objects.create(
            tenant=tenant,
            centre_id=listed.onefile_id,
            classroom_id=room.onefile_id,
            placement_id=place.onefile_id,
        )


def perform(run: SyncRun) -> SyncRun:
    """Process a run here and now."""
    done = daily.perform(run, sleep=dont_wait)
    done.refresh_from_db()
    return done


def add_qualification(learner: Learner, reference: str, **values: Any) -> Qualification:
    return Qualification.objects.create(
        learner=learner, reference=reference, title=f"Award {reference}", **values
    )
