"""Converts records to OneFile's JSON, and request bodies to values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any, Final

from onefile_sync.fields import Kind, kinds_by_name, synchronised_fields, two_way_fields

from .entities import (
    ABSENT,
    LEARNER,
    LONDON,
    Moment,
    SandboxAim,
    SandboxRecord,
    SandboxStandard,
    SandboxUser,
    pascal_case,
)
from .switches import Switches

#: The earliest year of SQL Server's ``datetime``.
EARLIEST_YEAR: Final = 1753
#: The largest value of SQL Server's ``bigint``.
_LARGEST_NUMBER: Final = 2**63 - 1
#: The role of an archived learner, if archived users have roles of their own.
ARCHIVED_LEARNER: Final = 2
#: The longest text that a request may hold as a value.
_LONGEST_TEXT: Final = 255


@dataclass(frozen=True, slots=True)
class SandboxResponse:
    """The answer to a call."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiRefusal(Exception):
    """The call is refused. ``code`` and ``message`` are OneFile's where they are documented."""

    SAME_MIS_VALUE = -9
    OTHER = -10
    UNKNOWN_CENTRE = -11
    UNKNOWN_PLACEMENT = -57
    UNKNOWN_CLASSROOM = -58

    def __init__(self, status: int, message: str, code: int = OTHER) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


