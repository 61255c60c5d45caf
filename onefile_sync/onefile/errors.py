"""One table: what came back from OneFile -> what we do about it -> what a person is told.

The table is closed: whatever no other row describes is ``gone_wrong``. A new case is one row and one test.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Move = Literal["yours", "ours", "wait"]


class Scope(Enum):
    """How far a failure reaches: this record only, or every call that would follow."""

    ITEM = "item"
    RUN = "run"


class Repeat(Enum):
    """What may turn a failure into a success. An unsure create is never repeated, whatever stands here."""

    NEVER = "never"
    AGAIN = "again"
    AFTER_PAUSE = "after pause"
    WITH_NEW_SESSION = "with new session"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table.

    ``statuses`` are the HTTP statuses that mean this case unless an operation says otherwise. ``doubtful``: OneFile
    may have done what was asked all the same. ``move`` says whose turn it is: the staff's ("yours"), the support
    team's ("ours") or nobody's, because the next sync tries again ("wait").
    """

    code: str
    statuses: Container[int]
    repeat: Repeat
    doubtful: bool
    scope: Scope
    move: Move
    text: Promise
    remedy: Promise


CASES: tuple[Case, ...] = (
    Case(
        code="bad_customer_token",
        statuses=(),
        repeat=Repeat.NEVER,
        doubtful=False,
        scope=Scope.RUN,
        move="yours",
        text=_("OneFile did not accept the customer token."),
        remedy=_(
            "This call changed nothing. Check the environment and enter the customer token again in the OneFile "
            "settings: a token for Live does not work for Beta or Practice. OneFile Support can issue a "
            "new one."
        ),
    ),
    Case(
        code="wrong_address",
        statuses=(),
        repeat=Repeat.NEVER,
        doubtful=False,
        scope=Scope.RUN,
        move="ours",
        text=_("There is no OneFile at the address that is set for it."),
        remedy=_(
            "This call changed nothing. Ask your support team to check the address of OneFile in the settings."
        ),
    ),
    Case(
        code="session_refused",
        statuses=(401,),
        repeat=Repeat.WITH_NEW_SESSION,
        doubtful=False,
        scope=Scope.RUN,
        move="ours",
        text=_("OneFile let PICSWeb sign in, but then refused the session it had just opened."),
        remedy=_(
            "Nothing was changed by the refused call. Tell your support team; OneFile Support can say "
            "whether access through the API is switched on for you."
        ),
    ),
    Case(
        code="forbidden",
        statuses=(403,),
        repeat=Repeat.WITH_NEW_SESSION,
        doubtful=False,
        scope=Scope.ITEM,
        move="yours",
        text=_("OneFile does not allow PICSWeb to use this record."),
        remedy=_(
            "Nothing was changed by the refused call. Check that the OneFile ID in PICSWeb belongs to one "
            "of your own centres. If it does, ask OneFile Support to allow access to that centre through "
            "the API."
        ),
    ),
    Case(
        code="not_found",
        statuses=(404, 410),
        repeat=Repeat.NEVER,
        doubtful=False,
        scope=Scope.ITEM,
        move="yours",
        text=_("OneFile has no record with this OneFile ID."),
        remedy=_(
            "Nothing was changed or deleted in PICSWeb. See whether the record was deleted or archived in "
            "OneFile, and correct the OneFile ID in PICSWeb if it is wrong."
        ),
    ),
    Case(
        code="timed_out",
        statuses=(408,),
        repeat=Repeat.AGAIN,
        doubtful=True,
        scope=Scope.ITEM,
        move="wait",
        text=_("OneFile took too long to answer."),
        remedy=_(
            "PICSWeb keeps its values, and the next sync tries again. If something was being created, the "
            "sync first looks in OneFile whether it is there, so nothing is created twice."
        ),
    ),
    Case(
        code="conflict",
        statuses=(409,),
        repeat=Repeat.NEVER,
        doubtful=False,
        scope=Scope.ITEM,
        move="yours",
        text=_("What PICSWeb sent clashes with something that OneFile already holds."),
        remedy=_(
            "Nothing was saved in OneFile, and PICSWeb keeps its values. Compare the two records, correct "
            "the one that is wrong and refresh the learner again."
        ),
    ),
    Case(
        code="rate_limited",
        statuses=(429,),
        repeat=Repeat.AFTER_PAUSE,
        doubtful=False,
        scope=Scope.RUN,
        move="wait",
        text=_("OneFile takes only so many calls a minute, and the limit is still reached."),
        remedy=_(
            "What was done is kept. Refresh again later; the daily sync does it by itself for the "
            "learners in its scope. If this happens often, ask your support team whether another program uses "
            "the same customer token, or to set fewer calls a minute."
        ),
    ),
    Case(
        code="refused",
        statuses=range(400, 500),
        repeat=Repeat.NEVER,
        doubtful=False,
        scope=Scope.ITEM,
        move="yours",
        text=_("OneFile refused what PICSWeb sent."),
        remedy=_(
            "Nothing was saved in OneFile, and PICSWeb keeps its values. Check the values of this record "
            "in PICSWeb and the centre, officer and OneFile IDs that belong to it, then refresh the "
            "learner again."
        ),
    ),
    Case(
        code="server_error",
        statuses=range(500, 600),
        repeat=Repeat.AGAIN,
        doubtful=True,
        scope=Scope.ITEM,
        move="wait",
        text=_("OneFile reported an error of its own."),
        remedy=_(
            "PICSWeb keeps its values, and the next sync tries again. If something was being created, the "
            "sync first looks in OneFile whether it is there. If the same record fails for days, tell "
            "OneFile Support."
        ),
    ),
    Case(
        code="bad_answer",
        statuses=(),
        repeat=Repeat.AGAIN,
        doubtful=True,
        scope=Scope.ITEM,
        move="wait",
        text=_("OneFile sent an answer that PICSWeb cannot read."),
        remedy=_(
            "Nothing was taken from that answer, and the next sync tries again. This happens while "
            "OneFile is being maintained; if it goes on for more than a day, tell your support team."
        ),
    ),
    Case(
        code="too_large",
        statuses=(),
        repeat=Repeat.NEVER,
        doubtful=True,
        scope=Scope.ITEM,
        move="ours",
        text=_("OneFile's answer was larger than any that PICSWeb accepts."),
        remedy=_(
            "Nothing was taken from that answer, and PICSWeb keeps its values. Tell your support team: a smaller "
            "PAGE_SIZE makes the answers to searches smaller. If one record alone is too large, OneFile Support can "
            "say why."
        ),
    ),
    Case(
        code="unreachable",
        statuses=(),
        repeat=Repeat.AGAIN,
        doubtful=False,
        scope=Scope.RUN,
        move="wait",
        text=_("OneFile could not be reached."),
        remedy=_(
            "This call changed nothing, and the next sync tries again. If OneFile opens in your browser "
            "and this goes on, ask your support team to check PICSWeb's connection to the internet. Where "
            "that leads through a proxy, the setting PROXY names it."
        ),
    ),
    Case(
        code="cut_off",
        statuses=(),
        repeat=Repeat.AGAIN,
        doubtful=True,
        scope=Scope.ITEM,
        move="wait",
        text=_("The connection to OneFile broke off before the answer was complete."),
        remedy=_(
            "PICSWeb keeps its values, and the next sync tries again. If something was being created, the "
            "sync first looks in OneFile whether it is there, so nothing is created twice."
        ),
    ),
    Case(
        code="redirected",
        statuses=range(300, 400),
        repeat=Repeat.NEVER,
        doubtful=False,
        scope=Scope.RUN,
        move="ours",
        text=_("The address that is set for OneFile points on to another address."),
        remedy=_(
            "This call changed nothing, and PICSWeb did not follow, so that the customer token reaches nobody "
            "else. Ask your support team to check the address of OneFile in the settings."
        ),
    ),
    Case(
        code="tls",
        statuses=(),
        repeat=Repeat.NEVER,
        doubtful=False,
        scope=Scope.RUN,
        move="ours",
        text=_("The server at OneFile's address could not prove that it is OneFile."),
        remedy=_(
            "This call changed nothing. Ask your support team to check the certificates and the date on "
            "PICSWeb's server, and whether something stands between it and OneFile. Where your network inspects "
            "TLS, the setting CA_BUNDLE names its certificates."
        ),
    ),
    Case(
        code="gone_wrong",
        statuses=(),
        repeat=Repeat.NEVER,
        doubtful=True,
        scope=Scope.ITEM,
        move="ours",
        text=_("Something went wrong between PICSWeb and OneFile that PICSWeb has no name for."),
        remedy=_(
            "PICSWeb keeps its values, and nothing is created twice. Tell your support team, with the "
            "time at which it happened; the next sync tries again."
        ),
    ),
)

