"""The pages on which a person plays the centre manager: users, employers, classes and standards."""

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
    SandboxUser,
)
from .limits import Clock
from .page_parts import DONE, ROWS_ON_A_PAGE, html, posted_number, posted_text, shown_moment
from .world import World

CENTRE_URLS: Final = (
    Rule("/users", methods=["GET"], endpoint="users"),
    Rule("/user/<int:user_id>", methods=["GET"], endpoint="user"),
    Rule("/user/<int:user_id>", methods=["POST"], endpoint="change_user"),
    Rule("/user/<int:user_id>/archive", methods=["GET"], endpoint="ask_before_archiving"),
    Rule("/user/<int:user_id>/archive", methods=["POST"], endpoint="archive_user"),
    Rule("/user/<int:user_id>/restore", methods=["POST"], endpoint="restore_user"),
    Rule("/placements", methods=["GET"], endpoint="placements"),
    Rule("/classes", methods=["GET"], endpoint="classes"),
    Rule("/standards", methods=["GET"], endpoint="standards"),
    Rule("/standards", methods=["POST"], endpoint="add_standard"),
)

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
    """Lists what the centres have, and changes users and standards as a centre manager would in OneFile."""

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
                "options": _options(ROLE_NAMES.items(), role),
            },
            {
                "name": "centre",
                "label": "Centre",
                "any": "All centres",
                "options": _options(((each.id, each.name) for each in self.world.centres.values()), centre),
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
                ),
                f"/user/{user.id}",
            )
            for user in users
        )
        return self.listed(request, "users.html", "People", headings, rows, choices=choices)

    def placements(self, request: Request) -> Response:
        rows = (
            ListRow(
                (
                    placement.name,
                    placement.id,
                    self.centre_name(placement.organisation_id),
                    placement.misid,
                    "Active" if placement.active else "Not active",
                    placement.address,
                )
            )
            for placement in self.world.placements.values()
        )
        headings = ("Placement", "OneFile ID", "Centre", "MIS Value", "Status", "Address")
        return self.listed(request, "list.html", "Placements", headings, rows)

    def classes(self, request: Request) -> Response:
        rows = (
            ListRow((each.name, each.id, self.centre_name(each.organisation_id), each.misid))
            for each in self.world.classrooms.values()
        )
        return self.listed(
            request, "list.html", "Classes", ("Class", "OneFile ID", "Centre", "MIS Value"), rows
        )

    def standards(self, request: Request) -> Response:
        rows = (
            ListRow(
                (
                    standard.title,
                    standard.code,
                    standard.id,
                    ", ".join(self.centre_name(centre) for centre in standard.organisation_ids),
                )
            )
            for standard in self.world.standards.values()
        )
        return self.listed(
            request,
            "standards.html",
            "Standards",
            ("Standard", "Code", "OneFile ID", "Centre"),
            rows,
            centres=_options(((each.id, each.name) for each in self.world.centres.values()), 0),
            done=DONE.get(request.args.get("done", "")),
        )

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
            ("ULN", user.uln),
            ("NI number", user.nino),
            ("Date of birth", shown_moment(user.dob)),
            ("Placement", self.placement_name(user)),
            ("Class", self.class_name(user)),
            ("Default assessor", self.name_of(user.default_assessor_id)),
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

    # Standards

    def add_standard(self, request: Request) -> Response:
        title = posted_text(request.form, "title")
        code = posted_text(request.form, "code")
        centre = posted_number(request.form, "centre")
        if not title:
            raise BadRequest("A standard needs a title.")
        if centre is not None and centre not in self.world.centres:
            raise BadRequest("There is no such centre.")
        centres = tuple(self.world.centres) if centre is None else (centre,)
        self.world.add_standard(title=title, code=code, organisation_ids=centres)
        return redirect("/standards?done=saved", 303)

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

    def placement_name(self, user: SandboxUser) -> str:
        placement = self.world.placements.get(user.placement_id) if user.placement_id is not None else None
        return placement.name if placement else ""

    def class_name(self, user: SandboxUser) -> str:
        group = self.world.classrooms.get(user.classroom_id) if user.classroom_id is not None else None
        return group.name if group else ""


def status_of(user: SandboxUser) -> str:
    return "Archived" if user.archived else "Active"


def _options(named: Iterable[tuple[int, str]], chosen: int) -> list[dict[str, object]]:
    return [{"value": value, "name": name, "chosen": value == chosen} for value, name in named]
