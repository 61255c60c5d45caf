"""Parses what a centre has: its people, placements, classrooms and standards.

OneFile's names for the values come from a mapping, as not all of them are documented.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from .parsing import flag, is_blank, item_with_id, london_date, moment, reference, text, whole_number
from .records import AimOutline, NamedRecord, Person, Standard

#: OneFile's names for the values of a person, by ours.
USER_NAMES: Mapping[str, str] = {
    "centre_id": "OrganisationID",
    "role": "Role",
    "first_name": "FirstName",
    "last_name": "LastName",
    "email": "Email",
    "mis_value": "MISID",
    "uln": "ULN",
    "ni_number": "NINO",
    "date_of_birth": "DOB",
    "start_date": "StartOn",
    "planned_end_date": "PlannedEndDate",
    "default_assessor_id": "DefaultAssessorID",
    "placement_id": "PlacementID",
    "classroom_id": "ClassroomID",
    "last_modified": "LastModified",
    "telephone": "Telephone",
    "mobile": "MobileNumber",
    "ethnicity": "L12",
    "sex": "L13",
    "disability": "L14",
    "primary_lldd": "PrimaryLLDDCode",
}
#: The same for a placement and a classroom.
PLACEMENT_NAMES: Mapping[str, str] = {
    "centre_id": "OrganisationID",
    "name": "Name",
    "mis_value": "MISID",
    "email": "Email",
    "active": "Active",
}
#: The same for a standard. Without a name for the code, it is in the title, in square brackets.
STANDARD_NAMES: Mapping[str, str] = {"centre_id": "OrganisationID", "title": "Title", "code": ""}

#: What OneFile shows behind a title in square brackets.
_IN_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def person(
    sent: object,
    names: Mapping[str, str] = USER_NAMES,
    *,
    archived_property: str | None = None,
    archived_roles: Collection[int] = (),
    read_alone: bool = False,
) -> Person | None:
    """A person, or ``None`` if the item cannot be parsed. ``read_alone`` as for a learning aim.

    A user is archived who has one of the ``archived_roles``, or in whose ``archived_property`` something means yes. No
    other role says that a user is not archived. In a record that was ``read_alone``, a missing property means no.
    """
    found = item_with_id(sent)
    if found is None:
        return None
    item, user_id = found
    record = Person(
        id=user_id,
        centre_id=item.read("centre_id", names["centre_id"], reference),
        role=item.read("role", names["role"], whole_number),
        first_name=item.read("first_name", names["first_name"], text),
        last_name=item.read("last_name", names["last_name"], text),
        email=item.read("email", names["email"], text),
        mis_value=item.read("mis_value", names["mis_value"], text),
        uln=item.read("uln", names["uln"], text),
        ni_number=item.read("ni_number", names["ni_number"], text),
        date_of_birth=item.read("date_of_birth", names["date_of_birth"], london_date),
        start_date=item.read("start_date", names["start_date"], london_date),
        planned_end_date=item.read("planned_end_date", names["planned_end_date"], london_date),
        default_assessor_id=item.read("default_assessor_id", names["default_assessor_id"], reference),
        placement_id=item.read("placement_id", names["placement_id"], reference),
        classroom_id=item.read("classroom_id", names["classroom_id"], reference),
        last_modified=item.read("last_modified", names["last_modified"], moment),
        telephone=item.read("telephone", names["telephone"], text),
        mobile=item.read("mobile", names["mobile"], text),
        ethnicity=item.read("ethnicity", names["ethnicity"], text),
        sex=item.read("sex", names["sex"], text),
        disability=item.read("disability", names["disability"], text),
        primary_lldd=item.read("primary_lldd", names["primary_lldd"], text),
    )
    archived = item.read("archived", archived_property, flag) if archived_property else None
    if archived_property and read_alone and is_blank(item.as_sent(archived_property)):
        archived = False
    return replace(
        record,
        archived=True if record.role in archived_roles else archived,
        silent=frozenset() if read_alone else _silent_names(record, names, item.unreadable),
        unreadable=item.unreadable,
    )


def named_record(sent: object, names: Mapping[str, str] = PLACEMENT_NAMES) -> NamedRecord | None:
    """A placement or a classroom, or ``None`` if the item cannot be parsed. A value that cannot be parsed is blank."""
    found = item_with_id(sent)
    if found is None:
        return None
    item, record_id = found
    return NamedRecord(
        id=record_id,
        centre_id=item.read("centre_id", names["centre_id"], reference),
        name=item.read("name", names["name"], text),
        mis_value=item.read("mis_value", names["mis_value"], text),
        email=item.read("email", names["email"], text),
        active=item.read("active", names["active"], flag),
    )


def standard(sent: object, names: Mapping[str, str] = STANDARD_NAMES) -> Standard | None:
    """A standard, or ``None`` if the item cannot be parsed. The title stays as OneFile has it, with a code in it."""
    found = item_with_id(sent)
    if found is None:
        return None
    item, standard_id = found
    title = item.read("title", names["title"], text)
    return Standard(
        id=standard_id,
        title=title,
        code=item.read("code", names["code"], text) if names["code"] else code_in(title),
        centre_id=item.read("centre_id", names["centre_id"], reference),
    )


def aim_outline(sent: object) -> AimOutline | None:
    """A learning aim with the standard it is of, or ``None`` if the item cannot be parsed."""
    found = item_with_id(sent)
    if found is None:
        return None
    item, aim_id = found
    return AimOutline(
        id=aim_id,
        learner_id=item.read("learner_id", "UserID", reference),
        standard_id=item.read("standard_id", "StandardID", reference),
    )


def code_in(title: str) -> str:
    """The last text in square brackets, stripped; ``""`` without one."""
    in_brackets = _IN_BRACKETS.findall(title)
    return in_brackets[-1].strip() if in_brackets else ""


def _silent_names(record: Person, names: Mapping[str, str], unreadable: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in names if name not in unreadable and is_blank(getattr(record, name)))
