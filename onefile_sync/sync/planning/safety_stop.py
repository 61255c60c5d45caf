"""The safety stop: whether a run would replace existing values of implausibly many learners.

A wrong customer token, a restored database or a mapping that points at the wrong field shows in one way: suddenly the
values of almost all differ who can be compared at all. Filling blanks and creating reviews harm nobody; replacing does.
"""

from __future__ import annotations

from onefile_sync.host.snapshot import Attendance

from . import rules
from .types import PICSWEB, FieldChange, Plan

#: What says nothing yet, and so is not lost when OneFile knows better: of a review's attendance, and of progress.
UNSAID = (Attendance.BLANK, Attendance.UNKNOWN, 0)
#: Problems of learners of whom nothing was compared: in a wrong OneFile most IDs are nobody's.
NOT_COMPARED = ("learner_gone", "not_a_learner", "learner_duplicate")


def replaces_values(plan: Plan) -> bool:
    """Whether a plan would replace or blank a value that PICSWeb has."""
    return any(change.side == PICSWEB and _loses_a_value(change) for change in plan.changes())


def _loses_a_value(change: FieldChange) -> bool:
    """Whether PICSWeb would lose something by a change.

    A review that was moved in OneFile counts: PICSWeb's proposed date was entered by somebody, and a mapping that
    points at the wrong field would show there first.
    """
    if rules.is_blank(change.old) or change.old in UNSAID:
        return False
    grows = change.field in (rules.TOTAL, rules.DONE)  # while a learner works: only a fall is a value lost
    if grows and isinstance(change.old, int) and isinstance(change.new, int):
        return change.new < change.old
    return True


def is_implausible(learners: int, compared: int, percent: int, least: int) -> bool:
    """Whether so many of the learners compared are more than a day's work explains."""
    return learners >= least and 100 * learners > percent * compared


def can_be_implausible(learners: int, percent: int, least: int) -> bool:
    """Whether a refresh of so many learners can come to that at all. Of one learner it never does."""
    return learners > 1 and is_implausible(learners, learners, percent, least)
