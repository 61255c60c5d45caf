"""Creating and changing users, under the switches that bear on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefile_sync.sandbox.entities import (
    ASSESSOR,
    EMPLOYER,
    LEARNER,
    OBSERVER,
    QUALITY_ASSURER,
    TRAINEE_ASSESSOR,
    SandboxUser,
)
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .conftest import NOON, Client, Clock

Serve = Callable[..., Client]
Values = dict[str, object]

STAFF = (TRAINEE_ASSESSOR, ASSESSOR, QUALITY_ASSURER)


@pytest.fixture
def new_learner(world: World, assessor: SandboxUser) -> Values:
    """The mandatory values of a learner."""
    return {
        "OrganisationID": 5740,
        "FirstName": "Siân",
        "LastName": "O'Connor",
        "Email": "sian@learner.example",
        "Role": LEARNER,
        "DefaultAssessorID": assessor.id,
        "ClassroomID": world.add_classroom().id,
        "PlacementID": world.add_placement().id,
    }


@pytest.fixture
def new_assessor() -> Values:
    return {
        "OrganisationID": 5740,
        "FirstName": "Huw",
        "LastName": "Price",
        "Email": "huw@provider.example",
        "Role": ASSESSOR,
    }


def found(onefile: Client, **wanted: object) -> list[object]:
    answer = onefile.post("/User/Search/1/100", wanted)
    return [item["ID"] for item in answer.json()] if answer.status_code == 200 else []


def refused(onefile: Client, path: str, values: Values) -> tuple[int, str]:
    answer = onefile.post(path, values)
    assert answer.status_code == 400
    return answer.json()["code"], answer.json()["message"]


# Creating


def test_a_whole_learner_is_kept_as_sent(onefile: Client, world: World, new_learner: Values) -> None:
    more = {
        "MISID": "L00001",
        "Telephone": "01632 960001",
        "MobileNumber": "07700 900001",
        "ULN": "1000000043",
        "NINO": "QQ000001A",
        "DOB": "2004-01-31T00:00:00Z",
        "L12": "31",
        "L13": "F",
        "L14": "1",
        "PrimaryLLDDCode": "12",
        "StartOn": "2026-05-31T23:00:00Z",
        "PlannedEndDate": "2027-05-31T23:00:00Z",
        "HomeAddress": "1 Mill Lane\r\nNorthvale",
        "EpisodeName": "Business Administrator",
    }
    answer = onefile.post("/User", new_learner | more | {"SupportFunding": True, "LearnerStatusID": 0})
    assert answer.status_code == 200
    learner_id = answer.json()["ID"]
    assert answer.json() == {"ID": learner_id, "Username": "SOCONNOR"}
    assert onefile.get(f"/User/{learner_id}").json() == {
        "ID": learner_id,
        "Username": "SOCONNOR",
        "CreatedOn": "2026-05-04T12:00:00Z",
        "LastModified": "2026-05-04T12:00:00Z",
        **new_learner,
        **more,
    }
    assert found(onefile, MISID="L00001", Role=1) == [learner_id]
    assert world.writes == 1


@pytest.mark.parametrize("role", STAFF)
def test_staff_need_names_and_an_email_only(onefile: Client, new_assessor: Values, role: int) -> None:
    user_id = onefile.post("/User", new_assessor | {"Role": role}).json()["ID"]
    assert found(onefile, Role=role, Email="huw@provider.example") == [user_id]


@pytest.mark.parametrize("role", [EMPLOYER, OBSERVER])
def test_employers_and_observers_need_a_placement(
    onefile: Client, world: World, new_assessor: Values, role: int
) -> None:
    values = new_assessor | {"Role": role}
    assert refused(onefile, "/User", values) == (-10, "PlacementID is required.")
    placement = world.add_placement()
    user_id = onefile.post("/User", values | {"PlacementID": placement.id}).json()["ID"]
    assert world.users[user_id].placement_id == placement.id


@pytest.mark.parametrize(
    "name",
    [
        "OrganisationID",
        "FirstName",
        "LastName",
        "Email",
        "Role",
        "DefaultAssessorID",
        "ClassroomID",
        "PlacementID",
    ],
)
@pytest.mark.parametrize("blank", ["absent", None, ""])
def test_a_learner_without_a_mandatory_value_is_refused(
    onefile: Client, world: World, new_learner: Values, name: str, blank: str | None
) -> None:
    del new_learner[name]
    values = new_learner if blank == "absent" else new_learner | {name: blank}
    assert refused(onefile, "/User", values) == (-10, f"{name} is required.")
    assert [user.role for user in world.users.values()] == [ASSESSOR]
    assert world.writes == 0


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"OrganisationID": 1}, -11),
        ({"PlacementID": 1}, -57),
        ({"PlacementID": 0}, -57),
        ({"ClassroomID": 1}, -58),
        ({"DefaultAssessorID": 1}, -10),
        ({"DefaultEmployerID": 1}, -10),
        ({"Role": 99}, -10),
        ({"FirstName": "   "}, -10),
        ({"LastName": "x" * 256}, -10),
        ({"DOB": "31/01/2004"}, -10),
        ({"ULN": ["1000000043"]}, -10),
    ],
)
def test_a_learner_that_makes_no_sense_is_refused_with_onefiles_code(
    onefile: Client, world: World, new_learner: Values, wrong: Values, code: int
) -> None:
    assert refused(onefile, "/User", new_learner | wrong)[0] == code
    assert len(world.users) == 1


def test_what_belongs_to_another_centre_is_unknown(
    onefile: Client, world: World, new_learner: Values
) -> None:
    elsewhere = world.add_centre().id
    for name, record, code in (
        ("PlacementID", world.add_placement(organisation_id=elsewhere), -57),
        ("ClassroomID", world.add_classroom(organisation_id=elsewhere), -58),
        ("DefaultAssessorID", world.add_assessor(organisation_id=elsewhere), -10),
    ):
        assert refused(onefile, "/User", new_learner | {name: record.id})[0] == code


def test_a_learner_is_no_default_assessor(onefile: Client, learner: SandboxUser, new_learner: Values) -> None:
    assert refused(onefile, "/User", new_learner | {"DefaultAssessorID": learner.id})[0] == -10


def test_forms_and_names_in_any_case_create_users_too(
    onefile: Client, world: World, new_learner: Values
) -> None:
    form = {name.upper(): value for name, value in new_learner.items()} | {"organisationID": 5740}
    del form["ORGANISATIONID"]
    answer = onefile.post("/user/", data={**form, "misid": "L1", "DefaultEmployerID": 0})
    assert world.users[answer.json()["ID"]].misid == "L1"


def test_creating_twice_gives_two_users(onefile: Client, world: World, new_learner: Values) -> None:
    answers = [onefile.post("/User", new_learner | {"MISID": "L1"}).json() for _ in range(3)]
    assert [answer["Username"] for answer in answers] == ["SOCONNOR", "SOCONNOR1", "SOCONNOR2"]
    assert found(onefile, MISID="L1") == [answer["ID"] for answer in answers]


@pytest.mark.parametrize(
    ("user_create_answer", "body"), [("object", '{"ID":1250002,"Username":"HPRICE"}'), ("number", "1250002")]
)
def test_what_a_create_answers(
    serve: Serve, assessor: SandboxUser, new_assessor: Values, user_create_answer: str, body: str
) -> None:
    onefile = serve(switches=Switches(user_create_answer=user_create_answer))
    assert onefile.post("/User", new_assessor).text == body


def test_a_create_can_answer_nothing(serve: Serve, new_assessor: Values) -> None:
    onefile = serve(switches=Switches(user_create_answer="empty"))
    answer = onefile.post("/User", new_assessor)
    assert (answer.status_code, answer.content) == (200, b"")
    assert len(found(onefile, Role=5)) == 1


def test_an_email_can_be_optional(serve: Serve, new_learner: Values) -> None:
    del new_learner["Email"]
    onefile = serve(switches=Switches(email_of_user="optional"))
    assert onefile.post("/User", new_learner).status_code == 200


def test_a_username_is_made_of_any_names(onefile: Client, world: World, new_assessor: Values) -> None:
    answer = onefile.post("/User", new_assessor | {"FirstName": "🙂", "LastName": "<b>"})
    assert answer.json()["Username"] == "B"
    assert onefile.post("/User", new_assessor | {"FirstName": "🙂", "LastName": "🙂"}).json()["Username"] == (
        "USER"
    )
    assert onefile.post("/User", new_assessor | {"Username": "HUW"}).json()["Username"] == "HUW"


# MIS Values that are taken


@pytest.mark.parametrize("archived", [False, True])
def test_a_mis_value_that_is_taken_can_be_refused(
    serve: Serve, world: World, new_assessor: Values, archived: bool
) -> None:
    taken = world.add_assessor(misid="O1", archived=archived)
    onefile = serve(switches=Switches(same_mis_value="refused"))
    assert refused(onefile, "/User", new_assessor | {"MISID": " o1 "})[0] == -9
    elsewhere = world.add_centre()
    for allowed in ({"MISID": "O2"}, {"MISID": ""}, {"OrganisationID": elsewhere.id, "MISID": "O1"}):
        assert onefile.post("/User", new_assessor | allowed).status_code == 200
    other = onefile.post("/User", new_assessor).json()["ID"]
    assert refused(onefile, f"/User/{other}", {"MISID": "O1"})[0] == -9
    assert onefile.post(f"/User/{taken.id}", {"MISID": "O1"}).status_code == 204


def test_mis_values_that_are_not_enabled_are_not_compared(
    serve: Serve, world: World, new_assessor: Values
) -> None:
    world.add_assessor(misid="O1")
    onefile = serve(switches=Switches(same_mis_value="refused", mis_values="dropped"))
    assert onefile.post("/User", new_assessor | {"MISID": "O1"}).status_code == 200


# Updating


def test_an_update_changes_what_was_sent_and_nothing_else(
    onefile: Client, world: World, clock: Clock
) -> None:
    learner = world.add_learner(email="sian@learner.example", uln="1000000043", telephone="1")
    clock.advance(hours=1)
    answer = onefile.post(
        f"/User/{learner.id}",
        {"ID": learner.id, "mobilenumber": "2", "Telephone": "", "OrganisationID": 1, "Role": 5},
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert (learner.mobile_number, learner.telephone, learner.uln) == ("2", "", "1000000043")
    assert (learner.organisation_id, learner.role) == (5740, LEARNER)
    assert learner.last_modified == clock()
    assert world.writes == 1


def test_an_update_can_blank_what_was_not_sent(serve: Serve, world: World, new_learner: Values) -> None:
    onefile = serve(switches=Switches(user_update="replace"))
    more = {"ULN": "1000000043", "DOB": "2004-01-31", "DefaultEmployerID": None, "Telephone": "1"}
    learner = world.users[onefile.post("/User", new_learner | more).json()["ID"]]
    onefile.post(f"/User/{learner.id}", {"Telephone": "2"})
    assert (learner.telephone, learner.uln, learner.dob) == ("2", "", None)
    assert (learner.first_name, learner.email) == ("Siân", "sian@learner.example")
    assert learner.placement_id == new_learner["PlacementID"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"ID": 1}, -10),
        ({"FirstName": ""}, -10),
        ({"Email": None}, -10),
        ({"PlacementID": 1}, -57),
        ({"ClassroomID": 1}, -58),
        ({"DefaultAssessorID": 1}, -10),
        ({"DOB": "yesterday"}, -10),
    ],
)
def test_an_update_that_makes_no_sense_changes_nothing(
    onefile: Client, world: World, learner: SandboxUser, wrong: Values, code: int
) -> None:
    assert refused(onefile, f"/User/{learner.id}", {"Telephone": "1"} | wrong)[0] == code
    assert learner.telephone == ""
    assert world.writes == 0


def test_an_unknown_user_is_not_updated(onefile: Client) -> None:
    assert onefile.post("/User/1", {}).status_code == 404


def test_the_default_assessor_is_changed_alone(
    onefile: Client, world: World, learner: SandboxUser, assessor: SandboxUser
) -> None:
    employer = world.add_learner(role=EMPLOYER)
    assert onefile.post(f"/User/{learner.id}", {"DefaultAssessorID": assessor.id}).status_code == 204
    assert onefile.post(f"/User/{learner.id}", {"DefaultEmployerID": employer.id}).status_code == 204
    assert (learner.default_assessor_id, learner.default_employer_id) == (assessor.id, employer.id)


def test_users_are_archived_and_restored(onefile: Client, learner: SandboxUser) -> None:
    assert onefile.post(f"/User/{learner.id}/Archive").status_code == 204
    assert learner.archived
    assert onefile.post(f"/User/{learner.id}/Unarchive", {"role": 1}).status_code == 204
    assert not learner.archived
    assert onefile.post("/User/1/Archive").status_code == 404


# Invitations


@pytest.mark.parametrize(
    ("creation", "suppression", "invited"),
    [(True, False, NOON), (True, True, None), (False, False, None), (False, True, None)],
)
def test_the_centres_flags_say_who_would_be_invited(
    onefile: Client,
    world: World,
    new_learner: Values,
    creation: bool,
    suppression: bool,
    invited: datetime | None,
) -> None:
    world.centres[5740].keychain_creation_for_new_user_active = creation
    world.centres[5740].keychain_email_suppression = suppression
    learner = world.users[onefile.post("/User", new_learner).json()["ID"]]
    assert learner.invited_at == invited


def test_nobody_is_invited_without_an_email(serve: Serve, world: World, new_learner: Values) -> None:
    world.centres[5740].keychain_creation_for_new_user_active = True
    onefile = serve(switches=Switches(email_of_user="optional"))
    learner = world.users[onefile.post("/User", new_learner | {"Email": ""}).json()["ID"]]
    assert learner.invited_at is None


# Classes with a template


@pytest.mark.parametrize("class_template", ["none", "assigns"])
def test_a_class_with_a_template_can_bring_learning_aims(
    serve: Serve, world: World, new_learner: Values, class_template: str
) -> None:
    standards = [world.add_standard(code=code) for code in ("196AS", "215AS")]
    template = world.add_template(standard_ids=tuple(each.id for each in standards))
    world.classrooms[new_learner["ClassroomID"]].template_id = template.id
    onefile = serve(switches=Switches(class_template=class_template))
    learner = onefile.post("/User", new_learner | {"StartOn": "2026-06-01"}).json()["ID"]
    aims = world.aims_of(learner)
    assert [aim.standard_id for aim in aims] == (
        [each.id for each in standards] if class_template == "assigns" else []
    )
    assert all(aim.start_date == datetime(2026, 6, 1, tzinfo=UTC) for aim in aims)
    group = onefile.get(f"/Classroom/{new_learner['ClassroomID']}").json()
    assert "TemplateID" not in group


def test_a_class_without_a_template_brings_none(serve: Serve, world: World, new_learner: Values) -> None:
    onefile = serve(switches=Switches(class_template="assigns"))
    assert world.aims_of(onefile.post("/User", new_learner).json()["ID"]) == []


# Searches that lag


def test_a_new_user_is_found_late_but_read_at_once(
    serve: Serve, world: World, clock: Clock, new_learner: Values
) -> None:
    there_before = world.add_learner()
    onefile = serve(switches=Switches(search_lag=20))
    created = onefile.post("/User", new_learner).json()["ID"]
    assert onefile.get(f"/User/{created}").status_code == 200
    for path in ("/User/Search", "/User/Search/1/100"):
        assert [item["ID"] for item in onefile.post(path, {"Role": 1}).json()] == [there_before.id]
    clock.advance(seconds=19)
    assert found(onefile, LastName="O'Connor", FirstName="Siân", Email="sian@learner.example") == []
    clock.advance(seconds=1)
    assert found(onefile, Role=1) == [there_before.id, created]


def test_dates_of_birth_are_kept_as_sent(onefile: Client, world: World, new_learner: Values) -> None:
    learner = onefile.post("/User", new_learner | {"DOB": "2004-01-31"}).json()["ID"]
    assert onefile.get(f"/User/{learner}").json()["DOB"] == "2004-01-31T00:00:00Z"
    assert world.users[learner].dob == datetime.combine(date(2004, 1, 31), datetime.min.time(), UTC)


# Anything at all


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
NAMES = (
    "OrganisationID",
    "Role",
    "FirstName",
    "LastName",
    "Email",
    "MISID",
    "DOB",
    "Username",
    "PlacementID",
)
PATHS = ("/User", "/User/1250002", "/User/1250001/Assign", "/Placement", "/Placement/18001", "/Classroom")


@pytest.fixture(scope="module")
def crowded() -> Iterator[Client]:
    """A client of a sandbox that fills up over many examples."""
    world = World()
    world.add_assessor()
    world.add_learner()
    world.add_placement()
    with SandboxServer(world, Switches(rate_limit=0, same_mis_value="refused")) as server:
        client = Client(server)
        client.authenticate()
        yield client
        client.http.close()


@given(
    path=st.sampled_from(PATHS),
    body=st.dictionaries(
        st.sampled_from((*NAMES, "Name", "Active", "StartOn", "LearnerID", "Level", "StandardID", "UnitID")),
        ANYTHING | st.sampled_from((5740, 1, 3, 5, "Huw", "2026-05-04", 1250002)),
    ),
)
@settings(max_examples=80, deadline=None, database=None)
def test_whatever_is_sent_is_taken_or_refused(crowded: Client, path: str, body: dict[str, object]) -> None:
    world = crowded.server.world
    before = world.writes
    answer = crowded.post(path, body)
    assert answer.status_code in (200, 204, 400)
    assert world.writes == before + (answer.status_code != 400)
