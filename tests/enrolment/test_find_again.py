"""A create whose answer was lost: the record is found, created again or left to a person, but never doubled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from onefile_sync.enrolment import creates
from onefile_sync.models import CreateIntent, RecordLink
from onefile_sync.onefile.client import OneFile
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from tests.factories import Host

from .scenario import LATER, WHOLE, Enrolment, at_noon, new_learner, until_quiet

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("host", ["picsweb"], indirect=True)]

#: The kinds of creates whose record can be looked for, the operation, and which of its calls is meant.
KINDS = {
    "placement": ("create placement", 1),
    "assessor": ("create user", 1),
    "learner": ("create user", 3),
    "aim": ("assign standard", 1),
}

OPTIONS = [
    {"user_filters": "prefix"},
    {"user_filters": "ignored"},
    {"users_carry_centre": False},
    {"mis_values": "dropped"},
    {"items": "rich"},
    {"archived_users": "hidden"},
    {"archived_users": "other role"},
    {"same_mis_value": "refused"},
    {"page_limit": 3},
    {"page_order": "unstable"},
    {"property_names": "camel"},
    {"standard_again": "second aim"},
    {"standard_again": "refused"},
    {"empty_search": "empty list"},
    {"create_answer": "object"},
    {"user_create_answer": "number"},
]


@pytest.fixture
def enrolment(host: Host, world: World, onefile: SandboxServer) -> Enrolment:
    return new_learner(host, world)


def answering(onefile: OneFile, operation: str, number: int, answer: Callable[[Any, Any], Any]) -> OneFile:
    """A client to which the nth call of an operation answers as told, after OneFile has carried it out."""
    send, seen = onefile.transport.send, []

    def sending(called: Any, *args: Any, **options: Any) -> Any:
        said = send(called, *args, **options)
        if called.name != operation:
            return said
        seen.append(called)
        return answer(called, said) if len(seen) == number else said

    onefile.transport.send = sending  # type: ignore[method-assign]
    return onefile


def lost(called: Any, _said: Any) -> Any:
    raise called.failure("bad_answer")


def not_carried_out(onefile: OneFile, operation: str, number: int) -> OneFile:
    """A client whose nth call of an operation gets no answer, as it never arrived at OneFile."""
    send, seen = onefile.transport.send, []

    def sending(called: Any, *args: Any, **options: Any) -> Any:
        if called.name == operation:
            seen.append(called)
            if len(seen) == number:
                options["about_to_send"]()
                raise called.failure("cut_off")
        return send(called, *args, **options)

    onefile.transport.send = sending  # type: ignore[method-assign]
    return onefile


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_whose_answer_was_lost_is_linked_at_once(enrolment: Enrolment, kind: str) -> None:
    with at_noon() as now:
        enrolment.round(answering(enrolment.client(), *KINDS[kind], lost))
        assert "create_unsure" in enrolment.told
        now.shift(timedelta(seconds=1))
        enrolment.round()
    assert enrolment.told == []
    assert enrolment.counts() == WHOLE
    enrolment.assert_all_linked()
    enrolment.assert_nothing_open()
    assert RecordLink.objects.filter(how="found_again").count() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_create_that_never_arrived_waits_for_the_quiet_time(enrolment: Enrolment, kind: str) -> None:
    with at_noon() as now:
        enrolment.round(not_carried_out(enrolment.client(), *KINDS[kind]))
        now.shift(timedelta(minutes=4))
        enrolment.round()
        assert enrolment.told == ["create_on_its_way"]
        assert enrolment.counts() != WHOLE
        now.shift(timedelta(minutes=2))
        enrolment.round()
    assert enrolment.told == []
    assert enrolment.counts() == WHOLE
    enrolment.assert_all_linked()


@pytest.mark.parametrize("kind", KINDS)
def test_three_tries_without_an_answer_are_the_last(enrolment: Enrolment, kind: str) -> None:
    operation, number = KINDS[kind]
    with at_noon() as now:
        for number_of_try in (number, 1, 1):
            enrolment.round(not_carried_out(enrolment.client(), operation, number_of_try))
            now.shift(LATER)
        before = enrolment.counts()
        enrolment.round()
        assert enrolment.told == ["create_given_up"]
        assert enrolment.counts() == before
        intent = creates.in_doubt(enrolment.tenant).get()
        assert creates.choose(intent, None)
        enrolment.round()
    assert enrolment.counts() == WHOLE
    enrolment.assert_all_linked()


@pytest.mark.parametrize("kind", ["learner", "assessor", "placement"])
@pytest.mark.parametrize("switches", [Switches(rate_limit=0, search_lag=20)], ids=["lag"])
def test_a_record_that_searches_find_late_is_not_doubled(enrolment: Enrolment, kind: str) -> None:
    with at_noon() as now:
        enrolment.round(answering(enrolment.client(), *KINDS[kind], lost))
        now.shift(timedelta(seconds=5))
        enrolment.round()
        assert enrolment.told == ["create_on_its_way"]
        now.shift(timedelta(seconds=30))
        enrolment.round()
    assert enrolment.counts() == WHOLE
    enrolment.assert_all_linked()


@pytest.mark.parametrize(
    "switches",
    [Switches(rate_limit=0, **each) for each in OPTIONS],
    ids=["-".join(map(str, next(iter(each.items())))) for each in OPTIONS],
)
@pytest.mark.parametrize("kind", KINDS)
def test_under_every_switch_the_record_is_found_again(enrolment: Enrolment, kind: str) -> None:
    world = enrolment.world
    for number in range(8):  # people and employers who have nothing to do with it
        world.add_learner(
            first_name="Zoë", last_name=f"Evans {number}", email=f"zoe{number}@elsewhere.example"
        )
        world.add_assessor(first_name="Gwen", last_name="Price", email=f"gwen{number}@elsewhere.example")
        world.add_placement(name=f"Tŷ Gwyn {number}")
    before = enrolment.counts()
    with at_noon() as now:
        enrolment.round(answering(enrolment.client(), *KINDS[kind], lost))
        until_quiet(enrolment, now)
    assert not {"create_given_up", "create_ambiguous"} & set(enrolment.told)
    others = {"learners": 8, "assessors": 8, "placements": 8}
    assert before == {**dict.fromkeys(WHOLE, 0), "classes": 1, **others}
    assert enrolment.counts() == {name: WHOLE[name] + others.get(name, 0) for name in WHOLE}


@pytest.mark.parametrize("switches", [Switches(rate_limit=0, user_create_answer="empty")], ids=["empty"])
def test_without_any_answer_to_users_everybody_is_found_again(enrolment: Enrolment) -> None:
    with at_noon() as now:
        until_quiet(enrolment, now, rounds=10)
    assert enrolment.counts() == WHOLE
    enrolment.assert_all_linked()


class TestAmbiguity:
    def test_a_person_chooses_among_several(self, enrolment: Enrolment) -> None:
        with at_noon() as now:
            enrolment.round(answering(enrolment.client(), *KINDS["learner"], lost))
            mine = enrolment.new_learners[0]
            twin = enrolment.world.add_learner(
                first_name="Zoë", last_name="Llewellyn", email=mine.email, dob=mine.dob, misid=mine.misid
            )
            now.shift(LATER)
            enrolment.round()
            assert enrolment.told == ["create_ambiguous"]
            intent = creates.in_doubt(enrolment.tenant).get()
            assert intent.candidates == sorted([mine.id, twin.id])
            assert not creates.choose(intent, 4711)
            assert creates.choose(intent, mine.id)
            enrolment.round()
        enrolment.learner.refresh_from_db()
        assert enrolment.learner.onefile_id == mine.id
        assert len(enrolment.new_learners) == 2

    def test_none_of_them_lets_another_be_created(self, enrolment: Enrolment) -> None:
        with at_noon() as now:
            enrolment.round(not_carried_out(enrolment.client(), *KINDS["learner"]))
            theirs = [
                enrolment.world.add_learner(
                    first_name="Zoë", last_name="Llewellyn", email="zoe0@learner.example"
                )
                for _each in range(2)
            ]
            now.shift(LATER)
            enrolment.round()
            assert enrolment.told == ["create_ambiguous"]
            assert creates.choose(creates.in_doubt(enrolment.tenant).get(), None)
            enrolment.round()
            assert enrolment.told == []
        enrolment.learner.refresh_from_db()
        assert enrolment.learner.onefile_id not in {None, *(each.id for each in theirs)}
        assert len(enrolment.new_learners) == 3

    def test_a_choice_after_the_candidates_changed_is_refused(self, enrolment: Enrolment) -> None:
        with at_noon() as now:
            enrolment.round(answering(enrolment.client(), *KINDS["learner"], lost))
            mine = enrolment.new_learners[0]
            enrolment.world.add_learner(
                first_name="Zoë", last_name="Llewellyn", email=mine.email, misid=mine.misid
            )
            now.shift(LATER)
            enrolment.round()
            seen = creates.in_doubt(enrolment.tenant).get()
            CreateIntent.objects.update(candidates=[1, 2])
            assert not creates.choose(seen, mine.id)


class TestWhoWasThereBefore:
    def test_somebody_who_fits_and_was_not_shown_stops_the_create(self, enrolment: Enrolment) -> None:
        enrolment.world.add_learner(first_name="Zoë", last_name="Llewellyn", email="zoe0@learner.example")
        for _each in range(2):
            enrolment.round()
            assert enrolment.told == ["may_exist"]
        assert len(enrolment.new_learners) == 1

    def test_an_assessor_who_fits_and_was_not_shown_stops_the_create(self, enrolment: Enrolment) -> None:
        enrolment.world.add_assessor(first_name="Gwen", last_name="Price", email="gwen@provider.example")
        enrolment.round()
        assert enrolment.told == ["party_may_exist"]
        assert (enrolment.counts()["assessors"], enrolment.counts()["learners"]) == (1, 0)

    def test_somebody_seen_before_is_never_taken_for_ours(self, enrolment: Enrolment) -> None:
        intent_of = CreateIntent.objects.filter(kind="learner")
        with at_noon() as now:
            enrolment.round(not_carried_out(enrolment.client(), *KINDS["learner"]))
            other = enrolment.world.add_learner(
                first_name="Zoë", last_name="Llewellyn", email="zoe0@learner.example"
            )
            intent_of.update(seen_before=[other.id])
            now.shift(LATER)
            enrolment.round()
        enrolment.learner.refresh_from_db()
        assert enrolment.learner.onefile_id not in (None, other.id)

    def test_somebody_linked_to_another_row_is_never_taken_for_ours(
        self, enrolment: Enrolment, host: Host
    ) -> None:
        with at_noon() as now:
            enrolment.round(not_carried_out(enrolment.client(), *KINDS["learner"]))
            other = enrolment.world.add_learner(
                first_name="Zoë", last_name="Llewellyn", email="zoe0@learner.example"
            )
            host.learner(onefile_id=other.id)
            now.shift(LATER)
            enrolment.round()
        enrolment.learner.refresh_from_db()
        assert enrolment.learner.onefile_id not in (None, other.id)

    def test_what_was_sent_counts_and_not_what_the_row_says_now(self, enrolment: Enrolment) -> None:
        with at_noon() as now:
            enrolment.round(answering(enrolment.client(), *KINDS["learner"], lost))
            mine = enrolment.new_learners[0]
            enrolment.learner.surname, enrolment.learner.email = "Married", "new@learner.example"
            enrolment.learner.ident = "OTHER1"
            enrolment.learner.save()
            now.shift(LATER)
            enrolment.round()
        enrolment.learner.refresh_from_db()
        assert enrolment.learner.onefile_id == mine.id
        assert len(enrolment.new_learners) == 1


class TestWrongAnswers:
    def test_the_id_of_a_record_that_another_row_has_is_not_believed(
        self, enrolment: Enrolment, host: Host
    ) -> None:
        other = enrolment.world.add_learner(first_name="Huw", last_name="Bevan", email="huw@learner.example")
        theirs = host.learner(onefile_id=other.id)
        with at_noon() as now:
            enrolment.round(
                answering(enrolment.client(), *KINDS["learner"], lambda _op, _said: {"ID": other.id})
            )
            assert enrolment.told == ["create_unsure"]
            now.shift(LATER)
            enrolment.round()
        enrolment.learner.refresh_from_db()
        theirs.refresh_from_db()
        assert theirs.onefile_id == other.id
        mine = next(each for each in enrolment.new_learners if each.email == "zoe0@learner.example")
        assert enrolment.learner.onefile_id == mine.id
        assert len(enrolment.new_learners) == 2

    def test_the_id_of_somebody_who_was_there_before_is_not_believed(self, enrolment: Enrolment) -> None:
        other = enrolment.world.add_learner(first_name="Zoë", last_name="Llewellyn", email="a@b.example")
        client = answering(enrolment.client(), *KINDS["learner"], lambda _op, _said: other.id)
        with at_noon() as now:
            first = enrolment.plan()
            assert first.can_create
            CreateIntent.objects.update(seen_before=[other.id])
            creates.begin(
                enrolment.tenant,
                str(enrolment.learner.pk),
                creates.Create("learner", first.learner, enrolment.world.centre_id),
            )
            CreateIntent.objects.update(seen_before=[other.id])
            enrolment.round(client)
            assert enrolment.told == ["create_unsure"]
            now.shift(LATER)
            enrolment.round()
        enrolment.learner.refresh_from_db()
        assert enrolment.learner.onefile_id not in (None, other.id)
        assert len(enrolment.new_learners) == 2

    @pytest.mark.parametrize("answer", ["", None, [], {}, "x", {"ID": 0}], ids=repr)
    def test_an_answer_without_an_id_leaves_the_create_in_doubt(
        self, enrolment: Enrolment, answer: object
    ) -> None:
        with at_noon() as now:
            enrolment.round(answering(enrolment.client(), *KINDS["learner"], lambda _op, _said: answer))
            assert "create_unsure" in enrolment.told
            now.shift(timedelta(seconds=1))
            enrolment.round()
        assert enrolment.counts() == WHOLE
        enrolment.assert_all_linked()

    def test_a_value_that_onefile_does_not_show_is_reported(self, enrolment: Enrolment) -> None:
        def renamed(_operation: Any, said: Any) -> Any:
            enrolment.new_learners[0].last_name = "Somebody"
            return said

        enrolment.round(answering(enrolment.client(), *KINDS["learner"], renamed))
        assert enrolment.told == ["push_not_taken"]
        assert enrolment.counts() == WHOLE


class TestRefusals:
    def refused(self, enrolment: Enrolment, code: int, **options: Any) -> None:
        def refuse(called: Any, _said: Any) -> Any:
            raise called.failure("refused", 400, f'{{"code": {code}, "message": "Email is taken."}}')

        client = not_carried_out_but(enrolment.client(), "create user", 3, refuse)
        enrolment.round(client, **options)

    def test_what_onefile_said_is_in_the_problem_only(self, enrolment: Enrolment, caplog: Any) -> None:
        self.refused(enrolment, -10)
        assert enrolment.applied is not None
        [problem] = enrolment.applied.problems
        assert (problem.code, problem.details) == ("create_refused", {"said": "Email is taken."})
        assert "taken" not in caplog.text
        assert not creates.in_doubt(enrolment.tenant).exists()

    @pytest.mark.parametrize(
        ("code", "listed", "told"),
        [
            (-57, "placement", "no_placement"),
            (-58, "classroom", "no_class"),
            (-11, "centre", "create_refused"),
        ],
    )
    def test_a_list_is_called_out_of_date_once(
        self, enrolment: Enrolment, code: int, listed: str, told: str
    ) -> None:
        self.refused(enrolment, code)
        assert enrolment.applied is not None
        assert (enrolment.applied.outdated, enrolment.told) == ({listed}, [])
        enrolment_again = replace(enrolment)
        client = not_carried_out_but(enrolment.client(), "create user", 1, _refusing(code))
        enrolment_again.round(client, lists_are_fresh=True)
        assert enrolment_again.told == [told]

    def test_a_refused_aim_does_not_stop_the_others(self, enrolment: Enrolment) -> None:
        client = not_carried_out_but(enrolment.client(), "assign standard", 1, _refusing(-10))
        enrolment.round(client)
        assert enrolment.told == ["create_refused"]
        assert enrolment.counts() == {**WHOLE, "aims": 1}

    def test_an_assignment_without_an_answer_is_never_sent_again(self, enrolment: Enrolment) -> None:
        with at_noon() as now:
            enrolment.round(not_carried_out(enrolment.client(), "assign user", 1))
            assert "assignment_unsure" in enrolment.told
            now.shift(LATER)
            enrolment.round()
        assert enrolment.counts() == {**WHOLE, "assignments": 1}
        enrolment.assert_nothing_open()


def _refusing(code: int) -> Callable[[Any, Any], Any]:
    def refuse(called: Any, _said: Any) -> Any:
        raise called.failure("refused", 400, f'{{"code": {code}, "message": "No."}}')

    return refuse


def not_carried_out_but(
    onefile: OneFile, operation: str, number: int, answer: Callable[[Any, Any], Any]
) -> OneFile:
    """A client whose nth call of an operation is answered as told, without arriving at OneFile."""
    send, seen = onefile.transport.send, []

    def sending(called: Any, *args: Any, **options: Any) -> Any:
        if called.name == operation:
            seen.append(called)
            if len(seen) == number:
                options["about_to_send"]()
                return answer(called, None)
        return send(called, *args, **options)

    onefile.transport.send = sending  # type: ignore[method-assign]
    return onefile
