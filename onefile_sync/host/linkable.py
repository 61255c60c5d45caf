"""PICSWeb's rows as linking needs them: who or what each one is, and which of them have a OneFile ID.

Every function makes a constant number of queries. Functions of the mapping are called for each row. Rows that PICSWeb
hides are not offered for linking, but count wherever the question is who has a OneFile ID already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import Any, Literal

from django.db.models import F, Model, QuerySet

from onefile_sync.idents import ident_key

from .elsewhere import source
from .mapping import LEARNER, OFFICER, ORGANISATION, QUALIFICATION, REVIEW, WRITTEN, Part
from .optional_roles import optional_reader
from .reading import (
    by_learner,
    everything,
    hides,
    lately_ended,
    lazy_label,
    learners_by_pk,
    live_learners,
    only_linked,
    rows_of,
    shown,
)
from .snapshot import OrganisationRow, PersonRow, QualificationLinkRow, ReviewLinkRow, roles_of
from .values import moment, normal_types, plain, reader

PersonKind = Literal["learner", "officer"]
_CHUNK = 500


def read_people(kind: PersonKind, pks: Iterable[str]) -> list[PersonRow]:
    """The learners or officers with these primary keys, by primary key. Deleted and hidden ones are left out."""
    return list(person_rows(kind, _with_pks(WRITTEN[kind], pks)))


def all_people(kind: PersonKind, *, linked: bool | None = None) -> Iterator[PersonRow]:
    """All learners or officers, or those with or without a OneFile ID, fetched lazily."""
    return person_rows(kind, only_linked(shown(WRITTEN[kind]), linked))


def unlinked_in_scope(today: date) -> Iterator[PersonRow]:
    """The learners without a OneFile ID who would otherwise be in the scope of the daily sync (R2), fetched lazily."""
    relations, details = optional_reader(LEARNER, roles_of(PersonRow))
    learners = live_learners(lately_ended(today), linked=False, relations=relations)
    return (person_row("learner", learner, details) for learner in learners)


def officers_in_use(today: date) -> list[PersonRow]:
    """The main officers, and the officers of normal reviews, of the learners in scope, linked or not. Three queries."""
    main_officer, used, learners = source(LEARNER, "main_officer"), set(), set()
    for learner in live_learners(lately_ended(today), relations=main_officer.relations):
        learners.add(learner.pk)
        officer: Any = main_officer.read(learner)
        if officer is not None:
            used.add(officer.pk)
    officer_of_review = REVIEW.field("officer").attname
    reviews = _normal(shown(REVIEW)).filter(**{f"{officer_of_review}__isnull": False}).order_by()
    pairs = reviews.values_list(f"{REVIEW.field_name('learner')}__pk", officer_of_review).distinct()
    used |= {pk for learner, pk in pairs.iterator(chunk_size=_CHUNK) if learner in learners}
    return list(person_rows("officer", shown(OFFICER).filter(pk__in=used)))


def officers_by_ident() -> dict[str, list[str]]:
    """The primary keys of the officers with each Ident, by the key of :mod:`onefile_sync.idents`.

    As officers are known by their OneFile ID (:func:`.reading.read_officers`), a hidden officer counts only if no
    visible one has the Ident. One query, and a second if PICSWeb hides officers.
    """
    found: dict[str, dict[str, bool]] = {}
    if OFFICER.is_played("ident"):
        relations, details = optional_reader(OFFICER, ["ident"])
        visible = set(shown(OFFICER).values_list("pk", flat=True)) if hides(OFFICER) else None
        for row in _lazily(everything(OFFICER), relations):
            is_visible = visible is None or row.pk in visible
            found.setdefault(ident_key(details(row)["ident"]), {})[str(row.pk)] = is_visible
    found.pop("", None)
    return {
        key: [pk for pk, is_visible in pks.items() if is_visible or not any(pks.values())]
        for key, pks in found.items()
    }


def organisations(
    pks: Iterable[str] | None = None, *, linked: bool | None = None
) -> Iterator[OrganisationRow]:
    """All organisations, or those with these primary keys, with or without a OneFile ID; none if there is no model."""
    if not ORGANISATION.is_mapped:
        return
    rows = shown(ORGANISATION) if pks is None else _with_pks(ORGANISATION, pks)
    yield from organisation_rows(only_linked(rows, linked))


def organisation_rows(rows: QuerySet[Model]) -> Iterator[OrganisationRow]:
    """These rows of PICSWeb's as plain ones, fetched lazily."""
    relations, details = optional_reader(ORGANISATION, roles_of(OrganisationRow))
    for row in _lazily(rows, relations):
        onefile_id = plain(ORGANISATION, row, "onefile_id")
        yield OrganisationRow(str(row.pk), lazy_label(row), onefile_id, **details(row))


