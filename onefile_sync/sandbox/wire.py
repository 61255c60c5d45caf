"""What goes over the wire: records as OneFile's JSON, request bodies as values, answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any, Final

from .entities import ABSENT, LONDON, Moment, SandboxRecord
from .switches import Switches

#: What the date-times of Microsoft's database begin with.
EARLIEST_YEAR: Final = 1753
#: Beyond this the ID columns of Microsoft's database take no number.
_LARGEST_NUMBER: Final = 2**63 - 1
_IN_CAPITALS: Final = frozenset({"id", "misid", "uln", "nino", "dob"})


@dataclass(frozen=True, slots=True)
class SandboxResponse:
    """What the server sends back."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiRefusal(Exception):
    """The call is refused; ``code`` and ``message`` are OneFile's, in so far as they are known."""

    UNKNOWN_CENTRE = -11
    OTHER = -10

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


# Records out


@cache
def property_name(attribute: str, style: str) -> str:
    """OneFile's JSON name of an attribute: ``learner_id`` is ``LearnerID``."""
    words = attribute.split("_")
    pascal = "".join(word.upper() if word in _IN_CAPITALS else word.capitalize() for word in words)
    if style == "pascal":
        return pascal
    return pascal.lower() if pascal.isupper() else pascal[0].lower() + pascal[1:]


def _sent_attributes(kind: type[SandboxRecord]) -> tuple[str, ...]:
    return tuple(
        each.name for each in fields(kind) if each.name != "wire" and each.metadata.get("sent", True)
    )


def as_item(record: SandboxRecord, switches: Switches, *, paged: bool) -> dict[str, object]:
    """What a search gives of a record that is not whole."""
    attributes = record.ITEM
    if paged and switches.items == "some":
        attributes += record.SOME
    elif paged and switches.items == "most":
        attributes = tuple(name for name in _sent_attributes(type(record)) if name not in record.NOT_IN_MOST)
    return _as_json(record, attributes, switches)


def as_detail(record: SandboxRecord, switches: Switches) -> dict[str, object]:
    return _as_json(record, _sent_attributes(type(record)), switches)


def _as_json(record: SandboxRecord, attributes: Iterable[str], switches: Switches) -> dict[str, object]:
    style = switches.property_names
    sent: dict[str, object] = {}
    for attribute in attributes:
        value = getattr(record, attribute)
        if isinstance(value, date):
            value = moment_text(value, switches.dates)
        if value is None or value == "":
            if switches.nulls != "omitted":
                sent[property_name(attribute, style)] = None if switches.nulls == "null" else ""
        else:
            sent[property_name(attribute, style)] = value
    for name, value in record.wire.items():
        sent.pop(name, None)
        if value is not ABSENT:
            sent[name] = value
    return sent


def moment_text(moment: Moment, style: str) -> str:
    """A moment as OneFile might write it, see :attr:`Switches.dates`; a date is midnight in London."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), LONDON)
    if style == "offset":
        return moment.astimezone(LONDON).isoformat(timespec="seconds")
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return text + {"utc": "Z", "no zone": "", "milliseconds": ".000Z", "seven digits": ".0000000Z"}[style]


# Request bodies in


class Body:
    """The properties of a request, by name in any case. Unknown ones are nobody's business."""

    def __init__(self, properties: Mapping[str, object]) -> None:
        self._values = {name.lower(): value for name, value in properties.items()}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._values

    def text(self, name: str, longest: int = 255) -> str:
        """Raises :class:`ApiRefusal` for what is no text or number, or too long."""
        value = self._given(name, str | int | float)
        text = "" if value is None else str(value)
        if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
            raise ApiRefusal(400, f"{name} has half a character.")
        if len(text) > longest:
            raise ApiRefusal(400, f"{name} is longer than {longest} characters.")
        return text

    def number(self, name: str) -> int | None:
        """Raises :class:`ApiRefusal` when there is something that is no whole number."""
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
        """An ISO date-time or date; without a zone it is UTC. Raises :class:`ApiRefusal` for anything else."""
        value = self._given(name, str)
        if value is None or value == "":
            return None
        try:
            moment = datetime.fromisoformat(value)
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            moment.astimezone(LONDON)  # as it will be shown
        except (ValueError, OverflowError):
            raise ApiRefusal(400, f"{name} is not a date.") from None
        if moment.year < EARLIEST_YEAR:
            raise ApiRefusal(400, f"{name} is before {EARLIEST_YEAR}.")
        return moment

    def _given(self, name: str, kind: Any) -> Any:
        value = self._values.get(name.lower())
        if value is not None and (isinstance(value, bool) or not isinstance(value, kind)):
            raise ApiRefusal(400, f"{name} is of the wrong type.")
        return value


def read_json(text: bytes) -> Body:
    """A JSON object; an empty list is as good as an empty object, as some clients send ``[]``."""
    try:
        properties = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        raise ApiRefusal(400, "The body of the request could not be read.") from None
    if properties in ([], None):
        properties = {}
    if not isinstance(properties, dict):
        raise ApiRefusal(400, "The body of the request is not an object.")
    return Body(properties)
