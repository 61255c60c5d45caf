"""What an invented provider consists of: PICSWeb's side as plain values, OneFile's as the sandbox's records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time

from onefile_sync.sandbox.entities import (
    SandboxAim,
    SandboxCentre,
    SandboxClassroom,
    SandboxPlacement,
    SandboxReview,
    SandboxStandard,
    SandboxUser,
    SandboxVisit,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOfficer:
    """A PICSWeb officer. ``onefile_id`` is ``None`` if the officer is not linked to an assessor."""

    ident: str
    first_name: str
    surname: str
    email: str
    onefile_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOrganisation:
    """A PICSWeb organisation. ``onefile_id`` is ``None`` if it is not linked to a OneFile placement."""

    ident: str
    name: str
    onefile_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoQualification:
    """A qualification in PICSWeb. ``assessor`` is an officer's Ident."""

    reference: str
    title: str
    onefile_id: int | None
    start_date: date | None = None
    assessor: str | None = None
    total_elements: int | None = None
    elements_done: int | None = None
    registration_number: str = ""
    registration_date: date | None = None
    certificate_applied_date: date | None = None
    certificate_received_date: date | None = None
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReview:
    """A review in PICSWeb. ``attended`` is "", "yes", "no" or "unknown"; ``officer`` is an officer's Ident."""

    type: str = "Normal"
    onefile_id: int | None = None
    proposed_date: date | None = None
    proposed_time: time | None = None
    attended: str = ""
    actual_date: date | None = None
    officer: str | None = None
    trainee_signed_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlacement:
    """Where the learner works. ``organisation`` is the employer's Ident."""

    organisation: str
    type: str
    start_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PicswebLearner:
    """A learner in PICSWeb, with qualifications, reviews and placements."""

    ident: str
    first_name: str
    surname: str
    email: str
    telephone: str
    mobile: str
    date_of_birth: date
    uln: str
    ni_number: str
    sex: str
    ethnicity: str
    disability: str
    status: str
    start_date: date
    planned_end_date: date
    actual_end_date: date | None
    main_officer: str
    main_tag: str
    onefile_id: int | None
    qualifications: tuple[DemoQualification, ...]
    reviews: tuple[DemoReview, ...]
    placements: tuple[DemoPlacement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneFileLearner:
    """The same learner in OneFile."""

    user: SandboxUser
    aims: tuple[SandboxAim, ...]
    visits: tuple[SandboxVisit, ...]
    reviews: tuple[SandboxReview, ...]


@dataclass(frozen=True, slots=True)
class DemoLearner:
    """One learner on both sides. ``onefile`` is ``None`` if the learner is not enrolled in OneFile."""

    picsweb: PicswebLearner
    onefile: OneFileLearner | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider: PICSWeb's officers, organisations and learners; OneFile's centres and what is in them.

    ``other_users`` are those in OneFile who are neither a learner nor an assessor whom PICSWeb knows.
    """

    today: date
    officers: tuple[DemoOfficer, ...]
    organisations: tuple[DemoOrganisation, ...]
    learners: tuple[DemoLearner, ...]
    centres: tuple[SandboxCentre, ...]
    assessors: tuple[SandboxUser, ...]
    placements: tuple[SandboxPlacement, ...]
    classrooms: tuple[SandboxClassroom, ...]
    standards: tuple[SandboxStandard, ...]
    other_users: tuple[SandboxUser, ...] = ()
