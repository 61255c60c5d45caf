"""PICSWeb's rows, saved one at a time through the model's own ``save``, so that signals and audit keep working.

Every function is one short transaction that locks the row; nothing here waits for the network (design, decision 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction
from django.db.models import Model

from onefile_sync.fields import Kind

from .conditions import with_conditions
from .elsewhere import parents_of_reviews
from .mapping import LEARNER, REVIEW, WRITTEN, Part
from .snapshot import Value
from .values import CannotHold, assign, plain, reader, same, stored


class Rejected(Exception):
    """PICSWeb's own model or database did not take the values; nothing was saved.

    Says only what it is about: the cause may quote the values and is left behind. ``fields`` are those that the model
    named when it refused: roles, or else PICSWeb's own names.
    """

    def __init__(self, kind: str, pk: str, fields: Iterable[str] = ()) -> None:
        super().__init__(f"PICSWeb did not take the values for {kind} {pk or '(new)'}")
        self.kind = kind
        self.pk = pk
        self.fields = tuple(fields)


class NowhereToPut(Exception):
    """A review is kept under a row of PICSWeb's that leads to the learner, and there is none, or several."""


def can_hold(kind: str, field: str, value: Value) -> bool:
    """Whether PICSWeb's field can hold a value: type, length, range, choices, null.

    No query, but for attendance that the mapping names by natural key.

    ``kind`` is "learner", "qualification" or "review"; ``field`` a name of :mod:`onefile_sync.host.snapshot`.
    """
    try:
        stored(WRITTEN[kind], field, value)
    except CannotHold:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Saved:
    """A row as it was, and as PICSWeb keeps it now: its ``save``, a signal, the field or the database may have tidied,
    rounded or cut off what it was given, or changed another value besides. Every value that is exchanged is told.
    """

    pk: str
    before: Mapping[str, Value]
    values: Mapping[str, Value]


def save_fields(kind: str, pk: str, old: Mapping[str, Value], new: Mapping[str, Value]) -> Saved | None:
    """Save changed values of one row, if it still has the old ones.

    ``old`` must tell every field of ``new``. Returns ``None``, with nothing written, when somebody changed one of these
    fields meanwhile or the row is gone. Raises :class:`Rejected` when PICSWeb does not take the values.
    """
    part = WRITTEN[kind]
    with saving(kind, pk):
        row = _locked(part, pk)
        if row is None or not all(same(plain(part, row, field), old[field]) for field in new):
            return None
        before = _exchanged(part)(row)
        names = assign(part, row, new)
        row.save(update_fields=[*names, *_stamps(part.model)])
        return _read_back(part, kind, row, new, before)


def _read_back(
    part: Part, kind: str, row: Model, given: Mapping[str, Value], before: Mapping[str, Value]
) -> Saved:
    """Whoever lost the OneFile ID would be created again each time, and so was refused."""
    kept = part.model._base_manager.using(part.database).filter(pk=row.pk).first()
    if kept is None or plain(part, kept, "onefile_id") != given.get("onefile_id", before.get("onefile_id")):
        raise Rejected(kind, "" if not before else str(row.pk), ["onefile_id"])
    return Saved(str(row.pk), before, _exchanged(part)(kept))


def _exchanged(part: Part) -> Callable[[Model], dict[str, Value]]:
    """Reads every value of a row that the exchange may write."""
    if part is LEARNER:
        return reader(part, ["onefile_id", "centre_id"])
    aside = (Kind.CONDITION, Kind.LEARNER, Kind.TYPE)
    return reader(part, ["onefile_id", *(role for role, kind in part.roles.items() if kind not in aside)])


def still_holds(kind: str, pk: str, values: Mapping[str, Value]) -> bool:
    """Whether a row still has these values; false when it is gone. Asked right before they are sent to OneFile."""
    part = WRITTEN[kind]
    key: Any = part.to_pk(pk)
    rows, conditions = with_conditions(part.model._base_manager.using(part.database), part, values)
    row = rows.filter(pk=key).first() if key is not None else None
    if row is None:
        return False
    answers = conditions(row)
    return all(
        same(answers[field] if field in answers else plain(part, row, field), value)
        for field, value in values.items()
    )


def create_review(learner_pk: str, values: Mapping[str, Value]) -> Saved | None:
    """Create a review for a learner from OneFile's (R10).

    Its type is the mapping's ``created_type``. Where the learner already has a review with that ``onefile_id``,
    because another worker was quicker, ``None`` is returned and nothing is created. Raises :class:`Rejected`
    when the learner is gone or PICSWeb does not take the values, and :class:`NowhereToPut`.
    """
    with saving("review"):
        learner = _locked(LEARNER, learner_pk)  # one at a time for this learner
        if learner is None:
            raise Rejected("learner", learner_pk)
        path = REVIEW.field_name("learner")
        reviews = REVIEW.model._base_manager.using(REVIEW.database)
        if reviews.filter(**{path: learner}, onefile_id=values["onefile_id"]).exists():
            return None
        first, *onward = path.split("__")
        review = REVIEW.model(**{first: _only_parent(learner) if onward else learner})
        setattr(review, REVIEW.field("type").attname, stored(REVIEW, "type", REVIEW.option("created_type")))
        assign(REVIEW, review, values)
        review.save()
        return _read_back(REVIEW, "review", review, values, before={})


def _only_parent(learner: Model) -> Model:
    """The one row to which a review can be attached so that its path leads to the learner."""
    found = list(parents_of_reviews([learner])[:2])
    if len(found) != 1:
        raise NowhereToPut
    parent: Model = found[0]
    return parent


@contextmanager
def saving(kind: str, pk: str = "") -> Iterator[None]:
    """A transaction in PICSWeb's database, for a row that is saved; refusals are raised as :class:`Rejected`."""
    part = WRITTEN[kind]
    try:
        with transaction.atomic(using=part.database):
            yield
    except CannotHold as error:
        raise Rejected(kind, pk, [str(error)]) from None
    except ValidationError as error:
        raise Rejected(kind, pk, _fields_named(part, error)) from None
    except (IntegrityError, DataError):
        raise Rejected(kind, pk) from None


def _fields_named(part: Part, error: ValidationError) -> list[str]:
    """The fields that a refusal names. Only names of the model's own: what else stands there may be a sentence."""
    own = {field.name for field in part.model._meta.get_fields()}
    roles = {part.field_name(role): role for role in part.roles if isinstance(part.field_name(role), str)}
    return [roles.get(name, name) for name in sorted(getattr(error, "error_dict", ())) if name in own]


def _locked(part: Part, pk: str) -> Model | None:
    key: Any = part.to_pk(pk)
    if key is None:
        return None
    return part.model._base_manager.using(part.database).select_for_update().filter(pk=key).first()


def _stamps(model: type[Model]) -> list[str]:
    """The "last changed" fields, which ``update_fields`` would leave out."""
    return [field.name for field in model._meta.concrete_fields if getattr(field, "auto_now", False)]
