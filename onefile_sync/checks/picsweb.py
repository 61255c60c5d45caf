"""Checks of ``ONEFILE_SYNC``: its keys, and how it maps PICSWeb's models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, CheckMessage, Error, Warning  # noqa: A004 - Django's own name for it
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models
from django.db.models import Field, Model

from onefile_sync import mixins
from onefile_sync.conf import KEYS, deployment, former_keys, under_present_keys
from onefile_sync.fields import Kind, synchronised_fields
from onefile_sync.host.conditions import WrongCondition, condition, function_at
from onefile_sync.host.mapping import (
    FIELDS,
    LEARNER,
    MAY_BE_ABSENT,
    MAY_BE_ELSEWHERE,
    OPTIONS,
    PARTS,
    PLACEMENT,
    QUALIFICATION,
    REVIEW,
    Part,
    leads_to,
    leads_to_a_row,
    related_model,
    target_of,
)
from onefile_sync.onefile.centre_records import PLACEMENT_NAMES, STANDARD_NAMES, USER_NAMES
from onefile_sync.onefile.tokens import is_safe_address
from onefile_sync.onefile.transport import LONGEST_PAUSE

from . import enrolment_mapping, review
from .review import fills_itself

#: OneFile's limit of calls per minute, above which it answers 429 (R23).
ONEFILE_LIMIT = 300

MIXINS: Mapping[str, type[Model]] = {
    "LEARNER": mixins.OneFileLearnerMixin,
    "QUALIFICATION": mixins.OneFileQualificationMixin,
    "REVIEW": mixins.OneFileReviewMixin,
    "OFFICER": mixins.OneFileOfficerMixin,
    "ORGANISATION": mixins.OneFileOrganisationMixin,
}

#: What a function returns for an optional role, if not a text.
RETURNED: Mapping[Kind, str] = {
    Kind.DATE: "a date",
    Kind.CODE: "a text or a whole number",
    Kind.OFFICER: "an officer",
    Kind.OFFICERS: "pairs of a role and an officer",
}

#: The parts whose roles the exchange writes, and the fields that the mixins add.
WRITTEN_PARTS = (QUALIFICATION.key, REVIEW.key)
OUR_FIELDS = ("onefile_id", "onefile_centre_id")


def messages() -> Iterator[CheckMessage]:
    """All messages about ``ONEFILE_SYNC``. Never raises."""
    written = getattr(settings, "ONEFILE_SYNC", None)
    if not isinstance(written, Mapping):
        yield Error(
            "ONEFILE_SYNC is missing from the settings, or is not a dict.",
            hint='Write ONEFILE_SYNC = {"LEARNER": {"model": "app.Model", …}, …}; '
            "“Installing” in the documentation has a whole one.",
            id="onefile_sync.E001",
        )
        return
    former = former_keys(written)
    yield from _former(former)
    written = under_present_keys(written)
    if former.values() - KEYS.keys():
        return  # told above, and nothing else can be read
    if unknown := sorted(str(key) for key in written if key not in KEYS):
        yield Error(
            f"ONEFILE_SYNC has unknown keys: {', '.join(unknown)}.",
            hint=f"Remove them, or write one of: {', '.join(KEYS)}.",
            id="onefile_sync.E002",
        )
        return
    found = [*_wrong_values(), *(message for part in PARTS for message in _part(part, written))]
    yield from found
    if all(message.level < ERROR for message in found):
        yield from enrolment_mapping.messages(written)


def _former(former: Mapping[str, str]) -> Iterator[CheckMessage]:
    """Keys of earlier releases."""
    for key, instead in former.items():
        if instead in KEYS:
            yield Warning(
                f"ONEFILE_SYNC[{key!r}] has been renamed to {instead!r}.",
                hint=f"Write {instead!r} instead: the next release does not know {key!r} any more.",
                id="onefile_sync.W005",
            )
        else:
            yield Error(f"ONEFILE_SYNC[{key!r}] was removed.", hint=instead, id="onefile_sync.E002")


def _wrong_values() -> Iterator[CheckMessage]:
    right: dict[str, Any] = {}
    for key, setting in KEYS.items():
        try:
            right[key] = getattr(deployment, key.lower())
        except ImproperlyConfigured:
            yield Error(
                f"ONEFILE_SYNC[{key!r}] is wrong.",
                hint=f"It should be {setting.should_be}.",
                id="onefile_sync.E003",
            )
    if right.get("BASE_URL") and not is_safe_address(right["BASE_URL"]):
        yield Error(
            "ONEFILE_SYNC['BASE_URL'] would send the customer token and learners' details unencrypted.",
            hint="Write an address that begins with https://; http:// is for a sandbox on this machine only.",
            id="onefile_sync.E016",
        )
    for key, (record, names) in _known_names().items():
        if unknown := sorted(right.get(key, {}).keys() - names):
            yield Error(
                f"ONEFILE_SYNC[{key!r}] names what {record} does not have: {', '.join(unknown)}.",
                hint=f"Its keys may be: {', '.join(names)}.",
                id="onefile_sync.E017",
            )
    if (right.get("CALLS_PER_MINUTE") or 0) > ONEFILE_LIMIT:
        yield Warning(
            f"ONEFILE_SYNC['CALLS_PER_MINUTE'] is above {ONEFILE_LIMIT}, where OneFile begins to refuse calls.",
            hint=f"Write {ONEFILE_LIMIT} or less, unless OneFile has granted you more.",
            id="onefile_sync.W001",
        )
    least = LONGEST_PAUSE + right.get("TIMEOUT_SECONDS", 30)
    if right.get("LEASE_SECONDS", 300) < least:
        yield Warning(
            "ONEFILE_SYNC['LEASE_SECONDS'] is so short that a worker which waits for OneFile is taken for dead.",
            hint=f"Write at least {least:.0f}: the longest pause after a 429, and a call's own time.",
            id="onefile_sync.W004",
        )


def _known_names() -> Mapping[str, tuple[str, list[str]]]:
    """The keys that have JSON names: what each names the values of, and our names for those values."""
    return {
        "AIM_NAMES": ("a learning aim", [field.name for field in synchronised_fields()]),
        "USER_NAMES": ("a user", list(USER_NAMES)),
        "STANDARD_NAMES": ("a standard", list(STANDARD_NAMES)),
        "PLACEMENT_NAMES": ("a placement", list(PLACEMENT_NAMES)),
        "CODES": ("a learner", enrolment_mapping.coded_fields()),
    }


def _part(part: Part, written: Mapping[str, Any]) -> Iterator[CheckMessage]:
    name = f"ONEFILE_SYNC[{part.key!r}]"
    spec = written.get(part.key, {})
    if not isinstance(spec, Mapping) or (part.key in MAY_BE_ABSENT and not spec):
        return  # reported as E003, or left out, which is allowed as the exchange does not read these
    if not isinstance(spec.get("model"), str):
        yield Error(
            f"{name} does not say which model it is.",
            hint=f'Write "{part.key}": {{"model": "app.Model", …}}.',
            id="onefile_sync.E004",
        )
        return
    known = ["model", *part.roles, *part.optional_roles, *OPTIONS.get(part.key, ())]
    if unknown := sorted(str(role) for role in spec if role not in known):
        yield Error(
            f"{name} has unknown keys: {', '.join(unknown)}.",
            hint=f"Remove them, or write one of: {', '.join(known)}.",
            id="onefile_sync.E007",
        )
    try:
        model = part.model
    except LookupError:
        yield Error(
            f"{name} names the model {spec['model']!r}, which is not installed.",
            hint='Write it as "app_label.ModelName" and see that its app is in INSTALLED_APPS.',
            id="onefile_sync.E005",
        )
        return
    if mixin := MIXINS.get(part.key):
        yield from _mixin(part, model, mixin)
    fields_by_role: dict[str, Field[Any, Any]] = {}
    for role, kind in part.roles.items():
        if kind is Kind.CONDITION or part.is_told_by_function(role):
            yield from _condition(part, role)
        elif role == "proposed_time" and part.has_moment:
            continue
        else:
            yield from _role(part, role, fields_by_role)
    yield from _shared(part, fields_by_role)
    for role in part.optional_roles:
        if role in spec and part.is_optional(role) and part.is_played(role):
            yield from _optional_role(part, role)
    if part is LEARNER:
        yield from _visible_to()
    if part is REVIEW:
        yield from review.messages(fields_by_role)
    if part is PLACEMENT:
        yield from enrolment_mapping.placement_messages()


def _mixin(part: Part, model: type[Model], mixin: type[Model]) -> Iterator[CheckMessage]:
    """See that a model has the OneFile ID of our mixin."""
    name = f"ONEFILE_SYNC[{part.key!r}]"
    if not issubclass(model, mixin):
        yield Error(
            f"{model._meta.label}, which is {name}, lacks the OneFile ID.",
            hint=f"Let {model.__name__} inherit onefile_sync.mixins.{mixin.__name__} and make a migration.",
            obj=model,
            id="onefile_sync.E006",
        )
    elif not isinstance(own := model._meta.get_field("onefile_id"), models.IntegerField) or not own.null:
        yield Error(
            f"{model._meta.label}, which is {name}, has a field onefile_id of its own that cannot hold the IDs.",
            hint="Make it a whole number with null=True, or rename it (“Installing” in the documentation).",
            obj=model,
            id="onefile_sync.E019",
        )
    yield from _meta_of_bases(model, mixin)


def _meta_of_bases(model: type[Model], mixin: type[Model]) -> Iterator[CheckMessage]:
    """Warn if our mixin, as the first base, hides another base's Meta: Django uses the Meta of the first base."""
    if mixin not in model.__mro__ or model._meta.original_attrs.keys() - {"abstract"}:
        return  # the model has a Meta of its own
    for base in model.__mro__[model.__mro__.index(mixin) + 1 :]:
        options = vars(vars(base).get("Meta", object))
        if lost := sorted(name for name in options if not name.startswith("_") and name != "abstract"):
            yield Warning(
                f"{model._meta.label} does not have what Meta of {base.__name__} says: {', '.join(lost)}.",
                hint=f"Write class {model.__name__}({base.__name__}, {mixin.__name__}): your own base first.",
                obj=model,
                id="onefile_sync.W070",
            )
            return