def organisations_in_use() -> Iterator[OrganisationRow]:
    """The organisations that learners may be placed with: all of them, as the mapping may know no placements."""
    return organisations()


def qualifications_of(learner_pks: Iterable[str]) -> list[QualificationLinkRow]:
    """The qualifications of these learners, linked or not, by primary key. Two queries."""
    learners = learners_by_pk(learner_pks)
    relations, details = optional_reader(QUALIFICATION, roles_of(QualificationLinkRow))
    rows = rows_of(learners, QUALIFICATION)
    rows = rows.select_related(*relations) if relations else rows
    return [
        QualificationLinkRow(
            str(row.pk),
            lazy_label(row),
            str(learner_pk),
            plain(QUALIFICATION, row, "onefile_id"),
            **details(row),
        )
        for row, learner_pk in by_learner(rows, QUALIFICATION, learners)
    ]


def knows_references() -> bool:
    """Whether the mapping has a field for the reference of a qualification."""
    return QUALIFICATION.is_played("reference")


def references_in_use(*, linked: bool = False) -> dict[str, int]:
    """The references of qualifications without a OneFile ID, with how many there are of each. Two queries.

    Only qualifications of Live learners In Learning count. Empty if the mapping has no field for the reference.
    ``linked``: of those with a OneFile ID instead.
    """
    if not knows_references():
        return {}
    relations, details = optional_reader(QUALIFICATION, ["reference"])
    learners = {learner.pk for learner in live_learners(None)}
    of_learners = only_linked(shown(QUALIFICATION), linked=linked)
    rows = of_learners.annotate(onefile_learner_pk=F(f"{QUALIFICATION.field_name('learner')}__pk"))
    found = Counter(
        details(row)["reference"]
        for row in _lazily(rows, relations)
        if row.onefile_learner_pk in learners  # type: ignore[attr-defined] # annotated above
    )
    return {reference: found[reference] for reference in sorted(found) if reference}


def reviews_of(learner_pks: Iterable[str]) -> list[ReviewLinkRow]:
    """The reviews of normal types of these learners, linked or not, by primary key. Two queries."""
    learners = learners_by_pk(learner_pks)
    values = reader(REVIEW, ["onefile_id", "proposed_date", "proposed_time", "actual_date"])
    found = []
    for row, learner_pk in by_learner(_normal(rows_of(learners, REVIEW)), REVIEW, learners):
        each = values(row)
        proposed: datetime | date | None = each["proposed_date"]
        if proposed is not None and each["proposed_time"] is not None:
            proposed = moment(proposed, each["proposed_time"])
        found.append(
            ReviewLinkRow(
                str(row.pk),
                lazy_label(row),
                str(learner_pk),
                each["onefile_id"],
                proposed,
                each["actual_date"],
            )
        )
    return found


def linked_rows_of(learner_pk: str) -> list[tuple[str, str, int]]:
    """The kind, primary key and OneFile ID of every linked qualification and review of a learner. Two queries.

    Those that PICSWeb hides and reviews of other types are among them: unlinking the learner concerns them as well.
    """
    key = LEARNER.to_pk(learner_pk)
    return [
        (kind, str(pk), onefile_id)
        for kind in ("qualification", "review")
        for pk, onefile_id in only_linked(everything(WRITTEN[kind]), linked=True)
        .filter(**{f"{WRITTEN[kind].field_name('learner')}__pk": key})
        .order_by("pk")
        .values_list("pk", "onefile_id")
    ]


def rows_by_pk(kind: str, pks: Iterable[str]) -> dict[str, Model]:
    """The rows of a kind with these primary keys. Deleted and hidden ones are left out. One query."""
    part = WRITTEN[kind]
    return {str(row.pk): row for row in _with_pks(part, pks)} if part.is_mapped else {}


def kind_of(row: Model) -> str | None:
    """The kind of one of PICSWeb's rows, as the mapping has it: learner, officer and so on. ``None`` for others."""
    concrete = row._meta.concrete_model
    found = (
        kind
        for kind, part in WRITTEN.items()
        if part.is_mapped and part.model._meta.concrete_model is concrete
    )
    return next(found, None)


