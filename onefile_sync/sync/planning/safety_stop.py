"""The safety stop: whether a run would replace existing values of implausibly many learners.

A wrong customer token, a restored database or a mapping to the wrong field all have the same effect: suddenly the
values of almost all learners differ. Filling blanks and creating reviews does no harm; replacing values does.
"""

from __future__ import annotations

from onefile_sync.host.snapshot import Attendance

from . import rules
from .types import PICSWEB, FieldChange, Plan

#: Values of attendance and progress that carry no information, so replacing them loses nothing.
UNSAID = (Attendance.BLANK, Attendance.UNKNOWN, 0)
#: Problems of learners who were not compared at all. In the wrong OneFile, most IDs do not exist.
NOT_COMPARED = ("learner_gone", "not_a_learner", "learner_duplicate")


def replaces_values(plan: Plan) -> bool:
    """Whether a plan would replace or blank an existing value in PICSWeb."""
    return any(change.side == PICSWEB and _loses_a_value(change) for change in plan.changes())


def _loses_a_value(change: FieldChange) -> bool:
    """Whether a change would lose a value of PICSWeb's.

    A review that was moved in OneFile counts: a person entered PICSWeb's proposed date, and a mapping to the wrong
    field would show there first.
    """
    if rules.is_blank(change.old) or change.old in UNSAID:
        return False
    grows = change.field in (rules.TOTAL, rules.DONE)  # progress normally grows, so only a fall loses a value
    if grows and isinstance(change.old, int) and isinstance(change.new, int):
        return change.new < change.old
    return True


def is_implausible(learners: int, compared: int, percent: int, least: int) -> bool:
    """Whether this number of learners is too large a share of those compared to be normal daily changes."""
    return learners >= least and 100 * learners > percent * compared


def can_be_implausible(learners: int, percent: int, least: int) -> bool:
    """Whether a refresh of this number of learners could be held. A refresh of one learner never is."""
    return learners > 1 and is_implausible(learners, learners, percent, least)
