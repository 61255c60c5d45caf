"""Saves PICSWeb's rows one at a time through the model's own ``save``, so that signals and audit trails keep working.

Every function is one short transaction that locks the row and makes no network call (design, decision 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, DataError, IntegrityError, transaction
from django.db.models import Model

from onefile_sync.fields import Kind

from .conditions import with_conditions
from .elsewhere import parents_of_reviews
from .mapping import LEARNER, REVIEW, WRITTEN, Part
from .snapshot import Value
from .values import CannotHold, assign, plain, reader, same, stored


class Rejected(Exception):
    """PICSWeb's model or database refused the values, so nothing was saved.

    The error has no cause, as the cause may quote values. ``fields`` are the fields named in the refusal: as roles, or
    else by PICSWeb's own names.
    """

    def __init__(self, kind: str, pk: str, fields: Iterable[str] = ()) -> None:
        super().__init__(f"PICSWeb did not take the values for {kind} {pk or '(new)'}")
        self.kind = kind
        self.pk = pk
        self.fields = tuple(fields)


class NowhereToPut(Exception):
    """Reviews belong to another row of the learner, and this learner has no such row, or several."""


def can_hold(kind: str, field: str, value: Value) -> bool:
    """Whether PICSWeb's field can hold a value: type, length, range, choices, null.

    Makes no query, except for an attendance that the mapping names by natural key.

    ``kind`` is a key of :data:`onefile_sync.host.mapping.WRITTEN`; ``field`` a name of
    :mod:`onefile_sync.host.snapshot`.
    """
    try:
        stored(WRITTEN[kind], field, value)
    except CannotHold:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Saved:
    """A row's synchronised values before and after saving.

    PICSWeb's ``save``, a signal, the field or the database may have tidied, rounded or truncated a value, or changed
    other values as well.
    """

    pk: str
    before: Mapping[str, Value]
    values: Mapping[str, Value]


def save_fields(kind: str, pk: str, old: Mapping[str, Value], new: Mapping[str, Value]) -> Saved | None:
    """Save new values of one row, if it still has the old ones.

    ``old`` must have every field of ``new``. Returns ``None`` and writes nothing if one of these fields, or the OneFile
    ID if ``old`` has it, has changed meanwhile or the row has been deleted. Raises :class:`Rejected` if PICSWeb refuses
    the values.
    """
    part = WRITTEN[kind]
    with saving(kind, pk):
        row = _locked(part, pk)
        compared = {*new, *({"onefile_id"} & old.keys())}
        if row is None or not all(same(plain(part, row, field), old[field]) for field in compared):
            return None
        before = _exchanged(part)(row)
        names = assign(part, row, new)
        row.save(update_fields=[*names, *_stamps(part.model)])
        return _read_back(part, kind, row, new, before)


def _read_back(
    part: Part, kind: str, row: Model, given: Mapping[str, Value], before: Mapping[str, Value]
) -> Saved:
    """Read the saved row. Raises :class:`Rejected` if it lost its OneFile ID: it would be created again each time."""
    kept = part.model._base_manager.using(part.database).filter(pk=row.pk).first()
    if kept is None or plain(part, kept, "onefile_id") != given.get("onefile_id", before.get("onefile_id")):
        raise Rejected(kind, "" if not before else str(row.pk), ["onefile_id"])
    return Saved(str(row.pk), before, _exchanged(part)(kept))


def _exchanged(part: Part) -> Callable[[Model], dict[str, Value]]:
    """A function that reads every value of a row that the exchange may write."""
    if part is LEARNER:
        return reader(part, ["onefile_id", "centre_id"])
    aside = (Kind.CONDITION, Kind.LEARNER, Kind.TYPE)
    return reader(part, ["onefile_id", *(role for role, kind in part.roles.items() if kind not in aside)])


def still_holds(
    kind: str, pk: str, values: Mapping[str, Value], *, learner: tuple[str, int] | None = None
) -> bool:
    """Whether a row still exists with these values. Called immediately before they are sent to OneFile.

    With ``learner``, a primary key and a OneFile ID: and whether it is still of that learner, who still has that ID.
    """
    part = WRITTEN[kind]
    key: Any = part.to_pk(pk)
    rows, conditions = with_conditions(part.model._base_manager.using(part.database), part, values)
    if learner is not None:
        path = part.field_name("learner")
        rows = rows.filter(**{path: LEARNER.to_pk(learner[0]), f"{path}__onefile_id": learner[1]})
    row = rows.filter(pk=key).first() if key is not None else None
    if row is None:
        return False
    answers = conditions(row)
    return all(
        same(answers[field] if field in answers else plain(part, row, field), value)
        for field, value in values.items()
    )


def create_review(
    learner_pk: str, values: Mapping[str, Value], *, linked_to: int | None = None
) -> Saved | None:
    """Create a review for a learner from OneFile's review (R10).

    Its type is the mapping's ``created_type``. Returns ``None`` and creates nothing if the learner no longer has the
    OneFile ID ``linked_to``, or already has a review with that ``onefile_id``, created by another worker. Raises
    :class:`Rejected` if the learner has been deleted or PICSWeb refuses the values, and :class:`NowhereToPut`.
    """
    with saving("review"):
        learner = _locked(LEARNER, learner_pk)  # prevents two workers from creating the same review
        if learner is None:
            raise Rejected("learner", learner_pk)
        if linked_to is not None and plain(LEARNER, learner, "onefile_id") != linked_to:
            return None
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
    """The only row of the learner to which a review can belong. Raises :class:`NowhereToPut`."""
    found = list(parents_of_reviews([learner])[:2])
    if len(found) != 1:
        raise NowhereToPut
    parent: Model = found[0]
    return parent


@contextmanager
def saving(kind: str, pk: str = "") -> Iterator[None]:
    """A transaction in PICSWeb's database that turns refusals into :class:`Rejected`."""
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


@contextmanager
def kept_together() -> Iterator[None]:
    """A transaction in which several of PICSWeb's rows, and what we record of them, are all kept or none.

    If PICSWeb's rows are in a database of their own, ours is committed first: a record without its row is found out.
    """
    with ExitStack() as transactions:
        for database in dict.fromkeys((LEARNER.database, DEFAULT_DB_ALIAS)):
            transactions.enter_context(transaction.atomic(using=database))
        yield


def _fields_named(part: Part, error: ValidationError) -> list[str]:
    """The fields named in a refusal. Other keys are ignored, as they may be sentences."""
    own = {field.name for field in part.model._meta.get_fields()}
    roles = {part.field_name(role): role for role in part.roles if isinstance(part.field_name(role), str)}
    return [roles.get(name, name) for name in sorted(getattr(error, "error_dict", ())) if name in own]


def _locked(part: Part, pk: str) -> Model | None:
    key: Any = part.to_pk(pk)
    if key is None:
        return None
    return part.model._base_manager.using(part.database).select_for_update().filter(pk=key).first()


def _stamps(model: type[Model]) -> list[str]:
    """The ``auto_now`` fields, which ``update_fields`` would otherwise leave out."""
    return [field.name for field in model._meta.concrete_fields if getattr(field, "auto_now", False)]