def names(kind: str, pks: Iterable[str]) -> dict[str, str]:
    """The names of these rows, hidden ones included, by primary key. Deleted rows are left out. One query."""
    part = WRITTEN[kind]
    if not part.is_mapped:
        return {}
    keys = [key for pk in pks if (key := part.to_pk(pk)) is not None]
    return {str(row.pk): str(lazy_label(row)) for row in everything(part).filter(pk__in=keys).order_by("pk")}


def link_values(kind: str, pk: str) -> dict[str, int | None] | None:
    """What linking writes of a row, hidden or not: the OneFile ID, and a learner's centre. ``None`` without the row."""
    part = WRITTEN[kind]
    row = everything(part).filter(pk=part.to_pk(pk)).first() if part.to_pk(pk) is not None else None
    if row is None:
        return None
    return {
        role: plain(part, row, role) for role in ("onefile_id", *(["centre_id"] if part is LEARNER else []))
    }


def count_linked() -> dict[str, int]:
    """How many rows of each kind have a OneFile ID, including hidden ones. One query for each kind."""
    return {
        kind: only_linked(everything(part), linked=True).count() if part.is_mapped else 0
        for kind, part in WRITTEN.items()
    }


def is_anything_linked() -> bool:
    """Whether any row has a OneFile ID, hidden ones included. One query for each kind, until one has."""
    return any(
        part.is_mapped and only_linked(everything(part), linked=True).exists() for part in WRITTEN.values()
    )


def rows_with_onefile_id(
    kind: str, after_pk: str = "", limit: int = 1000
) -> list[tuple[str, int, int | None]]:
    """The primary key, OneFile ID and centre (of learners only) of the next rows after a primary key, by primary key.

    Includes hidden rows. ``after_pk`` is ``""`` to begin with. One query.
    """
    part = WRITTEN[kind]
    if not part.is_mapped:
        return []
    rows = only_linked(everything(part), linked=True).order_by("pk")
    if after_pk:
        rows = rows.filter(pk__gt=part.to_pk(after_pk))
    centre = part.field("centre_id").attname if part is LEARNER else None
    columns = ["pk", "onefile_id", *([centre] if centre else [])]
    return [
        (str(pk), onefile_id, *(of or [None])) for pk, onefile_id, *of in rows.values_list(*columns)[:limit]
    ]


def pks_with_onefile_id(kind: str, onefile_ids: Iterable[int]) -> dict[int, list[str]]:
    """The primary keys of the rows with these OneFile IDs, including hidden rows. One query."""
    part = WRITTEN[kind]
    found: dict[int, list[str]] = {}
    if part.is_mapped:
        rows = everything(part).filter(onefile_id__in=list(onefile_ids)).order_by("pk")
        for onefile_id, pk in rows.values_list("onefile_id", "pk"):
            found.setdefault(onefile_id, []).append(str(pk))
    return found


def person_rows(kind: PersonKind, rows: QuerySet[Model]) -> Iterator[PersonRow]:
    """These rows of PICSWeb's as plain ones, fetched lazily."""
    part = WRITTEN[kind]
    known = [role for role in roles_of(PersonRow) if role in part.optional_roles]
    relations, details = optional_reader(part, known)
    return (person_row(kind, row, details) for row in _lazily(rows, relations))


def person_row(kind: PersonKind, row: Model, details: Callable[[Model], dict[str, Any]]) -> PersonRow:
    """A row of PICSWeb's as a plain one. ``details`` reads its optional roles."""
    part = WRITTEN[kind]
    return PersonRow(
        str(row.pk),
        lazy_label(row),
        kind,
        plain(part, row, "onefile_id"),
        plain(part, row, "centre_id") if part is LEARNER else None,
        **details(row),
    )


def _with_pks(part: Part, pks: Iterable[str]) -> QuerySet[Model]:
    return shown(part).filter(pk__in=[key for pk in pks if (key := part.to_pk(pk)) is not None])


def _lazily(rows: QuerySet[Model], relations: Iterable[str]) -> Iterator[Model]:
    rows = rows.select_related(*relations) if relations else rows
    return rows.order_by("pk").iterator(chunk_size=_CHUNK)


def _normal(reviews: QuerySet[Model]) -> QuerySet[Model]:
    return reviews.filter(**{f"{REVIEW.field('type').attname}__in": normal_types(REVIEW)})
