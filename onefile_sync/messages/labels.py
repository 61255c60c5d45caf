"""The labels of synchronised fields, as on PICSWeb's and OneFile's screens."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onefile_sync.fields import synchronised_fields

#: The labels of fields that are not in the table of synchronised fields.
OTHER_LABELS: dict[str, Promise] = {
    "review": _("Review"),
    "onefile_id": _("OneFile System ID"),
    "proposed_date": _("Proposed date"),
    "scheduled_for": _("Proposed date and time"),
    "proposed_time": _("Proposed time"),
    "attended": _("Attended"),
    "actual_date": _("Actual date"),
    "started_on": _("Review Started"),
    "officer": _("Officer"),
    "assessor_id": _("Assessor"),
    "trainee_signed_date": _("Trainee signed date"),
    "learner_signed_on": _("Learner signed"),
    "learner_id": _("Learner"),
    "centre_id": _("OneFile centre"),
    "first_name": _("First Name"),
    "last_name": _("Surname"),
    "email": _("Email"),
    "telephone": _("Telephone"),
    "mobile": _("Mobile Number"),
    "date_of_birth": _("DOB"),
    "uln": _("ULN"),
    "ni_number": _("NiNo"),
    "start_date": _("Start Date"),
    "planned_end_date": _("Planned End Date"),
    "main_officer": _("Main Officer"),
    "default_assessor_id": _("Default Assessor"),
    "placement_id": _("Placement"),
    "classroom_id": _("Classroom"),
    "ethnicity": _("Ethnicity"),
    "sex": _("Sex"),
    "disability": _("Disability"),
    "primary_lldd": _("Primary LLDD category"),
    "mis_value": _("MIS Value"),
    "standard_id": _("Standard"),
    "name": _("Name"),
}


def field_labels() -> dict[str, Promise]:
    """The label of each field on PICSWeb's screens."""
    return {field.name: field.label for field in synchronised_fields()} | OTHER_LABELS


def field_label(field: str) -> str:
    """A field's label on PICSWeb's screens; the field's own name if this version no longer has the field."""
    return str(field_labels().get(field, field))


#: What two records have in common, by the codes of :mod:`onefile_sync.linking.matching`.
EVIDENCE_LABELS: dict[str, Promise] = {
    "mis": _("MIS Value"),
    "uln": _("ULN"),
    "ni": _("NI Number"),
    "email": _("Email"),
    "dob": _("Date of Birth"),
    "surname": _("Surname"),
    "first": _("First Name"),
    "name": _("Name"),
    "core": _("Name without Ltd, Limited and the like"),
}


def evidence_labels(codes: Iterable[str]) -> str:
    """The labels of what two records have in common, separated by commas."""
    return ", ".join(str(EVIDENCE_LABELS.get(code, code)) for code in codes)
