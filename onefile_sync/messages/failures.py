"""The texts for failed calls to OneFile: one row for each case of the client.

:data:`onefile_sync.onefile.errors.CASES` says what the client does in a case. A new case needs a row there and a row
here.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onefile_sync.models import Move

from .explanation import Explanation

FAILURES: tuple[Explanation, ...] = (
    Explanation(
        "bad_customer_token",
        Move.YOURS,
        _("OneFile did not accept the customer token."),
        _(
            "This call changed nothing. Check the environment and enter the customer token again in the OneFile "
            "settings: a token for Live does not work for Beta or Practice. OneFile Support can issue a "
            "new one."
        ),
    ),
    Explanation(
        "wrong_address",
        Move.OURS,
        _("There is no OneFile at the address that is set for it."),
        _(
            "This call changed nothing. Ask your support team to check the address of OneFile in the settings."
        ),
    ),
    Explanation(
        "session_refused",
        Move.OURS,
        _("OneFile let PICSWeb sign in, but then refused the session it had just opened."),
        _(
            "Nothing was changed by the refused call. Tell your support team; OneFile Support can say "
            "whether access through the API is switched on for you."
        ),
    ),
    Explanation(
        "forbidden",
        Move.YOURS,
        _("OneFile does not allow PICSWeb to use this record."),
        _(
            "Nothing was changed by the refused call. Check that the OneFile ID in PICSWeb belongs to one "
            "of your own centres. If it does, ask OneFile Support to allow access to that centre through "
            "the API."
        ),
    ),
    Explanation(
        "not_found",
        Move.YOURS,
        _("OneFile has no record with this OneFile ID."),
        _(
            "Nothing was changed or deleted in PICSWeb. See whether the record was deleted or archived in "
            "OneFile, and correct the OneFile ID in PICSWeb if it is wrong."
        ),
    ),
    Explanation(
        "timed_out",
        Move.WAIT,
        _("OneFile took too long to answer."),
        _(
            "PICSWeb keeps its values, and the next sync tries again. If something was being created, the "
            "sync first looks in OneFile whether it is there, so nothing is created twice."
        ),
    ),
    Explanation(
        "conflict",
        Move.YOURS,
        _("What PICSWeb sent clashes with something that OneFile already holds."),
        _(
            "Nothing was saved in OneFile, and PICSWeb keeps its values. Compare the two records, correct "
            "the one that is wrong and refresh the learner again."
        ),
    ),
    Explanation(
        "rate_limited",
        Move.WAIT,
        _("OneFile limits the number of calls a minute, and that limit has been reached."),
        _(
            "What was done is kept. Refresh again later; the daily sync does so automatically for the "
            "learners in its scope. If this happens often, ask your support team whether another program uses "
            "the same customer token, or to set fewer calls a minute."
        ),
    ),
    Explanation(
        "refused",
        Move.YOURS,
        _("OneFile refused what PICSWeb sent."),
        _(
            "Nothing was saved in OneFile, and PICSWeb keeps its values. Check the values of this record "
            "in PICSWeb and the centre, officer and OneFile IDs that belong to it, then refresh the "
            "learner again."
        ),
    ),
    Explanation(
        "server_error",
        Move.WAIT,
        _("OneFile reported an error of its own."),
        _(
            "PICSWeb keeps its values, and the next sync tries again. If something was being created, the "
            "sync first looks in OneFile whether it is there. If the same record fails for days, tell "
            "OneFile Support."
        ),
    ),
    Explanation(
        "bad_answer",
        Move.WAIT,
        _("OneFile sent an answer that PICSWeb cannot read."),
        _(
            "Nothing was taken from that answer, and the next sync tries again. This happens while "
            "OneFile is being maintained; if it goes on for more than a day, tell your support team."
        ),
    ),
    Explanation(
        "too_large",
        Move.OURS,
        _("OneFile's answer was larger than any that PICSWeb accepts."),
        _(
            "Nothing was taken from that answer, and PICSWeb keeps its values. Tell your support team: a smaller "
            "PAGE_SIZE makes the answers to searches smaller. If one record alone is too large, OneFile Support can "
            "say why."
        ),
    ),
    Explanation(
        "unreachable",
        Move.WAIT,
        _("OneFile could not be reached."),
        _(
            "This call changed nothing, and the next sync tries again. If OneFile opens in your browser "
            "and this goes on, ask your support team to check PICSWeb's connection to the internet. Where "
            "that leads through a proxy, the setting PROXY names it."
        ),
    ),
    Explanation(
        "cut_off",
        Move.WAIT,
        _("The connection to OneFile broke off before the answer was complete."),
        _(
            "PICSWeb keeps its values, and the next sync tries again. If something was being created, the "
            "sync first looks in OneFile whether it is there, so nothing is created twice."
        ),
    ),
    Explanation(
        "redirected",
        Move.OURS,
        _("The address that is set for OneFile redirects to another address."),
        _(
            "This call changed nothing, and PICSWeb did not follow, so that the customer token reaches nobody "
            "else. Ask your support team to check the address of OneFile in the settings."
        ),
    ),
    Explanation(
        "tls",
        Move.OURS,
        _("The server at OneFile's address could not prove that it is OneFile."),
        _(
            "This call changed nothing. Ask your support team to check the certificates and the date on "
            "PICSWeb's server, and whether something stands between it and OneFile. Where your network inspects "
            "TLS, the setting CA_BUNDLE names its certificates."
        ),
    ),
    Explanation(
        "gone_wrong",
        Move.OURS,
        _("Something went wrong between PICSWeb and OneFile that PICSWeb does not recognise."),
        _(
            "PICSWeb keeps its values, and nothing is created twice. Tell your support team, with the "
            "time at which it happened; the next sync tries again."
        ),
    ),
)

#: What is said of a list instead: a list has no values or OneFile ID to correct, and no learner to refresh.
OF_LISTS: dict[str, Promise] = {
    "refused": _(
        "OneFile refused to list these records. Read the list again; if OneFile refuses again, tell your support team."
    ),
    "forbidden": _(
        "OneFile does not allow PICSWeb to list these records. Ask OneFile Support to allow access to this centre "
        "through the API."
    ),
    "not_found": _(
        "OneFile does not know this centre. Read the list of centres again, and see whether the centre was closed."
    ),
}
