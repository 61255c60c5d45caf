"""The learners whom PICSWeb lets somebody see, where a function of its own says so."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet

from .conditions import WrongCondition, function_at
from .mapping import LEARNER


def visible_learners(user: Any) -> QuerySet[Model] | None:
    """What the function of ``LEARNER["visible_to"]`` answers for this user; ``None`` where there is no function.

    Raises ``ImproperlyConfigured`` where there is no such function, and ``TypeError`` where it answers with something
    else than a queryset: better no page than a learner whom PICSWeb hides.
    """
    path = LEARNER.option("visible_to")
    if path is None:
        return None
    try:
        learners = function_at(path)(user)
    except WrongCondition as wrong:
        raise ImproperlyConfigured(f"ONEFILE_SYNC['LEARNER']['visible_to']: {wrong}.") from None
    if not isinstance(learners, QuerySet):
        raise TypeError(f"{path} returned {type(learners).__name__}, not a queryset of learners.")
    return learners
