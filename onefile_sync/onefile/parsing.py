"""Parses OneFile's JSON into typed records, and writes plain values in OneFile's formats.

``unreadable`` of a record holds our names for its values, not OneFile's.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from string import whitespace
from typing import TypeVar
from unicodedata import category
from zoneinfo import ZoneInfo

from .records import AimField, Centre, Customer, LearningAim, Review, User

#: The values of a review, with OneFile's names.
REVIEW_NAMES: Mapping[str, str] = {
    "learner_id": "LearnerID",
    "assessor_id": "AssessorID",
    "visit_id": "VisitID",
    "scheduled_for": "ScheduledFor",
    "started_on": "StartedOn",
    "learner_signed_on": "LearnerSignedOn",
    "assessor_signed_on": "AssessorSignedOn",
}
#: A list item is complete without these, as nothing is concluded from their being blank.
NOT_CONCLUDED_FROM = frozenset({"visit_id", "assessor_signed_on"})
#: Further properties that API clients are known to send with an update of a learning aim.
OTHER_WRITABLE = ("Status", "StartDate", "PlannedEnd", "AchievedDate")

#: The zone in which OneFile's date-times become dates and times of day (R27).
LONDON = ZoneInfo("Europe/London")
#: Dates by which databases represent "no date".
NO_DATE = frozenset({date(1, 1, 1), date(1900, 1, 1)})
#: Earlier years are unreadable, as no current learner has dates before it.
EARLIEST_YEAR = 1900
#: The largest number that a database column can hold.
LARGEST_NUMBER = 2**63 - 1

NUMBER = re.compile(r"[+-]?[0-9]{1,19}(?:\.0*)?")
MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,](?P<fraction>[0-9]+))?"
    r" ?(?P<zone>Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?)?",
    re.IGNORECASE,
)
#: The date-time format of .NET before ISO 8601: milliseconds since 1970, and the local offset.
NET_MOMENT = re.compile(r"/Date\((?P<milliseconds>-?[0-9]{1,15})(?P<zone>[+-][0-9]{4})?\)/")
#: "No date" in that format: the beginning of the year 1, which may be earlier in UTC.
NO_NET_DATE = -62_135_596_800_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Texts that mean yes or no.
FLAGS: Mapping[str, bool] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
#: Characters removed before and after a text: white space and the byte order mark.
AROUND = "\ufeff" + whitespace
#: The encodings that an answer may be declared to have, by Python's names.
ENCODING = re.compile(r"utf-(?:8|16|32)(?:-[bl]e)?|ascii|iso8859-[0-9]+|cp125[0-9]")


class UnreadableError(ValueError):
    """A value from OneFile that cannot be parsed. The error has no text, as the value may be personal."""


def whole_number(value: object) -> int | None:
    """An integer from a number or from its digits; ``None`` for a blank. Raises UnreadableError for anything else."""
    if is_blank(value):
        return None
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        value = int(value.strip().partition(".")[0])
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST_NUMBER:
        raise UnreadableError
    return value


def count(value: object) -> int | None:
    """A number of things, never negative. Raises UnreadableError."""
    number = whole_number(value)
    if number is not None and number < 0:
        raise UnreadableError
    return number


def reference(value: object) -> int | None:
    """The ID of another record. OneFile's own examples write 0 for "none". Raises UnreadableError."""
    return count(value) or None


def text(value: object) -> str:
    """Text or digits, stripped of white space. Raises UnreadableError for values that no database column can hold."""
    if is_blank(value):
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER:
        return str(value)
    if not isinstance(value, str):
        raise UnreadableError
    words = value.strip()
    if not words.isprintable() and any(category(character) in ("Cc", "Cs") for character in words):
        raise UnreadableError
    return words


def moment(value: object) -> datetime | None:
    """A date-time in UTC. Without a zone it is read as UTC; a bare date is midnight in London.

    Raises UnreadableError.
    """
    if is_blank(value):
        return None
    if not isinstance(value, str):
        raise UnreadableError
    try:
        return _moment(value.strip())
    except (ValueError, OverflowError):
        raise UnreadableError from None


def flag(value: object) -> bool | None:
    """Yes or no, also as text or number; a date-time means yes, as of ``ArchivedOn``. Raises UnreadableError."""
    if isinstance(value, str) and value.strip().casefold() in FLAGS:
        return FLAGS[value.strip().casefold()]
    if is_blank(value) or isinstance(value, bool):
        return value if isinstance(value, bool) else None
    return bool(whole_number(value)) if not isinstance(value, str) else moment(value) is not None


def is_moment(written: str) -> bool:
    """Whether a text has a date-time format that we can parse."""
    return bool(MOMENT.fullmatch(written) or NET_MOMENT.fullmatch(written))