def in_json(value: object, status: int = 200) -> SandboxResponse:
    return SandboxResponse(status, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def refusal(refused: ApiRefusal, switches: Switches) -> SandboxResponse:
    if switches.error_body == "html":
        page = f"<!DOCTYPE html><html><body><h1>Error {refused.status}</h1></body></html>"
        return SandboxResponse(refused.status, page.encode(), "text/html; charset=utf-8")
    if switches.error_body == "empty":
        return SandboxResponse(refused.status)
    return in_json({"code": refused.code, "message": refused.message}, refused.status)


# Records to JSON


def property_name(attribute: str, style: str) -> str:
    """The JSON name of an attribute: ``learner_id`` becomes ``LearnerID`` or, with style "camel", ``learnerID``."""
    return in_style(pascal_case(attribute), style)


@cache
def in_style(pascal: str, style: str) -> str:
    if style == "pascal":
        return pascal
    return pascal.lower() if pascal.isupper() else pascal[0].lower() + pascal[1:]


def properties_of(kind: type[SandboxRecord]) -> dict[str, str]:
    """The attributes of a record that the API sends, with OneFile's names."""
    sent = {
        each.name: pascal_case(each.name)
        for each in fields(kind)
        if each.name != "wire" and each.metadata.get("sent", True)
    }
    return sent | _synchronised_beside(sent.values()) if kind is SandboxAim else sent


def writable_properties() -> dict[str, tuple[str, Kind]]:
    """The attributes of a learning aim that an update sets, with OneFile's names and their kinds."""
    own = {name: (pascal_case(name), kind) for name, kind in SandboxAim.WRITABLE.items()}
    beside = _synchronised_beside(json_name for json_name, _kind in own.values())
    kinds, both_ways = kinds_by_name(), two_way_fields()
    return own | {name: (beside[name], kinds[name]) for name in beside if name in both_ways}


def _synchronised_beside(known: Iterable[str]) -> dict[str, str]:
    """The synchronised fields with OneFile's names, but for those that a record has an attribute of its own for."""
    names = set(known)
    return {each.name: each.json_name for each in synchronised_fields() if each.json_name not in names}


def as_item(record: SandboxRecord, switches: Switches, *, paged: bool) -> dict[str, object]:
    """The properties of a record that a search returns when its items are not whole records."""
    properties = properties_of(type(record))
    attributes: Iterable[str] = record.ITEM
    if paged and switches.items == "some":
        attributes = record.ITEM + record.SOME
    elif paged and switches.items == "most":
        attributes = [name for name in properties if name not in record.NOT_IN_MOST]
    return _as_json(record, {name: properties[name] for name in attributes}, switches)


def as_detail(record: SandboxRecord, switches: Switches) -> dict[str, object]:
    return _as_json(record, properties_of(type(record)), switches)


def _as_json(record: SandboxRecord, properties: Mapping[str, str], switches: Switches) -> dict[str, object]:
    sent: dict[str, object] = {}
    for attribute, json_name in properties.items():
        value, name = _shown(record, attribute, switches), in_style(json_name, switches.property_names)
        if value is ABSENT:
            continue
        if isinstance(value, date):
            value = moment_text(value, switches.dates)
        if value is None or value == "":
            if switches.nulls != "omitted":
                sent[name] = None if switches.nulls == "null" else ""
        else:
            sent[name] = value
    for name, value in record.wire.items():
        sent.pop(name, None)
        if value is not ABSENT:
            sent[name] = value
    return sent


def _shown(record: SandboxRecord, attribute: str, switches: Switches) -> object:
    """The value of an attribute as OneFile shows it; ``ABSENT`` if it does not send this property at all."""
    if attribute == "misid":
        return shown_misid(record, switches)
    if isinstance(record, SandboxUser):
        if attribute == "role":
            return shown_role(record, switches)
        if attribute == "organisation_id" and not switches.users_carry_centre:
            return ABSENT
    if isinstance(record, SandboxStandard):
        if attribute == "title":
            return shown_title(record, switches)
        if attribute == "code" and switches.standard_code != "property":
            return ABSENT
    return getattr(record, attribute)


def shown_misid(record: Any, switches: Switches) -> str:
    value: str = record.misid
    return value if switches.mis_values == "kept" else ""


def shown_role(user: SandboxUser, switches: Switches) -> int:
    """The role, or that of an archived user.

    The record knows a number for archived learners only; those of other roles are invented and far from all others.
    """
    if not user.archived or switches.archived_users != "other role":
        return user.role
    return ARCHIVED_LEARNER if user.role == LEARNER else 100 + user.role


def shown_title(standard: SandboxStandard, switches: Switches) -> str:
    return standard.full_title if switches.standard_code == "in title" else standard.title


def moment_text(moment: Moment, style: str) -> str:
    """Write a moment in a style of :attr:`Switches.dates`. A date is midnight in London."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), LONDON)
    if style == "offset":
        return moment.astimezone(LONDON).isoformat(timespec="seconds")
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return text + {"utc": "Z", "no zone": "", "milliseconds": ".000Z", "seven digits": ".0000000Z"}[style]


# Request bodies to values


class Body:
    """The properties of a request. Names are case-insensitive; unknown properties are ignored."""

    def __init__(self, properties: Mapping[str, object]) -> None:
        self._values = {name.lower(): value for name, value in properties.items()}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._values

    def text(self, name: str) -> str:
        """Raise :class:`ApiRefusal` for a value that is neither text nor a number, or is too long."""
        value = self._given(name, str | int | float)
        text = "" if value is None else str(value)
        if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
            raise ApiRefusal(400, f"{name} has half a character.")
        if len(text) > _LONGEST_TEXT:
            raise ApiRefusal(400, f"{name} is longer than {_LONGEST_TEXT} characters.")
        return text

    def number(self, name: str) -> int | None:
        """Raise :class:`ApiRefusal` for a value that is not a whole number. A blank value is ``None``."""
        value = self._given(name, str | int)
        if value is None or value == "":
            return None
        try:
            number = int(value)
        except ValueError:
            raise ApiRefusal(400, f"{name} is not a number.") from None
        if abs(number) > _LARGEST_NUMBER:
            raise ApiRefusal(400, f"{name} is too large.")
        return number

    def moment(self, name: str) -> datetime | None:
        """Read an ISO date or date-time; without a zone it is UTC. Raises :class:`ApiRefusal` for anything else."""
        value = self._given(name, str)
        if value is None or value == "":
            return None
        try:
            moment = datetime.fromisoformat(value)
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            moment.astimezone(LONDON)  # fails now rather than when the page shows it
        except (ValueError, OverflowError):
            raise ApiRefusal(400, f"{name} is not a date.") from None
        if moment.year < EARLIEST_YEAR:
            raise ApiRefusal(400, f"{name} is before {EARLIEST_YEAR}.")
        return moment

    def flag(self, name: str) -> bool | None:
        """Read a boolean as JSON or forms have it: ``true``, "True", "1". A blank value is ``None``."""
        value = self._values.get(name.lower())
        if value is None or value == "":
            return None
        word = str(value).lower()
        if word not in ("true", "false", "1", "0"):
            raise ApiRefusal(400, f"{name} is neither true nor false.")
        return word in ("true", "1")

    def _given(self, name: str, kind: Any) -> Any:
        value = self._values.get(name.lower())
        if value is not None and (isinstance(value, bool) or not isinstance(value, kind)):
            raise ApiRefusal(400, f"{name} is of the wrong type.")
        return value


def read_json(text: bytes) -> Body:
    """Read a JSON object. An empty list counts as an empty object, as some clients send ``[]``."""
    try:
        properties = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        raise ApiRefusal(400, "The body of the request could not be read.") from None
    if properties in ([], None):
        properties = {}
    if not isinstance(properties, dict):
        raise ApiRefusal(400, "The body of the request is not an object.")
    return Body(properties)
