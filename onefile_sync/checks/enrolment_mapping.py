"""Checks of what only *Create in OneFile* reads of ``ONEFILE_SYNC``, and of what the mapping lacks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Info
from django.core.exceptions import FieldDoesNotExist

from onefile_sync.fields import Kind
from onefile_sync.host import has_upload_mapping
from onefile_sync.host.mapping import FIELDS, LEARNER, OFFICER, ORGANISATION, PLACEMENT, QUALIFICATION, Part
from onefile_sync.host.snapshot import LearnerToCreate, roles_of

from . import review

#: Roles and keys that nothing else reads: writing one of them means that learners are to be created in OneFile.
_OF_UPLOAD: Sequence[tuple[Part, Sequence[str]]] = (
    (LEARNER, (*roles_of(LearnerToCreate), "additional_officers")),
    (QUALIFICATION, ("assessor", "planned_end_date", "uploaded")),
)
_KEYS_OF_UPLOAD = (PLACEMENT.key, "CODES", "ENROL_QUIET_SECONDS")


def coded_fields() -> list[str]:
    """The roles whose values are translated with ``CODES``."""
    return [role for role, kind in LEARNER.optional_roles.items() if kind is Kind.CODE]


def messages(written: Mapping[str, Any]) -> Iterator[CheckMessage]:
    """What the mapping lacks for creating learners in OneFile, if anything in it is written for that alone."""
    if not _is_wanted(written):
        return
    lines = [
        f'"{part.key}": {{…, {_lines(part, missing)}}}'
        for part in (LEARNER, OFFICER)
        if (missing := [each for each in has_upload_mapping() if each.startswith(f"{part.key}.")])
    ]
    if lines:
        yield Info(
            "ONEFILE_SYNC lacks what OneFile needs of people, so no learner can be created there: "
            f"{', '.join(has_upload_mapping())}.",
            hint=f"Write {' and '.join(lines)}: each the name of a field, a path to one over relations to single rows "
            "(relation__field), or the dotted path of a function.",
            id="onefile_sync.I001",
        )
    if not QUALIFICATION.is_played("reference"):
        yield Info(
            "ONEFILE_SYNC lacks the VQ Reference, so no qualification can be added in OneFile.",
            hint=f'Write "{QUALIFICATION.key}": {{…, "reference": "…"}}, with the field that has it.',
            id="onefile_sync.I001",
        )


def placement_messages() -> Iterator[CheckMessage]:
    """All messages about the placement, beyond those about its roles."""
    if not ORGANISATION.is_mapped:
        yield Error(
            "ONEFILE_SYNC['PLACEMENT'] is given, but ONEFILE_SYNC['ORGANISATION'] does not say which model it is.",
            hint='Write "ORGANISATION": {"model": "app.Model", …}, or leave PLACEMENT out.',
            obj=PLACEMENT.model,
            id="onefile_sync.E004",
        )
    if wrong := _wrong_types():
        yield Error(
            f"ONEFILE_SYNC['PLACEMENT']: {wrong}.",
            hint=f'Write "placement_types": [values of the type field]. {review.HOW_TO_NAME_ROWS}',
            obj=PLACEMENT.model,
            id="onefile_sync.E071",
        )


def _wrong_types() -> str:
    types = PLACEMENT.option("placement_types")
    if not isinstance(types, list | tuple) or not types:
        return "placement_types is not a list with something in it"
    if not PLACEMENT.is_played("type") or PLACEMENT.is_told_by_function("type"):
        return ""
    try:
        field = PLACEMENT.field("type")
    except (FieldDoesNotExist, LookupError):
        return ""  # reported by the checks of that role
    if not isinstance(field, FIELDS[Kind.TYPE]):
        return ""  # reported as well
    return next((f"placement_types has {why}" for each in types if (why := review.unfit(field, each))), "")


def _is_wanted(written: Mapping[str, Any]) -> bool:
    return any(key in written for key in _KEYS_OF_UPLOAD) or any(
        part.is_optional(role) and part.written.get(role) is not None
        for part, roles in _OF_UPLOAD
        for role in roles
    )


def _lines(part: Part, missing: list[str]) -> str:
    return ", ".join(f'"{each.removeprefix(f"{part.key}.")}": "…"' for each in missing)
