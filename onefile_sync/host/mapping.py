"""The mapping of PICSWeb's models and fields: typed access to ``ONEFILE_SYNC``.

A *part* is one of the six models (LEARNER, QUALIFICATION, …). A *role* is one of its fields, by its name in
:mod:`onefile_sync.host.snapshot`. A role that the mapping leaves out is the field of the same name. An *optional* role,
which is only read, may have no field at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ValidationError
from django.db import models, router
from django.db.models import Field, Model

from onefile_sync.conf import deployment
from onefile_sync.fields import Kind, kinds_by_name

from .snapshot import (
    LearnerToCreate,
    OrganisationRow,
    PersonRow,
    QualificationLinkRow,
    QualificationRow,
    QualificationToCreate,
    ReviewLinkRow,
    ReviewRow,
    roles_of,
)

#: Roles whose fields come from the mixins, so PICSWeb cannot choose their names.
FROM_MIXINS: Mapping[str, str] = {"onefile_id": "onefile_id", "centre_id": "onefile_centre_id"}

#: Further keys of a part's dict, besides the model and the roles, with their defaults.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "LEARNER": {"visible_to": None},
    "REVIEW": {
        "normal_types": ["Normal"],
        "created_type": "Normal",
        "attended_values": {"blank": "", "yes": "yes", "no": "no", "unknown": "unknown"},
    },
    "PLACEMENT": {"placement_types": ["P"]},
}

#: The parts that the mapping may leave out: a refresh does not read them.
MAY_BE_ABSENT = ("ORGANISATION", "PLACEMENT")

#: The field classes allowed for each kind of role.
FIELDS: Mapping[Kind, tuple[type[Field[Any, Any]], ...]] = {
    Kind.NUMBER: (models.IntegerField,),
    Kind.TEXT: (models.CharField, models.TextField),
    Kind.DATE: (models.DateField, models.DateTimeField),
    Kind.TIME: (models.TimeField,),
    Kind.ATTENDED: (models.CharField, models.IntegerField, models.BooleanField, models.ForeignKey),
    Kind.TYPE: (models.CharField, models.IntegerField, models.ForeignKey),
    Kind.LEARNER: (models.ForeignKey,),
    Kind.OFFICER: (models.ForeignKey,),
    Kind.ORGANISATION: (models.ForeignKey,),
    Kind.CODE: (models.CharField, models.TextField, models.IntegerField),
}

#: Kinds of optional roles that have something only where the mapping names it: a field's name says too little.
ONLY_IF_WRITTEN = (Kind.CONDITION, Kind.OFFICERS)

#: Roles whose value may be on another row, found by a path over relations. For a learner, a function may return the
#: value instead; not for the role "learner", which is used in queries. Optional roles may have either.
MAY_BE_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "LEARNER": ("main_officer", "ended_on"),
    "QUALIFICATION": ("learner",),
    "REVIEW": ("learner",),
    "PLACEMENT": ("learner", "organisation"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One of PICSWeb's models. Everything is looked up on each call, so that changed settings take effect immediately.

    All methods raise ``ImproperlyConfigured``, ``LookupError`` or ``FieldDoesNotExist`` if the mapping is invalid;
    :mod:`onefile_sync.checks` reports it to people.
    """

    key: str
    own_roles: Mapping[str, Kind]
    optional_roles: Mapping[str, Kind]
    has_synchronised_fields: bool = False

    @property
    def roles(self) -> Mapping[str, Kind]:
        """The kind of each role; the synchronised fields are roles too."""
        return {**self.own_roles, **kinds_by_name()} if self.has_synchronised_fields else self.own_roles

    @property
    def written(self) -> Mapping[str, Any]:
        part: Mapping[str, Any] = getattr(deployment, self.key.lower())
        return part

    @property
    def model(self) -> type[Model]:
        label = self.written.get("model")
        if not isinstance(label, str):
            raise ImproperlyConfigured(f'ONEFILE_SYNC[{self.key!r}] does not say which "model" it is.')
        try:
            return apps.get_model(label)
        except ValueError:
            raise LookupError(f"{label!r} is not the label of a model") from None

    @property
    def database(self) -> str:
        return router.db_for_write(self.model)

    def option(self, name: str) -> Any:
        return self.written.get(name, OPTIONS[self.key][name])

    @property
    def is_mapped(self) -> bool:
        """Whether the mapping names a model. Only the parts of :data:`MAY_BE_ABSENT` may be left out."""
        return bool(self.written)

    def is_played(self, role: str) -> bool:
        """Whether an optional role has a field or a function.

        It has none if the mapping says ``None``, or leaves the role out and the model has no suitable field of that
        name.
        """
        if role in self.written:
            return self.written[role] is not None
        kind = self.optional_roles[role]
        if kind in ONLY_IF_WRITTEN:
            return False
        try:
            found: Any = self.model._meta.get_field(role)
        except FieldDoesNotExist:
            return False
        target = target_of(kind)
        return isinstance(found, FIELDS[kind]) and (target is None or leads_to(found, target))

    def is_optional(self, role: str) -> bool:
        """Whether a role is only read, and may have no field at all."""
        return role in self.optional_roles and role not in self.roles

    def field_name(self, role: str) -> Any:
        """The mapping's entry for a role: usually a field's name, but conditions have other forms too."""
        return FROM_MIXINS.get(role) or self.written.get(role, role)

    def field(self, role: str) -> Field[Any, Any]:
        name, model = self.field_name(role), self.model
        if self.may_be_path(role):
            *relations, name = name.split("__")
            for relation in relations:
                model = related_model(model, relation)
        field = model._meta.get_field(name) if isinstance(name, str) else None
        if not isinstance(field, models.Field):
            raise LookupError(f"{name!r} is not a field with a column")
        return field

    def may_be_path(self, role: str) -> bool:
        """Whether the mapping's entry for a role is read as a path over relations."""
        may_be = self.is_optional(role) or role in MAY_BE_ELSEWHERE.get(self.key, ())
        return may_be and isinstance(self.field_name(role), str)

    def is_told_by_function(self, role: str) -> bool:
        """Whether the mapping names a function for a role that allows one."""
        name = self.field_name(role)
        is_of_learner = self.key == "LEARNER" and role in MAY_BE_ELSEWHERE["LEARNER"]
        may_be = is_of_learner or self.is_optional(role)
        return may_be and isinstance(name, str) and "." in name

    def kind(self, role: str) -> Kind:
        if role in FROM_MIXINS:
            return Kind.NUMBER
        return self.roles.get(role) or self.optional_roles[role]

    @property
    def has_moment(self) -> bool:
        """Whether one DateTimeField holds both the proposed date and the proposed time."""
        return "proposed_time" in self.roles and self.field_name("proposed_time") is None

    def to_pk(self, text: str) -> Any:
        """A primary key from text; ``None`` if no row can have it."""
        pk = self.model._meta.pk
        try:
            return pk.to_python(text)
        except (ValidationError, ValueError):
            return None