def _condition(part: Part, role: str) -> Iterator[CheckMessage]:
    written = part.field_name(role)
    try:
        condition(part, role, look_up=False)
    except WrongCondition as wrong:
        is_callable = isinstance(written, str) and "." in written
        yield Error(
            f"ONEFILE_SYNC[{part.key!r}][{role!r}] cannot be used: {wrong}.",
            hint="Write the dotted path of a function that takes the instance and tells true or false."
            if is_callable
            else 'Write {"field": value or [values]} (None for null), the name of a boolean field or of a relation, '
            f"or the dotted path of a function. {review.HOW_TO_NAME_ROWS}",
            obj=part.model,
            id="onefile_sync.E014" if is_callable else "onefile_sync.E015",
        )


def _optional_role(part: Part, role: str) -> Iterator[CheckMessage]:
    kind = part.kind(role)
    if kind is Kind.CONDITION:
        yield from _condition(part, role)
        return
    if not part.is_told_by_function(role) and kind is not Kind.OFFICERS:
        yield from _role(part, role, {})
        return
    try:
        function_at(part.field_name(role))
    except WrongCondition as wrong:
        yield Error(
            f"ONEFILE_SYNC[{part.key!r}][{role!r}] cannot be used: {wrong}.",
            hint="Write the dotted path of a function that takes the instance and returns "
            f"{RETURNED.get(kind, 'a text')}, or leave it out.",
            obj=part.model,
            id="onefile_sync.E014",
        )


