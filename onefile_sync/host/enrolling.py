"""One learner of PICSWeb's with everything that is sent when the learner is created in OneFile.

PICSWeb's rows are read in a constant number of queries. Functions of the mapping are called for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date
from typing import Any, Final

from django.db.models import ForeignKey, Model

from onefile_sync.fields import Kind

from .conditions import function_at, with_conditions
from .elsewhere import source
from .linkable import organisation_rows, person_row, person_rows
from .lookups import kept_for
from .mapping import LEARNER, OFFICER, ORGANISATION, PLACEMENT, QUALIFICATION
from .optional_roles import is_row_of, optional_reader, row_of, wrong
from .reading import by_learner, everything, lazy_label, reviews_by_learner, rows_of, shown
from .snapshot import (
    LearnerToCreate,
    OrganisationRow,
    PersonRow,
    QualificationToCreate,
    roles_of,
)
from .values import plain

#: Without these of a learner and of an officer, nobody can be created in OneFile.
NEEDED: Final = ("first_name", "surname", "email")


def has_upload_mapping() -> list[str]:
    """What the mapping lacks for creating learners in OneFile, such as ``OFFICER.email``; empty if nothing is missing.

    Without any one of these there is no upload.
    """
    return [
        f"{part.key}.{role}" for part in (LEARNER, OFFICER) for role in NEEDED if not part.is_played(role)
    ]


def read_learner_to_create(pk: str, additional_roles: Collection[str] = ()) -> LearnerToCreate | None:
    """A learner, linked or not; ``None`` if there is none with this primary key or PICSWeb hides the learner.

    ``additional_roles`` are the roles whose officers become additional assessors; spaces around them and case do not
    matter. Raises ``TypeError``, which names the entry of the mapping, if a function of PICSWeb's returns nonsense.
    """
    main_officer = source(LEARNER, "main_officer")
    of_person, of_person_reader = optional_reader(LEARNER, roles_of(PersonRow))
    of_upload, of_upload_reader = optional_reader(LEARNER, roles_of(LearnerToCreate))
    learner = _learner(pk, {*main_officer.relations, *of_person, *of_upload})
    if learner is None:
        return None
    officer: Any = row_of(LEARNER, "main_officer", OFFICER, main_officer.read(learner))
    additional = _additional(learner, additional_roles)
    qualifications, assessors = _qualifications(learner)
    officers = _officers([officer, *additional, *assessors])
    details = of_upload_reader(learner)
    return LearnerToCreate(
        person_row("learner", learner, of_person_reader),
        main_officer=officers.get(_pk(officer)),
        additional=tuple(officers[each] for each in dict.fromkeys(map(_pk, additional)) if each in officers),
        employer=_employer(learner),
        qualifications=tuple(
            QualificationToCreate(**values, assessor=officers.get(_pk(assessor)))
            for values, assessor in zip(qualifications, assessors, strict=True)
        ),
        reviews=tuple(each for each in reviews_by_learner([learner]).get(learner.pk, ()) if each.is_normal),
        **details,
    )


def is_current(pk: str) -> tuple[bool, bool]:
    """Whether a learner is Live and is In Learning. One query, and one for each natural key in a condition."""
    key = LEARNER.to_pk(pk)
    rows, answers = with_conditions(shown(LEARNER), LEARNER, ("live", "in_learning"))
    learner = rows.filter(pk=key).first() if key is not None else None
    told = answers(learner) if learner is not None else {}
    return bool(told.get("live")), bool(told.get("in_learning"))


def _learner(pk: str, relations: Collection[str]) -> Model | None:
    key, learners = LEARNER.to_pk(pk), shown(LEARNER)
    if relations:
        learners = learners.select_related(*relations)
    return learners.filter(pk=key).first() if key is not None else None


def _pk(row: Model | None) -> str | None:
    return None if row is None else str(row.pk)


def _officers(rows: Iterable[Model | None]) -> dict[str | None, PersonRow]:
    """These officers by primary key, including those whom PICSWeb hides. One query."""
    pks = {row.pk for row in rows if row is not None}
    found = person_rows("officer", everything(OFFICER).filter(pk__in=pks)) if pks else ()
    return {each.pk: each for each in found}


def _additional(learner: Model, roles: Collection[str]) -> list[Model]:
    """The officers whom PICSWeb's function gives for these roles."""
    wanted = {_role_key(role) for role in roles} - {""}
    if not wanted or not LEARNER.is_played("additional_officers"):
        return []
    pairs: Any = function_at(LEARNER.field_name("additional_officers"))(learner)
    if pairs is None:
        return []
    if not isinstance(pairs, Iterable) or isinstance(pairs, str):
        raise wrong(LEARNER, "additional_officers", pairs, "pairs of a role and an officer")
    found = []
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise wrong(LEARNER, "additional_officers", pair, "a pair of a role and an officer")
        role, officer = pair
        if officer is not None and not is_row_of(OFFICER, officer):
            raise wrong(LEARNER, "additional_officers", officer, f"a row of {OFFICER.model._meta.label}")
        if officer is not None and _role_key(role) in wanted:
            found.append(officer)
    return found


