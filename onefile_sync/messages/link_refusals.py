"""The texts for refused links: why a row is not linked or unlinked, and what to do. Nothing is written then."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from onefile_sync.models import Move

from .explanation import Explanation

LINK_REFUSALS: tuple[Explanation, ...] = (
    Explanation(
        "link_row_gone",
        Move.YOURS,
        _("The record was deleted in PICSWeb."),
        _("Open the list again."),
    ),
    Explanation(
        "link_exists",
        Move.YOURS,
        _("The record is linked to another OneFile ID already (%(onefile_id)s)."),
        _("Unlink it first if that is wrong."),
    ),
    Explanation(
        "link_taken",
        Move.YOURS,
        _("Another record in PICSWeb, perhaps an archived one, has the OneFile ID %(onefile_id)s."),
        _("Unlink that record first, or look for the right OneFile ID."),
    ),
    Explanation(
        "link_changed",
        Move.YOURS,
        _("The OneFile ID was changed by somebody else meanwhile."),
        _("Open the record again."),
    ),
    Explanation(
        "link_elsewhere",
        Move.YOURS,
        _("The OneFile IDs in PICSWeb belong to another OneFile than the one that the settings lead to."),
        _("Choose its environment and customer token in the OneFile settings, or move the links first."),
    ),
    Explanation(
        "link_not_taken",
        Move.OURS,
        _("PICSWeb did not accept the OneFile ID."),
        _("Ask PICSWeb support to look at the record."),
    ),
)
