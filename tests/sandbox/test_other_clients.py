"""The ways in which other clients of OneFile are known to create learners: each does it differently."""

from __future__ import annotations

from onefile_sync.sandbox.entities import ASSESSOR, EMPLOYER, SandboxUser
from onefile_sync.sandbox.world import World

from .conftest import Client


def test_forms_with_a_default_class_and_placement_found_by_name(
    onefile: Client, world: World, assessor: SandboxUser
) -> None:
    world.add_placement(name="Default")
    world.add_classroom(name="Default")
    standard = world.add_standard(title="Team Leader", code="105AS")

    def first(entity: str, **wanted: object) -> object:
        return onefile.post(f"/{entity}/search", data={"OrganisationID": 5740, **wanted}).json()[0]["ID"]

    account = onefile.post(
        "/user",
        data={
            "OrganisationID": "5740",
            "FirstName": "Siân",
            "LastName": "O'Connor",
            "Email": "sian@learner.example",
            "Role": "1",
            "DefaultAssessorID": str(assessor.id),
            "ClassroomID": first("Classroom", Name="default"),
            "PlacementID": first("Placement", Name="default"),
            "MISID": "123",
        },
    ).json()
    assert set(account) == {"ID", "Username"}
    standard_id = first("Standard", Title="Team Leader [105AS]")
    aim = onefile.post(f"/Standard/{standard_id}/Assign/{account['ID']}", data={})
    assert aim.text.isdigit()
    assert world.aims[aim.json()].standard_id == standard.id
    assert onefile.post(f"/User/{account['ID']}/Archive").ok


def test_json_with_staff_placement_learner_dates_and_reviews(onefile: Client, world: World) -> None:
    group, standard = world.add_classroom(), world.add_standard()
    placement = onefile.post(
        "/Placement",
        {
            "OrganisationID": 5740,
            "Name": "Tŷ Gwyn Care",
            "Address": "1 Mill Lane\nNorthvale",
            "Active": True,
            "Contact": "",
            "Email": "",
            "Fax": "",
            "Telephone": "",
            "Web": "",
            "MISID": "77",
        },
    ).json()
    coach = onefile.post(
        "/User",
        {
            "OrganisationID": 5740,
            "FirstName": "Huw",
            "LastName": "Price",
            "Username": "hprice",
            "Role": ASSESSOR,
            "Email": "huw@provider.example",
            "MobileNumber": "",
            "Telephone": "",
            "WorkAddress": "",
            "MISID": "9",
        },
    ).json()
    assert coach["Username"] == "hprice"
    values = {
        "OrganisationID": 5740,
        "FirstName": "Siân",
        "LastName": "O'Connor",
        "Email": "sian@learner.example",
        "Role": 1,
        "DefaultAssessorID": coach["ID"],
        "ClassroomID": group.id,
        "PlacementID": placement,
        "DOB": "2004-01-31T00:00:00.000Z",
        "L14": "1",
        "PrimaryLLDDCode": "12",
        "SecondaryLLDDCodes": ["5", "6"],
        "StartOn": "2026-06-01T00:00:00.000Z",
    }
    learner = onefile.post("/User", values).json()
    update = onefile.post(f"/User/{learner['ID']}", values | learner | {"L14": "2", "PrimaryLLDDCode": ""})
    assert update.status_code == 204
    assert "PrimaryLLDDCode" not in onefile.get(f"/User/{learner['ID']}").json()
    aim = onefile.post(f"/Standard/{standard.id}/Assign/{learner['ID']}", []).json()
    dates = {"StartDate": "2026-06-01T00:00:00.000Z", "PlannedEnd": "2027-06-01T00:00:00.000Z"}
    written = onefile.post(f"/LearningAim/{aim}", {"ID": aim, "UserID": learner["ID"], "Status": 0, **dates})
    assert written.status_code == 204
    visit = onefile.post(
        "/Visit",
        {
            "LearnerID": learner["ID"],
            "OrganisationID": 5740,
            "DateFrom": "2026-07-01T09:00:00.000Z",
            "DateTo": "2026-07-01T10:00:00.000Z",
            "VisitTypeID": 2,
            "SMSReminder": False,
        },
    ).json()
    review = onefile.post(
        "/Review",
        {
            "LearnerID": learner["ID"],
            "Status": 1,
            "ScheduledFor": "2026-07-01T09:00:00.000Z",
            "VisitID": visit,
        },
    )
    assert review.json() in world.reviews


def test_forms_in_other_cases_that_look_for_an_employer_first(
    onefile: Client, world: World, learner: SandboxUser
) -> None:
    placement = world.add_placement()
    wanted = {
        "organisationID": 5740,
        "role": EMPLOYER,
        "firstname": "Ffion",
        "lastname": "Evans",
        "email": "ffion@tygwyn.example",
        "placementID": placement.id,
    }
    assert onefile.post("/User/Search/1/50", data=wanted).content == b""
    employer = onefile.post("/User", data=wanted).json()["ID"]
    assert onefile.post("/User/Search/1/50", data=wanted).json()[0]["ID"] == employer
    assigned = onefile.post(f"/User/{employer}/Assign", data={"LearnerID": learner.id, "Level": 1})
    assert assigned.ok
    assert [each.user_id for each in world.assignments_of(learner.id)] == [employer]
    moved = onefile.post(f"/User/{learner.id}", data={"organisationID": 5740, "placementID": placement.id})
    assert (moved.status_code, learner.placement_id) == (204, placement.id)
    group = onefile.post(
        "/Classroom",
        data={
            "organisationID": 5740,
            "Name": "September 2020",
            "StartOn": "2020-09-07T09:00:00.000Z",
            "Archive": "",
            "CompletionMessage": "",
            "SendCompletionMessage": "0",
            "IVFinalSignOff": "1",
        },
    )
    assert group.text.isdigit()
