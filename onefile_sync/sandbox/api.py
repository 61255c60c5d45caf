"""The API operations on learning aims, visits and reviews, and the table of all operations.

They answer as OneFile's public documentation describes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from onefile_sync.fields import Kind

from . import api_places, api_standards, api_users
from .answers import NO_CONTENT, Answers, Call, is_within
from .entities import SandboxAim, SandboxReview
from .wire import ApiRefusal, SandboxResponse, writable_properties

#: ``LearningAimCompletionStatus`` of an achieved learning aim. OneFile documents no other value.
ACHIEVED: Final = 1


class Api(Answers):
    """Carries out calls on a world, one at a time: the caller must hold the world's lock."""

    def carry_out(self, call: Call) -> SandboxResponse:
        """Raise :class:`ApiRefusal` where OneFile would answer with a 4xx status."""
        return _CARRY_OUT[call.operation](self, call)

    # Learning aims

    def search_aims(self, call: Call) -> SandboxResponse:
        """With ``LearningAimCompletionStatus`` 1, the dates select the aims achieved between them."""
        body = call.body
        learner_id, status = body.number("UserID"), body.number("LearningAimCompletionStatus")
        earliest, latest = body.moment("DateFrom"), body.moment("DateTo")
        if learner_id is None and self.switches.aim_search_without_user == "refused":
            raise ApiRefusal(400, "UserID is required.")
        any_time = earliest is None and latest is None

        def wanted(aim: SandboxAim) -> bool:
            achieved = aim.achieved_date is not None
            return (status is None or (status == ACHIEVED) == achieved) and (
                any_time or is_within(aim.achieved_date, earliest, latest)
            )

        candidates = self.world.aims.values() if learner_id is None else self.world.aims_of(learner_id)
        return self.found(candidates, call, wanted)

    def get_aim(self, call: Call) -> SandboxResponse:
        return self.detail(self.known(self.world.aims, call.id))

    def update_aim(self, call: Call) -> SandboxResponse:
        aim, body = self.known(self.world.aims, call.id), call.body
        if body.number("ID") not in (None, aim.id):
            raise ApiRefusal(400, "ID is not that of the address.")
        if body.number("UserID") not in (None, aim.user_id):
            raise ApiRefusal(400, "UserID is not the learner of this learning aim.")
        values: dict[str, object] = {}
        read: dict[Kind, Callable[[str], object]] = {
            Kind.NUMBER: body.number,
            Kind.TEXT: body.text,
            Kind.DATE: body.moment,
        }
        for attribute, (name, kind) in writable_properties().items():
            if name in body or self.switches.update_mode != "partial":
                values[attribute] = read[kind](name)
        if "status" in values:
            values["status"] = values["status"] or 0
        for attribute, value in values.items():
            setattr(aim, attribute, value)
        self.world.writes += 1
        return NO_CONTENT if self.switches.update_answer == "no content" else self.detail(aim)

    # Visits and reviews

    def create_visit(self, call: Call) -> SandboxResponse:
        body = call.body
        learner = self.required_learner(body)
        centre = self.required_centre(body)
        if centre != learner.organisation_id:
            raise ApiRefusal(400, "The learner belongs to another organisation.")
        starts, ends = self.required_moment(body, "DateFrom"), self.required_moment(body, "DateTo")
        if ends <= starts:
            raise ApiRefusal(400, "DateTo must be after DateFrom.")
        visit = self.world.add_visit(
            learner.id,
            organisation_id=centre,
            date_from=starts,
            date_to=ends,
            visit_type_id=body.number("VisitTypeID") or 0,
            assessor_id=self.known_assessor(body),
        )
        return self.created(visit)

    def search_reviews(self, call: Call) -> SandboxResponse:
        body = call.body
        centre, learner_id = body.number("OrganisationID"), body.number("LearnerID")
        if centre is None and self.switches.review_search_without_centre == "refused":
            raise ApiRefusal(400, "OrganisationID is required.")
        status, earliest, latest = body.number("Status"), body.moment("DateFrom"), body.moment("DateTo")
        everybody = learner_id is None
        candidates = self.world.reviews.values() if everybody else self.world.reviews_of(learner_id or 0)
        of_centre = {user.id for user in self.world.users.values() if user.organisation_id == centre}
        any_centre, any_time = centre is None, earliest is None and latest is None

        def wanted(review: SandboxReview) -> bool:
            return (
                (any_centre or review.learner_id in of_centre)
                and status in (None, review.status)
                and (any_time or is_within(review.scheduled_for, earliest, latest))
            )

        return self.found(candidates, call, wanted)

    def get_review(self, call: Call) -> SandboxResponse:
        return self.detail(self.known(self.world.reviews, call.id))

    def create_review(self, call: Call) -> SandboxResponse:
        body = call.body
        learner = self.required_learner(body)
        scheduled_for = self.required_moment(body, "ScheduledFor")
        visit_id = body.number("VisitID")
        if visit_id is None and self.switches.visit_id == "required":
            raise ApiRefusal(400, "VisitID is required.")
        if visit_id is not None:
            visit = self.world.visits.get(visit_id)
            if visit is None or visit.learner_id != learner.id:
                raise ApiRefusal(400, "The learner has no such visit.")
        review = self.world.add_review(
            learner.id,
            scheduled_for=scheduled_for,
            status=body.number("Status") or 1,
            visit_id=visit_id,
            assessor_id=self.known_assessor(body),
            created_on=self.clock(),
        )
        return self.created(review)


