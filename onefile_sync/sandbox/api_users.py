"""The API operations on users: learners, assessors and everybody else who has an account in OneFile."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import count
from typing import Any, Final

from onefile_sync.fields import Kind

from .answers import NO_CONTENT, Answers, Call, moment_of
from .api_standards import give_aims_of
from .entities import (
    ADDITIONAL,
    ASSESSOR,
    EMPLOYER,
    LEARNER,
    LEARNING_AIM,
    OBSERVER,
    QUALITY_ASSURER,
    TRAINEE_ASSESSOR,
    UNIT_SUMMARY,
    SandboxUser,
    pascal_case,
)
from .switches import Switches
from .wire import ApiRefusal, Body, SandboxResponse, in_json, property_name, shown_misid, shown_role

_ROLES: Final = frozenset({LEARNER, TRAINEE_ASSESSOR, ASSESSOR, QUALITY_ASSURER, EMPLOYER, OBSERVER})

#: What a create or an update sets, by attribute. Centre and role of a user never change.
_WRITABLE: Final[Mapping[str, Kind]] = {
    "first_name": Kind.TEXT,
    "last_name": Kind.TEXT,
    "email": Kind.TEXT,
    "misid": Kind.TEXT,
    "telephone": Kind.TEXT,
    "mobile_number": Kind.TEXT,
    "home_address": Kind.TEXT,
    "uln": Kind.TEXT,
    "nino": Kind.TEXT,
    "dob": Kind.DATE,
    "l12": Kind.TEXT,
    "l13": Kind.TEXT,
    "l14": Kind.TEXT,
    "l15": Kind.TEXT,
    "l16": Kind.TEXT,
    "primary_lldd_code": Kind.TEXT,
    "placement_id": Kind.NUMBER,
    "classroom_id": Kind.NUMBER,
    "default_assessor_id": Kind.NUMBER,
    "default_employer_id": Kind.NUMBER,
    "episode_name": Kind.TEXT,
    "start_on": Kind.DATE,
    "planned_end_date": Kind.DATE,
}

_ASSESSORS: Final = frozenset({ASSESSOR, TRAINEE_ASSESSOR})
_BLANK: Final[Mapping[Kind, object]] = {kind: kind.blank for kind in (Kind.NUMBER, Kind.TEXT, Kind.DATE)}

#: The roles that can be assigned at each level.
_ASSIGNABLE: Final[Mapping[int, frozenset[int]]] = {
    ADDITIONAL: _ASSESSORS | {QUALITY_ASSURER, EMPLOYER, OBSERVER},
    UNIT_SUMMARY: _ASSESSORS | {QUALITY_ASSURER},
    LEARNING_AIM: _ASSESSORS | {QUALITY_ASSURER},
}

#: The text filters, and what each of them is compared with.
_TEXT_FILTERS: Final[Mapping[str, Callable[[SandboxUser, Switches], str]]] = {
    "FirstName": lambda user, _: user.first_name,
    "LastName": lambda user, _: user.last_name,
    "Email": lambda user, _: user.email,
    "MISID": shown_misid,
}


def search_users(answers: Answers, call: Call) -> SandboxResponse:
    """Search by centre, role, name, e-mail, MIS Value and date of change; a blank filter counts as none.

    Without a centre the search covers the whole customer.
    """
    body, switches = call.body, answers.switches
    centre, role, since = body.number("OrganisationID"), body.number("Role"), body.moment("LastModified")
    if switches.user_filters == "ignored":
        since = None
    texts = [(shown, body.text(name).casefold()) for name, shown in _TEXT_FILTERS.items()]
    given = [(shown, text) for shown, text in texts if text and switches.user_filters != "ignored"]

    def wanted(user: SandboxUser) -> bool:
        if user.archived and switches.archived_users == "hidden":
            return False
        if centre not in (None, user.organisation_id) or role not in (None, shown_role(user, switches)):
            return False
        # A user without this date may have changed at any time, so the search must return them.
        if since is not None and user.last_modified is not None and moment_of(user.last_modified) < since:
            return False
        return all(
            is_match(shown(user, switches).casefold(), text, switches.user_filters) for shown, text in given
        )

    return answers.found(answers.world.users.values(), call, wanted)


def is_match(value: str, text: str, user_filters: str) -> bool:
    return value.startswith(text) if user_filters == "prefix" else value == text


def get_user(answers: Answers, call: Call) -> SandboxResponse:
    """An archived user can be read by ID, whether or not searches find them."""
    return answers.detail(answers.known(answers.world.users, call.id))


# Creating and changing users


def create_user(answers: Answers, call: Call) -> SandboxResponse:
    """Create a user of any role. A second call creates a second user."""
    body, world, now = call.body, answers.world, answers.clock()
    centre, role = answers.required_centre(body), body.number("Role")
    if role not in _ROLES:
        raise ApiRefusal(
            400, "Role is required." if role is None else "Users of this role cannot be created."
        )
    values = _values(answers, body, _WRITABLE, centre, role)
    answers.refuse_same_mis_value(str(values["misid"]), _peers(answers, centre, role))
    user = world.add_learner(
        **values,
        organisation_id=centre,
        role=role,
        username=_username(answers, body, str(values["first_name"]), str(values["last_name"])),
        created_on=body.moment("CreatedOn") or now,
        last_modified=now,
    )
    answers.mark_created(user)
    flags = world.centres[centre]
    if user.email and flags.keychain_creation_for_new_user_active and not flags.keychain_email_suppression:
        user.invited_at = now
    if role == LEARNER and answers.switches.class_template == "assigns":
        group = world.classrooms[user.classroom_id or 0]
        template = world.templates.get(group.template_id or 0)
        if template is not None:
            give_aims_of(answers, user, template)
    return _created_user(answers, user)


def _created_user(answers: Answers, user: SandboxUser) -> SandboxResponse:
    form, style = answers.switches.user_create_answer, answers.switches.property_names
    if form == "empty":
        return SandboxResponse(200)
    if form == "number":
        return in_json(user.id)
    return in_json({property_name("id", style): user.id, property_name("username", style): user.username})


def update_user(answers: Answers, call: Call) -> SandboxResponse:
    """Change what is sent. With the switch on "replace", blank what is left out and not mandatory."""
    user, body = answers.known(answers.world.users, call.id), call.body
    if body.number("ID") not in (None, user.id):
        raise ApiRefusal(400, "ID is not that of the address.")
    kept = _mandatory(user.role, answers.switches)
    names = [
        attribute
        for attribute in _WRITABLE
        if pascal_case(attribute) in body
        or (answers.switches.user_update == "replace" and attribute not in kept)
    ]
    values = _values(answers, body, names, user.organisation_id, user.role)
    others = _peers(answers, user.organisation_id, user.role, but=user)
    answers.refuse_same_mis_value(str(values.get("misid", "")), others)
    for attribute, value in values.items():
        setattr(user, attribute, value)
    return _changed(answers, user)


def _changed(answers: Answers, user: SandboxUser) -> SandboxResponse:
    user.last_modified = answers.clock()
    answers.world.writes += 1
    return NO_CONTENT


def _mandatory(role: int, switches: Switches) -> frozenset[str]:
    names = {"first_name", "last_name"}
    if switches.email_of_user == "required":
        names.add("email")
    if role == LEARNER:
        names |= {"default_assessor_id", "classroom_id", "placement_id"}
    elif role in (EMPLOYER, OBSERVER):
        names.add("placement_id")
    return frozenset(names)


def _values(
    answers: Answers, body: Body, attributes: Collection[str], centre: int, role: int
) -> dict[str, object]:
    """The values of these attributes. Raise :class:`ApiRefusal` if a mandatory one is blank."""
    read: Mapping[Kind, Callable[[str], object]] = {
        Kind.NUMBER: body.number,
        Kind.TEXT: body.text,
        Kind.DATE: body.moment,
    }
    values = {name: read[_WRITABLE[name]](pascal_case(name)) for name in attributes}
    mandatory = _mandatory(role, answers.switches)
    for name, value in values.items():
        if name not in mandatory:
            values[name] = value or _BLANK[_WRITABLE[name]]  # 0 counts as no ID
        elif value is None or not str(value).strip():
            raise ApiRefusal(400, f"{pascal_case(name)} is required.")
    _check_references(answers, values, centre)
    return values


def _check_references(answers: Answers, values: Mapping[str, Any], centre: int) -> None:
    """Refuse IDs that the centre does not have, or that are of users with another role."""
    world = answers.world
    shelves: tuple[tuple[str, Mapping[int, Any], Collection[int], str, int], ...] = (
        ("placement_id", world.placements, (), "The placement", ApiRefusal.UNKNOWN_PLACEMENT),
        ("classroom_id", world.classrooms, (), "The classroom", ApiRefusal.UNKNOWN_CLASSROOM),
        ("default_assessor_id", world.users, _ASSESSORS, "The default assessor", ApiRefusal.OTHER),
        ("default_employer_id", world.users, (EMPLOYER,), "The default employer", ApiRefusal.OTHER),
    )
    for name, shelf, roles, label, code in shelves:
        record_id = values.get(name)
        if record_id is None:
            continue
        record = shelf.get(record_id)
        if record is None or record.organisation_id != centre or (roles and record.role not in roles):
            raise ApiRefusal(400, f"{label} was not found.", code)


def _peers(answers: Answers, centre: int, role: int, but: SandboxUser | None = None) -> Iterator[SandboxUser]:
    """The users of a centre with the same role, archived ones included."""
    for user in answers.world.users.values():
        if (user.organisation_id, user.role) == (centre, role) and user is not but:
            yield user


def _username(answers: Answers, body: Body, first_name: str, last_name: str) -> str:
    """The username sent, or one made of the names; with a number if it is taken."""
    letters = "".join(filter(str.isalnum, first_name[:1] + last_name)).upper()
    wanted = body.text("Username") or letters or "USER"
    taken = {user.username for user in answers.world.users.values()}
    numbered = (f"{wanted}{number}" for number in count(1))
    return wanted if wanted not in taken else next(name for name in numbered if name not in taken)


def archive_user(answers: Answers, call: Call) -> SandboxResponse:
    return _set_archived(answers, call, archived=True)


def unarchive_user(answers: Answers, call: Call) -> SandboxResponse:
    return _set_archived(answers, call, archived=False)


def _set_archived(answers: Answers, call: Call, *, archived: bool) -> SandboxResponse:
    user = answers.known(answers.world.users, call.id)
    user.archived = archived
    return _changed(answers, user)


# Assigning users to learners


def assign_user(answers: Answers, call: Call) -> SandboxResponse:
    """Assign a user to a learner. A second call makes a second assignment.

    The assigned user's ID is in the address and the learner's in ``LearnerID``, or the other way round.
    """
    body, world = call.body, answers.world
    in_path = answers.known(world.users, call.id)
    in_body = world.users.get(body.number("LearnerID") or 0)
    user, learner = (in_path, in_body) if answers.switches.assign_path == "assessor" else (in_body, in_path)
    if learner is None or learner.role != LEARNER:
        raise ApiRefusal(400, "There is no such learner.")
    level, standard_id, unit_id = body.number("Level"), body.number("StandardID"), body.text("UnitID")
    if level is None or level not in _ASSIGNABLE:
        raise ApiRefusal(400, "Level must be 1, 2 or 3.")
    if user is None or user.role not in _ASSIGNABLE[level]:
        raise ApiRefusal(400, "This user cannot be assigned at this level.")
    if user.organisation_id != learner.organisation_id:
        raise ApiRefusal(400, "The learner belongs to another organisation.")
    if level == LEARNING_AIM and standard_id not in {aim.standard_id for aim in world.aims_of(learner.id)}:
        raise ApiRefusal(400, "The learner has no learning aim of this standard.")
    if level == UNIT_SUMMARY and not unit_id:
        raise ApiRefusal(400, "UnitID is required.")
    answers.mark_created(
        world.add_assignment(learner.id, user.id, level=level, standard_id=standard_id, unit_id=unit_id)
    )
    return NO_CONTENT
