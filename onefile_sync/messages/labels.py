"""The labels of synchronised fields, as on PICSWeb's and OneFile's screens."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

#: The label of each field on PICSWeb's screens.
FIELD_LABELS: dict[str, Promise] = {
    "total_elements": _("Total Elements"),
    "elements_done": _("Elements Done"),
    "registration_number": _("Registration Number"),
    "registration_date": _("Registration Date"),
    "certificate_applied_date": _("Certificate Applied For Date"),
    "certificate_received_date": _("Certificate Received Date"),
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
}


def field_label(field: str) -> str:
    """A field's label on PICSWeb's screens; the field's own name if this version no longer has the field."""
    return str(FIELD_LABELS.get(field, field))
