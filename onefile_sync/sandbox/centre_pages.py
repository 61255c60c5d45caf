"""The pages on which a person plays the centre manager: users, and the invitations they would have had."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.routing import Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from .entities import (
    ASSESSOR,
    EMPLOYER,
    LEARNER,
    OBSERVER,
    QUALITY_ASSURER,
    TRAINEE_ASSESSOR,
    SandboxRecord,
    SandboxUser,
)
from .limits import Clock
from .page_parts import DONE, ROWS_ON_A_PAGE, html, posted_text, shown_moment
from .world import World

CENTRE_URLS: Final = (
    Rule("/users", methods=["GET"], endpoint="users"),
    Rule("/user/<int:user_id>", methods=["GET"], endpoint="user"),
    Rule("/user/<int:user_id>", methods=["POST"], endpoint="change_user"),
    Rule("/user/<int:user_id>/archive", methods=["GET"], endpoint="ask_before_archiving"),
    Rule("/user/<int:user_id>/archive", methods=["POST"], endpoint="archive_user"),
    Rule("/user/<int:user_id>/restore", methods=["POST"], endpoint="restore_user"),
    Rule("/invitations", methods=["GET"], endpoint="invitations"),
    Rule("/centre/<int:centre_id>/invitations", methods=["POST"], endpoint="change_invitations"),
)

#: Heading of the moment at which the API created a record.
CREATED: Final = "Created through the API"

ROLE_NAMES: Final = {
    LEARNER: "Learner",
    TRAINEE_ASSESSOR: "Trainee assessor",
    ASSESSOR: "Assessor",
    QUALITY_ASSURER: "Quality assurer",
    EMPLOYER: "Employer",
    OBSERVER: "Observer",
}


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list. ``link`` is where its first cell leads, if anywhere."""

    cells: tuple[object, ...]
    link: str = ""

    def contains(self, text: str) -> bool:
        return text.casefold() in " ".join(map(str, self.cells)).casefold()


