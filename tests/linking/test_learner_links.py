"""A learner is linked to a OneFile learner by hand, with a look at both records, and unlinked again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.models import (
    DirectoryEntry,
    LearnerOutcome,
    LinkEnding,
    LinkMethod,
    OneFileSettings,
    RecordLink,
    Tenant,
    UploadIntent,
)
from onefile_sync.onefile.client import OneFile
from onefile_sync.sandbox.entities import ABSENT
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.services import AskAgain, LinkDecision, LinkRefused, ReviewsAnswer
from tests.conftest import problems, sync
from tests.factories import Host

pytestmark = pytest.mark.matrix

BORN = date(2004, 5, 6)
#: Two valid ULNs.
ULN, OTHER_ULN = "9876543228", "9876543236"
NI = "AB123456C"
US = {
    "first_name": "Siân",
    "surname": "O'Connor",
    "date_of_birth": BORN,
    "uln": ULN,
    "ni_number": NI,
    "email": "sian@learner.example",
    "ident": "L7",
}
THEM = {
    "first_name": "Siân",
    "last_name": "O'Connor",
    "dob": BORN.isoformat(),
    "uln": ULN,
    "nino": NI,
    "email": "sian@learner.example",
    "misid": "L7",
}
DAYS = [date(2026, month, 12) for month in range(1, 6)]


@pytest.fixture(autouse=True)
def at_onefile(onefile: SandboxServer) -> SandboxServer:
    return onefile


def new_learner(host: Host, **values: Any) -> Any:
    return host.learner(**{"onefile_id": None, **US, **values})


def now(row: Any) -> Any:
    return type(row)._base_manager.get(pk=row.pk)


def code_of(work: Any, *given: Any, **values: Any) -> str:
    with pytest.raises((LinkRefused, services.Refused)) as caught:
        work(*given, **values)
    assert caught.value.reason.strip().endswith(".")
    code: str = caught.value.code
    return code


def decided(seen: services.LinkCheck, **values: Any) -> LinkDecision:
    """What a person decides who takes everything as it is proposed."""
    proposed = {
        "shown": seen.shown,
        "qualifications": seen.qualifications.certain,
        "reviews": seen.reviews.certain,
        "reviews_answer": ReviewsAnswer.PAIRED,
    }
    return LinkDecision(**{**proposed, **values})


def linked(learner: Any, onefile_id: int, **values: Any) -> RecordLink:
    return services.link(
        learner, onefile_id, decided(services.check_onefile_id(learner, onefile_id), **values)
    )


def with_history(host: Host, world: World, learner: Any) -> int:
    """Five reviews and a qualification in PICSWeb; the same and a further review in OneFile."""
    gwen = world.add_assessor()
    siân = world.add_learner(**THEM)
    standard = world.add_standard(title="Business Administrator", code="196AS")
    world.add_aim(siân.id, standard_id=standard.id, registration_number="REG-1")
    host.qualification(learner, reference="196 as")
    officer = host.officer(onefile_id=gwen.id)
    for day in DAYS:
        host.review(learner, officer=officer, proposed_date=day)
    for day in [*DAYS, date(2026, 6, 12)]:
        at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        world.add_review(siân.id, scheduled_for=at, assessor_id=gwen.id)
    return siân.id


def keep_standards(world: World) -> None:
    """OneFile's list of standards is kept."""
    from onefile_sync.linking.tenants import present_tenant

    for standard in world.standards.values():
        DirectoryEntry.objects.create(
            tenant=present_tenant(),
            kind="standard",
            onefile_id=standard.id,
            name=standard.title,
            code=standard.code,
        )


def row_of(learner: Any) -> Any:
    return picsweb.read_learner(now(learner))