def _visible_to() -> Iterator[CheckMessage]:
    path = LEARNER.option("visible_to")
    if path is None:
        return
    try:
        function_at(path)
    except WrongCondition as wrong:
        yield Error(
            f"ONEFILE_SYNC['LEARNER']['visible_to'] cannot be used: {wrong}.",
            hint="Write the dotted path of a function that takes a user and returns the queryset of the learners whom "
            "that user may see, or leave it out: then the learner's admin says who may see whom.",
            obj=LEARNER.model,
            id="onefile_sync.E030",
        )


def _role(part: Part, role: str, found: dict[str, Field[Any, Any]]) -> Iterator[CheckMessage]:
    where, named = f"ONEFILE_SYNC[{part.key!r}][{role!r}]", part.field_name(role)
    kinds = FIELDS[part.kind(role)]
    wanted = " or ".join(map(_a, kinds))
    if part.has_moment and role == "proposed_date":
        kinds, wanted = (models.DateTimeField,), "a DateTimeField, because proposed_time is None"
    try:
        field = part.field(role)
    except (FieldDoesNotExist, LookupError):
        yield Error(
            f"{where}: {part.model._meta.label} has no field {named!r}.",
            hint=f'Write "{role}": the name of {wanted}{_or_none(part, role)}.{_candidates(part, role, kinds)}',
            obj=part.model,
            id="onefile_sync.E008",
        )
        return
    if not isinstance(field, kinds):
        yield Error(
            f"{where}: {named!r} is {_a(type(field))}.",
            hint=f"Name {wanted}{_or_none(part, role)}.{_candidates(part, role, kinds)}",
            obj=field,
            id="onefile_sync.E009",
        )
        return
    if (target := target_of(part.kind(role))) and not leads_to(field, target):
        yield Error(
            f"{where}: {named!r} does not lead to the primary key of the model of ONEFILE_SYNC[{target.key!r}].",
            hint=f"Name a foreign key to {target.written.get('model')}.",
            obj=field,
            id="onefile_sync.E010",
        )
        return
    is_written = part.key in WRITTEN_PARTS and role in part.roles and part.kind(role) is not Kind.LEARNER
    if is_written and fills_itself(field):
        yield Error(
            f"{where}: Django fills {named!r} itself on each save (auto_now, auto_now_add), over what OneFile has.",
            hint=f"Name {wanted} that keeps what is put into it.{_candidates(part, role, kinds)}",
            obj=field,
            id="onefile_sync.E070",
        )
        return
    found[role] = field


