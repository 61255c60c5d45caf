"""The API operations on the customer and its centres, and on placements and classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .answers import NO_CONTENT, Answers, Call
from .entities import SandboxClassroom, SandboxPlacement, pascal_case
from .wire import SandboxResponse, in_json, property_name

#: The texts of a placement that may be left out.
_OPTIONAL_TEXTS: Final = ("address", "contact", "email", "telephone", "web", "misid")


def get_customer(answers: Answers, _: Call) -> SandboxResponse:
    style = answers.switches.property_names
    return in_json(
        {
            property_name("id", style): answers.world.customer_id,
            property_name("name", style): answers.world.customer_name,
        }
    )


def search_centres(answers: Answers, call: Call) -> SandboxResponse:
    of_this_customer = call.body.number("CustomerID") in (None, answers.world.customer_id)
    return answers.found(list(answers.world.centres.values()) if of_this_customer else [], call)


def get_centre(answers: Answers, call: Call) -> SandboxResponse:
    return answers.detail(answers.known(answers.world.centres, call.id))


def search_placements(answers: Answers, call: Call) -> SandboxResponse:
    return answers.found(answers.world.placements.values(), call, _named_in_centre(call))


def get_placement(answers: Answers, call: Call) -> SandboxResponse:
    return answers.detail(answers.known(answers.world.placements, call.id))


def create_placement(answers: Answers, call: Call) -> SandboxResponse:
    body, world = call.body, answers.world
    centre, name = answers.required_centre(body), answers.required_text(body, "Name")
    texts = {attribute: body.text(pascal_case(attribute)) for attribute in _OPTIONAL_TEXTS}
    active = body.flag("Active")
    answers.refuse_same_mis_value(texts["misid"], _placements_of(answers, centre))
    return answers.created(
        world.add_placement(organisation_id=centre, name=name, active=active is not False, **texts)
    )


def update_placement(answers: Answers, call: Call) -> SandboxResponse:
    """Change what is sent and nothing else."""
    placement, body = answers.known(answers.world.placements, call.id), call.body
    sent = [attribute for attribute in _OPTIONAL_TEXTS if pascal_case(attribute) in body]
    values: dict[str, object] = {attribute: body.text(pascal_case(attribute)) for attribute in sent}
    if "Name" in body:
        values["name"] = answers.required_text(body, "Name")
    active = body.flag("Active")
    if active is not None:
        values["active"] = active
    others = [each for each in _placements_of(answers, placement.organisation_id) if each is not placement]
    answers.refuse_same_mis_value(str(values.get("misid", "")), others)
    for attribute, value in values.items():
        setattr(placement, attribute, value)
    answers.world.writes += 1
    return NO_CONTENT


def _placements_of(answers: Answers, centre: int) -> list[SandboxPlacement]:
    return [each for each in answers.world.placements.values() if each.organisation_id == centre]


def search_classrooms(answers: Answers, call: Call) -> SandboxResponse:
    return answers.found(answers.world.classrooms.values(), call, _named_in_centre(call))


def get_classroom(answers: Answers, call: Call) -> SandboxResponse:
    return answers.detail(answers.known(answers.world.classrooms, call.id))


def create_classroom(answers: Answers, call: Call) -> SandboxResponse:
    body = call.body
    return answers.created(
        answers.world.add_classroom(
            organisation_id=answers.required_centre(body),
            name=answers.required_text(body, "Name"),
            misid=body.text("MISID"),
            start_on=body.moment("StartOn"),
        )
    )


def _named_in_centre(call: Call) -> Callable[[SandboxPlacement | SandboxClassroom], bool]:
    centre, name = call.body.number("OrganisationID"), call.body.text("Name").casefold()

    def wanted(record: SandboxPlacement | SandboxClassroom) -> bool:
        return centre in (None, record.organisation_id) and name in ("", record.name.casefold())

    return wanted