def leads_to_a_row(relation: Any) -> bool:
    """Whether a field is a relation to a single row."""
    return bool(
        relation.is_relation and (relation.many_to_one or relation.one_to_one) and relation.related_model
    )


def related_model(model: type[Model], name: str) -> type[Model]:
    """The model to which a relation to a single row leads. Raises ``LookupError`` for other fields."""
    relation: Any = model._meta.get_field(name)
    if not leads_to_a_row(relation):
        raise LookupError(f"{name!r} does not lead to a single row")
    related: type[Model] = relation.related_model
    return related


def target_of(kind: Kind) -> Part | None:
    """The part to whose rows a foreign key of this kind leads."""
    return {Kind.LEARNER: LEARNER, Kind.OFFICER: OFFICER, Kind.ORGANISATION: ORGANISATION}.get(kind)


def leads_to(field: Field[Any, Any], target: Part) -> bool:
    """Whether a field leads to the primary key of a part's model. True if it is not known which model that is."""
    try:
        model = target.model
    except (ImproperlyConfigured, LookupError):
        return True  # reported by the checks of that part
    related: Any = field.remote_field.model if field.remote_field else None
    same = related is not None and related._meta.concrete_model is model._meta.concrete_model
    return bool(same and field.target_field.primary_key)  # type: ignore[attr-defined] # of a ForeignKey


#: What tells who an officer is. More is known of a learner.
_OF_OFFICER = ("ident", "first_name", "surname", "email")

LEARNER = Part(
    "LEARNER",
    {
        "main_officer": Kind.OFFICER,
        "live": Kind.CONDITION,
        "in_learning": Kind.CONDITION,
        "ended_on": Kind.DATE,
    },
    {**roles_of(PersonRow), **roles_of(LearnerToCreate), "additional_officers": Kind.OFFICERS},
)
QUALIFICATION = Part(
    "QUALIFICATION",
    {"learner": Kind.LEARNER, **roles_of(QualificationRow)},
    {**roles_of(QualificationLinkRow), **roles_of(QualificationToCreate), "assessor": Kind.OFFICER},
    has_synchronised_fields=True,
)
REVIEW = Part(
    "REVIEW", {"learner": Kind.LEARNER, "type": Kind.TYPE, **roles_of(ReviewRow)}, roles_of(ReviewLinkRow)
)
OFFICER = Part("OFFICER", {}, {role: roles_of(PersonRow)[role] for role in _OF_OFFICER})
ORGANISATION = Part("ORGANISATION", {}, roles_of(OrganisationRow))
PLACEMENT = Part(
    "PLACEMENT",
    {"learner": Kind.LEARNER, "organisation": Kind.ORGANISATION},
    {"type": Kind.TYPE, "start_date": Kind.DATE},
)

PARTS: tuple[Part, ...] = (LEARNER, QUALIFICATION, REVIEW, OFFICER, ORGANISATION, PLACEMENT)

#: The parts whose rows are written, by the ``kind`` that callers use.
WRITTEN: Mapping[str, Part] = {
    "learner": LEARNER,
    "qualification": QUALIFICATION,
    "review": REVIEW,
    "officer": OFFICER,
    "organisation": ORGANISATION,
}