def _a(kind: type[Field[Any, Any]]) -> str:
    """A field class with its indefinite article."""
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"


def _or_none(part: Part, role: str) -> str:
    if role in part.optional_roles:
        return (
            ", a path to one over relations to single rows (relation__field), the dotted path of a function, or None "
            "where you have none"
        )
    if role == "learner":
        return (
            ", or a path to one over relations to single rows (relation__field). A function cannot say whose a row is, "
            "for the database is asked"
        )
    if role in MAY_BE_ELSEWHERE["LEARNER"]:
        return ", a path to one over relations to single rows (relation__field), or the dotted path of a function"
    return ", or None where the date-time of proposed_date holds both" if role == "proposed_time" else ""


def _candidates(part: Part, role: str, kinds: tuple[type[Field[Any, Any]], ...]) -> str:
    """A sentence or two on the fields that fit a role, in the model where the path ends or breaks off."""
    model, breaks_off = part.model, False
    for relation in str(part.field_name(role)).split("__")[:-1] if part.may_be_path(role) else ():
        try:
            model = related_model(model, relation)
        except (FieldDoesNotExist, LookupError):
            breaks_off = True
            break
    target = target_of(part.kind(role))
    fits = [
        field.name
        for field in model._meta.concrete_fields
        if isinstance(field, kinds)
        and not field.primary_key
        and not fills_itself(field)
        and field.name not in OUR_FIELDS
        and (target is None or leads_to(field, target))
    ]
    sentences = f" {model._meta.label} has: {', '.join(fits)}." if fits else ""
    if breaks_off:
        onward = [field.name for field in model._meta.get_fields() if leads_to_a_row(field)]
        sentences += f" To a single row each lead from it: {', '.join(onward) or 'none'}."
    return sentences


def _shared(part: Part, found: Mapping[str, Field[Any, Any]]) -> Iterator[CheckMessage]:
    roles: dict[Field[Any, Any], list[str]] = {}
    for role, field in found.items():
        roles.setdefault(field, []).append(role)
    for field, playing in roles.items():
        if len(playing) > 1:
            yield Error(
                f"ONEFILE_SYNC[{part.key!r}]: the field {field.name!r} plays several parts: {', '.join(playing)}.",
                hint="Name a field of its own for each.",
                obj=part.model,
                id="onefile_sync.E018",
            )
