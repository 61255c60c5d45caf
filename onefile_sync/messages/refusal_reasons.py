"""The texts for refusals: why a refresh or a run is not started, and what to do. Nothing is written in these cases.

A row with ``safe`` can also end a run early; it is then a problem of each remaining learner. A new refusal needs a row
here and the code that detects it.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from onefile_sync.models import Move

from .explanation import Explanation

REFUSALS: tuple[Explanation, ...] = (
    Explanation(
        "off",
        Move.YOURS,
        _("The OneFile integration is switched off."),
        _("Switch it on in the OneFile settings."),
        safe=_("This learner had not been processed yet, so nothing was changed."),
    ),
    Explanation(
        "paused",
        Move.YOURS,
        _("The OneFile integration is paused."),
        _("Untick Paused in the OneFile settings to continue."),
    ),
    Explanation(
        "no_token",
        Move.YOURS,
        _("There is no customer token."),
        _("Enter it in the OneFile settings. OneFile Support issues it to Centre Managers."),
        safe=_("Nothing was changed."),
    ),
    Explanation(
        "token_unreadable",
        Move.YOURS,
        _("The stored customer token can no longer be read, because PICSWeb's secret key was changed."),
        _("Enter it again in the OneFile settings."),
        safe=_("Nothing was changed."),
    ),
    Explanation(
        "token_other_environment",
        Move.YOURS,
        _("The customer token belongs to another environment or address, so it was not sent."),
        _(
            "Enter the token of the chosen environment in the OneFile settings, or choose the environment it is for."
        ),
        safe=_("Nothing was changed."),
    ),
    Explanation(
        "environment_changed",
        Move.YOURS,
        _("The OneFile environment or the customer token was changed while this run was reading OneFile."),
        _("Start it again."),
        safe=_("What was read before stays with the environment it came from."),
    ),
    Explanation(
        "other_onefile",
        Move.YOURS,
        _("The OneFile IDs in PICSWeb belong to another OneFile environment or customer than the settings."),
        _("Open the OneFile settings: put the old links away there, or change the settings back."),
        safe=_("Nothing was changed."),
    ),
    Explanation(
        "links_moving",
        Move.WAIT,
        _("The OneFile IDs in PICSWeb are being exchanged for those of another OneFile environment."),
        _("Wait until the OneFile settings no longer say so, then try again."),
        safe=_("Nothing was changed."),
    ),
    Explanation(
        "no_onefile_id",
        Move.YOURS,
        _("The learner has no OneFile ID."),
        _("Link the learner to a OneFile learner, or enter the OneFile ID on the learner's record."),
    ),
    Explanation(
        "learner_duplicate",
        Move.YOURS,
        _("Another learner, perhaps an archived one, has the same OneFile ID."),
        _("Correct the OneFile ID of one of them, then refresh again."),
        safe=_("Nothing was changed for either."),
    ),
    Explanation(
        "already_running",
        Move.WAIT,
        _("The learner is already being refreshed."),
        _("Wait for that refresh to finish."),
    ),
    Explanation(
        "clock_wrong",
        Move.OURS,
        _("This machine's clock differs from the database's."),
        _("Synchronise both clocks with NTP, then try again."),
    ),
    Explanation(
        "pace_lost",
        Move.OURS,
        _("Redis, which keeps the rate limit, cannot be reached."),
        _("Check that Redis is running: without it no call is made."),
    ),
    Explanation(
        "held",
        Move.YOURS,
        _("The daily sync is held, because it would replace values of many learners."),
        _("Open it in PICSWeb, then apply or discard it."),
    ),
    Explanation(
        "refresh_held",
        Move.YOURS,
        _("A refresh of several learners, this one among them, is held."),
        _("Apply or discard it on its page, or refresh the learner alone."),
    ),
    Explanation(
        "nobody",
        Move.YOURS,
        _("None of the chosen learners can be refreshed."),
        _("Each learner's page says why."),
    ),
    Explanation(
        "mapping_wrong",
        Move.OURS,
        _("PICSWeb is not set up for OneFile."),
        _("Run “python manage.py check” to see what is wrong."),
    ),
    Explanation(
        "row_missing",
        Move.OURS,
        _(
            "A row of a lookup table that PICSWeb's OneFile setup names is missing or exists twice. No learner can be "
            "compared without it."
        ),
        _(
            "Run “python manage.py check --database default” to see which row it is, restore it, then refresh again."
        ),
        safe=_("Nothing was changed."),
    ),
    Explanation(
        "no_such_learner",
        Move.YOURS,
        _("PICSWeb has no learner with this primary key."),
        _("Give the primary key of a learner that PICSWeb has."),
    ),
    Explanation(
        "nobody_linked",
        Move.YOURS,
        _("No learner of the daily run has a qualification with a OneFile ID."),
        _("Name a learner to look at."),
    ),
    Explanation(
        "already_linked_to",
        Move.YOURS,
        _("Every learner chosen is linked to OneFile already."),
        _("Choose learners without a OneFile ID, or open a learner to add qualifications."),
    ),
    Explanation(
        "upload_not_mapped",
        Move.OURS,
        _(
            "PICSWeb's mapping does not say which fields hold first name, surname and email, so nobody can be created "
            "in OneFile."
        ),
        _("Run the system check: it gives the lines to write."),
    ),
    Explanation(
        "check_first",
        Move.YOURS,
        _("OneFile has not been searched for this learner within the last hour."),
        _("Look again."),
    ),
    Explanation(
        "look_again",
        Move.YOURS,
        _("Something was changed after you looked, so nothing was created."),
        _("Look at what is shown now, and confirm it."),
    ),
    Explanation(
        "answer_first",
        Move.YOURS,
        _("Nothing was created, as something has to be answered or corrected first."),
        _("The window says what."),
    ),
    Explanation(
        "nobody_ready",
        Move.YOURS,
        _("None of these learners is ready to be created in OneFile."),
        _("Open each learner's window: it says what is missing."),
    ),
)
