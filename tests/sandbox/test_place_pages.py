"""The pages where a person plays the centre manager: placements, classes, standards and framework templates."""

from __future__ import annotations

import pytest

from onefile_sync.sandbox.world import World

from .conftest import Browser, Client, names, rows


def test_placements_classes_and_standards_are_listed(browser: Browser, world: World) -> None:
    elsewhere = world.add_centre(name="Coast")
    employer = world.add_placement(misid="ORG1", address="1 Mill Lane", active=False)
    group = world.add_classroom(misid="C1", organisation_id=elsewhere.id)
    standard = world.add_standard(organisation_ids=(5740, elsewhere.id))
    assert rows(browser, "/placements") == [
        ["Tŷ Gwyn Care", str(employer.id), "Northvale Training", "ORG1", "Not active", "1 Mill Lane", ""]
    ]
    assert rows(browser, "/classes") == [["September start", str(group.id), "Coast", "C1", "", ""]]
    assert rows(browser, "/standards") == [
        ["Business Administrator", "196AS", str(standard.id), "Northvale Training, Coast"]
    ]
    assert names(browser, "/standards?q=197") == ["Nothing found."]


def test_what_the_api_created_is_marked(browser: Browser, onefile: Client) -> None:
    values = {"OrganisationID": 5740, "Name": "Tŷ Gwyn Care"}
    placement = onefile.post("/Placement", values).json()
    group = onefile.post("/Classroom", values).json()
    for path in ("/placements", "/classes"):
        assert rows(browser, path)[0][-1] == "04/05/2026 13:00"
    for path in (f"/placement/{placement}", f"/class/{group}"):
        assert "Created through the API" in browser.get(path).text


# Placements


def test_a_placement_is_renamed_and_archived(browser: Browser, onefile: Client, world: World) -> None:
    placement = world.add_placement(misid="ORG1")
    path = f"/placement/{placement.id}"
    assert f'<a href="{path}">' in browser.get("/placements").text
    after = browser.post(path, name=" Tŷ Gwyn ", misid=" ORG2 ")
    assert after.history[0].status_code == 303
    assert '<p class="done" role="status">Saved.</p>' in after.text
    assert (placement.name, placement.misid, placement.active) == ("Tŷ Gwyn", "ORG2", False)
    assert onefile.get(f"/Placement/{placement.id}").json()["Active"] is False
    browser.post(path, name="Tŷ Gwyn", active="on")
    assert placement.active
    assert browser.post(path, name=" ").status_code == 400
    assert browser.get("/placement/1").status_code == browser.post("/placement/1").status_code == 404
    assert world.writes == 0


# Classes and framework templates


def test_a_class_gets_a_template(browser: Browser, onefile: Client, world: World) -> None:
    standards = [world.add_standard(code=code) for code in ("196AS", "215AS")]
    group, path = world.add_classroom(), "/templates"
    after = browser.post(
        path, title=" Admin ", centre="5740", standards=[str(standard.id) for standard in standards]
    )
    assert after.history[0].status_code == 303
    (template,) = world.templates.values()
    assert rows(browser, path) == [
        [
            "Admin",
            str(template.id),
            "Northvale Training",
            "Business Administrator [196AS]; Business Administrator [215AS]",
        ]
    ]
    assert onefile.post("/FrameworkTemplate/Search", {}).json()[0]["ID"] == template.id
    browser.post(f"/class/{group.id}", name=" October ", misid="C1", template=str(template.id))
    assert (group.name, group.misid, group.template_id) == ("October", "C1", template.id)
    assert f'<option value="{template.id}" selected>Admin' in browser.get(f"/class/{group.id}").text
    assert rows(browser, "/classes")[0][4] == "Admin"
    browser.post(f"/class/{group.id}", name="October", template="")
    assert group.template_id is None


@pytest.mark.parametrize(
    "fields",
    [{"name": " "}, {"name": "x" * 256}, {"name": "A", "template": "1"}, {"name": "A", "template": "one"}],
)
def test_nonsense_does_not_change_a_class(browser: Browser, world: World, fields: dict[str, str]) -> None:
    group = world.add_classroom()
    assert browser.post(f"/class/{group.id}", **fields).status_code == 400
    assert (group.name, group.template_id) == ("September start", None)


def test_a_class_has_templates_of_its_own_centre_only(browser: Browser, world: World) -> None:
    group = world.add_classroom()
    elsewhere = world.add_centre(name="Coast")
    template = world.add_template(title="Theirs", organisation_id=elsewhere.id)
    assert "Theirs" not in browser.get(f"/class/{group.id}").text
    answer = browser.post(f"/class/{group.id}", name="A", template=str(template.id))
    assert answer.status_code == 400
    assert browser.get("/class/1").status_code == browser.post("/class/1", name="A").status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"title": " ", "centre": "5740"},
        {"title": "Admin"},
        {"title": "Admin", "centre": "1"},
        {"title": "Admin", "centre": "5740", "standards": "1"},
        {"title": "Admin", "centre": "5740", "standards": "one"},
    ],
)
def test_nonsense_adds_no_template(browser: Browser, world: World, fields: dict[str, str]) -> None:
    assert browser.post("/templates", **fields).status_code == 400
    assert world.templates == {}


def test_a_template_has_standards_of_its_own_centre_only(browser: Browser, world: World) -> None:
    theirs = world.add_standard(organisation_ids=(world.add_centre().id,))
    answer = browser.post("/templates", title="Admin", centre="5740", standards=str(theirs.id))
    assert answer.status_code == 400


# Standards


def test_a_standard_with_a_code_is_added(browser: Browser, onefile: Client, world: World) -> None:
    elsewhere = world.add_centre(name="Coast")
    after = browser.post("/standards", title=" Team Leader ", code=" 105AS ", centre=str(elsewhere.id))
    assert after.history[0].status_code == 303
    assert '<p class="done" role="status">Saved.</p>' in after.text
    assert onefile.post("/Standard/Search", {"OrganisationID": 5740}).status_code == 204
    (found,) = onefile.post("/Standard/Search", {"OrganisationID": elsewhere.id}).json()
    assert found["Title"] == "Team Leader [105AS]"
    browser.post("/standards", title="Induction", code="", centre="")
    (_, everywhere) = world.standards.values()
    assert everywhere.organisation_ids == (5740, elsewhere.id)
    assert everywhere.full_title == "Induction"


@pytest.mark.parametrize(
    "fields",
    [
        {"title": " ", "code": "1AS"},
        {"title": "x" * 256},
        {"title": "Team Leader", "code": "x" * 256},
        {"title": "Team Leader", "centre": "1"},
        {"title": "Team Leader", "centre": "one"},
    ],
)
def test_nonsense_adds_no_standard(browser: Browser, world: World, fields: dict[str, str]) -> None:
    assert browser.post("/standards", **fields).status_code == 400
    assert world.standards == {}


# Who may post


def test_another_sites_form_changes_nothing(browser: Browser, world: World) -> None:
    placement, group = world.add_placement(), world.add_classroom()
    for path in (
        f"/placement/{placement.id}",
        f"/class/{group.id}",
        "/templates",
        "/centre/5740/invitations",
    ):
        assert browser.post(path, origin="null", name="Eve", title="Eve", creation="on").status_code == 403
    assert (placement.name, group.name) == ("Tŷ Gwyn Care", "September start")
    assert not world.centres[5740].keychain_creation_for_new_user_active


def test_another_sites_form_adds_no_standard(browser: Browser, world: World) -> None:
    assert browser.post("/standards", origin="null", title="Team Leader").status_code == 403
    assert world.standards == {}