def _role_key(role: object) -> str:
    return str(role).strip().casefold()


def _qualifications(learner: Model) -> tuple[list[dict[str, Any]], list[Model | None]]:
    """The values of the learner's qualifications, by primary key, and the assessor of each. One query."""
    known = [role for role, kind in roles_of(QualificationToCreate).items() if kind is not Kind.CONDITION]
    relations, details = optional_reader(QUALIFICATION, known)
    conditions = [role for role in ("uploaded",) if QUALIFICATION.is_played(role)]
    rows, answers = with_conditions(rows_of([learner], QUALIFICATION), QUALIFICATION, conditions)
    assessor = source(QUALIFICATION, "assessor") if QUALIFICATION.is_played("assessor") else None
    if fetched := {*relations, *(assessor.relations if assessor is not None else ())}:
        rows = rows.select_related(*fetched)
    values: list[dict[str, Any]] = []
    assessors = []
    for row, _learner_pk in by_learner(rows, QUALIFICATION, [learner]):
        own = {
            "pk": str(row.pk),
            "label": lazy_label(row),
            "onefile_id": plain(QUALIFICATION, row, "onefile_id"),
        }
        values.append({**own, **details(row), **answers(row)})
        found = assessor.read(row) if assessor is not None else None
        assessors.append(row_of(QUALIFICATION, "assessor", OFFICER, found))
    return values, assessors


def _employer(learner: Model) -> OrganisationRow | None:
    """The organisation of the latest placement of the right type, else of any type (R17). Two queries.

    A placement without a start date counts as the earliest. Of several on one day, the one with the last key counts.
    """
    if not (PLACEMENT.is_mapped and ORGANISATION.is_mapped):
        return None
    organisation, is_of_right_type = source(PLACEMENT, "organisation"), _right_type()
    relations, details = optional_reader(PLACEMENT, ["start_date"])
    type_relations = source(PLACEMENT, "type").relations if PLACEMENT.is_played("type") else ()
    rows = rows_of([learner], PLACEMENT).select_related(
        *{*organisation.relations, *relations, *type_relations}
    )
    latest: Model | None = None
    best: tuple[bool, date] | None = None
    for row, _learner_pk in by_learner(rows, PLACEMENT, [learner]):
        employer = organisation.read(row)
        start: Any = details(row).get("start_date")
        rank = is_of_right_type(row), start or date.min
        if employer is not None and (best is None or rank >= best):
            latest, best = employer, rank
    if latest is None:
        return None
    return next(organisation_rows(everything(ORGANISATION).filter(pk=latest.pk)), None)


def _right_type() -> Callable[[Model], bool]:
    """Whether a placement is of one of ``placement_types``. One query for each natural key among them."""
    if not PLACEMENT.is_played("type"):
        return lambda _row: True
    written, read = PLACEMENT.option("placement_types"), source(PLACEMENT, "type").read
    if PLACEMENT.is_told_by_function("type"):
        return lambda row: read(row) in written
    field: Any = PLACEMENT.field("type")
    types = [kept_for(PLACEMENT, field, each) for each in written]
    if not isinstance(field, ForeignKey):
        return lambda row: read(row) in types

    def is_of_right_type(row: Model) -> bool:
        related = read(row)
        return related is not None and getattr(related, field.target_field.attname) in types

    return is_of_right_type
