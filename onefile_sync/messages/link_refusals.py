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
        "link_taken_by",
        Move.YOURS,
        _("%(learner)s has the OneFile ID %(onefile_id)s already."),
        _("Unlink that record first, or look for the right OneFile ID."),
    ),
    Explanation(
        "link_not_listed",
        Move.YOURS,
        _("OneFile's list does not have the OneFile ID %(onefile_id)s any more."),
        _("Choose another one, or read the list again."),
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
        "link_bad_id",
        Move.YOURS,
        _("That is no OneFile ID."),
        _("Enter the learner's ID from OneFile, which consists of digits only."),
    ),
    Explanation(
        "link_unknown_id",
        Move.YOURS,
        _("OneFile has nobody with the OneFile ID %(onefile_id)s."),
        _("Look for the learner's ID in OneFile and enter it again."),
    ),
    Explanation(
        "link_other_customer",
        Move.YOURS,
        _("OneFile does not give access to the OneFile ID %(onefile_id)s: it belongs to another customer."),
        _("Look for the learner's ID in OneFile and enter it again."),
    ),
    Explanation(
        "link_not_a_learner",
        Move.YOURS,
        _("The OneFile ID %(onefile_id)s belongs to a OneFile user who is not a learner."),
        _("Look for the learner's ID in OneFile and enter it again."),
    ),
    Explanation(
        "link_contradicted",
        Move.YOURS,
        _("The two records contradict each other, so they may be two people."),
        _("Compare them, and tick the box if this is the same person all the same."),
    ),
    Explanation(
        "link_has_earlier_record",
        Move.YOURS,
        _("An earlier record of the same person in PICSWeb has this OneFile ID."),
        _("Choose to move the link to this record, or leave it where it is."),
    ),
    Explanation(
        "link_record_changed",
        Move.YOURS,
        _("What is shown here has changed since you looked, so nothing was saved."),
        _("Compare both records again, then save."),
    ),
    Explanation(
        "link_pairs_wrong",
        Move.YOURS,
        _("A learning aim or review was chosen twice, or is not on offer, so nothing was saved."),
        _("Choose each one once only, then save."),
    ),
    Explanation(
        "reviews_answered",
        Move.YOURS,
        _(
            "The reviews were not waiting any more: somebody has paired them, or unlinked the learner, meanwhile."
        ),
        _("Look at the learner's page if you want to know what was paired."),
    ),
    Explanation(
        "link_too_many_reviews",
        Move.OURS,
        _("OneFile has more reviews of this learner than can be compared here."),
        _("Ask PICSWeb support to link the learner."),
    ),
    Explanation(
        "link_unreadable_review",
        Move.OURS,
        _("OneFile sent a review that could not be read, so it may be one of the reviews in PICSWeb."),
        _("Ask PICSWeb support to link the learner, so that no review is uploaded twice."),
    ),
    Explanation(
        "match_linked_meanwhile",
        Move.YOURS,
        _("The record in PICSWeb was linked to another OneFile record meanwhile."),
        _("Unlink it first if that is wrong."),
    ),
    Explanation(
        "match_changed",
        Move.YOURS,
        _("The two records no longer agree as they did when they were matched."),
        _("Use Match with OneFile again, or compare the two records."),
    ),
    Explanation(
        "match_not_listed",
        Move.YOURS,
        _("OneFile no longer lists this record, or the list is older than a day."),
        _("Use Match with OneFile again."),
    ),
    Explanation(
        "match_other_role",
        Move.YOURS,
        _("The user is no longer a learner or assessor in OneFile, or belongs to another centre."),
        _("Look at the user in OneFile, then use Match with OneFile again."),
    ),
    Explanation(
        "link_at_work",
        Move.WAIT,
        _("The learner is being synchronised at the moment."),
        _("Wait until that has finished, then try again."),
    ),
    Explanation(
        "link_upload_unfinished",
        Move.YOURS,
        _("An upload of one of this learner's reviews was cut off, and OneFile may have the review."),
        _("Refresh the learner with OneFile first, so that PICSWeb looks for the review, then try again."),
    ),
    Explanation(
        "link_create_unfinished",
        Move.YOURS,
        _(
            "OneFile did not say whether it created something for this learner, such as a learning aim, and may have "
            "it."
        ),
        _("Choose Add qualifications in OneFile first, so that PICSWeb looks for it, then try again."),
    ),
    Explanation(
        "move_run_open",
        Move.YOURS,
        _("“%(run)s” is not finished. Links are moved to another OneFile only while no run is open."),
        _("Wait until it has finished, or cancel or discard it."),
    ),
    Explanation(
        "move_in_doubt",
        Move.YOURS,
        _("OneFile did not say whether it created a review of learner %(learner)s."),
        _("Refresh this learner, so that the review is found before the links are put away."),
    ),
    Explanation(
        "move_create_in_doubt",
        Move.YOURS,
        _("OneFile did not say whether it created something for learner %(learner)s."),
        _(
            "Create this learner in OneFile again, so that PICSWeb looks for it before the links are put away."
        ),
    ),
    Explanation(
        "link_not_taken",
        Move.OURS,
        _("PICSWeb did not accept the OneFile ID."),
        _("Ask PICSWeb support to look at the record."),
    ),
)
