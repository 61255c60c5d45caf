"""What creating a learner in OneFile would send, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefile_sync.enrolment.enrolment_planner import ETHNICITIES, make_enrolment_plan
from onefile_sync.enrolment.plan import (
    CentreDirectory,
    EnrolmentChoices,
    EnrolmentPlan,
    EnrolmentPolicy,
    Findings,
    ListedRecord,
    PartyKind,
    PartyRecords,
    PartyStatus,
    PotentialMatch,
    QualificationStatus,
)
from onefile_sync.host.snapshot import (
    Attendance,
    LearnerToCreate,
    OrganisationRow,
    PersonRow,
    QualificationToCreate,
    ReviewRow,
)
from onefile_sync.linking.matching import Confidence
from onefile_sync.onefile.records import Centre, NamedRecord, Person, Standard
from onefile_sync.sync.planning.enrolment_rules import ENROLMENT_RULES

TODAY = date(2026, 9, 1)
CENTRE, OTHER = Centre(7, "Leeds"), Centre(8, "York")
OFFICER = PersonRow(
    "3", "Ola Reed", "officer", ident="OR1", first_name="Ola", surname="Reed", email="o@p.example"
)
COLLEAGUE = replace(OFFICER, pk="4", label="Bo Lund", ident="BL1", first_name="Bo", surname="Lund")
EMPLOYER = OrganisationRow("5", "Mill & Co", ident="M1", name="Mill & Co")
PERSON = PersonRow(
    "1",
    "Ann Bell (A1)",
    "learner",
    ident="A1",
    first_name="Ann",
    surname="Bell",
    email="ann@home.example",
    date_of_birth=date(2005, 3, 4),
    uln="1000000000",
    ni_number="ab 12 34 56 c",
    start_date=date(2026, 9, 7),
    planned_end_date=date(2027, 9, 7),
)
WELDING = QualificationToCreate("11", "196AS Welding", reference="196AS", start_date=date(2026, 9, 7))
STANDARD = Standard(901, "Welding [196AS]", "196AS", CENTRE.id)
PATHWAY = Standard(902, "Welding, night [196AS]", "196AS", CENTRE.id)
POLICY = EnrolmentPolicy(today=TODAY)


def listed(onefile_id: int, **values: Any) -> ListedRecord:
    return ListedRecord(onefile_id, f"Record {onefile_id}", **values)


def learner(**values: Any) -> LearnerToCreate:
    given = {"main_officer": OFFICER, "employer": EMPLOYER, "qualifications": (WELDING,)} | values
    return LearnerToCreate(given.pop("person", PERSON), **given)


def directory(**values: Any) -> CentreDirectory:
    linked: dict[tuple[PartyKind, str], PartyRecords] = {
        (PartyKind.ASSESSOR, OFFICER.pk): PartyRecords(linked=120),
        (PartyKind.PLACEMENT, EMPLOYER.pk): PartyRecords(linked=300),
    }
    given = {"records": linked, "default_classroom": 50, "default_placement": 60} | values
    given.setdefault("standards", {"196as": (STANDARD,)})
    return CentreDirectory(centre=given.pop("centre", CENTRE), centres=(CENTRE, OTHER), **given)


def plan(
    row: LearnerToCreate | None = None,
    onefile: CentreDirectory | None = None,
    choices: EnrolmentChoices | None = None,
    policy: EnrolmentPolicy = POLICY,
    findings: Findings | None = None,
) -> EnrolmentPlan:
    return make_enrolment_plan(
        row or learner(),
        onefile or directory(),
        findings or Findings(),
        choices or EnrolmentChoices(),
        policy,
    )


def refusals(made: EnrolmentPlan) -> list[str]:
    return [each.code for each in made.refusals]


def problems(made: EnrolmentPlan) -> list[str]:
    return [each.code for each in made.problems]


def test_a_complete_learner_is_created_with_every_value() -> None:
    made = plan(
        learner(telephone="0113 4960000", mobile="07700 900000", ethnicity="31", sex="Female", disability="5")
    )

    assert made.can_create
    assert problems(made) == []
    assert made.sent == {
        "first_name": "Ann",
        "last_name": "Bell",
        "email": "ann@home.example",
        "telephone": "0113 4960000",
        "mobile": "07700 900000",
        "date_of_birth": date(2005, 3, 4),
        "uln": "1000000000",
        "ni_number": "AB123456C",
        "start_date": date(2026, 9, 7),
        "planned_end_date": date(2027, 9, 7),
        "ethnicity": "31",
        "sex": "F",
        "disability": "1",
        "primary_lldd": "5",
        "mis_value": "A1",
    }


def test_a_blank_is_never_sent() -> None:
    bare = PersonRow("1", "Ann Bell", "learner", first_name="Ann", surname="Bell", email="ann@home.example")

    made = plan(learner(person=bare))

    assert made.can_create
    assert set(made.sent) == {"first_name", "last_name", "email"}
    assert problems(made) == []


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"first_name": ""}, "first_name"),
        ({"surname": ""}, "last_name"),
        ({"email": ""}, "email"),
        ({"first_name": "", "email": ""}, "first_name, email"),
    ],
)
def test_what_is_missing_is_named_at_once(changed: dict[str, str], fields: str) -> None:
    made = plan(learner(person=replace(PERSON, **changed)))

    assert [(each.code, each.details) for each in made.refusals] == [("enrol_missing", {"fields": fields})]


@pytest.mark.parametrize("email", ["nobody", "a@", "two@a.example, b@a.example", "a b@c.example"])
def test_an_email_that_is_no_address_refuses(email: str) -> None:
    made = plan(learner(person=replace(PERSON, email=email)))

    assert refusals(made) == ["enrol_not_valid"]


def test_somebody_born_tomorrow_is_refused() -> None:
    made = plan(learner(person=replace(PERSON, date_of_birth=TODAY + timedelta(days=1))))

    assert [(each.code, each.details) for each in made.refusals] == [
        ("enrol_not_valid", {"field": "date_of_birth"})
    ]


def test_an_end_before_the_start_is_refused() -> None:
    made = plan(learner(person=replace(PERSON, planned_end_date=date(2026, 9, 6))))

    assert refusals(made) == ["enrol_dates_wrong"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uln", "9999999999"),
        ("uln", "1000000001"),
        ("uln", "12345"),
        ("ni_number", "AB12345"),
        ("ni_number", "AB123456E"),
        ("ni_number", "A1234567B"),
    ],
)
def test_a_number_that_cannot_be_right_is_left_out_and_reported(name: str, value: str) -> None:
    made = plan(learner(person=replace(PERSON, **{name: value})))

    assert made.can_create
    assert name not in made.sent
    assert [(each.code, each.details) for each in made.problems] == [("enrol_left_out", {"field": name})]


@pytest.mark.parametrize("name", ["telephone", "mobile"])
def test_a_telephone_number_without_digits_is_left_out(name: str) -> None:
    made = plan(learner(**{name: "ask her mother"}))

    assert name not in made.sent
    assert [(each.code, each.details) for each in made.problems] == [("enrol_left_out", {"field": name})]


class TestCodes:
    @pytest.mark.parametrize("sex", ["1", "M", "m", "Male", "MALE"])
    def test_male(self, sex: str) -> None:
        assert plan(learner(sex=sex)).sent["sex"] == "M"

    @pytest.mark.parametrize("sex", ["2", "F", "f", "Female"])
    def test_female(self, sex: str) -> None:
        assert plan(learner(sex=sex)).sent["sex"] == "F"

    @pytest.mark.parametrize(
        ("name", "value"), [("sex", "X"), ("ethnicity", "Welsh"), ("disability", "Dyslexia")]
    )
    def test_one_without_a_counterpart_is_left_out(self, name: str, value: str) -> None:
        made = plan(learner(**{name: value}))

        assert name not in made.sent
        assert [(each.code, each.details) for each in made.problems] == [
            ("code_unknown", {"field": name, "value": value})
        ]

    def test_the_installation_translates_its_own_codes(self) -> None:
        codes = {"ethnicity": {"Welsh": "31"}, "sex": {"Mx": "F"}, "disability": {"Dyslexia": "12"}}

        made = plan(
            learner(ethnicity="Welsh", sex="Mx", disability="Dyslexia"), policy=replace(POLICY, codes=codes)
        )

        assert problems(made) == []
        coded = {name: made.sent[name] for name in ("ethnicity", "sex", "disability", "primary_lldd")}
        assert coded == {"ethnicity": "31", "sex": "F", "disability": "1", "primary_lldd": "12"}

    @pytest.mark.parametrize("code", ["1", "2", "9"])
    def test_a_disability_code_of_onefile_is_sent_as_it_is(self, code: str) -> None:
        made = plan(learner(disability=code))

        assert made.sent["disability"] == code
        assert "primary_lldd" not in made.sent

    @given(st.text(max_size=3))
    def test_no_ethnicity_but_the_ilrs_is_sent(self, ethnicity: str) -> None:
        sent = plan(learner(ethnicity=ethnicity)).sent

        assert sent.get("ethnicity", "31") in ETHNICITIES


class TestTheMainOfficer:
    def test_without_one_nothing_is_created(self) -> None:
        made = plan(learner(main_officer=None))

        assert [(each.code, each.details) for each in made.refusals] == [
            ("enrol_missing", {"fields": "main_officer"})
        ]

    def test_who_is_not_in_onefile_is_created(self) -> None:
        made = plan(onefile=directory(records={}))

        assert made.can_create
        assert made.main_officer is not None
        assert made.main_officer.status is PartyStatus.TO_CREATE
        assert made.main_officer.values == {
            "first_name": "Ola",
            "last_name": "Reed",
            "email": "o@p.example",
            "mis_value": "OR1",
        }

    def test_without_an_email_cannot_be_created(self) -> None:
        made = plan(learner(main_officer=replace(OFFICER, email="")), directory(records={}))

        assert refusals(made) == ["officer_no_email"]

    def test_is_not_created_if_the_settings_say_so(self) -> None:
        made = plan(onefile=directory(records={}), policy=replace(POLICY, create_missing=False))

        assert refusals(made) == ["party_not_in_onefile", "party_not_in_onefile"]  # officer and employer

    def test_the_only_one_with_the_ident_as_mis_value_is_linked(self) -> None:
        same = PartyRecords(same_mis_value=(listed(121, mis_value="or1"),))

        made = plan(onefile=with_records(OFFICER, same))

        assert made.main_officer is not None
        assert (made.main_officer.status, made.main_officer.onefile_id) == (PartyStatus.SAME_MIS_VALUE, 121)
        assert made.can_create

    def test_several_with_the_ident_are_named(self) -> None:
        same = (listed(121, mis_value="OR1"), listed(122, mis_value="OR1", archived=True))

        made = plan(onefile=with_records(OFFICER, PartyRecords(same_mis_value=same)))

        assert refusals(made) == ["mis_value_twice"]
        assert made.refusals[0].details["users"] == "121, 122"

    def test_somebody_who_may_be_the_same_is_asked_about(self) -> None:
        alike = with_records(OFFICER, PartyRecords(alike=(listed(125),)))

        asked = plan(onefile=alike)
        answered = plan(onefile=alike, choices=EnrolmentChoices(create=frozenset({"assessor:3"})))

        assert refusals(asked) == ["party_may_exist"]
        assert answered.can_create
        assert answered.main_officer is not None
        assert answered.main_officer.status is PartyStatus.TO_CREATE

    @pytest.mark.parametrize(
        "records",
        [
            PartyRecords(linked=120, is_gone=True),
            PartyRecords(same_mis_value=(ListedRecord(120, "Ola Reed", archived=True),)),
        ],
        ids=["linked", "same MIS Value"],
    )
    def test_an_archived_one_is_reported_and_not_used(self, records: PartyRecords) -> None:
        made = plan(onefile=with_records(OFFICER, records))

        assert refusals(made) == ["party_archived"]
        assert made.main_officer is not None
        assert not made.main_officer.is_usable


class TestThePlacement:
    def test_without_an_employer_it_is_the_centres_default(self) -> None:
        made = plan(learner(employer=None))

        assert made.placement is not None
        assert (made.placement.status, made.placement.onefile_id) == (PartyStatus.DEFAULT, 60)

    def test_without_either_nothing_is_created(self) -> None:
        made = plan(learner(employer=None), directory(default_placement=None))

        assert refusals(made) == ["no_placement"]

    def test_an_employer_who_is_not_in_onefile_is_created(self) -> None:
        made = plan(onefile=with_records(EMPLOYER, PartyRecords()))

        assert made.placement is not None
        assert made.placement.status is PartyStatus.TO_CREATE
        assert made.placement.values == {"name": "Mill & Co", "mis_value": "M1"}

    def test_an_employer_without_a_name_cannot_be_created(self) -> None:
        nameless = replace(EMPLOYER, name="")

        made = plan(learner(employer=nameless), with_records(EMPLOYER, PartyRecords()))

        assert refusals(made) == ["employer_no_name"]


class TestTheClass:
    BY_TAG = replace(POLICY, classroom_from_main_tag=True)

    def test_it_is_the_centres_default(self) -> None:
        made = plan(learner(main_tag="Monday"))

        assert made.classroom is not None
        assert (made.classroom.status, made.classroom.onefile_id) == (PartyStatus.DEFAULT, 50)

    def test_without_one_nothing_is_created(self) -> None:
        assert refusals(plan(onefile=directory(default_classroom=None))) == ["no_class"]

    def test_by_main_tag_whatever_spaces_and_case(self) -> None:
        rooms = (NamedRecord(71, CENTRE.id, "Monday  Group"), NamedRecord(72, CENTRE.id, "Tuesday"))

        made = plan(learner(main_tag=" monday group"), directory(classrooms=rooms), policy=self.BY_TAG)

        assert made.classroom is not None
        assert (made.classroom.status, made.classroom.onefile_id) == (PartyStatus.LINKED, 71)

    @pytest.mark.parametrize("rooms", [(), (71, 72)], ids=["none", "two"])
    def test_a_tag_that_names_no_single_class_is_reported(self, rooms: tuple[int, ...]) -> None:
        named = tuple(NamedRecord(each, CENTRE.id, "Monday") for each in rooms)

        made = plan(learner(main_tag="Monday"), directory(classrooms=named), policy=self.BY_TAG)

        assert made.can_create
        assert problems(made) == ["class_not_found"]
        assert made.classroom is not None
        assert made.classroom.onefile_id == 50

    def test_a_class_is_created_if_the_settings_say_so(self) -> None:
        made = plan(learner(main_tag="Monday"), policy=replace(self.BY_TAG, create_classes=True))

        assert made.classroom is not None
        assert made.classroom.status is PartyStatus.TO_CREATE
        assert made.classroom.values == {"name": "Monday"}


class TestQualifications:
    def status(self, made: EnrolmentPlan) -> QualificationStatus:
        return made.qualifications[0].status

    @pytest.mark.parametrize("reference", ["196AS", "196 as", "[196AS]", "196/AS"])
    def test_one_of_the_centre_becomes_a_learning_aim(self, reference: str) -> None:
        made = plan(learner(qualifications=(replace(WELDING, reference=reference),)))

        assert self.status(made) is QualificationStatus.AVAILABLE
        assert made.qualifications[0].standard_id == STANDARD.id

    def test_pathways_are_chosen_by_a_person(self) -> None:
        several = directory(standards={"196as": (STANDARD, PATHWAY)})

        asked = plan(onefile=several)
        chosen = plan(onefile=several, choices=EnrolmentChoices(pathways={"11": PATHWAY.id}))
        wrong = plan(onefile=several, choices=EnrolmentChoices(pathways={"11": 12345}))

        assert (self.status(asked), refusals(asked)) == (QualificationStatus.CHOOSE, ["choose_pathway"])
        assert chosen.qualifications[0].standard_id == PATHWAY.id
        assert chosen.can_create
        assert refusals(wrong) == ["choose_pathway"]

    def test_one_that_the_person_leaves_out_is_not_sent(self) -> None:
        made = plan(choices=EnrolmentChoices(left_out=frozenset({"11"})))

        assert self.status(made) is QualificationStatus.LEFT_OUT
        assert made.can_create
        assert problems(made) == []

    def test_one_that_picsweb_does_not_want_there_is_not_sent(self) -> None:
        made = plan(learner(qualifications=(replace(WELDING, uploaded=False),)))

        assert self.status(made) is QualificationStatus.LEFT_OUT

    def test_one_that_the_centre_does_not_have_is_left_out_and_reported(self) -> None:
        made = plan(onefile=directory(standards={}))

        assert self.status(made) is QualificationStatus.NOT_IN_ONEFILE
        assert made.can_create
        assert problems(made) == ["not_in_onefile"]

    def test_one_of_another_centre_only_names_that_centre(self) -> None:
        made = plan(onefile=directory(standards={}, elsewhere={"196as": ("York",)}))

        assert self.status(made) is QualificationStatus.OTHER_CENTRE
        assert made.qualifications[0].elsewhere == ("York",)

    def test_without_a_list_nothing_is_assumed(self) -> None:
        made = plan(onefile=directory(standards=None))

        assert self.status(made) is QualificationStatus.NO_LIST
        assert problems(made) == ["standards_not_read"]

    def test_one_without_a_reference_is_left_out(self) -> None:
        made = plan(learner(qualifications=(replace(WELDING, reference=""),)))

        assert self.status(made) is QualificationStatus.NO_REFERENCE

    def test_a_linked_one_is_left_alone(self) -> None:
        made = plan(learner(qualifications=(replace(WELDING, onefile_id=5),)))

        assert self.status(made) is QualificationStatus.LINKED
        assert not made.qualifications[0].is_created

    def test_its_own_assessor_is_assigned(self) -> None:
        own = replace(WELDING, assessor=COLLEAGUE)

        made = plan(learner(qualifications=(own,)))

        assert made.qualifications[0].assessor is not None
        assert made.qualifications[0].assessor.pk == COLLEAGUE.pk
        assert [party.pk for party in made.parties()] == [EMPLOYER.pk, OFFICER.pk, COLLEAGUE.pk, ""]

    def test_the_default_assessor_is_not_assigned_again(self) -> None:
        made = plan(learner(qualifications=(replace(WELDING, assessor=OFFICER),)))

        assert made.qualifications[0].assessor is None

    def test_an_assessor_who_cannot_be_found_is_reported_and_the_aim_stays(self) -> None:
        own = replace(WELDING, assessor=replace(COLLEAGUE, email=""))

        made = plan(learner(qualifications=(own,)))

        assert made.can_create
        assert self.status(made) is QualificationStatus.AVAILABLE
        assert problems(made) == ["officer_no_email"]


class TestAdditionalAssessors:
    def test_each_is_assigned_once_and_never_the_default_assessor(self) -> None:
        made = plan(learner(additional=(COLLEAGUE, OFFICER, COLLEAGUE)))

        assert [party.pk for party in made.additional] == [COLLEAGUE.pk]

    def test_one_who_cannot_be_created_is_reported(self) -> None:
        made = plan(learner(additional=(replace(COLLEAGUE, email="x"),)))

        assert made.can_create
        assert problems(made) == ["officer_no_email"]


class TestWhoMayBeInOneFileAlready:
    @staticmethod
    def match(confidence: Confidence, **values: Any) -> CentreDirectory:
        person = Person(4711, CENTRE.id, 1, **values)
        return directory(matches=(PotentialMatch(person, confidence, ("uln", "surname")),))

    @pytest.mark.parametrize("confidence", [Confidence.CERTAIN, Confidence.STRONG])
    def test_a_likely_match_needs_a_deliberate_answer(self, confidence: Confidence) -> None:
        asked = plan(onefile=self.match(confidence))
        answered = plan(onefile=self.match(confidence), choices=EnrolmentChoices(different_person=True))

        assert refusals(asked) == ["may_exist"]
        assert answered.can_create

    @pytest.mark.parametrize("confidence", [Confidence.POSSIBLE, Confidence.CONTRADICTED])
    def test_an_unlikely_one_is_shown_only(self, confidence: Confidence) -> None:
        made = plan(onefile=self.match(confidence))

        assert made.can_create
        assert len(made.matches) == 1

    @pytest.mark.parametrize("different_person", [False, True])
    def test_a_used_mis_value_refuses_whatever_is_ticked(self, different_person: bool) -> None:
        used = self.match(Confidence.POSSIBLE, mis_value=" a1")

        made = plan(onefile=used, choices=EnrolmentChoices(different_person=different_person))

        assert refusals(made) == ["mis_value_taken"]

    def test_a_used_mis_value_does_not_matter_if_none_is_sent(self) -> None:
        used = self.match(Confidence.POSSIBLE, mis_value="A1")

        assert plan(onefile=used, policy=replace(POLICY, send_mis_value=False)).can_create

    def test_a_search_that_was_not_answered_to_its_end_refuses(self) -> None:
        assert refusals(plan(findings=Findings(complete=False))) == ["could_not_make_sure"]


class TestALearnerWhoIsLinkedAlready:
    ROW = learner(person=replace(PERSON, onefile_id=4711, centre_id=CENTRE.id), additional=(COLLEAGUE,))

    def test_only_qualifications_are_added(self) -> None:
        made = plan(self.ROW)

        assert made.is_linked
        assert made.can_create
        assert made.sent == {}
        assert list(made.parties()) == []
        assert made.qualifications[0].is_created

    def test_without_one_there_is_nothing_to_do(self) -> None:
        made = plan(replace(self.ROW, qualifications=()))

        assert refusals(made) == ["nothing_to_add"]


def test_the_reviews_that_will_go_up_are_counted() -> None:
    planned = ReviewRow("21", "Review", None, proposed_date=TODAY)
    held = replace(planned, pk="22", actual_date=TODAY, attended=Attendance.YES)

    assert plan(learner(reviews=(planned, held))).reviews == 1


class TestWhatWasShown:
    def test_the_same_plan_is_as_shown(self) -> None:
        shown = plan()

        assert plan().is_as_shown(shown.digest, shown.creations, shown.match_ids)

    @pytest.mark.parametrize(
        "row",
        [
            learner(person=replace(PERSON, email="new@home.example")),
            learner(qualifications=()),
            learner(main_officer=COLLEAGUE),
            learner(additional=(COLLEAGUE,)),
            learner(qualifications=(replace(WELDING, start_date=TODAY),)),
        ],
    )
    def test_a_change_of_anything_that_is_sent_is_noticed(self, row: LearnerToCreate) -> None:
        shown = plan()
        linked = directory(
            records={**directory().records, (PartyKind.ASSESSOR, COLLEAGUE.pk): PartyRecords(linked=125)}
        )

        assert not plan(row, linked).is_as_shown(shown.digest, shown.creations, shown.match_ids)

    def test_a_new_potential_match_is_noticed(self) -> None:
        shown = plan()
        match = TestWhoMayBeInOneFileAlready.match(Confidence.POSSIBLE)

        assert not plan(onefile=match).is_as_shown(shown.digest, shown.creations, shown.match_ids)

    def test_an_officer_who_was_created_meanwhile_is_no_change(self) -> None:
        shown = plan(onefile=directory(records={}))

        assert plan().is_as_shown(shown.digest, shown.creations, shown.match_ids)

    def test_an_officer_who_would_be_created_unseen_is_a_change(self) -> None:
        shown = plan()

        assert not plan(onefile=directory(records={})).is_as_shown(
            shown.digest, shown.creations, shown.match_ids
        )

    def test_an_officer_who_would_be_created_with_other_values_is_a_change(self) -> None:
        shown = plan(onefile=directory(records={}))
        renamed = learner(main_officer=replace(OFFICER, surname="Reid"))

        assert not plan(renamed, directory(records={})).is_as_shown(
            shown.digest, shown.creations, shown.match_ids
        )


def test_choices_are_the_same_when_they_are_read_again() -> None:
    choices = EnrolmentChoices(7, {"11": 901}, frozenset({"12"}), True, frozenset({"assessor:3"}))

    assert EnrolmentChoices.from_json(choices.to_json()) == choices
    assert EnrolmentChoices.from_json({}) == EnrolmentChoices()


def test_every_rule_has_a_test_here_or_where_it_is_carried_out() -> None:
    planned = {each.rule for each in plan().values}

    assert {rule.code for rule in ENROLMENT_RULES} >= planned - {""}


def with_records(row: PersonRow | OrganisationRow, records: PartyRecords) -> CentreDirectory:
    kind = PartyKind.ASSESSOR if isinstance(row, PersonRow) else PartyKind.PLACEMENT
    known = directory()
    return replace(known, records={**known.records, (kind, row.pk): records})


class TestAnswersOnThePage:
    """Whether the page on which a person ticks something showed all that is created then."""

    SEVERAL = directory(standards={"196as": (STANDARD, PATHWAY)})

    def test_a_pathway_that_was_on_offer_is_covered(self) -> None:
        seen = plan(onefile=self.SEVERAL)

        assert seen.covers(plan(onefile=self.SEVERAL, choices=EnrolmentChoices(pathways={"11": PATHWAY.id})))

    def test_leaving_something_out_is_covered(self) -> None:
        assert plan().covers(plan(choices=EnrolmentChoices(left_out=frozenset({"11"}))))

    def test_an_officer_who_would_be_created_then_is_not(self) -> None:
        alike = with_records(OFFICER, PartyRecords(alike=(listed(125),)))
        answered = plan(onefile=alike, choices=EnrolmentChoices(create=frozenset({"assessor:3"})))

        assert not plan(onefile=alike).covers(answered)

    def test_another_value_is_not(self) -> None:
        assert not plan().covers(plan(learner(person=replace(PERSON, email="new@home.example"))))