class CentrePages:
    """Lists the users of all centres, and changes them as a centre manager would in OneFile."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world = world
        self.clock = clock

    # Lists

    def users(self, request: Request) -> Response:
        role = request.args.get("role", 0, type=int)
        centre = request.args.get("centre", 0, type=int)
        users = [
            user
            for user in self.world.users.values()
            if role in (0, user.role) and centre in (0, user.organisation_id)
        ]
        users.sort(key=lambda user: (user.last_name, user.first_name, user.id))
        choices = [
            {
                "name": "role",
                "label": "Role",
                "any": "All roles",
                "options": options(ROLE_NAMES.items(), role),
            },
            {
                "name": "centre",
                "label": "Centre",
                "any": "All centres",
                "options": self.centre_options(centre),
            },
        ]
        headings = (
            "User",
            "OneFile ID",
            "Role",
            "Centre",
            "Status",
            "MIS Value",
            "Email",
            "Placement",
            "Class",
            CREATED,
        )
        rows = (
            ListRow(
                (
                    user.full_name,
                    user.id,
                    ROLE_NAMES.get(user.role, f"Role {user.role}"),
                    self.centre_name(user.organisation_id),
                    status_of(user),
                    user.misid,
                    user.email,
                    self.placement_name(user),
                    self.class_name(user),
                    created_through_api(user),
                ),
                f"/user/{user.id}",
            )
            for user in users
        )
        return self.listed(request, "users.html", "People", headings, rows, choices=choices)

    def listed(
        self,
        request: Request,
        template: str,
        title: str,
        headings: tuple[str, ...],
        rows: Iterable[ListRow],
        **values: object,
    ) -> Response:
        """One page of the rows that contain what was searched for."""
        wanted = request.args.get("q", "").strip()
        page = max(1, request.args.get("page", 1, type=int))
        found = [row for row in rows if row.contains(wanted)]
        query = request.args.to_dict() | {"q": wanted}
        return html(
            template,
            {
                "title": title,
                "path": request.path,
                "wanted": wanted,
                "headings": headings,
                "rows": found[(page - 1) * ROWS_ON_A_PAGE :][:ROWS_ON_A_PAGE],
                "found": len(found),
                "kept": {name: value for name, value in query.items() if name not in ("page", "done")},
                "previous": page - 1,
                "next": page + 1 if page * ROWS_ON_A_PAGE < len(found) else 0,
                **values,
            },
        )

    # One user

    def user(self, request: Request, user_id: int) -> Response:
        user = self.known_user(user_id)
        facts = (
            ("OneFile ID", user.id),
            ("Role", ROLE_NAMES.get(user.role, f"Role {user.role}")),
            ("Centre", self.centre_name(user.organisation_id)),
            ("Status", status_of(user)),
            ("Email", user.email),
            ("Username", user.username),
            ("Telephone", user.telephone),
            ("Mobile number", user.mobile_number),
            ("ULN", user.uln),
            ("NI number", user.nino),
            ("Date of birth", shown_moment(user.dob)),
            ("Placement", self.placement_name(user)),
            ("Class", self.class_name(user)),
            ("Default assessor", self.name_of(user.default_assessor_id)),
            ("Ethnicity, sex, disability", ", ".join(filter(None, (user.l12, user.l13, user.l14)))),
            ("Primary disability or health problem", user.primary_lldd_code),
            ("Start date", shown_moment(user.start_on)),
            ("Planned end date", shown_moment(user.planned_end_date)),
            (CREATED, created_through_api(user)),
            (
                "Invitation",
                f"would have been sent {shown_moment(user.invited_at)}" if user.invited_at else "",
            ),
        )
        return html(
            "user.html",
            {
                "title": user.full_name,
                "user": user,
                "is_learner": user.role == LEARNER,
                "facts": [(label, value) for label, value in facts if value],
                "done": DONE.get(request.args.get("done", "")),
            },
        )

    def change_user(self, request: Request, user_id: int) -> Response:
        user, form = self.known_user(user_id), request.form
        first_name = posted_text(form, "first_name")
        last_name = posted_text(form, "last_name")
        misid = posted_text(form, "misid")
        if not (first_name and last_name):
            raise BadRequest("A user needs a first name and a last name.")
        user.first_name, user.last_name, user.misid = first_name, last_name, misid
        return self.changed(user, "saved")

    def ask_before_archiving(self, _: Request, user_id: int) -> Response:
        return html("archive_user.html", {"title": "Archive this user?", "user": self.known_user(user_id)})

    def archive_user(self, _: Request, user_id: int) -> Response:
        user = self.known_user(user_id)
        user.archived = True
        return self.changed(user, "archived")

    def restore_user(self, _: Request, user_id: int) -> Response:
        user = self.known_user(user_id)
        user.archived = False
        return self.changed(user, "restored")

    def changed(self, user: SandboxUser, done: str) -> Response:
        user.last_modified = self.clock()
        return redirect(f"/user/{user.id}?done={done}", 303)

    # Invitations

    def invitations(self, request: Request) -> Response:
        """Whom OneFile would have invited by e-mail when the API created them, the latest first."""
        invited = [(user.invited_at, user) for user in self.world.users.values() if user.invited_at]
        invited.sort(key=lambda each: (each[0], each[1].id), reverse=True)
        rows = (
            ListRow(
                (user.full_name, user.email, self.centre_name(user.organisation_id), shown_moment(at)),
                f"/user/{user.id}",
            )
            for at, user in invited
        )
        return self.listed(
            request,
            "invitations.html",
            "Invitations",
            ("User", "Email", "Centre", "Would have been sent"),
            rows,
            centres=list(self.world.centres.values()),
            done=DONE.get(request.args.get("done", "")),
        )

    def change_invitations(self, request: Request, centre_id: int) -> Response:
        centre = self.world.centres.get(centre_id)
        if centre is None:
            raise NotFound("There is no such centre.")
        centre.keychain_creation_for_new_user_active = "creation" in request.form
        centre.keychain_email_suppression = "suppression" in request.form
        return redirect("/invitations?done=saved", 303)

    # Names

    def known_user(self, user_id: int) -> SandboxUser:
        user = self.world.users.get(user_id)
        if user is None:
            raise NotFound("There is no such user.")
        return user

    def name_of(self, user_id: int | None) -> str:
        user = self.world.users.get(user_id) if user_id is not None else None
        return user.full_name if user else ""

    def centre_name(self, centre_id: int) -> str:
        centre = self.world.centres.get(centre_id)
        return centre.name if centre else f"Centre {centre_id}"

    def centre_options(self, chosen: int = 0) -> list[dict[str, object]]:
        return options(((each.id, each.name) for each in self.world.centres.values()), chosen)

    def placement_name(self, user: SandboxUser) -> str:
        placement = self.world.placements.get(user.placement_id) if user.placement_id is not None else None
        return placement.name if placement else ""

    def class_name(self, user: SandboxUser) -> str:
        group = self.world.classrooms.get(user.classroom_id) if user.classroom_id is not None else None
        return group.name if group else ""


def status_of(user: SandboxUser) -> str:
    return "Archived" if user.archived else "Active"


def created_through_api(record: SandboxRecord) -> str:
    """When the API created the record; blank for all others."""
    return shown_moment(record.created_by_api_at)


def options(named: Iterable[tuple[int, str]], chosen: int) -> list[dict[str, object]]:
    return [{"value": value, "name": name, "chosen": value == chosen} for value, name in named]