_BY_CODE = {case.code: case for case in CASES}


def case_for(code: str) -> Case:
    """The row of a code; a code that the table does not know is ``gone_wrong``."""
    return _BY_CODE.get(code, _BY_CODE["gone_wrong"])


def case_of_status(status: int) -> Case | None:
    """What an HTTP status means where the operation has no meaning of its own for it; ``None`` for success."""
    if 200 <= status < 300:
        return None
    return next((case for case in CASES if status in case.statuses), case_for("gone_wrong"))


class OneFileError(Exception):
    """A call to OneFile that failed, as a row of :data:`CASES`.

    ``unsure`` is true only of a create that OneFile may have carried out all the same. ``onefile_code`` is the number
    that OneFile gives with a refusal, ``retry_after`` the seconds that it asks to wait. ``was_dropped``: the connection
    had been dropped while it was idle, so a call that may be repeated can go again at once. Text, tokens and addresses
    that came with it are left behind on purpose.
    """

    def __init__(
        self,
        code: str,
        operation: str = "",
        status: int | None = None,
        *,
        unsure: bool = False,
        scope: Scope | None = None,
        onefile_code: int | None = None,
    ) -> None:
        super().__init__(code, operation, status)
        self.code = code
        self.operation = operation
        self.status = status
        self.unsure = unsure
        self.scope = scope or self.case.scope
        self.onefile_code = onefile_code
        self.retry_after = 0.0
        self.was_dropped = False

    @property
    def case(self) -> Case:
        return case_for(self.code)

    @property
    def move(self) -> Move:
        return self.case.move

    def __str__(self) -> str:
        return " ".join(
            str(part) for part in (self.code, self.operation, self.status) if part not in ("", None)
        )
