"""The conditions "live", "in learning" and "has units" in PICSWeb: as SQL where possible, else as a function per row.

The mapping gives a dict of field -> value or list of values (``None``: is null), the name of a boolean field (is true)
or of a relation (related rows exist), or the dotted path of a function that takes the instance. Rows to which a foreign
key leads may be named by natural key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import BooleanField, Case, Exists, Field, Model, OuterRef, Q, QuerySet, When
from django.utils.module_loading import import_string

from onefile_sync.fields import Kind

from .lookups import is_natural_key, kept_for, why_no_natural_key
from .mapping import Part


class WrongCondition(Exception):
    """A condition in the mapping is invalid. The message says why."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Either an SQL condition, or a function to call with an instance. Exactly one of the two is set."""

    sql: Q | None = None
    ask: Callable[[Model], object] | None = None

    def holds_where_sql_cannot_tell(self, instance: Model) -> bool:
        """The result of the function; true if the condition is SQL, which the query has already applied."""
        return self.ask is None or bool(self.ask(instance))


def condition(part: Part, role: str, *, look_up: bool = True) -> Condition:
    """The condition for a role. Raises :class:`WrongCondition`.

    Makes one query for each natural key in the condition, and may raise
    :class:`~onefile_sync.host.lookups.NoSuchRow`. Without ``look_up`` it makes none, and the result only shows that the
    condition is valid.
    """
    written = part.field_name(role)
    if isinstance(written, Mapping) and written:
        return Condition(sql=_all_of(part, written, look_up))
    if isinstance(written, str) and "." in written:
        return Condition(ask=function_at(written))
    if isinstance(written, str):
        return Condition(sql=_truth_of(part.model, written))
    raise WrongCondition("it is neither a dict with something in it nor a text")


def as_column(condition: Q) -> Case:
    """The result of an SQL condition as a column of the query."""
    return Case(When(condition, then=True), default=False, output_field=BooleanField())


def with_conditions(
    rows: QuerySet[Model], part: Part, among: Collection[str] | None = None
) -> tuple[QuerySet[Model], Callable[[Model], dict[str, Any]]]:
    """Add a part's SQL conditions to the rows as columns. Returns the rows and a function that reads all conditions.

    ``among`` names the roles instead, optional ones too. Makes one query for each natural key in a condition.
    """
    kinds = {**part.optional_roles, **part.roles}
    wanted = part.roles if among is None else among
    conditions = {role: condition(part, role) for role in wanted if kinds.get(role) is Kind.CONDITION}
    columns = {f"onefile_{role}": each.sql for role, each in conditions.items() if each.sql is not None}

    def answers(row: Model) -> dict[str, Any]:
        return {
            role: getattr(row, f"onefile_{role}", True) and each.holds_where_sql_cannot_tell(row)
            for role, each in conditions.items()
        }

    return rows.annotate(**{name: as_column(sql) for name, sql in columns.items()}), answers


def _all_of(part: Part, wanted: Mapping[str, Any], look_up: bool) -> Q:
    every = Q()
    for name, value in wanted.items():
        field = _field(part.model, name)
        values = values_of(field, value)
        if not values:
            raise WrongCondition(f"the list of values of {name!r} is empty")
        if wrong := next(filter(None, (why_no_natural_key(field, each) for each in values)), ""):
            raise WrongCondition(wrong)
        wanted_rows = [each for each in values if look_up or not is_natural_key(field, each)]
        try:
            known = [kept_for(part, field, each) for each in wanted_rows if each is not None]
        except (ValidationError, ValueError, TypeError):
            raise WrongCondition(f"{name!r} cannot have such a value") from None
        choices = ["", *(choice for choice, _label in field.flatchoices)]
        if field.choices and any(value not in choices for value in known):
            raise WrongCondition(f"a value of {name!r} is not among the field's choices")
        one = Q(**{f"{field.attname}__in": known})
        every &= one | Q(**{f"{field.attname}__isnull": True}) if None in values else one
    return every


def values_of(field: Field[Any, Any], written: Any) -> list[Any]:
    """The values that the mapping gives for a field. A tuple is one value if it is a natural key, else several."""
    if is_natural_key(field, written):
        return [written]
    return list(written) if isinstance(written, list | tuple | set | frozenset) else [written]


def _field(model: type[Model], name: Any) -> Field[Any, Any]:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        names = ", ".join(each.name for each in model._meta.concrete_fields)
        raise WrongCondition(f"{model._meta.label} has no field {name!r}; it has {names}") from None
    if not isinstance(field, Field):
        raise WrongCondition(f"{name!r} is a relation: name it alone, outside a dict")
    return field


def _truth_of(model: type[Model], name: str) -> Q:
    field: Any = next(
        (each for each in model._meta.get_fields() if name in (each.name, _accessor(each))),
        None,
    )
    if field is None:
        fits = [
            each for each in model._meta.get_fields() if isinstance(each, BooleanField) or each.is_relation
        ]
        names = ", ".join(_accessor(each) or each.name for each in fits)
        raise WrongCondition(f"{model._meta.label} has no boolean field or relation {name!r}; it has {names}")
    if isinstance(field, BooleanField):
        return Q(**{field.name: True})
    if not field.is_relation:
        raise WrongCondition(f"{name!r} is neither a boolean field nor a relation")
    if field.auto_created and not field.concrete:
        # The related model's default manager, so that rows hidden by PICSWeb do not count.
        related = field.related_model._default_manager
        return Q(Exists(related.filter(**{f"{field.remote_field.name}__pk": OuterRef("pk")})))
    rows = model._base_manager.filter(pk=OuterRef("pk"))
    return Q(Exists(rows.filter(**{f"{field.name}__isnull": False})))


def _accessor(field: Any) -> str | None:
    return field.get_accessor_name() if field.auto_created and not field.concrete else None


def function_at(path: str) -> Callable[[Any], object]:
    """Import the function at a dotted path. Raises :class:`WrongCondition`."""
    if not isinstance(path, str):
        raise WrongCondition(f"{path!r} is no text")
    try:
        found = import_string(path)
    except Exception:  # noqa: BLE001 - importing PICSWeb's module may raise anything
        raise WrongCondition(f"{path!r} cannot be imported") from None
    if isinstance(found, type):
        raise WrongCondition(
            f"{path!r} is a class and not a function: whatever it makes of a row counts as true"
        )
    if not callable(found):
        raise WrongCondition(f"{path!r} is not callable")
    asked: Callable[[Any], object] = found
    return asked
