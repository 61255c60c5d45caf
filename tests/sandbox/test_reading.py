"""What searches and reads give, under every switch that bears on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from onefile_sync.sandbox.entities import ABSENT, SandboxAim, SandboxReview, SandboxUser
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .conftest import Client

Serve = Callable[..., Client]


def ids(items: list[dict[str, object]]) -> list[object]:
    return [item["ID"] for item in items]


# Customer, centres, people, places


def test_customer_and_its_centre(onefile: Client, world: World) -> None:
    assert onefile.get("/Customer").json() == {"ID": 2070, "Name": "Northvale Training"}
    centre = {
        "ID": 5740,
        "Name": "Northvale Training",
        "KeychainCreationForNewUserActive": False,
        "KeychainEmailSuppression": False,
    }
    assert onefile.post("/Organisation/search", {"CustomerID": 2070}).json() == [centre]
    assert onefile.get("/Organisation/5740").json() == centre
    assert onefile.post("/Organisation/Search", {"CustomerID": 1}).status_code == 204


def test_users_are_found_by_role_name_and_change(onefile: Client, world: World) -> None:
    learner = world.add_learner(
        misid="L7", email="zoe@learner.example", last_modified=datetime(2026, 5, 1, tzinfo=UTC)
    )
    elsewhere = world.add_centre()
    other = world.add_learner(first_name="Zoë", organisation_id=elsewhere.id, last_modified=date(2026, 4, 1))
    assessor = world.add_assessor()

    def found(**wanted: object) -> list[object]:
        answer = onefile.post("/User/Search/1/10", wanted)
        return ids(answer.json()) if answer.status_code == 200 else []

    assert found() == [learner.id, other.id, assessor.id]
    assert found(Role=1) == [learner.id, other.id]
    assert found(Role=1, OrganisationID=5740) == [learner.id]
    assert found(FirstName="zoë") == [other.id]
    assert found(LastName="O'Connor", Role=1) == [learner.id, other.id]
    assert found(Email="ZOE@learner.example", MISID="L7") == [learner.id]
    assert found(LastModified="2026-04-15T00:00:00Z", Role=1) == [learner.id]
    assert found(LastModified="2026-06-01", Role=1) == []
    assert found(LastModified="2026-06-01") == [assessor.id], "whoever has no such date may have changed"


def test_a_user_in_a_search_and_alone(serve: Serve, learner: SandboxUser) -> None:
    onefile = serve()
    item = {"ID": learner.id, "FirstName": "Siân", "LastName": "O'Connor", "MISID": "L00001"}
    assert onefile.post("/User/Search/1/10", {"Role": 1}).json() == [item]
    detail = onefile.get(f"/User/{learner.id}").json()
    assert detail == item | {"OrganisationID": 5740, "Role": 1}
    without = serve(switches=Switches(users_carry_centre=False, nulls="null"))
    assert "OrganisationID" not in without.get(f"/User/{learner.id}").json()


@pytest.mark.parametrize(("entity", "add"), [("Placement", "add_placement"), ("Classroom", "add_classroom")])
def test_placements_and_classrooms(onefile: Client, world: World, entity: str, add: str) -> None:
    record = getattr(world, add)(misid="ORG1")
    item = {"ID": record.id, "Name": record.name, "MISID": "ORG1"}
    assert onefile.post(f"/{entity}/Search", {"OrganisationID": 5740}).json() == [item]
    assert onefile.post(f"/{entity}/Search", {"Name": record.name.upper()}).json() == [item]
    assert onefile.post(f"/{entity}/Search", {"OrganisationID": 1}).status_code == 204
    assert onefile.get(f"/{entity}/{record.id}").json()["OrganisationID"] == 5740


# Learning aims


def test_learning_aims_of_one_learner_and_of_everybody(
    onefile: Client, world: World, learner: SandboxUser, aim: SandboxAim
) -> None:
    other = world.add_aim(world.add_learner().id)
    item = {"ID": aim.id, "StandardID": 0, "UserID": learner.id, "Status": 0}
    assert onefile.post("/LearningAim/Search/1/100", {"UserID": learner.id}).json() == [item]
    assert ids(onefile.post("/LearningAim/Search/1/100", {}).json()) == [aim.id, other.id]


def test_a_search_for_aims_without_a_learner_can_be_refused(
    serve: Serve, learner: SandboxUser, aim: SandboxAim
) -> None:
    onefile = serve(switches=Switches(aim_search_without_user="refused"))
    assert onefile.post("/LearningAim/Search/1/100", {}).status_code == 400
    assert onefile.post("/LearningAim/Search/1/100", {"UserID": learner.id}).status_code == 200


def test_a_learning_aim_alone_leaves_out_what_is_blank(
    onefile: Client, learner: SandboxUser, aim: SandboxAim
) -> None:
    assert onefile.get(f"/LearningAim/{aim.id}").json() == {
        "ID": aim.id,
        "UserID": learner.id,
        "StandardID": 0,
        "Status": 0,
        "RegistrationNumber": "CG123",
        "TotalElements": 40,
        "ElementsDone": 10,
    }


@pytest.mark.parametrize(("nulls", "sent"), [("null", None), ("empty", "")])
def test_blanks_can_be_sent(serve: Serve, aim: SandboxAim, nulls: str, sent: object) -> None:
    detail = serve(switches=Switches(nulls=nulls)).get(f"/LearningAim/{aim.id}").json()
    assert detail["RegistrationDate"] == sent
    assert detail["Progress"] == sent
    assert "Title" not in detail


def test_a_deleted_learning_aim_is_gone(
    onefile: Client, world: World, learner: SandboxUser, aim: SandboxAim
) -> None:
    del world.aims[aim.id]
    assert onefile.post("/LearningAim/Search/1/100", {"UserID": learner.id}).status_code == 204
    assert onefile.get(f"/LearningAim/{aim.id}").status_code == 404


def test_values_put_on_the_wire_on_purpose(onefile: Client, learner: SandboxUser, aim: SandboxAim) -> None:
    aim.wire.update({"RegistrationDate": "31st of May", "TotalElements": "40", "ID": ABSENT})
    item = onefile.post("/LearningAim/Search/1/100", {"UserID": learner.id}).json()[0]
    assert "ID" not in item
    detail = onefile.get(f"/LearningAim/{aim.id}").json()
    assert detail["RegistrationDate"] == "31st of May"
    assert detail["TotalElements"] == "40"


# Reviews


def test_reviews_are_found_by_learner_centre_status_and_date(
    onefile: Client, world: World, learner: SandboxUser
) -> None:
    elsewhere = world.add_centre()
    stranger = world.add_learner(organisation_id=elsewhere.id)
    may = world.add_review(learner.id, scheduled_for=date(2026, 5, 20))
    june = world.add_review(learner.id, scheduled_for=datetime(2026, 6, 1, 9, tzinfo=UTC))
    ad_hoc = world.add_review(learner.id, started_on=datetime(2026, 6, 2, 9, tzinfo=UTC))
    theirs = world.add_review(stranger.id, scheduled_for=date(2026, 6, 20), status=2)
    orphan = world.add_review(99, scheduled_for=date(2027, 1, 1))

    def found(**wanted: object) -> list[object]:
        answer = onefile.post("/Review/Search/", wanted)
        return ids(answer.json()) if answer.status_code == 200 else []

    assert found() == [may.id, june.id, ad_hoc.id, theirs.id, orphan.id]
    assert found(OrganisationID=5740) == [may.id, june.id, ad_hoc.id]
    assert found(OrganisationID=5740, LearnerID=learner.id) == [may.id, june.id, ad_hoc.id]
    assert found(OrganisationID=elsewhere.id, LearnerID=learner.id) == []
    assert found(Status=2) == [theirs.id]
    assert found(DateFrom="2026-06-01T09:00:00Z") == [june.id, theirs.id, orphan.id]
    assert found(DateTo="2026-05-19T23:00:00.000Z") == [may.id]
    assert found(DateFrom="2026-05-01", DateTo="2026-06-30T00:00:00+01:00") == [may.id, june.id, theirs.id]


def test_a_review_in_a_search_and_alone(onefile: Client, learner: SandboxUser, review: SandboxReview) -> None:
    item = {"ID": review.id, "ScheduledFor": "2026-06-01T09:30:00Z"}
    assert onefile.post("/Review/Search/1/5", {"LearnerID": learner.id}).json() == [item]
    assert onefile.get(f"/Review/{review.id}").json() == item | {"LearnerID": learner.id, "Status": 1}


def test_a_search_for_reviews_without_a_centre_can_be_refused(serve: Serve, review: SandboxReview) -> None:
    onefile = serve(switches=Switches(review_search_without_centre="refused"))
    assert onefile.post("/Review/Search", {}).status_code == 400
    assert onefile.post("/Review/Search", {"OrganisationID": 5740}).status_code == 200


@pytest.mark.parametrize(
    ("style", "summer_morning", "summer_day"),
    [
        ("utc", "2026-06-01T09:30:00Z", "2026-05-31T23:00:00Z"),
        ("no zone", "2026-06-01T09:30:00", "2026-05-31T23:00:00"),
        ("milliseconds", "2026-06-01T09:30:00.000Z", "2026-05-31T23:00:00.000Z"),
        ("seven digits", "2026-06-01T09:30:00.0000000Z", "2026-05-31T23:00:00.0000000Z"),
        ("offset", "2026-06-01T10:30:00+01:00", "2026-06-01T00:00:00+01:00"),
    ],
)
def test_dates_in_every_style(
    serve: Serve, review: SandboxReview, style: str, summer_morning: str, summer_day: str
) -> None:
    review.created_on = date(2026, 6, 1)
    sent = serve(switches=Switches(dates=style)).get(f"/Review/{review.id}").json()
    assert (sent["ScheduledFor"], sent["CreatedOn"]) == (summer_morning, summer_day)


def test_property_names_in_camel_case(
    serve: Serve, world: World, learner: SandboxUser, review: SandboxReview
) -> None:
    onefile = serve(switches=Switches(property_names="camel"))
    assert onefile.get("/Customer").json() == {"id": 2070, "name": "Northvale Training"}
    assert onefile.get(f"/Review/{review.id}").json()["learnerID"] == learner.id
    assert onefile.get(f"/User/{learner.id}").json()["misid"] == "L00001"


# Paging


@pytest.fixture
def five_reviews(world: World, learner: SandboxUser) -> list[int]:
    return [world.add_review(learner.id, scheduled_for=date(2026, 6, day)).id for day in range(1, 6)]


def test_pages_count_from_one_and_end_with_an_empty_body(onefile: Client, five_reviews: list[int]) -> None:
    pages = [onefile.post(f"/Review/Search/{page}/2", {}) for page in (1, 2, 3)]
    assert [ids(page.json()) for page in pages] == [five_reviews[:2], five_reviews[2:4], five_reviews[4:]]
    past_the_end = onefile.post("/Review/Search/4/2", {})
    assert (past_the_end.status_code, past_the_end.content) == (204, b"")


def test_empty_searches_and_pages_past_the_end_can_be_empty_lists(
    serve: Serve, five_reviews: list[int]
) -> None:
    onefile = serve(switches=Switches(empty_search="empty list"))
    assert onefile.post("/Review/Search/1/2", {"LearnerID": 1}).json() == []
    assert onefile.post("/Review/Search", {"LearnerID": 1}).json() == []
    assert onefile.post("/Review/Search/4/2", {}).status_code == 204
    onefile = serve(switches=Switches(past_the_end="empty list"))
    assert onefile.post("/Review/Search/4/2", {}).json() == []
    assert onefile.post("/Review/Search/1/2", {"LearnerID": 1}).status_code == 204


def test_paged_items_can_be_rich_but_unpaged_ones_are_thin(serve: Serve, five_reviews: list[int]) -> None:
    onefile = serve(switches=Switches(items="rich"))
    assert "LearnerID" in onefile.post("/Review/Search/1/2", {}).json()[0]
    assert set(onefile.post("/Review/Search", {}).json()[0]) == {"ID", "ScheduledFor"}


def test_paged_items_can_have_some_of_the_properties(
    serve: Serve, world: World, learner: SandboxUser
) -> None:
    world.add_review(
        learner.id, scheduled_for=date(2026, 6, 1), created_on=date(2026, 5, 1), started_on=date(2026, 6, 1)
    )
    aim = world.add_aim(learner.id, registration_number="OF-1", total_elements=9, elements_done=3)
    some, most = serve(switches=Switches(items="some")), serve(switches=Switches(items="most"))
    (review,) = some.post("/Review/Search/1/2", {}).json()
    assert set(review) == {"ID", "ScheduledFor", "LearnerID", "CreatedOn"}
    (review,) = most.post("/Review/Search/1/2", {}).json()
    assert {"LearnerID", "CreatedOn", "ScheduledFor"} < set(review)
    assert "StartedOn" not in review
    (listed,) = some.post("/LearningAim/Search/1/2", {}).json()
    assert listed["RegistrationNumber"] == "OF-1"
    assert "TotalElements" not in listed
    (listed,) = most.post("/LearningAim/Search/1/2", {}).json()
    assert listed["TotalElements"] == 9
    assert "ElementsDone" not in listed
    assert most.get(f"/LearningAim/{aim.id}").json()["ElementsDone"] == 3


def test_unstable_pages_repeat_records_but_lose_none(serve: Serve, five_reviews: list[int]) -> None:
    onefile = serve(switches=Switches(page_order="unstable"))
    seen: list[object] = []
    for page in range(1, 20):
        answer = onefile.post(f"/Review/Search/{page}/2", {})
        if answer.status_code == 204:
            break
        seen += ids(answer.json())
    assert seen != sorted(seen)
    assert len(seen) > 5
    assert set(seen) == set(five_reviews)


def test_pages_can_be_shorter_than_they_are_asked_for(serve: Serve, five_reviews: list[int]) -> None:
    onefile = serve(switches=Switches(page_limit=2))
    pages = [onefile.post(f"/Review/Search/{page}/100", {}) for page in (1, 2, 3)]
    assert [ids(page.json()) for page in pages] == [five_reviews[:2], five_reviews[2:4], five_reviews[4:]]
    assert onefile.post("/Review/Search/4/100", {}).status_code == 204
    assert ids(onefile.post("/Review/Search/1/1", {}).json()) == five_reviews[:1]


def test_unpaged_searches_can_have_a_hidden_limit(serve: Serve, world: World, learner: SandboxUser) -> None:
    for _ in range(60):
        world.add_review(learner.id, scheduled_for=date(2026, 6, 1))
    assert len(serve().post("/Review/Search", {}).json()) == 60
    assert len(serve(switches=Switches(unpaged_limit=50)).post("/Review/Search", {}).json()) == 50


@pytest.mark.parametrize("path", ["/Review/Search/0/10", "/Review/Search/1/0"])
def test_there_is_no_page_nought(onefile: Client, five_reviews: list[int], path: str) -> None:
    assert onefile.post(path, {}).status_code == 400


# Addresses, bodies, errors


def test_case_and_trailing_slashes_do_not_matter(
    onefile: Client, learner: SandboxUser, review: SandboxReview
) -> None:
    assert onefile.post("/REVIEW/search/1/5/", {"learnerid": learner.id}).status_code == 200
    assert onefile.get(f"/learningAIM/{review.id}").status_code == 404
    assert onefile.server.calls["Review/Search"] == 1
    assert onefile.server.calls["LearningAim/get"] == 1


def test_form_bodies_are_understood(
    onefile: Client, world: World, learner: SandboxUser, review: SandboxReview
) -> None:
    world.add_review(world.add_learner().id)
    answer = onefile.post("/Review/Search/1/5", data={"learnerID": str(learner.id), "Nonsense": "x"})
    assert ids(answer.json()) == [review.id]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}"])
def test_a_body_without_properties_asks_for_everything(
    onefile: Client, review: SandboxReview, body: bytes
) -> None:
    assert ids(onefile.post("/Review/Search", data=body).json()) == [review.id]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"7",
        b'["ID"]',
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"LearnerID": "x"}',
        b'{"LearnerID": true}',
        b'{"LearnerID": 1.5}',
        b'{"LearnerID": [1]}',
        b'{"LearnerID": 99999999999999999999}',
        b'{"LearnerID": ' + b"9" * 5000 + b"}",
        b'{"DateFrom": "soon"}',
        b'{"DateFrom": 20260501}',
        b'{"DateFrom": {"year": 2026}}',
        b'{"DateFrom": "0001-01-01T00:00:00+05:00"}',
        b'{"DateFrom": "9999-12-31T23:59:59-05:00"}',
    ],
    ids=lambda body: body[:30].decode("latin-1"),
)
def test_a_body_that_makes_no_sense_is_refused(onefile: Client, review: SandboxReview, body: bytes) -> None:
    answer = onefile.post("/Review/Search", data=body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message"}


def test_an_unknown_id_is_404_or_400(serve: Serve) -> None:
    answer = serve().get("/Review/1")
    assert (answer.status_code, answer.json()["code"]) == (404, -10)
    assert serve(switches=Switches(unknown_id=400)).get("/Review/1").status_code == 400


@pytest.mark.parametrize("error_body", ["code and message", "html", "empty"])
@pytest.mark.parametrize("path", ["/Timesheet/Learner/1", "/Review/one", "/"])
def test_an_operation_that_is_not_there_does_not_look_like_an_unknown_id(
    serve: Serve, path: str, error_body: str
) -> None:
    onefile = serve(switches=Switches(error_body=error_body))
    answer = onefile.get(path)
    assert answer.status_code == 404
    assert onefile.server.calls["unknown"] == 1
    unknown_id = onefile.get("/Review/1")
    assert unknown_id.status_code == 404
    assert answer.content not in (b"", unknown_id.content)


def test_learning_aims_are_found_by_completion_and_date(
    onefile: Client, world: World, learner: SandboxUser, aim: SandboxAim
) -> None:
    early = world.add_aim(learner.id, achieved_date=date(2026, 3, 1))
    late = world.add_aim(learner.id, achieved_date=datetime(2026, 5, 1, 12, tzinfo=UTC))
    world.add_aim(world.add_learner().id, achieved_date=date(2026, 5, 1))

    def found(**wanted: object) -> list[object]:
        answer = onefile.post("/LearningAim/Search/1/10", {"UserID": learner.id} | wanted)
        return ids(answer.json()) if answer.status_code == 200 else []

    assert found() == [aim.id, early.id, late.id]
    assert found(LearningAimCompletionStatus=1) == [early.id, late.id]
    assert found(LearningAimCompletionStatus=0) == [aim.id]
    assert found(DateFrom="2026-04-01", DateTo="2026-06-01") == [late.id]
    assert found(LearningAimCompletionStatus=1, DateTo="2026-04-01") == [early.id]
    assert len(found(UserID=None, LearningAimCompletionStatus=1, DateFrom="2026-04-01")) == 2


def test_errors_can_come_as_html_or_with_nothing(serve: Serve) -> None:
    answer = serve(switches=Switches(error_body="html")).get("/Review/1")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.status_code == 404
    assert serve(switches=Switches(error_body="empty")).get("/Review/1").content == b""


def test_names_come_as_utf8(onefile: Client, world: World) -> None:
    placement = world.add_placement(name="Gŵyl & Nguyễn’s")
    raw = onefile.get(f"/Placement/{placement.id}").content
    assert "Gŵyl & Nguyễn’s".encode() in raw


def test_every_alternative_is_one_switch_away_from_the_default() -> None:
    alternatives = list(Switches.each_alternative())
    assert len(alternatives) == len({(name, value) for name, value, _ in alternatives}) > 20
    for name, value, switches in alternatives:
        assert getattr(switches, name) == value
        assert switches != Switches()
    assert ("items", "rich", Switches(items="rich")) in alternatives