def _moment(text: str) -> datetime | None:
    if net := NET_MOMENT.fullmatch(text):
        milliseconds = int(net["milliseconds"])
        if milliseconds <= NO_NET_DATE:
            return None
        at = EPOCH + timedelta(milliseconds=milliseconds)
        # The milliseconds are always UTC; the offset only gives the local date.
        if at.date() in NO_DATE or at.astimezone(_zone(net["zone"] or "Z")).date() in NO_DATE:
            return None
        if at.year < EARLIEST_YEAR:
            raise UnreadableError
        return at
    written = MOMENT.fullmatch(text)
    if written is None:
        raise UnreadableError
    day = date.fromisoformat(written["day"])
    if day in NO_DATE:
        return None
    if day.year < EARLIEST_YEAR:
        raise UnreadableError
    if written["clock"] is None:
        return datetime.combine(day, time(), LONDON).astimezone(UTC)
    clock = time.fromisoformat(written["clock"])
    fraction = (written["fraction"] or "").ljust(6, "0")[:6]
    zone = _zone((written["zone"] or "Z").upper())
    return datetime.combine(day, clock.replace(microsecond=int(fraction)), zone).astimezone(UTC)


@lru_cache(maxsize=64)
def _zone(written: str) -> tzinfo | None:
    if written in ("Z", "UTC", "GMT"):
        return UTC
    return datetime.strptime(written.ljust(5, "0") if ":" not in written else written, "%z").tzinfo


def london_date(value: object) -> date | None:
    """The date of a date-time in London, where OneFile's users are. Raises UnreadableError."""
    at = moment(value)
    return None if at is None else at.astimezone(LONDON).date()


def decoded(content: bytes, declared: str = "") -> str:
    """The text of an answer, stripped of white space and byte order mark.

    A byte order mark, or the zeros of UTF-16, take precedence over the ``declared`` encoding. An unknown declared
    encoding is ignored. Raises ValueError for bytes that are not text in the encoding.
    """
    seen = json.detect_encoding(content)
    return content.decode(seen if seen != "utf-8" else _encoding(declared), "surrogatepass").strip(AROUND)


def _encoding(declared: str) -> str:
    try:
        name = codecs.lookup(declared.strip(" \"'")).name
    except (LookupError, ValueError):
        return "utf-8"
    # UTF-16 and UTF-32 would have been detected.
    return name if ENCODING.fullmatch(name) and not name.startswith(("utf-16", "utf-32")) else "utf-8"


