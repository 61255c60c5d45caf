"""Which learners a user may see, according to the function in ``LEARNER["visible_to"]``."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet

from .conditions import WrongCondition, function_at
from .mapping import LEARNER


def visible_learners(user: Any) -> QuerySet[Model] | None:
    """The learners that the function in ``LEARNER["visible_to"]`` returns for this user; ``None`` without a function.

    Raises ``ImproperlyConfigured`` if the function does not exist, and ``TypeError`` if it returns anything but a
    queryset of learners: an error page is better than showing a learner whom PICSWeb hides.
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
