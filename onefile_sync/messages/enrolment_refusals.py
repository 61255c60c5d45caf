"""The texts for learners who cannot be created in OneFile as things stand, and for what is left out: one row each.

The planning finds them, before anything is sent.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from onefile_sync.models import Move

from .explanation import Explanation

#: The learner may be in OneFile already.
ASK_FIRST = frozenset({"may_exist", "mis_value_taken", "could_not_make_sure"})
#: A person has to choose something in the learner's window.
TO_CHOOSE = frozenset({"choose_pathway", "party_may_exist"})

ENROLMENT_REFUSALS: tuple[Explanation, ...] = (
    Explanation(
        "already_linked",
        Move.WAIT,
        _("The learner was linked to OneFile meanwhile, so nothing was created."),
        _("There is nothing to do."),
    ),
    Explanation(
        "preview_outdated",
        Move.YOURS,
        _("Something was changed after you looked, so nothing was created."),
        _("Look again, and confirm what is shown then."),
    ),
    Explanation(
        "enrol_missing",
        Move.YOURS,
        _("The learner cannot be created in OneFile without these: %(fields)s."),
        _("Enter what is missing on the learner's record, then look again."),
    ),
    Explanation(
        "enrol_not_valid",
        Move.YOURS,
        _("%(field)s cannot be sent to OneFile as it is, so the learner cannot be created."),
        _("Correct it on the learner's record, then look again."),
    ),
    Explanation(
        "enrol_dates_wrong",
        Move.YOURS,
        _(
            "The learner's planned end date is before the start date, so the learner cannot be created in OneFile."
        ),
        _("Correct the dates on the learner's record, then look again."),
    ),
    Explanation(
        "enrol_left_out",
        Move.YOURS,
        _("%(field)s on the learner's record is not valid, and is not sent to OneFile."),
        _("Correct it in PICSWeb, and enter it in OneFile if the learner exists there by then."),
    ),
    Explanation(
        "code_unknown",
        Move.OURS,
        _("%(field)s “%(value)s” has no counterpart in OneFile, and is not sent."),
        _("Add it to CODES in the settings of the installation, and enter it in OneFile by hand meanwhile."),
    ),
    Explanation(
        "may_exist",
        Move.YOURS,
        _(
            "OneFile has a learner who may be the same person (OneFile ID %(onefile_id)s). Nothing was created."
        ),
        _(
            "Compare the two. Link to that record, or say that it is a different person or that a second OneFile "
            "record is needed."
        ),
    ),
    Explanation(
        "mis_value_taken",
        Move.YOURS,
        _(
            "A OneFile learner of this centre (OneFile ID %(onefile_id)s) already has the learner's Ident %(value)s as "
            "MIS Value. Nothing was created."
        ),
        _("Link to that record if it is the same person; otherwise correct the MIS Value in OneFile."),
    ),
    Explanation(
        "could_not_make_sure",
        Move.WAIT,
        _(
            "OneFile could not be searched to the end, so it is not certain that it does not have this learner "
            "already. Nothing was created."
        ),
        _("Look again later."),
    ),
    Explanation(
        "officer_no_email",
        Move.YOURS,
        _("%(officer)s cannot be created in OneFile without first name, surname and a valid email."),
        _("Enter them on the officer's record, or look up the OneFile ID."),
    ),
    Explanation(
        "employer_no_name",
        Move.YOURS,
        _("The employer %(employer)s cannot be created in OneFile without a name."),
        _("Enter it on the organisation's record, or look up the OneFile ID."),
    ),
    Explanation(
        "party_archived",
        Move.YOURS,
        _(
            "%(officer)s is linked to OneFile ID %(onefile_id)s, which is archived or no longer in OneFile's list."
        ),
        _("Restore it in OneFile, or unlink it and look up the right OneFile ID."),
    ),
    Explanation(
        "party_may_exist",
        Move.YOURS,
        _("OneFile may have %(officer)s already."),
        _("Look up the OneFile ID, or say that it is somebody else."),
    ),
    Explanation(
        "party_not_in_onefile",
        Move.YOURS,
        _("%(officer)s is not in OneFile, and the settings say that nobody is created along with learners."),
        _("Create the record in OneFile and look up its OneFile ID, or change the setting."),
    ),
    Explanation(
        "no_class",
        Move.YOURS,
        _(
            "No class is known for the learner in the centre %(centre)s, and OneFile requires one. Nothing was created."
        ),
        _("Choose the centre's default class in the OneFile settings, then look again."),
    ),
    Explanation(
        "no_placement",
        Move.YOURS,
        _(
            "No employer is known for the learner, and the centre %(centre)s has no default placement, which OneFile "
            "requires. Nothing was created."
        ),
        _("Enter the learner's employer, or choose the centre's default placement in the OneFile settings."),
    ),
    Explanation(
        "mis_value_twice",
        Move.YOURS,
        _(
            "OneFile has %(count)s records with the MIS Value %(value)s (OneFile IDs %(users)s), so it is not known "
            "which of them is %(officer)s."
        ),
        _("Correct the MIS Value in OneFile, archived records included, then read OneFile's lists again."),
    ),
    Explanation(
        "class_not_found",
        Move.YOURS,
        _(
            "OneFile has no class, or several, named like the main tag “%(tag)s”, so the centre's default is used."
        ),
        _("Change the class in OneFile if that is wrong."),
    ),
    Explanation(
        "choose_pathway",
        Move.YOURS,
        _("OneFile has several standards with the code %(reference)s."),
        _("Choose one of these pathways, or leave the qualification out."),
    ),
    Explanation(
        "not_in_onefile",
        Move.YOURS,
        _("%(reference)s is not in OneFile for this centre, and is left out."),
        _(
            "Have it added to the centre by OneFile, then refresh the qualification links and add the qualification."
        ),
    ),
    Explanation(
        "standards_not_read",
        Move.YOURS,
        _("OneFile's standards have not been read yet, so the qualification is left out."),
        _("Refresh the qualification links, then look again."),
    ),
    Explanation(
        "nothing_to_add",
        Move.WAIT,
        _("No qualification of this learner can be added in OneFile."),
        _("There is nothing to do, unless one of them should be there: the list says why not."),
    ),
)
