"""What a synchronised field is called, as PICSWeb's and OneFile's screens have it."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

#: The fields of a change as staff know them from PICSWeb's screens.
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
    """The name of a change's field on PICSWeb's screens; a field of an earlier version that is gone, its own name."""
    return str(FIELD_LABELS.get(field, field))
