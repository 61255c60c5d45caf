"""The API operations on users: learners, assessors and everybody else who has an account in OneFile."""

from __future__ import annotations

from .answers import Answers, Call, moment_of
from .entities import SandboxUser
from .wire import SandboxResponse, shown_misid, shown_role


def search_users(answers: Answers, call: Call) -> SandboxResponse:
    """Search by centre, role, name, e-mail, MIS Value and date of change; a blank filter counts as none.

    Without a centre the search covers the whole customer.
    """
    body, switches = call.body, answers.switches
    centre, role, since = body.number("OrganisationID"), body.number("Role"), body.moment("LastModified")
    texts = {name: body.text(name).casefold() for name in ("FirstName", "LastName", "Email", "MISID")}

    def wanted(user: SandboxUser) -> bool:
        if user.archived and switches.archived_users == "hidden":
            return False
        if centre not in (None, user.organisation_id) or role not in (None, shown_role(user, switches)):
            return False
        if switches.user_filters == "ignored":
            return True
        # A user without this date may have changed at any time, so the search must return them.
        if since is not None and user.last_modified is not None and moment_of(user.last_modified) < since:
            return False
        values = {
            "FirstName": user.first_name,
            "LastName": user.last_name,
            "Email": user.email,
            "MISID": shown_misid(user, switches),
        }
        return all(
            is_match(values[name].casefold(), text, switches.user_filters)
            for name, text in texts.items()
            if text
        )

    return answers.found(answers.world.users.values(), call, wanted)


def is_match(value: str, text: str, user_filters: str) -> bool:
    return value.startswith(text) if user_filters == "prefix" else value == text


def get_user(answers: Answers, call: Call) -> SandboxResponse:
    """An archived user can be read by ID, whether or not searches find them."""
    return answers.detail(answers.known(answers.world.users, call.id))
