"""The API operations on the customer and its centres, and on what a centre has: placements, classes and standards."""

from __future__ import annotations

from collections.abc import Callable

from .answers import Answers, Call
from .entities import SandboxClassroom, SandboxPlacement, SandboxStandard
from .wire import SandboxResponse, in_json, property_name, shown_title


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


def search_classrooms(answers: Answers, call: Call) -> SandboxResponse:
    return answers.found(answers.world.classrooms.values(), call, _named_in_centre(call))


def get_classroom(answers: Answers, call: Call) -> SandboxResponse:
    return answers.detail(answers.known(answers.world.classrooms, call.id))


def _named_in_centre(call: Call) -> Callable[[SandboxPlacement | SandboxClassroom], bool]:
    centre, name = call.body.number("OrganisationID"), call.body.text("Name").casefold()

    def wanted(record: SandboxPlacement | SandboxClassroom) -> bool:
        return centre in (None, record.organisation_id) and name in ("", record.name.casefold())

    return wanted


def search_standards(answers: Answers, call: Call) -> SandboxResponse:
    """Search by centre and by title, as OneFile writes it."""
    centre, title = call.body.number("OrganisationID"), call.body.text("Title").casefold()

    def wanted(standard: SandboxStandard) -> bool:
        return (centre is None or centre in standard.organisation_ids) and title in (
            "",
            shown_title(standard, answers.switches).casefold(),
        )

    return answers.found(answers.world.standards.values(), call, wanted)


def get_standard(answers: Answers, call: Call) -> SandboxResponse:
    return answers.detail(answers.known(answers.world.standards, call.id))
