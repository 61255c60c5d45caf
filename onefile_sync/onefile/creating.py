"""What creating a learner in OneFile takes: users, placements, classes, learning aims and their assessors.

None of these may be repeated. ``about_to_send`` is called immediately before each request is sent. An error that is
``unsure`` means that OneFile may have carried out the request; one of a refused create has what OneFile ``said``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

from django.views.decorators.debug import sensitive_variables

from . import endpoints, parsing
from .client import OneFile
from .records import LearningAim


@sensitive_variables()
def create_user(
    onefile: OneFile, values: Mapping[str, str | int | date | None], *, about_to_send: Callable[[], object]
) -> int:
    """Create a user and return the ID. ``values`` are by our names for the values of a person.

    Blanks are not sent. Raises TypeError for any other name and for a date-time.
    """
    body: dict[str, object] = {}
    for name, value in values.items():
        if name not in onefile.user_names or isinstance(value, datetime):
            raise TypeError(name)
        if not parsing.is_blank(value):
            body[onefile.user_names[name]] = parsing.date_text(value) if isinstance(value, date) else value
    return onefile.create(endpoints.CREATE_USER, body, about_to_send=about_to_send)


@sensitive_variables()
def create_placement(
    onefile: OneFile,
    *,
    centre_id: int,
    name: str,
    mis_value: str = "",
    email: str = "",
    address: str = "",
    contact: str = "",
    telephone: str = "",
    web: str = "",
    active: bool = True,
    about_to_send: Callable[[], object],
) -> int:
    """Create a placement and return its ID. Blanks are not sent."""
    names = onefile.placement_names
    body: dict[str, object] = {names["centre_id"]: centre_id, names["active"]: active}
    texts = {
        names["name"]: name,
        names["mis_value"]: mis_value,
        names["email"]: email,
        "Address": address,
        "Contact": contact,
        "Telephone": telephone,
        "Web": web,
    }
    body |= {json_name: text for json_name, text in texts.items() if not parsing.is_blank(text)}
    return onefile.create(endpoints.CREATE_PLACEMENT, body, about_to_send=about_to_send)


def create_class(
    onefile: OneFile, *, centre_id: int, name: str, start: date, about_to_send: Callable[[], object]
) -> int:
    """Create a class that is active from ``start``, and return its ID."""
    body = {"OrganisationID": centre_id, "Name": name, "StartOn": parsing.date_text(start)}
    return onefile.create(endpoints.CREATE_CLASSROOM, body, about_to_send=about_to_send)


def assign_standard(
    onefile: OneFile, standard_id: int, learner_id: int, *, about_to_send: Callable[[], object]
) -> int:
    """Assign a standard to a learner and return the ID of the learning aim."""
    path_args = (standard_id, learner_id)
    return onefile.create(endpoints.ASSIGN_STANDARD, {}, path_args, about_to_send=about_to_send)


def assign_assessor(
    onefile: OneFile,
    assessor_id: int,
    *,
    learner_id: int,
    level: int,
    standard_id: int | None = None,
    about_to_send: Callable[[], object],
) -> None:
    """Make a user the assessor of a learner's learning aim (``level`` 3), or an additional assessor (1).

    Only the first has a ``standard_id``. The answer is ignored, as OneFile does not document it.
    """
    body = {"LearnerID": learner_id, "Level": level}
    if standard_id is not None:
        body["StandardID"] = standard_id
    onefile.transport.send(endpoints.ASSIGN_USER, (assessor_id,), body, about_to_send=about_to_send)


def set_aim_dates(
    onefile: OneFile,
    aim: LearningAim,
    *,
    start: date | None,
    planned_end: date | None,
    about_to_send: Callable[[], object] = lambda: None,
) -> None:
    """Set the dates of a learning aim; without any, no request is sent. May be repeated.

    ``aim`` must have been read just now, as of :meth:`OneFile.update_learning_aim`.
    """
    dates = {"start_date": start, "planned_end_date": planned_end}
    given = {name: day for name, day in dates.items() if day is not None}
    if given:
        onefile.update_learning_aim(aim, about_to_send=about_to_send, without=(), **given)
