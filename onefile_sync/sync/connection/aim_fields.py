"""The synchronised fields as the OneFile client needs them: with JSON names and parsing functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from onefile_sync.conf import deployment
from onefile_sync.fields import Kind, synchronised_fields, two_way_fields
from onefile_sync.onefile import parsing
from onefile_sync.onefile.records import AimField, AimValue

#: The parsing function for each kind of value. Values that we send are written by their Python type.
READ: Mapping[Kind, Callable[[object], AimValue]] = {
    Kind.NUMBER: parsing.count,
    Kind.TEXT: parsing.text,
    Kind.DATE: parsing.london_date,
}


def aim_fields() -> tuple[AimField, ...]:
    """All synchronised fields, with their JSON names from ``AIM_NAMES`` or else from the table."""
    names, writable = deployment.aim_names, two_way_fields()
    return tuple(
        AimField(field.name, names.get(field.name, field.json_name), READ[field.kind], field.name in writable)
        for field in synchronised_fields()
    )
