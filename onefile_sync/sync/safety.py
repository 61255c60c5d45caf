"""The safety stop: whether a daily run would replace existing values of implausibly many learners.

A wrong customer token, a restored database or a mapping that points at the wrong field shows in one way: suddenly the
values of almost all differ who can be compared at all. Filling blanks and creating reviews harm nobody; replacing does.
"""

from __future__ import annotations

from onefile_sync.rows import Attendance

from . import rules
from .parts import PICSWEB, Plan

#: What says nothing yet, and so is not lost when OneFile knows better: of a review's attendance, and of progress.
UNSAID = (Attendance.BLANK, Attendance.UNKNOWN, 0)
#: Problems of learners of whom nothing was compared: in a wrong OneFile most IDs are nobody's.
NOT_COMPARED = ("learner_gone", "not_a_learner", "learner_duplicate")


def replaces_values(plan: Plan) -> bool:
    """Whether a plan would replace or blank a value that PICSWeb has."""
    return any(
        change.side == PICSWEB and not rules.is_blank(change.old) and change.old not in UNSAID
        for change in plan.changes()
    )


def is_implausible(learners: int, compared: int, percent: int, least: int) -> bool:
    """Whether so many of the learners compared are more than a day's work explains."""
    return learners >= least and 100 * learners > percent * compared
