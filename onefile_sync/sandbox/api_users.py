"""The API operations on users: learners, assessors and everybody else who has an account in OneFile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from .answers import Answers, Call, moment_of
from .entities import SandboxUser
from .switches import Switches
from .wire import SandboxResponse, shown_misid, shown_role

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
