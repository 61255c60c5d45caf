"""The invented provider's two sides as the matching sees them, and which of them are the same."""

from __future__ import annotations

from onefile_sync.linking import identity
from onefile_sync.linking.matching import Identity
from onefile_sync.sandbox.demo_data.demo_data import DemoLearner, DemoOfficer, PicswebLearner
from onefile_sync.sandbox.entities import SandboxUser, on_london_date


def in_picsweb(learner: PicswebLearner) -> Identity:
    return Identity(
        key=learner.ident,
        mis=identity.mis_value(learner.ident),
        uln=identity.uln(learner.uln),
        ni=identity.ni_number(learner.ni_number),
        email=identity.email(learner.email),
        dob=identity.date_of_birth(learner.date_of_birth),
        dob_alike=identity.dates_of_birth_alike(learner.date_of_birth),
        ni_alike=identity.ni_numbers_alike(learner.ni_number),
        surname=identity.name(learner.surname),
        first=identity.first_given_name(learner.first_name),
        start=learner.start_date,
    )


def officer_in_picsweb(officer: DemoOfficer) -> Identity:
    return Identity(
        key=officer.ident,
        mis=identity.mis_value(officer.ident),
        email=identity.email(officer.email),
        surname=identity.name(officer.surname),
        first=identity.first_given_name(officer.first_name),
    )


def in_onefile(user: SandboxUser) -> Identity:
    born = user.dob and on_london_date(user.dob)
    return Identity(
        key=str(user.id),
        centre=str(user.organisation_id),
        mis=identity.mis_value(user.misid),
        uln=identity.uln(user.uln),
        ni=identity.ni_number(user.nino),
        email=identity.email(user.email),
        dob=identity.date_of_birth(born),
        dob_alike=identity.dates_of_birth_alike(born),
        ni_alike=identity.ni_numbers_alike(user.nino),
        surname=identity.name(user.last_name),
        first=identity.first_given_name(user.first_name),
        start=user.start_on and on_london_date(user.start_on),
    )


def both_sides(
    learners: tuple[DemoLearner, ...],
) -> tuple[list[Identity], list[Identity], set[tuple[str, str]]]:
    """Learners in PICSWeb, learners in OneFile, and the pairs that are the same."""
    enrolled = [(each.picsweb, each.onefile.user) for each in learners if each.onefile]
    return (
        [in_picsweb(each.picsweb) for each in learners],
        [in_onefile(user) for _learner, user in enrolled],
        {(learner.ident, str(user.id)) for learner, user in enrolled},
    )
