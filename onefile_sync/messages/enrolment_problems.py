"""The texts for creates in OneFile whose result is not known, or that OneFile refused: one row each."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from onefile_sync.models import Move

from .explanation import Explanation

ENROLMENT_PROBLEMS: tuple[Explanation, ...] = (
    Explanation(
        "create_unsure",
        Move.WAIT,
        _("OneFile did not say whether it created this record."),
        _("No action needed: PICSWeb looks for the record before anything is created again."),
    ),
    Explanation(
        "create_on_its_way",
        Move.WAIT,
        _(
            "OneFile did not say whether it created this record, and may still be creating it. Nothing is created "
            "again before %(until)s."
        ),
        _("No action needed: PICSWeb looks for the record before anything is created again."),
    ),
    Explanation(
        "create_unresolved",
        Move.WAIT,
        _(
            "OneFile did not say whether it created this record, and could not be searched to the end for it. Nothing "
            "was created again."
        ),
        _("No action needed: PICSWeb looks for the record before anything is created again."),
    ),
    Explanation(
        "create_ambiguous",
        Move.YOURS,
        _(
            "OneFile did not say whether it created this record, and now has several that it could be (OneFile IDs "
            "%(ids)s). Nothing was created again."
        ),
        _("Choose one of them on the learner's page, or say there that it is none of them."),
    ),
    Explanation(
        "create_given_up",
        Move.OURS,
        _(
            "OneFile was asked three times to create this record and never said that it did. PICSWeb found no such "
            "record there, and does not ask again."
        ),
        _("Ask PICSWeb support to find out why OneFile does not answer."),
    ),
    Explanation(
        "create_left_over",
        Move.YOURS,
        _(
            "OneFile may hold a record that was created on %(when)s for this one, and that nothing in PICSWeb is "
            "linked to."
        ),
        _("Look for the record in OneFile, and archive it there if it is not wanted."),
    ),
    Explanation(
        "create_refused",
        Move.YOURS,
        _("OneFile refused to create this record. It said: “%(said)s”."),
        _("Correct what OneFile names on the record in PICSWeb, then create it again."),
    ),
    Explanation(
        "assignment_unsure",
        Move.YOURS,
        _("OneFile did not say whether it made %(officer)s an assessor of %(title)s. It is not asked again."),
        _("Look at the assessors in OneFile, and add this one if they are not there."),
    ),
)