UNKNOWN_OPERATION: Final = "unknown"
AUTHENTICATION: Final = "Authentication"

_SEARCH: Final = r"/search(?:/(?P<page>\d{1,9})/(?P<size>\d{1,9}))?"
_ONE: Final = r"/(?P<id>\d{1,18})"
_TO_LEARNER: Final = r"/assign/(?P<learner>\d{1,18})"

#: Operation, method, path and handler. Authentication is not listed: it needs no session, so the server handles it.
_OPERATIONS: Final[Sequence[tuple[str, str, str, Callable[[Api, Call], SandboxResponse]]]] = (
    ("Customer/get", "GET", "customer", api_places.get_customer),
    ("Organisation/Search", "POST", "organisation" + _SEARCH, api_places.search_centres),
    ("Organisation/get", "GET", "organisation" + _ONE, api_places.get_centre),
    ("User/Search", "POST", "user" + _SEARCH, api_users.search_users),
    ("User/get", "GET", "user" + _ONE, api_users.get_user),
    ("User/create", "POST", "user", api_users.create_user),
    ("User/update", "POST", "user" + _ONE, api_users.update_user),
    ("User/Assign", "POST", "user" + _ONE + "/assign", api_users.assign_user),
    ("User/Archive", "POST", "user" + _ONE + "/archive", api_users.archive_user),
    ("User/Unarchive", "POST", "user" + _ONE + "/unarchive", api_users.unarchive_user),
    ("LearningAim/Search", "POST", "learningaim" + _SEARCH, Api.search_aims),
    ("LearningAim/get", "GET", "learningaim" + _ONE, Api.get_aim),
    ("LearningAim/update", "POST", "learningaim" + _ONE, Api.update_aim),
    ("Review/Search", "POST", "review" + _SEARCH, Api.search_reviews),
    ("Review/get", "GET", "review" + _ONE, Api.get_review),
    ("Review/create", "POST", "review", Api.create_review),
    ("Visit/create", "POST", "visit", Api.create_visit),
    ("Placement/Search", "POST", "placement" + _SEARCH, api_places.search_placements),
    ("Placement/get", "GET", "placement" + _ONE, api_places.get_placement),
    ("Placement/create", "POST", "placement", api_places.create_placement),
    ("Placement/update", "POST", "placement" + _ONE, api_places.update_placement),
    ("Classroom/Search", "POST", "classroom" + _SEARCH, api_places.search_classrooms),
    ("Classroom/get", "GET", "classroom" + _ONE, api_places.get_classroom),
    ("Classroom/create", "POST", "classroom", api_places.create_classroom),
    ("Standard/Search", "POST", "standard" + _SEARCH, api_standards.search_standards),
    ("Standard/get", "GET", "standard" + _ONE, api_standards.get_standard),
    ("Standard/Assign", "POST", "standard" + _ONE + _TO_LEARNER, api_standards.assign_standard),
    ("FrameworkTemplate/Search", "POST", "frameworktemplate" + _SEARCH, api_standards.search_templates),
    (
        "FrameworkTemplate/Assign",
        "POST",
        "frameworktemplate" + _ONE + _TO_LEARNER + "/(?P<only>true|false)",
        api_standards.assign_template,
    ),
)
_CARRY_OUT: Final = {operation: carry_out for operation, _, _, carry_out in _OPERATIONS}
#: The names of all operations that need a session.
API_OPERATIONS: Final = frozenset(_CARRY_OUT)
_ROUTES: Final = [
    (AUTHENTICATION, "POST", re.compile("authentication")),
    *((operation, method, re.compile(path)) for operation, method, path, _ in _OPERATIONS),
]


def understand(method: str, path: str) -> Call:
    """Parse method and path into a call. ``path`` starts after the version; case and a trailing slash are ignored."""
    plain = path.strip("/").lower()
    for operation, of_method, pattern in _ROUTES:
        match = pattern.fullmatch(plain) if method == of_method else None
        if match:
            found = match.groupdict()
            return Call(
                operation,
                id=int(found.get("id") or 0),
                page=int(found["page"]) if found.get("page") else None,
                size=int(found.get("size") or 0),
                learner_id=int(found.get("learner") or 0),
                only_assigned=found.get("only") == "true",
            )
    return Call(UNKNOWN_OPERATION)
