"""What a learner's page says about OneFile: one answer for the admin's change page and for PICSWeb's own pages."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Model

from . import access, services
from .models import SyncRun


@dataclass(frozen=True, slots=True)
class Panel:
    """A learner's OneFile panel for one user. ``status`` is ``None`` for a user who may not know it.

    ``run_is_visible`` and ``outcome_is_visible`` say whether the user may open the pages that the panel speaks of.
    """

    learner: Model
    onefile_id: int | None
    status: services.LearnerStatus | None
    may_refresh: bool
    may_preview: bool
    run_is_visible: bool = False
    outcome_is_visible: bool = False

    @property
    def refusal(self) -> services.Refusal | None:
        return self.status.refusal if self.status is not None else None

    @property
    def current(self) -> SyncRun | None:
        return self.status.current if self.status is not None else None


def panel_for(user: access.User, learner: Model) -> Panel:
    """The panel of a learner as this user may see it. No network, a handful of queries."""
    onefile_id: int | None = getattr(learner, "onefile_id", None)
    if not access.may_see_status(user, learner):
        return Panel(learner, onefile_id, status=None, may_refresh=False, may_preview=False)
    status = services.learner_status(learner)
    return Panel(
        learner,
        onefile_id,
        status,
        may_refresh=access.may_refresh(user, learner),
        may_preview=access.may_preview(user, learner),
        run_is_visible=status.current is not None and access.may_see_run(user, status.current),
        outcome_is_visible=status.last is not None and access.may_see_outcome(user, status.last),
    )
