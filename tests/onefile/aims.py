"""The values that the client is asked for of a learning aim, written out: the client knows nothing of our table."""

from __future__ import annotations

from onefile_sync.onefile import parsing
from onefile_sync.onefile.records import AimField

_WANTED = (
    ("total_elements", "TotalElements", parsing.count, False),
    ("elements_done", "ElementsDone", parsing.count, False),
    ("registration_number", "RegistrationNumber", parsing.text, True),
    ("registration_date", "RegistrationDate", parsing.london_date, True),
    ("certificate_applied_date", "CertificateAppliedDate", parsing.london_date, True),
    ("certificate_received_date", "CertificateReceivedDate", parsing.london_date, True),
)


def aim_fields(**json_names: str) -> list[AimField]:
    """``json_names`` are what OneFile calls them instead."""
    return [
        AimField(name, json_names.get(name, json_name), read, is_writable)
        for name, json_name, read, is_writable in _WANTED
    ]


BLANK = {field.name: field.read(None) for field in aim_fields()}