def from_json(text: str) -> object:
    """Parse strict JSON. Raises ValueError, also for NaN, which Python accepts, and for endless nesting."""
    try:
        return json.loads(text, parse_constant=_no_such_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def session_token(text: str) -> str:
    """The session token: bare, quoted, or a JSON text, in which .NET escapes the sign +; ``""`` for an object."""
    try:
        sent = from_json(text)
    except ValueError:
        sent = text
    if isinstance(sent, dict | list):
        return ""
    return (sent if isinstance(sent, str) else text).strip(AROUND + '"')


def _no_such_number(name: str) -> object:
    raise ValueError(name)


def is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


Read = TypeVar("Read")


class Item:
    """A JSON object from OneFile, with case-insensitive property names. Records which values could not be parsed."""

    def __init__(self, properties: Mapping[str, object]) -> None:
        self._properties: dict[str, object] = {}
        for name, value in properties.items():
            self._properties.setdefault(name.casefold(), value)
        self._unreadable: set[str] = set()

    @property
    def id(self) -> int | None:
        return self.read("id", "ID", reference)

    @property
    def unreadable(self) -> frozenset[str]:
        return frozenset(self._unreadable)

    def has(self, name: str) -> bool:
        return name.casefold() in self._properties

    def as_sent(self, name: str) -> object:
        return self._properties.get(name.casefold())

    def read(self, field_name: str, name: str, how: Callable[[object], Read]) -> Read:
        """The property ``name``; if it cannot be parsed, a blank, and ``field_name`` is added to ``unreadable``."""
        try:
            return how(self.as_sent(name))
        except UnreadableError:
            self._unreadable.add(field_name)
            return how(None)


def item_with_id(sent: object) -> tuple[Item, int] | None:
    """The item and its ID, for a JSON object with a usable ID; ``None`` for anything else."""
    if not isinstance(sent, dict):
        return None
    item = Item(sent)
    return (item, item.id) if item.id else None


def aim_names(wanted: Sequence[AimField]) -> Mapping[str, str]:
    """OneFile's names for the values of a learning aim, by ours."""
    return {"learner_id": "UserID", **{each.name: each.json_name for each in wanted}}


def learning_aim(sent: object, wanted: Sequence[AimField], *, read_alone: bool = False) -> LearningAim | None:
    """A learning aim with the wanted values, or ``None`` if it cannot be parsed.

    A value missing from a search item may have been left out, so the item is ``silent`` about it. In a record that was
    ``read_alone``, a missing value is a blank.
    """
    found = item_with_id(sent)
    if found is None:
        return None
    item, aim_id = found
    aim = LearningAim(
        id=aim_id,
        learner_id=item.read("learner_id", "UserID", reference),
        values={each.name: item.read(each.name, each.json_name, each.read) for each in wanted},
        unreadable=item.unreadable,
    )
    # An unreadable value that we write is sent back unchanged, so that an update which replaces the record keeps it.
    odd = {each.json_name: each.name for each in wanted if each.is_writable and each.name in item.unreadable}
    ours = {each.json_name.casefold() for each in wanted}
    others = [name for name in OTHER_WRITABLE if name.casefold() not in ours]
    writable = {name: item.as_sent(name) for name in (*others, *odd) if not is_blank(item.as_sent(name))}
    odd |= {name: name for name in others if not _makes_sense(name, item.as_sent(name))}
    silent = frozenset() if read_alone else _silent(aim, aim_names(wanted))
    return replace(aim, silent=silent, complete=not silent, writable=writable, odd=odd)


def _makes_sense(name: str, value: object) -> bool:
    try:
        whole_number(value) if name == "Status" else moment(value)
    except UnreadableError:
        return False
    return True


def review(sent: object, *, read_alone: bool = False) -> Review | None:
    """A review, or ``None`` if it cannot be parsed. ``read_alone`` as for a learning aim."""
    found = item_with_id(sent)
    if found is None:
        return None
    item, review_id = found
    record = Review(
        id=review_id,
        learner_id=item.read("learner_id", "LearnerID", reference),
        assessor_id=item.read("assessor_id", "AssessorID", reference),
        visit_id=item.read("visit_id", "VisitID", reference),
        scheduled_for=item.read("scheduled_for", "ScheduledFor", moment),
        started_on=item.read("started_on", "StartedOn", london_date),
        learner_signed_on=item.read("learner_signed_on", "LearnerSignedOn", london_date),
        assessor_signed_on=item.read("assessor_signed_on", "AssessorSignedOn", london_date),
    )
    record = replace(record, unreadable=item.unreadable)
    silent = frozenset() if read_alone else _silent(record, REVIEW_NAMES)
    return replace(record, silent=silent, complete=silent <= NOT_CONCLUDED_FROM)


def _silent(record: LearningAim | Review, names: Iterable[str]) -> frozenset[str]:
    return frozenset(name for name in names if not has_value(record, name))


def has_value(record: LearningAim | Review, name: str) -> bool:
    """Whether OneFile has something in this field, even if it cannot be read."""
    values = record.values if isinstance(record, LearningAim) else {}
    return name in record.unreadable or not is_blank(
        values[name] if name in values else getattr(record, name)
    )


def user(sent: object) -> User | None:
    found = item_with_id(sent)
    if found is None:
        return None
    item, user_id = found
    names = (item.read("name", name, text) for name in ("FirstName", "LastName"))
    return User(
        id=user_id,
        centre_id=item.read("centre_id", "OrganisationID", reference),
        role=item.read("role", "Role", whole_number),
        name=" ".join(name for name in names if name),
    )


def centre(sent: object) -> Centre | None:
    found = item_with_id(sent)
    return found and Centre(id=found[1], name=found[0].read("name", "Name", text))


def customer(sent: object) -> Customer | None:
    found = item_with_id(sent)
    return found and Customer(id=found[1], name=found[0].read("name", "Name", text))


def created_id(sent: object) -> int | None:
    """The ID in the answer to a create: a bare number, its digits, or an object with an ID; else ``None``."""
    return Item(sent if isinstance(sent, dict) else {"ID": sent}).id


def refusal(body: str) -> tuple[int | None, str]:
    """OneFile's own number in the body of a refusal, and its message in one line of printable characters."""
    try:
        sent = from_json(body)
    except ValueError:
        return None, ""
    item = Item(sent if isinstance(sent, dict) else {})
    message = item.as_sent("message")
    words = message if isinstance(message, str) else ""
    in_one_line = "".join(character if character.isprintable() else " " for character in words)
    return item.read("code", "code", whole_number), " ".join(in_one_line.split())


def date_text(day: date) -> str:
    """A date in OneFile's format: midnight UTC.

    In London that is midnight or one o'clock of the same day, so the date is the same whether the server reads the text
    as UTC, as local time or as a bare date.
    """
    return f"{day.isoformat()}T00:00:00.000Z"


def moment_text(at: datetime) -> str:
    """An aware date-time in OneFile's format: in UTC, to the second.

    Raises ValueError for one without a zone, as UK time sent as UTC would be an hour wrong in summer.
    """
    if at.tzinfo is None:
        raise ValueError("A date-time for OneFile needs a time zone.")
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + ".000Z"
