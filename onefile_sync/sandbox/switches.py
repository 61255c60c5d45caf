"""A switch for each question that OneFile's public documentation leaves open. The defaults are the likeliest answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any, Literal


def _either(default: Any, *alternatives: Any) -> Any:
    return field(default=default, metadata={"alternatives": alternatives})


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How the sandbox behaves.

    ``rate_limit`` is the number of calls per ``rate_window`` (seconds), not counting authentication; 0 means no limit.
    :meth:`each_alternative` covers the fields that have alternatives.
    """

    # Authentication
    auth_body: Literal["raw", "quoted"] = _either("raw", "quoted")
    session_lifetime: timedelta = field(
        default=timedelta(hours=24), metadata={"alternatives": (timedelta(minutes=20),)}
    )
    bad_session: Literal[401, 403] = _either(401, 403)
    bad_customer_token: Literal[401, 403] = _either(401, 403)

    # Searches
    items: Literal["thin", "some", "most", "rich"] = _either(
        "thin", "some", "most", "rich"
    )  # in paged searches; items of unpaged searches are always thin
    empty_search: Literal["no content", "empty list"] = _either("no content", "empty list")
    past_the_end: Literal["no content", "empty list"] = _either("no content", "empty list")
    page_limit: int | None = _either(None, 3)  # caps the page size of every search
    unpaged_limit: int | None = _either(None, 50)
    page_order: Literal["by id", "unstable"] = _either("by id", "unstable")
    aim_search_without_user: Literal["everybody", "refused"] = _either("everybody", "refused")
    review_search_without_centre: Literal["all centres", "refused"] = _either("all centres", "refused")
    user_filters: Literal["exact", "prefix", "ignored"] = _either("exact", "prefix", "ignored")
    search_lag: float = _either(0, 20)  # seconds until searches find a record created through the API

    # Records
    nulls: Literal["omitted", "null", "empty"] = _either("omitted", "null", "empty")
    dates: Literal["utc", "no zone", "milliseconds", "seven digits", "offset"] = _either(
        "utc", "no zone", "milliseconds", "seven digits", "offset"
    )
    property_names: Literal["pascal", "camel"] = _either("pascal", "camel")
    users_carry_centre: bool = _either(True, False)
    archived_users: Literal["listed", "hidden", "other role"] = _either("listed", "hidden", "other role")
    mis_values: Literal["kept", "dropped"] = _either("kept", "dropped")
    standard_code: Literal["in title", "property", "absent"] = _either("in title", "property", "absent")
    unknown_id: Literal[404, 400] = _either(404, 400)

    # Writing
    create_answer: Literal["number", "object"] = _either("number", "object")
    update_answer: Literal["no content", "object"] = _either("no content", "object")
    update_mode: Literal["partial", "replace"] = _either("partial", "replace")
    visit_id: Literal["optional", "required"] = _either("optional", "required")

    # Creating learners
    user_create_answer: Literal["object", "number", "empty"] = _either("object", "number", "empty")
    user_update: Literal["partial", "replace"] = _either("partial", "replace")
    email_of_user: Literal["required", "optional"] = _either("required", "optional")
    same_mis_value: Literal["allowed", "refused"] = _either("allowed", "refused")
    class_template: Literal["none", "assigns"] = _either("none", "assigns")
    standard_again: Literal["same aim", "second aim", "refused"] = _either(
        "same aim", "second aim", "refused"
    )
    assign_path: Literal["assessor", "learner"] = _either("assessor", "learner")

    # Errors and limits
    error_body: Literal["code and message", "html", "empty"] = _either("code and message", "html", "empty")
    rate_limit: int = 300
    rate_window: float = 60.0
    retry_after: Literal["none", "seconds", "date"] = _either("none", "seconds", "date")

    @classmethod
    def each_alternative(cls) -> Iterator[tuple[str, object, Switches]]:
        """Yield every alternative: the switch, its value, and the default switches with only this value changed."""
        for switch in fields(cls):
            for value in switch.metadata.get("alternatives", ()):
                yield switch.name, value, replace(cls(), **{switch.name: value})