class TestTheCheck:
    def test_both_records_are_shown_side_by_side(self, host: Host, world: World) -> None:
        learner = new_learner(host, surname="Connor", ni_number="", email="other@learner.example")
        seen = services.check_onefile_id(learner, world.add_learner(**THEM).id)
        shown = {each.name: each.agreement.value for each in seen.comparison.values}
        assert shown == {
            "first_name": "agrees",
            "surname": "differs",
            "date_of_birth": "agrees",
            "uln": "agrees",
            "ni_number": "blank",
            "email": "differs",
            "ident": "agrees",
            "start_date": "blank",
            "centre_id": "blank",
        }
        values = {each.name: (each.ours, each.theirs) for each in seen.comparison.values}
        assert values["date_of_birth"] == ("06/05/2004", "06/05/2004")
        assert set(seen.comparison.evidence) == {"first", "dob", "uln", "mis"}
        assert (seen.needs_tick, seen.is_linked, seen.holder) == (False, False, None)

    def test_it_takes_three_calls_and_writes_nothing(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        learner = new_learner(host)
        onefile_id = with_history(host, world, learner)
        seen = services.check_onefile_id(learner, onefile_id)
        assert dict(onefile.calls) == {
            "Authentication": 1,
            "User/get": 1,
            "LearningAim/Search": 1,
            "Review/Search": 1,
        }
        assert not RecordLink.objects.exists()
        onefile.calls.clear()
        services.link(learner, onefile_id, decided(seen))
        assert sum(onefile.calls.values()) <= 3
        assert world.writes == 0

    @pytest.mark.parametrize(
        ("theirs", "expected"),
        [
            ({"uln": OTHER_ULN}, ("uln",)),
            ({"nino": "CD987654A"}, ("ni",)),
            ({"dob": "1999-01-02", "last_name": "Price"}, ("dob", "surname")),
            ({"dob": "1999-01-02"}, ()),
            ({"last_name": "Price"}, ()),
            ({"uln": "1234567890"}, ()),  # not valid, so it tells nobody apart
            ({"dob": "", "last_name": "Price"}, ()),
        ],
    )
    def test_what_contradicts_needs_a_deliberate_tick(
        self, host: Host, world: World, theirs: dict[str, str], expected: tuple[str, ...]
    ) -> None:
        learner = new_learner(host)
        user = world.add_learner(**{**THEM, **theirs})
        seen = services.check_onefile_id(learner, user.id)
        assert seen.comparison.contradictions == expected
        if expected:
            assert code_of(services.link, learner, user.id, decided(seen)) == "link_contradicted"
            assert now(learner).onefile_id is None
        made = services.link(learner, user.id, decided(seen, same_person=bool(expected)))
        assert {f"-{code}" for code in expected} <= set(made.evidence)

    def test_an_archived_learner_is_said_to_be_and_allowed(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        user = world.add_learner(**THEM)
        user.archived = True
        assert linked(learner, user.id).onefile_id == user.id

    @pytest.mark.parametrize("switches", [Switches(rate_limit=0, archived_users="other role")], ids=["role"])
    def test_one_who_shows_as_archived_by_role(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        user = world.add_learner(**THEM)
        user.archived = True
        assert services.check_onefile_id(learner, user.id).archived is True

    def test_without_the_list_of_standards_an_aim_is_shown_by_its_id(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        seen = services.check_onefile_id(learner, with_history(host, world, learner))
        [aim] = seen.qualifications.theirs
        assert (aim.code, seen.qualifications.certain) == ("", {})
        keep_standards(world)
        seen = services.check_onefile_id(learner, seen.onefile_id)
        assert [each.code for each in seen.qualifications.theirs] == ["196AS"]
        assert list(seen.qualifications.certain.values()) == [aim.onefile_id]

    def test_reviews_are_proposed_only_where_both_sides_have_one_that_day(
        self, host: Host, world: World
    ) -> None:
        learner = new_learner(host)
        onefile_id = with_history(host, world, learner)
        host.review(learner, proposed_date=DAYS[0])
        seen = services.check_onefile_id(learner, onefile_id)
        assert (len(seen.reviews.ours), len(seen.reviews.theirs)) == (6, 6)
        assert len(seen.reviews.certain) == 4


class TestRefusals:
    @pytest.mark.parametrize("number", [0, -7, 99999999999999999999], ids=str)
    def test_what_is_no_onefile_id_makes_no_call(
        self, host: Host, onefile: SandboxServer, number: int
    ) -> None:
        assert code_of(services.check_onefile_id, new_learner(host), number) == "link_bad_id"
        assert not onefile.calls

    def test_nobody_has_it(self, host: Host) -> None:
        assert code_of(services.check_onefile_id, new_learner(host), 987654) == "link_unknown_id"

    def test_somebody_who_is_not_a_learner(self, host: Host, world: World) -> None:
        gwen = world.add_assessor()
        assert code_of(services.check_onefile_id, new_learner(host), gwen.id) == "link_not_a_learner"

    def test_somebody_of_another_customer(self, host: Host, world: World, onefile: SandboxServer) -> None:
        user = world.add_learner(**THEM)
        onefile.faults.append(Fault(operation="User/get", kind="status", status=403, times=9))
        assert code_of(services.check_onefile_id, new_learner(host), user.id) == "link_other_customer"

    def test_somebody_elses(self, host: Host, world: World, onefile: SandboxServer) -> None:
        user = world.add_learner(**THEM)
        other = host.learner(onefile_id=user.id, date_of_birth=date(1990, 1, 1), uln=OTHER_ULN)
        with pytest.raises(services.TakenByAnother) as caught:
            services.check_onefile_id(new_learner(host), user.id)
        assert caught.value.holder == str(other.pk)
        assert not onefile.calls

    def test_a_learner_with_another_onefile_id(self, host: Host, world: World) -> None:
        learner = new_learner(host, onefile_id=7)
        assert code_of(services.check_onefile_id, learner, world.add_learner().id) == "link_exists"

    def test_a_onefile_in_trouble(self, host: Host, world: World, onefile: SandboxServer) -> None:
        user = world.add_learner(**THEM)
        onefile.faults.append(Fault(operation="*", kind="html", times=99))
        assert code_of(services.check_onefile_id, new_learner(host), user.id) == "bad_answer"

    def test_without_a_token(self, host: Host) -> None:
        OneFileSettings.objects.update(encrypted_customer_token="")
        assert code_of(services.check_onefile_id, new_learner(host), 5) == "no_token"
        assert code_of(services.unlink, new_learner(host, ident="L8")) == "no_token"

    def test_ids_of_another_onefile(self, host: Host, world: World, onefile: SandboxServer) -> None:
        other = Tenant.objects.create(environment="live", address="https://x.example", token_digest="other")
        OneFileSettings.objects.update(linked_tenant=other, links_recorded=True)
        learner = new_learner(host)
        assert code_of(services.check_onefile_id, learner, world.add_learner().id) == "other_onefile"
        assert code_of(services.unlink, learner) == "other_onefile"
        assert not onefile.calls


class TestLinking:
    def test_learner_qualification_and_reviews_are_linked_at_once(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        onefile_id = with_history(host, world, learner)
        keep_standards(world)
        made = linked(learner, onefile_id)
        row = row_of(learner)
        assert (row.onefile_id, row.centre_id) == (onefile_id, world.centre_id)
        assert [each.onefile_id for each in row.qualifications] == list(world.aims)
        assert len({each.onefile_id for each in row.reviews} - {None}) == 5
        assert made.parts.count() == 6
        assert set(made.parts.values_list("how", flat=True)) == {LinkMethod.PAIRED}
        assert not made.reviews_pending
        assert sync(now(learner)).state == "updated"
        assert (len(world.reviews), len(row_of(learner).reviews)) == (6, 6)

    def test_until_it_is_answered_nothing_is_doubled(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        onefile_id = with_history(host, world, learner)
        made = linked(learner, onefile_id, reviews_answer=ReviewsAnswer.LATER)
        assert made.reviews_pending
        assert problems(sync(now(learner))) == ["reviews_not_paired"]
        assert (len(world.reviews), len(row_of(learner).reviews)) == (6, 5)
        again = linked(now(learner), onefile_id)
        assert (again.pk, again.reviews_pending) == (made.pk, False)
        assert problems(sync(now(learner))) == []
        assert (len(world.reviews), len(row_of(learner).reviews)) == (6, 6)

    def test_they_are_all_different(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        onefile_id = with_history(host, world, learner)
        made = linked(learner, onefile_id, reviews_answer=ReviewsAnswer.DIFFERENT)
        assert not made.reviews_pending
        assert {each.onefile_id for each in row_of(learner).reviews} == {None}

    def test_where_one_side_has_no_reviews_there_is_nothing_to_answer(self, host: Host, world: World) -> None:
        user = world.add_learner(**THEM)
        learner = new_learner(host)
        host.review(learner, proposed_date=DAYS[0])
        assert not linked(learner, user.id, reviews_answer=ReviewsAnswer.LATER).reviews_pending

    def test_what_changed_in_onefile_is_asked_again(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        user = world.add_learner(**THEM)
        seen = services.check_onefile_id(learner, user.id)
        user.last_name = "Price"
        with pytest.raises(AskAgain) as caught:
            services.link(learner, user.id, decided(seen))
        assert caught.value.code == "link_record_changed"
        assert now(learner).onefile_id is None
        assert services.link(learner, user.id, decided(caught.value.seen)).onefile_id == user.id

    def test_what_changed_in_picsweb_too(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        user = world.add_learner(**THEM)
        seen = services.check_onefile_id(learner, user.id)
        type(learner).objects.filter(pk=learner.pk).update(uln=OTHER_ULN)
        assert code_of(services.link, learner, user.id, decided(seen)) == "link_record_changed"

    def test_one_who_is_a_learner_no_longer(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        user = world.add_learner(**THEM)
        seen = services.check_onefile_id(learner, user.id)
        user.role = 5
        assert code_of(services.link, learner, user.id, decided(seen)) == "link_not_a_learner"

    @pytest.mark.parametrize("shown", ["", "made up", "W10:made-up"])
    def test_nobody_links_without_having_looked(self, host: Host, world: World, shown: str) -> None:
        learner = new_learner(host)
        user = world.add_learner(**THEM)
        seen = services.check_onefile_id(learner, user.id)
        assert code_of(services.link, learner, user.id, decided(seen, shown=shown)) == "link_record_changed"

    def test_what_one_learner_was_shown_is_not_another_learners(self, host: Host, world: World) -> None:
        user = world.add_learner(**THEM)
        seen = services.check_onefile_id(new_learner(host), user.id)
        other = new_learner(host, ident="L8")
        assert code_of(services.link, other, user.id, decided(seen)) == "link_record_changed"

    def test_a_record_chosen_twice_or_never_offered(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        onefile_id = with_history(host, world, learner)
        seen = services.check_onefile_id(learner, onefile_id)
        first, second = (each.pk for each in seen.reviews.ours[:2])
        review = seen.reviews.theirs[0].onefile_id
        for pairs in ({first: review, second: review}, {first: 5}, {"987654": review}):
            decision = replace(decided(seen), reviews=pairs)
            assert code_of(services.link, learner, onefile_id, decision) == "link_pairs_wrong"
        assert now(learner).onefile_id is None

    @pytest.mark.parametrize("switches", [Switches(rate_limit=0, page_limit=5)], ids=["capped"])
    def test_reviews_beyond_the_first_page_are_not_missed(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        onefile_id = with_history(host, world, learner)
        seen = services.check_onefile_id(learner, onefile_id)
        assert len(seen.reviews.theirs) == 5
        with pytest.raises(AskAgain) as caught:
            services.link(learner, onefile_id, decided(seen))
        assert len(caught.value.seen.reviews.theirs) == 6
        services.link(learner, onefile_id, decided(caught.value.seen))
        assert len({each.onefile_id for each in row_of(learner).reviews} - {None}) == 5

    @pytest.mark.parametrize("switches", [Switches(rate_limit=0, page_limit=5, items="rich")], ids=["capped"])
    def test_reviews_behind_those_of_others_are_not_missed(
        self, host: Host, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """OneFile ignores the filter by learner, and others have the first two pages."""
        other = world.add_learner(first_name="Ann", last_name="Ash")
        for number in range(10):
            at = datetime(2026, 1, 1 + number, 9, tzinfo=UTC)
            world.add_review(other.id, scheduled_for=at, assessor_id=world.add_assessor().id)
        learner = new_learner(host)
        onefile_id = with_history(host, world, learner)
        read = OneFile.page_of_reviews
        monkeypatch.setattr(
            OneFile, "page_of_reviews", lambda self, number, *_filters: read(self, number, None, None)
        )
        seen = services.check_onefile_id(learner, onefile_id)
        with pytest.raises(AskAgain) as caught:
            services.link(learner, onefile_id, decided(seen))
        assert len(caught.value.seen.reviews.theirs) == 6
        services.link(learner, onefile_id, decided(caught.value.seen))
        assert len({each.onefile_id for each in row_of(learner).reviews} - {None}) == 5

    def test_a_review_that_cannot_be_read_is_not_doubled(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        onefile_id = with_history(host, world, learner)
        seen = services.check_onefile_id(learner, onefile_id)
        next(iter(world.reviews.values())).wire["ID"] = ABSENT
        assert code_of(services.link, learner, onefile_id, decided(seen)) == "link_unreadable_review"
        assert code_of(services.check_onefile_id, learner, onefile_id) == "link_unreadable_review"
        assert now(learner).onefile_id is None

    def test_if_one_row_cannot_be_linked_none_is(
        self, host: Host, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        learner = new_learner(host)
        onefile_id = with_history(host, world, learner)
        seen = services.check_onefile_id(learner, onefile_id)
        save = picsweb.save_fields

        def refuses_reviews(kind: str, pk: str, *given: Any) -> Any:
            if kind == "review":
                raise picsweb.Rejected(kind, pk)
            return save(kind, pk, *given)

        monkeypatch.setattr(picsweb, "save_fields", refuses_reviews)
        assert code_of(services.link, learner, onefile_id, decided(seen)) == "link_not_taken"
        assert now(learner).onefile_id is None
        assert not RecordLink.objects.exists()


class TestUnlinking:
    def test_everything_of_the_learner_is_cleared_and_kept(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        linked(learner, with_history(host, world, learner))
        writes = world.writes
        ended = services.unlink(now(learner))
        assert ended is not None
        assert (now(learner).onefile_id, now(learner).onefile_centre_id) == (None, None)
        assert picsweb.linked_rows_of(str(learner.pk)) == []
        assert ended.parts.filter(ending=LinkEnding.UNLINKED).count() == 5
        assert world.writes == writes

    def test_ids_that_were_typed_are_kept_as_well(self, host: Host, world: World) -> None:
        user = world.add_learner(**THEM)
        learner = new_learner(host, onefile_id=user.id)
        host.qualification(learner, onefile_id=world.add_aim(user.id).id)
        ended = services.unlink(learner)
        assert ended is not None
        assert ended.parts.count() == 1

    def test_the_same_record_again_restores_everything(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        onefile_id = with_history(host, world, learner)
        keep_standards(world)
        linked(learner, onefile_id)
        sync(now(learner))
        before = picsweb.linked_rows_of(str(learner.pk))
        services.unlink(now(learner))
        made = linked(now(learner), onefile_id)
        assert picsweb.linked_rows_of(str(learner.pk)) == before
        assert set(made.parts.values_list("how", flat=True)) == {LinkMethod.RESTORED}
        assert sync(now(learner)).state == "unchanged"
        assert len(world.reviews) == 6

    def test_rows_that_are_gone_or_linked_otherwise_are_not_restored(self, host: Host, world: World) -> None:
        learner = new_learner(host)
        user = world.add_learner(**THEM)
        aims = [world.add_aim(user.id).id for _each in range(3)]
        type(learner).objects.filter(pk=learner.pk).update(onefile_id=user.id)
        kept, gone, other = (host.qualification(learner, onefile_id=aim) for aim in aims)
        services.unlink(now(learner))
        gone.delete()
        type(other).objects.filter(pk=other.pk).update(onefile_id=5)
        linked(now(learner), user.id)
        assert {now(kept).onefile_id, now(other).onefile_id} == {aims[0], 5}

    def test_a_learner_without_an_id(self, host: Host) -> None:
        assert services.unlink(new_learner(host)) is None

    def test_not_while_a_run_is_at_work(self, host: Host, world: World) -> None:
        learner = new_learner(host, onefile_id=world.add_learner(**THEM).id)
        outcome(learner, "working")
        assert code_of(services.unlink, learner) == "link_at_work"
        assert now(learner).onefile_id is not None

    def test_a_run_that_waits_finds_nobody_to_exchange(self, host: Host, world: World) -> None:
        learner = new_learner(host, onefile_id=world.add_learner(**THEM).id)
        run = services.refresh_now([learner])
        services.unlink(learner)
        services.perform(run)
        assert run.outcomes.get().state == "skipped"

    @pytest.mark.parametrize(
        "begun", [{"in_doubt_since": timezone.now()}, {"visit_id": 4}], ids=["in doubt", "visit"]
    )
    def test_not_while_onefile_may_have_a_review(self, host: Host, world: World, begun: Any) -> None:
        learner = new_learner(host, onefile_id=world.add_learner(**THEM).id)
        intent = UploadIntent.objects.create(
            learner_type=picsweb.learner_type(),
            learner_pk=str(learner.pk),
            review_pk="1",
            scheduled_for=timezone.now(),
            **begun,
        )
        assert code_of(services.unlink, learner) == "link_upload_unfinished"
        intent.finished_at = timezone.now()
        intent.save()
        assert services.unlink(learner) is not None


def outcome(learner: Any, state: str) -> LearnerOutcome:
    from onefile_sync.models import SyncRun

    return LearnerOutcome.objects.create(
        run=SyncRun.objects.create(kind="daily", state="running"),
        learner_type=ContentType.objects.get_for_model(learner),
        learner_pk=str(learner.pk),
        state=state,
        claimed_by=uuid4(),
        lease_expires_at=timezone.now(),
    )


class TestMoving:
    """A person begins a second programme: a new record in PICSWeb, and the same one in OneFile."""

    @pytest.fixture
    def earlier(self, host: Host, world: World) -> Any:
        user = world.add_learner(**THEM)
        learner = new_learner(host, ident="L1", onefile_id=user.id)
        host.qualification(learner, onefile_id=world.add_aim(user.id).id)
        return learner

    def test_the_link_moves_in_one_step_if_a_person_says_so(
        self, host: Host, world: World, earlier: Any
    ) -> None:
        later = new_learner(host, ident="L2")
        seen = services.check_onefile_id(later, earlier.onefile_id)
        assert seen.holder == str(earlier.pk)
        assert code_of(services.link, later, earlier.onefile_id, decided(seen)) == "link_has_earlier_record"
        made = services.link(later, earlier.onefile_id, decided(seen, move_from=str(earlier.pk)))
        assert (now(later).onefile_id, now(earlier).onefile_id) == (earlier.onefile_id, None)
        assert picsweb.linked_rows_of(str(earlier.pk)) == []
        ended = RecordLink.objects.get(subject_kind="learner", subject_pk=str(earlier.pk))
        assert (made.how, ended.ending) == (LinkMethod.MOVED, LinkEnding.MOVED)

    def test_what_the_earlier_record_was_linked_to_may_be_chosen(
        self, host: Host, world: World, earlier: Any
    ) -> None:
        later = new_learner(host, ident="L2")
        ours = host.qualification(later)
        seen = services.check_onefile_id(later, earlier.onefile_id)
        [aim] = seen.qualifications.theirs
        services.link(
            later,
            earlier.onefile_id,
            decided(seen, move_from=str(earlier.pk), qualifications={str(ours.pk): aim.onefile_id}),
        )
        assert now(ours).onefile_id == aim.onefile_id

    def test_not_from_a_twin(self, host: Host, world: World, earlier: Any) -> None:
        twin = new_learner(host, first_name="Nia", uln=OTHER_ULN, ni_number="CD987654A", ident="L2")
        assert code_of(services.check_onefile_id, twin, earlier.onefile_id) == "link_taken"

    def test_not_while_a_run_is_at_work_on_the_earlier_record(
        self, host: Host, world: World, earlier: Any
    ) -> None:
        later = new_learner(host, ident="L2")
        seen = services.check_onefile_id(later, earlier.onefile_id)
        outcome(earlier, "working")
        assert (
            code_of(services.link, later, earlier.onefile_id, decided(seen, move_from=str(earlier.pk)))
            == "link_at_work"
        )
        assert now(earlier).onefile_id is not None
