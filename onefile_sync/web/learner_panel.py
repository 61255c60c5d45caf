"""What a learner's page says about OneFile, both on the admin's change page and on PICSWeb's own pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _

from onefile_sync import access, services
from onefile_sync.models import SyncRun

NOT_LINKED: Final = "no_onefile_id"
#: Refusals of a refresh that stand in nothing else.
OF_REFRESHING: Final = frozenset({NOT_LINKED, "learner_duplicate"})


@dataclass(frozen=True, slots=True)
class Panel:
    """A learner's OneFile panel for one user. ``status`` is ``None`` if the user may not see it.

    ``run_is_visible``, ``outcome_is_visible`` (of the last attempt) and ``success_is_visible`` say whether the user may
    open the pages to which the panel refers. ``reviews_wait``: the user may pair the learner's reviews, and they go
    neither way until then. ``may_enrol``: the user may create learners, and the mapping has what that needs.
    """

    learner: Model
    onefile_id: int | None
    status: services.LearnerStatus | None
    may_refresh: bool
    may_preview: bool
    run_is_visible: bool = False
    outcome_is_visible: bool = False
    success_is_visible: bool = False
    may_link: bool = False
    reviews_wait: bool = False
    may_enrol: bool = False
    may_match: bool = False

    @property
    def offers_creating(self) -> bool:
        """Whether there is a way to create the learner, or to add qualifications, and nothing stands in it."""
        return self.may_enrol and (self.refusal is None or self.refusal.code in OF_REFRESHING)

    @property
    def said_refusal(self) -> services.Refusal | None:
        """The refusal as far as it is worth saying: what a button beside it mends is not."""
        is_mended = self.offers_creating and self.refusal is not None and self.refusal.code == NOT_LINKED
        return None if is_mended else self.refusal

    @property
    def refusal(self) -> services.Refusal | None:
        return self.status.refusal if self.status is not None else None

    @property
    def reason(self) -> str:
        """Why the learner cannot be refreshed, with the buttons that help the user; ``""`` if the learner can be."""
        if self.refusal is None:
            return ""
        if self.refusal.code == "no_onefile_id" and self.may_link and self.may_match:
            return _(
                "The learner has no OneFile ID. Press “Link to an existing OneFile learner”, or use “Match with "
                "OneFile” for many learners at once."
            )
        if self.refusal.code == "no_onefile_id" and self.may_link:
            return _("The learner has no OneFile ID. Press “Link to an existing OneFile learner”.")
        return self.refusal.reason

    @property
    def current(self) -> SyncRun | None:
        return self.status.current if self.status is not None else None


def panel_for(request: HttpRequest, learner: Model) -> Panel:
    """Build a learner's panel for the user of this request. Makes a few queries and no call to OneFile."""
    onefile_id: int | None = getattr(learner, "onefile_id", None)
    may_link = access.may_link(request, learner)
    linking = {
        "may_link": may_link,
        "may_match": access.may_match(request),
        "reviews_wait": may_link and onefile_id is not None and services.reviews_wait(learner),
        "may_enrol": services.enrolment.offers_enrolment() and access.may_enrol(request, learner),
    }
    if not access.may_see_status(request, learner):
        return Panel(learner, onefile_id, status=None, may_refresh=False, may_preview=False, **linking)
    status = services.learner_status(learner)
    return Panel(
        learner,
        onefile_id,
        status,
        may_refresh=access.may_refresh(request, learner),
        may_preview=access.may_preview(request, learner),
        run_is_visible=status.current is not None and access.may_see_run(request, status.current),
        outcome_is_visible=status.last is not None and access.may_see_outcome(request, status.last),
        success_is_visible=status.last_success is not None
        and access.may_see_outcome(request, status.last_success),
        **linking,
    )
