"""The pages on which a person plays the centre manager: placements, classes, standards and framework templates."""

from __future__ import annotations

from typing import Final

from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.routing import Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from .centre_pages import CREATED, CentrePages, ListRow, created_through_api, options
from .entities import SandboxClassroom, SandboxPlacement
from .page_parts import DONE, html, posted_number, posted_numbers, posted_text

PLACE_URLS: Final = (
    Rule("/placements", methods=["GET"], endpoint="placements"),
    Rule("/placement/<int:placement_id>", methods=["GET"], endpoint="placement"),
    Rule("/placement/<int:placement_id>", methods=["POST"], endpoint="change_placement"),
    Rule("/classes", methods=["GET"], endpoint="classes"),
    Rule("/class/<int:class_id>", methods=["GET"], endpoint="classroom"),
    Rule("/class/<int:class_id>", methods=["POST"], endpoint="change_class"),
    Rule("/standards", methods=["GET"], endpoint="standards"),
    Rule("/standards", methods=["POST"], endpoint="add_standard"),
    Rule("/templates", methods=["GET"], endpoint="templates"),
    Rule("/templates", methods=["POST"], endpoint="add_template"),
)


class PlacePages(CentrePages):
    """Lists and changes what a centre has besides users."""

    # Placements

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
                    created_through_api(placement),
                ),
                f"/placement/{placement.id}",
            )
            for placement in self.world.placements.values()
        )
        headings = ("Placement", "OneFile ID", "Centre", "MIS Value", "Status", "Address", CREATED)
        return self.listed(request, "list.html", "Placements", headings, rows)

    def placement(self, request: Request, placement_id: int) -> Response:
        placement = self.known_placement(placement_id)
        facts = (
            ("OneFile ID", placement.id),
            ("Centre", self.centre_name(placement.organisation_id)),
            ("Address", placement.address),
            ("Contact", placement.contact),
            ("Email", placement.email),
            ("Telephone", placement.telephone),
            ("Web", placement.web),
            (CREATED, created_through_api(placement)),
        )
        return html(
            "placement.html",
            {
                "title": placement.name,
                "placement": placement,
                "facts": [(label, value) for label, value in facts if value],
                "done": DONE.get(request.args.get("done", "")),
            },
        )

    def change_placement(self, request: Request, placement_id: int) -> Response:
        placement, form = self.known_placement(placement_id), request.form
        name, misid = posted_text(form, "name"), posted_text(form, "misid")
        if not name:
            raise BadRequest("A placement needs a name.")
        placement.name, placement.misid, placement.active = name, misid, "active" in form
        return redirect(f"/placement/{placement.id}?done=saved", 303)

    def known_placement(self, placement_id: int) -> SandboxPlacement:
        placement = self.world.placements.get(placement_id)
        if placement is None:
            raise NotFound("There is no such placement.")
        return placement

    # Classes

    def classes(self, request: Request) -> Response:
        rows = (
            ListRow(
                (
                    each.name,
                    each.id,
                    self.centre_name(each.organisation_id),
                    each.misid,
                    self.template_title(each),
                    created_through_api(each),
                ),
                f"/class/{each.id}",
            )
            for each in self.world.classrooms.values()
        )
        headings = ("Class", "OneFile ID", "Centre", "MIS Value", "Framework template", CREATED)
        return self.listed(request, "list.html", "Classes", headings, rows)

    def classroom(self, request: Request, class_id: int) -> Response:
        group = self.known_class(class_id)
        templates = (
            (each.id, each.title)
            for each in self.world.templates.values()
            if each.organisation_id == group.organisation_id
        )
        return html(
            "class.html",
            {
                "title": group.name,
                "group": group,
                "centre": self.centre_name(group.organisation_id),
                "created": created_through_api(group),
                "templates": options(templates, group.template_id or 0),
                "done": DONE.get(request.args.get("done", "")),
            },
        )

    def change_class(self, request: Request, class_id: int) -> Response:
        group, form = self.known_class(class_id), request.form
        name, misid = posted_text(form, "name"), posted_text(form, "misid")
        template_id = posted_number(form, "template")
        if not name:
            raise BadRequest("A class needs a name.")
        template = self.world.templates.get(template_id or 0)
        if template_id and (template is None or template.organisation_id != group.organisation_id):
            raise BadRequest("The centre has no such framework template.")
        group.name, group.misid, group.template_id = name, misid, template_id
        return redirect(f"/class/{group.id}?done=saved", 303)

    def known_class(self, class_id: int) -> SandboxClassroom:
        group = self.world.classrooms.get(class_id)
        if group is None:
            raise NotFound("There is no such class.")
        return group

    def template_title(self, group: SandboxClassroom) -> str:
        template = self.world.templates.get(group.template_id or 0)
        return template.title if template else ""

    # Standards

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
            centres=self.centre_options(),
            done=DONE.get(request.args.get("done", "")),
        )

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

    # Framework templates

    def templates(self, request: Request) -> Response:
        titles = {each.id: each.full_title for each in self.world.standards.values()}
        rows = (
            ListRow(
                (
                    template.title,
                    template.id,
                    self.centre_name(template.organisation_id),
                    "; ".join(titles.get(standard_id, "") for standard_id in template.standard_ids),
                )
            )
            for template in self.world.templates.values()
        )
        return self.listed(
            request,
            "templates.html",
            "Framework templates",
            ("Framework template", "OneFile ID", "Centre", "Standards"),
            rows,
            centres=self.centre_options(),
            standards=options(titles.items(), 0),
            done=DONE.get(request.args.get("done", "")),
        )

    def add_template(self, request: Request) -> Response:
        title = posted_text(request.form, "title")
        centre = posted_number(request.form, "centre")
        standard_ids = posted_numbers(request.form, "standards")
        if not title:
            raise BadRequest("A framework template needs a title.")
        if centre not in self.world.centres:
            raise BadRequest("There is no such centre.")
        standards = [self.world.standards.get(standard_id) for standard_id in standard_ids]
        if any(standard is None or centre not in standard.organisation_ids for standard in standards):
            raise BadRequest("The centre does not have all of these standards.")
        self.world.add_template(title=title, organisation_id=centre, standard_ids=standard_ids)
        return redirect("/templates?done=saved", 303)
