"""The texts for problems with a learner, a qualification or a review: one row each.

A new problem needs a row here and the code that detects it.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from onefile_sync.models import Move

from .explanation import Explanation

PROBLEMS: tuple[Explanation, ...] = (
    Explanation(
        "qualification_duplicate",
        Move.YOURS,
        _("Two qualifications of this learner have the same OneFile ID. Neither was changed."),
        _("Correct the OneFile ID of one of them, then refresh again."),
    ),
    Explanation(
        "review_duplicate",
        Move.YOURS,
        _("Two reviews of this learner have the same OneFile System ID. Neither was changed."),
        _("Delete the review that is not wanted, then refresh again."),
    ),
    Explanation(
        "learner_gone",
        Move.YOURS,
        _("OneFile has no learner with this OneFile ID. Nothing was changed."),
        _("Check the OneFile ID on the learner's record, or blank it if the learner has left OneFile."),
    ),
    Explanation(
        "not_a_learner",
        Move.YOURS,
        _("The OneFile ID belongs to a OneFile user who is not a learner. Nothing was changed."),
        _("Enter the OneFile ID of the learner instead."),
    ),
    Explanation(
        "aim_gone",
        Move.YOURS,
        _(
            "OneFile has no learning aim with the OneFile ID of this qualification, even when asked for that record "
            "directly. PICSWeb's qualification was left as it is."
        ),
        _(
            "Look for the learning aim in OneFile. If it is there, correct the qualification's OneFile ID; if it was "
            "deleted by mistake, ask OneFile to restore it; if on purpose, blank the OneFile ID."
        ),
    ),
    Explanation(
        "review_gone",
        Move.YOURS,
        _(
            "OneFile has no review with this OneFile ID, even when asked for that record directly. PICSWeb's review "
            "was left as it is."
        ),
        _(
            "Look for the review in OneFile. If it was deleted by mistake, ask OneFile to restore it; if on purpose, "
            "decide whether PICSWeb is to keep its own. Nothing is deleted for you."
        ),
    ),
    Explanation(
        "review_hidden",
        Move.YOURS,
        _("This review is hidden in PICSWeb, as archived ones may be. It was left as it is."),
        _(
            "No action needed if that was intended; otherwise bring it back in PICSWeb. This is reported once."
        ),
    ),
    Explanation(
        "reviews_not_paired",
        Move.YOURS,
        _(
            "Nobody has said yet which reviews of PICSWeb and OneFile are the same since this learner was linked. "
            "Until then no review is uploaded or downloaded."
        ),
        _("Choose Pair the reviews on the learner's page."),
    ),
    Explanation(
        "review_nowhere_to_put",
        Move.YOURS,
        _(
            "OneFile has this review and PICSWeb does not. It was not created, because the record that PICSWeb keeps "
            "reviews under exists more than once for this learner, or not at all."
        ),
        _(
            "Enter the review in PICSWeb where it belongs, with its OneFile System ID. The next refresh then keeps it "
            "up to date."
        ),
    ),
    Explanation(
        "foreign_aim",
        Move.YOURS,
        _(
            "The learning aim of this qualification belongs to another learner in OneFile. It was left as it is."
        ),
        _("Correct the OneFile ID of the qualification or of the learner."),
    ),
    Explanation(
        "foreign_review",
        Move.OURS,
        _(
            "A review that OneFile lists for this learner, or that PICSWeb has under its OneFile ID, belongs to "
            "another learner in OneFile. It was ignored."
        ),
        _(
            "If one of this learner's reviews has that OneFile System ID, correct it. Otherwise, if it happens again, "
            "send this page to your PICSWeb support team."
        ),
    ),
    Explanation(
        "bad_value",
        Move.OURS,
        _("OneFile sent something unreadable for %(field)s. PICSWeb's value was left as it is."),
        _(
            "Look at the value in OneFile and enter it again; if it looks right there, tell your support team."
        ),
    ),
    Explanation(
        "unreadable_left_out",
        Move.YOURS,
        _(
            "OneFile refused its own unreadable value for %(field)s, so the other values were sent without it. "
            "PICSWeb's value was left as it is."
        ),
        _("Look at the value in OneFile, and enter it again; it may be blank there now."),
    ),
    Explanation(
        "unreadable_items",
        Move.OURS,
        _("OneFile sent %(items)s entries that could not be read. Everything else was exchanged."),
        _("If it happens again, send this page to your PICSWeb support team."),
    ),
    Explanation(
        "elements_above_total",
        Move.YOURS,
        _("OneFile says %(done)s elements done of %(total)s. PICSWeb's figures were left as they are."),
        _("Correct the learner's progress in OneFile, then refresh again."),
    ),
    Explanation(
        "cannot_hold",
        Move.YOURS,
        _("PICSWeb cannot hold what OneFile has for %(field)s: “%(value)s”. It was left as it is."),
        _("Correct the value in OneFile, then refresh again."),
    ),
    Explanation(
        "kept_differently",
        Move.YOURS,
        _(
            "PICSWeb keeps %(field)s in its own way: “%(kept)s” where OneFile has “%(value)s”. "
            "Both are left as they are until either changes."
        ),
        _(
            "No action needed if both mean the same. Otherwise correct the value on either side, then refresh again. "
            "This is reported once."
        ),
    ),
    Explanation(
        "not_saved",
        Move.OURS,
        _("PICSWeb refused to save this (%(fields)s). It was left as it is; everything else was exchanged."),
        _("Send this page to your PICSWeb support team: the record breaks a rule of PICSWeb's own."),
    ),
    Explanation(
        "kept_changing",
        Move.WAIT,
        _("Somebody was editing this learner during the refresh. What they entered was kept."),
        _("No action needed: the next refresh continues from there."),
    ),
    Explanation(
        "officer_unmatched",
        Move.YOURS,
        _(
            "No officer is linked to OneFile's assessor %(assessor)s. Reviews concerned: %(reviews)s. "
            "The officer was left as it is."
        ),
        _("Enter OneFile ID %(assessor)s on the officer's record, then refresh again."),
    ),
    Explanation(
        "officer_ambiguous",
        Move.YOURS,
        _(
            "Several officers are linked to OneFile's assessor %(assessor)s. Reviews concerned: %(reviews)s. "
            "The officer was left as it is."
        ),
        _("Leave OneFile ID %(assessor)s on one officer's record only, then refresh again."),
    ),
    Explanation(
        "officer_not_linked",
        Move.YOURS,
        _("This review was not uploaded: its officer is not linked to a OneFile assessor."),
        _("Enter the assessor's OneFile ID on the officer's record, then refresh again."),
    ),
    Explanation(
        "officer_of_other_centre",
        Move.YOURS,
        _(
            "This review was not uploaded: its officer is linked to a OneFile assessor of another centre only."
        ),
        _(
            "Look up the officer's OneFile ID in the learner's centre, or enter the officer's Ident as the assessor's "
            "MIS Value there and read OneFile's lists, then refresh again."
        ),
    ),
    Explanation(
        "no_officer",
        Move.YOURS,
        _("This review was not uploaded: neither the review nor the learner has an officer."),
        _("Choose an officer for the review or a Main Officer for the learner, then refresh again."),
    ),
    Explanation(
        "centre_unknown",
        Move.OURS,
        _("This review was not uploaded: the learner's OneFile centre could not be determined."),
        _("Ask your PICSWeb support team to check what OneFile says about the learner's centre."),
    ),
    Explanation(
        "upload_ambiguous",
        Move.YOURS,
        _(
            "An earlier upload of this review was cut off, and OneFile now has several it could be: %(reviews)s."
        ),
        _(
            "Look at them in OneFile: some may be somebody else's. Enter the OneFile System ID of the right one on "
            "PICSWeb's review, then refresh again. Nothing was created."
        ),
    ),
    Explanation(
        "upload_unresolved",
        Move.WAIT,
        _(
            "An earlier upload of this review was cut off, and OneFile's reviews could not all be read to look for it."
        ),
        _("No action needed: the next refresh checks again. Nothing was created."),
    ),
    Explanation(
        "upload_unsure",
        Move.WAIT,
        _("OneFile did not say whether it created this review."),
        _("No action needed: the next refresh looks for it before anything is created again."),
    ),
    Explanation(
        "upload_on_its_way",
        Move.WAIT,
        _("OneFile did not say whether it created this review, and may still be processing it."),
        _("No action needed: a refresh in a few minutes checks again. Nothing was created meanwhile."),
    ),
    Explanation(
        "visit_left_over",
        Move.YOURS,
        _(
            "An upload of this review was cut off earlier: OneFile may hold a visit on %(when)s that has no review."
        ),
        _("Look at the learner's visits in OneFile, and delete the one without a review if it is there."),
    ),
    Explanation(
        "push_not_taken",
        Move.OURS,
        _("OneFile accepted %(field)s but does not show it. PICSWeb keeps its value."),
        _(
            "Look at the learner in OneFile; if the value is missing there, tell your support team. "
            "The daily sync does not send it again; a refresh of the learner does."
        ),
    ),
    Explanation(
        "kept_differently_there",
        Move.YOURS,
        _(
            "OneFile keeps %(field)s in its own way: “%(kept)s” where PICSWeb has “%(value)s”. "
            "Both are left as they are until either changes."
        ),
        _(
            "No action needed if both mean the same. Otherwise correct the value on either side, then refresh again. "
            "This is reported once."
        ),
    ),
    Explanation(
        "learner_left",
        Move.YOURS,
        _("The learner was deleted, or lost the OneFile ID, before they were processed."),
        _("No action needed if that was intended."),
    ),
    Explanation(
        "run_cancelled",
        Move.WAIT,
        _("The run was cancelled before this learner was processed."),
        _("Refresh the learner, or wait for the next daily sync."),
    ),
    Explanation(
        "run_discarded",
        Move.WAIT,
        _(
            "The run would have replaced values of an unusually large number of learners, so it was held and then "
            "discarded. Nothing of this learner's was replaced."
        ),
        _(
            "If what would have changed is right, refresh the learner; the next daily sync compares everyone again."
        ),
    ),
    Explanation(
        "run_replaced",
        Move.WAIT,
        _("A new run was started before this learner was processed."),
        _("No action needed: the new run includes the learner."),
    ),
    Explanation(
        "interrupted",
        Move.OURS,
        _(
            "The refresh of this learner was interrupted several times and then abandoned. What had been saved stays."
        ),
        _("Refresh the learner again; if it is interrupted again, tell your support team."),
    ),
    Explanation(
        "stopped",
        Move.OURS,
        _(
            "Something went wrong inside PICSWeb. What had been saved stays; the other learners were still processed."
        ),
        _("Refresh the learner again; if it goes wrong again, tell your support team."),
    ),
)

#: Problems that are reported once and then left alone.
SAID_ONCE = ("review_hidden",)
