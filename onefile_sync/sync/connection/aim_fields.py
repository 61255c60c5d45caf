"""The synchronised fields as the OneFile client needs them: under which JSON name, and how a value is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from onefile_sync.conf import deployment
from onefile_sync.fields import Kind, synchronised_fields, two_way_fields
from onefile_sync.onefile import parsing
from onefile_sync.onefile.records import AimField, AimValue

#: How a value of each kind is read of what OneFile sends. What is sent is written as its type has it.
READ: Mapping[Kind, Callable[[object], AimValue]] = {
    Kind.NUMBER: parsing.count,
    Kind.TEXT: parsing.text,
    Kind.DATE: parsing.london_date,
}


def aim_fields() -> tuple[AimField, ...]:
    """Under the names that ``AIM_NAMES`` gives them, or else the table."""
    names, writable = deployment.aim_names, two_way_fields()
    return tuple(
        AimField(field.name, names.get(field.name, field.json_name), READ[field.kind], field.name in writable)
        for field in synchronised_fields()
    )
