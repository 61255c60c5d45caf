"""The pages where a person plays the centre manager: users, employers, classes and standards."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import date

import pytest

from onefile_sync.sandbox.entities import SandboxUser
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .conftest import NOON, Browser, Client, names, rows

PAGES = ("/users", "/placements", "/classes", "/standards", "/templates", "/invitations")


# Lists


def test_users_are_listed_with_where_they_belong(browser: Browser, world: World) -> None:
    employer, group = world.add_placement(), world.add_classroom()
    learner = world.add_learner(
        misid="L1", email="sian@learner.example", placement_id=employer.id, classroom_id=group.id
    )
    elsewhere = world.add_centre(name="Coast")
    coach = world.add_assessor(organisation_id=elsewhere.id, archived=True)
    assert rows(browser, "/users") == [
        [
            "Siân O'Connor",
            str(learner.id),
            "Learner",
            "Northvale Training",
            "Active",
            "L1",
            "sian@learner.example",
            "Tŷ Gwyn Care",
            "September start",
            "",
        ],
        ["Gwen Price", str(coach.id), "Assessor", "Coast", "Archived", "", "", "", "", ""],
    ]
    assert f'<a href="/user/{coach.id}">Gwen Price</a>' in browser.get("/users").text


def test_users_are_found_by_role_centre_and_words(browser: Browser, world: World) -> None:
    elsewhere = world.add_centre(name="Coast")
    world.add_learner(misid="L77")
    world.add_assessor()
    world.add_assessor(first_name="Huw", organisation_id=elsewhere.id)
    world.add_learner(first_name="Odd", last_name="Role", role=99)
    assert names(browser, "/users?role=5") == ["Gwen Price", "Huw Price"]
    assert names(browser, f"/users?role=5&centre={elsewhere.id}") == ["Huw Price"]
    assert names(browser, "/users?q=l77") == ["Siân O'Connor"]
    assert names(browser, "/users?q=role+99") == ["Odd Role"]
    assert names(browser, "/users?q=nobody") == ["Nothing found."]
    assert '<option value="5" selected>Assessor</option>' in browser.get("/users?role=5").text


def test_long_lists_come_on_pages_that_keep_the_search(browser: Browser, world: World) -> None:
    for number in range(51):
        world.add_learner(last_name=f"L{number:02}")
    first = browser.get("/users?role=1&q=Si%C3%A2n")
    assert "Siân L49" in first.text
    assert "Siân L50" not in first.text
    following = html.unescape(re.search(r'href="([^"]+)" rel="next"', first.text)[1])
    assert names(browser, following) == ["Siân L50"]
    assert 'rel="prev"' in browser.get(following).text


@pytest.mark.parametrize("path", ["/", *PAGES])
def test_every_page_leads_to_all_others(browser: Browser, path: str) -> None:
    page = browser.get(path).text
    assert all(f'<a href="{other}">' in page for other in ("/", *PAGES))


def test_everything_is_escaped(browser: Browser, world: World) -> None:
    nasty = '"><script>alert(1)</script>'
    user = world.add_learner(first_name=nasty, misid=nasty, email=nasty)
    user.invited_at = NOON
    placement, group = world.add_placement(name=nasty), world.add_classroom(name=nasty)
    world.add_template(title=nasty)
    world.add_standard(title=nasty, code=nasty)
    world.add_centre(name=nasty)
    records = (f"/user/{user.id}", f"/placement/{placement.id}", f"/class/{group.id}")
    for path in (*PAGES, *records, f"/user/{user.id}/archive", "/users?q=<script>"):
        page = browser.get(path)
        assert "<script" not in page.text
        assert "script" not in page.headers["Content-Security-Policy"]


# One user


def test_a_user_is_renamed_and_gets_a_mis_value(
    browser: Browser, onefile: Client, learner: SandboxUser, world: World
) -> None:
    after = browser.post(f"/user/{learner.id}", first_name=" Siân ", last_name="Price", misid=" L9 ")
    assert after.history[0].status_code == 303
    assert '<p class="done" role="status">Saved.</p>' in after.text
    assert (learner.full_name, learner.misid, learner.last_modified) == ("Siân Price", "L9", NOON)
    assert world.writes == 0
    found = onefile.post("/User/Search", {"LastName": "price", "MISID": "L9"})
    assert found.json()[0]["ID"] == learner.id


def test_a_mis_value_can_be_taken_away(browser: Browser, onefile: Client, learner: SandboxUser) -> None:
    browser.post(f"/user/{learner.id}", first_name="Siân", last_name="Price", misid="")
    assert "MISID" not in onefile.get(f"/User/{learner.id}").json()


@pytest.mark.parametrize(
    "fields",
    [
        {"first_name": " ", "last_name": "Price"},
        {"first_name": "Siân"},
        {"first_name": "Siân", "last_name": "x" * 256},
        {"first_name": "Siân", "last_name": "Price", "misid": "9" * 256},
    ],
)
def test_nonsense_does_not_change_a_user(
    browser: Browser, learner: SandboxUser, fields: dict[str, str]
) -> None:
    assert browser.post(f"/user/{learner.id}", **fields).status_code == 400
    assert (learner.full_name, learner.misid, learner.last_modified) == ("Siân O'Connor", "L00001", None)


def test_a_user_is_archived_after_a_question_and_restored(
    browser: Browser, serve: Callable[..., Client], learner: SandboxUser
) -> None:
    onefile = serve(switches=Switches(archived_users="hidden"))
    path = f"/user/{learner.id}"
    assert f'<form action="{path}/archive">' in browser.get(path).text
    asked = browser.get(f"{path}/archive").text
    assert "Archive this user?" in asked
    assert f'<form action="{path}">' in asked, "the way back"
    assert not learner.archived
    assert "Saved. The user is archived." in browser.post(f"{path}/archive").text
    assert learner.archived
    assert learner.last_modified == NOON
    assert onefile.post("/User/Search", {"Role": 1}).status_code == 204
    assert "Archived" in browser.get(path).text
    assert "Saved. The user is active again." in browser.post(f"{path}/restore").text
    assert onefile.post("/User/Search", {"Role": 1}).json()[0]["ID"] == learner.id


def test_a_users_page_says_what_onefile_knows(browser: Browser, world: World) -> None:
    coach = world.add_assessor()
    learner = world.add_learner(
        uln="1000000043", nino="QQ000001A", dob=date(2004, 1, 31), default_assessor_id=coach.id
    )
    page = browser.get(f"/user/{learner.id}").text
    assert all(known in page for known in ("1000000043", "QQ000001A", "31/01/2004", "Gwen Price"))
    assert f'href="/learner/{learner.id}"' in page
    assert "/learner/" not in browser.get(f"/user/{coach.id}").text
    assert f'href="/user/{learner.id}"' in browser.get(f"/learner/{learner.id}").text
    assert 'class="done"' not in browser.get(f"/user/{learner.id}?done=Paid").text


# Created through the API


NEW_ASSESSOR = {
    "OrganisationID": 5740,
    "Role": 5,
    "FirstName": "Huw",
    "LastName": "Price",
    "Email": "huw@provider.example",
}


def test_what_the_api_created_is_marked(
    browser: Browser, onefile: Client, world: World, learner: SandboxUser
) -> None:
    created = onefile.post("/User", NEW_ASSESSOR).json()["ID"]
    assert [cells[-1] for cells in rows(browser, "/users")] == ["", "04/05/2026 13:00"]
    assert "Created through the API" in browser.get(f"/user/{created}").text
    assert "Created through the API" not in browser.get(f"/user/{learner.id}").text
    assert "Created through the API" not in browser.get("/").text
    world.users[learner.id].created_by_api_at = NOON
    assert "Created through the API 04/05/2026 13:00" in browser.get("/").text


def test_learning_aims_and_assessors_that_the_api_gave_are_shown(
    browser: Browser, onefile: Client, world: World, learner: SandboxUser, assessor: SandboxUser
) -> None:
    standard, path = world.add_standard(), f"/learner/{learner.id}"
    learner.default_assessor_id = assessor.id
    onefile.post(f"/Standard/{standard.id}/Assign/{learner.id}")
    shown = browser.get(path).text
    assert "Business Administrator [196AS]" in shown
    assert "· Assessor Gwen Price · Created through the API 04/05/2026 13:00" in shown
    of_aim, first, second = (world.add_assessor(first_name=name) for name in ("Huw", "Mair", "Nia"))
    for user, values in (
        (of_aim, {"Level": 3, "StandardID": standard.id}),
        (first, {"Level": 1}),
        (second, {"Level": 1}),
    ):
        onefile.post(f"/User/{user.id}/Assign", {"LearnerID": learner.id, **values})
    shown = browser.get(path).text
    assert "· Assessor Huw Price ·" in shown
    assert "additional assessors: Mair Price, Nia Price" in shown


def test_invitations_that_would_have_been_sent_are_listed(
    browser: Browser, onefile: Client, world: World
) -> None:
    onefile.post("/User", NEW_ASSESSOR)
    assert names(browser, "/invitations") == ["Nothing found."]
    after = browser.post("/centre/5740/invitations", creation="on")
    assert '<p class="done" role="status">Saved.</p>' in after.text
    assert world.centres[5740].keychain_creation_for_new_user_active
    invited = onefile.post("/User", NEW_ASSESSOR | {"FirstName": "Mair"}).json()["ID"]
    assert rows(browser, "/invitations") == [
        ["Mair Price", "huw@provider.example", "Northvale Training", "04/05/2026 13:00"]
    ]
    assert "would have been sent 04/05/2026 13:00" in browser.get(f"/user/{invited}").text
    browser.post("/centre/5740/invitations", creation="on", suppression="on")
    onefile.post("/User", NEW_ASSESSOR | {"FirstName": "Nia"})
    assert names(browser, "/invitations") == ["Mair Price"]
    assert browser.post("/centre/1/invitations", creation="on").status_code == 404


# Who may post


@pytest.mark.parametrize("action", ["", "/archive", "/restore"])
def test_another_sites_form_changes_no_user(browser: Browser, learner: SandboxUser, action: str) -> None:
    learner.archived = action == "/restore"
    before = (learner.archived, learner.full_name)
    answer = browser.post(
        f"/user/{learner.id}{action}",
        origin="https://elsewhere.example",
        first_name="Eve",
        last_name="Other",
    )
    assert answer.status_code == 403
    assert (learner.archived, learner.full_name) == before


@pytest.mark.parametrize("path", ["/user/1", "/user/1/archive"])
def test_a_user_who_is_not_there(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 404
    assert browser.post(path, first_name="A", last_name="B").status_code == 404


def test_getting_a_page_changes_nothing(browser: Browser, learner: SandboxUser) -> None:
    assert browser.get(f"/user/{learner.id}/restore").status_code == 405
    browser.get(f"/user/{learner.id}/archive")
    assert learner.last_modified is None
