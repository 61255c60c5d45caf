"""What OneFile is asked when everyone is read at once, and what is done where its lists are of no use."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from onefile_sync import services
from onefile_sync.models import Listing, ListingKind, OneFileSettings, Problem, StagedRecord, SyncRun
from onefile_sync.sandbox import answers
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync.bulk import listings, sample, selection
from tests.conftest import dont_wait, problems, sync
from tests.factories import Host
from tests.scenarios.everyone import build_everyone, build_in_step, daily

pytestmark = pytest.mark.matrix

LEARNERS = 12


@pytest.fixture(autouse=True)
def short_pages(settings: Any, host: Host) -> None:
    """Ten records a page, so that a few learners fill several."""
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 10}


def listings_of(run: SyncRun, **values: Any) -> Any:
    return run.listings.filter(**values)


def detail_calls(onefile: SandboxServer) -> dict[str, int]:
    return {
        name: number
        for name, number in onefile.calls.items()
        if name.endswith("/get") and name != "Customer/get"
    }


class TestAQuietDay:
    @pytest.mark.parametrize("items", ["rich"])
    def test_costs_the_pages_and_a_sample_where_lists_give_whole_records(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        build_in_step(host, world, LEARNERS)
        daily()
        onefile.reset_counts()

        run = daily()

        assert set(run.outcomes.values_list("state", flat=True)) == {"unchanged"}
        pages = 3 + 4  # 24 learning aims and 36 reviews
        assert services.totals(run).api_calls == sum(onefile.calls.values())
        assert sum(onefile.calls.values()) <= pages + 10
        assert detail_calls(onefile) == {"LearningAim/get": sample.SAMPLE, "Review/get": sample.SAMPLE}

    @pytest.mark.parametrize("items", ["thin"])
    def test_reads_what_can_matter_where_lists_are_thin(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        build_in_step(host, world, LEARNERS)
        stranger = world.add_learner()
        for _number in range(5):
            world.add_aim(stranger.id)
            world.add_review(stranger.id, created_on=timezone.now())
        world.add_aim(next(iter(world.aims.values())).user_id)  # of a learner in scope, and linked to nothing
        daily()
        onefile.reset_counts()

        daily()

        assert detail_calls(onefile) == {"LearningAim/get": LEARNERS * 2, "Review/get": LEARNERS * 3}

    def test_writes_nothing_to_picsweb_and_one_row_for_each_learner(
        self, host: Host, world: World, onefile: SandboxServer, counting: Callable[[], Any]
    ) -> None:
        build_in_step(host, world, LEARNERS)
        daily()

        with counting() as counted:
            run = daily()

        assert counted.to_picsweb == 0
        assert run.outcomes.count() == LEARNERS
        assert not Problem.objects.filter(outcome__run=run).exists()

    @pytest.mark.parametrize("items", ["rich"])
    @pytest.mark.parametrize("host", ["picsweb"], indirect=True)
    def test_asks_the_database_as_often_for_many_learners_as_for_few(
        self, host: Host, world: World, onefile: SandboxServer, counting: Callable[[], Any], settings: Any
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 1000}
        asked = []
        for more in (5, 20):
            build_in_step(host, world, more)
            for _night in range(3):
                daily()
            with counting() as counted:
                daily()
            asked.append(len(counted.captured.captured_queries))

        assert asked[0] == asked[1]


class TestTheSample:
    @pytest.mark.parametrize("items", ["rich"])
    def test_that_differs_from_the_list_has_every_record_read(
        self, host: Host, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build_in_step(host, world, LEARNERS)
        monkeypatch.setattr(answers, "as_detail", _forgetful(answers.as_detail))

        run = daily()

        assert listings_of(run, kind=ListingKind.AIM, differs=True).exists()
        assert onefile.calls["LearningAim/get"] >= LEARNERS * 2
        assert any(
            "differed between the list and the full record" in note for note in services.how_it_read(run)
        )
        assert set(run.outcomes.values_list("state", flat=True)) == {"updated"}
        for aim in world.aims.values():
            assert (
                StagedRecord.objects.get(onefile_id=aim.id).values["registration_number"]
                == aim.registration_number
            )

    @pytest.mark.parametrize("items", ["rich"])
    def test_that_differs_makes_a_refresh_read_every_record_too(
        self, host: Host, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        learner = build_in_step(host, world, LEARNERS)[0]
        with monkeypatch.context() as patch:
            patch.setattr(answers, "as_detail", _forgetful(answers.as_detail))
            daily()

            assert sync(learner).state == "unchanged"
            onefile.reset_counts()
            sync(learner)
            assert onefile.calls["LearningAim/get"] == 2
            assert not onefile.calls["Review/get"], "the lists of reviews were as the records"

        daily()  # lists are as the records again
        onefile.reset_counts()
        assert sync(learner).state == "unchanged"
        assert detail_calls(onefile) == {}

    @pytest.mark.parametrize("items", ["rich"])
    def test_of_records_that_were_changed_since_they_were_listed_is_no_difference(
        self, host: Host, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build_in_step(host, world, LEARNERS)
        chosen = sample.Sample._chosen

        def change_first(self: Any, kept: Any) -> Any:
            for aim in world.aims.values():
                aim.registration_number = "CHANGED"
            return chosen(self, kept)

        monkeypatch.setattr(sample.Sample, "_chosen", change_first)

        run = daily()

        assert not listings_of(run, differs=True).exists()
        assert services.how_it_read(run) == []


def _forgetful(as_detail: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """What a list tells of a record: all but the registration number."""

    def told(record: Any, switches: Switches) -> dict[str, Any]:
        detail = as_detail(record, switches)
        if any(frame.name == "found" for frame in traceback.extract_stack()):
            detail["RegistrationNumber"] = "OF YESTERDAY"
        return detail

    return told


class TestFallingBack:
    @pytest.mark.parametrize(
        ("refusing", "kind", "note"),
        [
            ({"aim_search_without_user": "refused"}, ListingKind.AIM, "learning aims of all learners"),
        ],
    )
    def test_to_learner_by_learner_where_a_search_for_everyone_is_refused(
        self,
        host: Host,
        world: World,
        make_onefile_sandbox: Callable[..., SandboxServer],
        onefile: SandboxServer,
        settings: Any,
        switches: Switches,
        refusing: Any,
        kind: str,
        note: str,
    ) -> None:
        build_in_step(host, world, 3)
        refuses = make_onefile_sandbox(world=world, switches=replace(switches, **refusing))
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": refuses.url}
        connected = OneFileSettings.load()
        connected.set_customer_token(refuses.customer_token)
        connected.save()

        run = daily()

        assert listings_of(run, kind=kind).exclude(fallback="").exists()
        assert set(run.outcomes.values_list("state", flat=True)) == {"updated"}
        assert any(note in told for told in services.how_it_read(run))
        assert set(daily().outcomes.values_list("state", flat=True)) == {"unchanged"}

    def test_where_the_lists_are_far_longer_than_the_learners_are_many(
        self, host: Host, world: World, onefile: SandboxServer, settings: Any
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 2}
        (learner,) = build_in_step(host, world, 1)
        for _number in range(100):
            world.add_aim(world.add_learner().id)

        run = daily()

        assert listings_of(run, kind=ListingKind.AIM).get().fallback == "too_long"
        assert onefile.calls["LearningAim/Search"] < 30
        assert run.outcomes.get().state == "updated"
        assert learner

    def test_to_all_centres_where_they_cannot_be_listed(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        build_in_step(host, world, 3)
        onefile.faults.append(Fault(operation="Organisation/Search", kind="status", status=403, times=99))

        run = daily()

        assert listings_of(run, kind=ListingKind.REVIEW).get().centre_id == 0
        assert any("centres could not be listed" in note for note in services.how_it_read(run))
        assert set(run.outcomes.values_list("state", flat=True)) == {"updated"}


class TestAPageLimit:
    @pytest.fixture
    def switches(self, items: Any) -> Switches:
        return Switches(rate_limit=0, items=items, page_limit=7)

    def test_below_what_is_asked_for_does_not_end_a_list_early(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        build_in_step(host, world, LEARNERS)

        daily()

        kept = StagedRecord.objects.exclude(digest="")
        assert kept.filter(kind=ListingKind.AIM).count() == len(world.aims)
        assert kept.filter(kind=ListingKind.REVIEW).count() == len(world.reviews)


class TestAShortPage:
    """OneFile may leave a record out of a page, such as one that we may not see."""

    @pytest.mark.parametrize("page", [1, 2, 3])
    def test_hides_no_new_review_that_comes_after_it(
        self, host: Host, world: World, onefile: SandboxServer, page: int
    ) -> None:
        *_others, learner = build_in_step(host, world, LEARNERS)
        daily()
        left_out = sorted(world.reviews)[page * 10 - 5]
        world.add_review(learner.onefile_id, scheduled_for=timezone.now())
        onefile.faults.append(
            Fault(
                operation="Review/Search",
                kind="edited",
                when="after",
                times=10**6,
                edit=lambda items: [item for item in items if item["ID"] != left_out],
            )
        )

        run = daily()

        assert run.outcomes.get(learner_pk=str(learner.pk)).state == "updated"

    @pytest.mark.parametrize("broken", [1, 2])
    def test_of_broken_items_only_ends_no_list(
        self, host: Host, world: World, onefile: SandboxServer, settings: Any, broken: int
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 2}
        *_others, learner = build_in_step(host, world, 4)
        daily()
        spoilt = sorted(world.reviews)[2 : 2 + 2 * broken]
        world.add_review(learner.onefile_id, scheduled_for=timezone.now())
        onefile.faults.append(
            Fault(
                operation="Review/Search",
                kind="edited",
                when="after",
                times=10**6,
                edit=lambda items: [None if item["ID"] in spoilt else item for item in items],
            )
        )

        run = daily()

        assert run.outcomes.get(learner_pk=str(learner.pk)).state == "updated"


class TestRecordsThatMove:
    def test_that_vanish_are_reported_as_deleted(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        build_in_step(host, world, 3)
        daily()
        del world.aims[min(world.aims)]
        del world.reviews[min(world.reviews)]

        run = daily()

        told = sorted(code for outcome in run.outcomes.all() for code in problems(outcome))
        assert told == ["aim_gone", "review_gone"]
        assert not StagedRecord.objects.filter(
            onefile_id__lt=min(world.reviews), kind=ListingKind.REVIEW
        ).exists()

    def test_to_a_page_that_was_read_already_are_not_reported(
        self, host: Host, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One of the first page is deleted when that was read, so that what follows moves up by one."""
        build_in_step(host, world, LEARNERS)
        strangers = world.add_learner()
        first = world.add_aim(strangers.id, id=1)
        daily()
        read = listings._Page._read

        def delete_after(self: Any, client: Any) -> Any:
            page = read(self, client)
            if self.listing.kind == ListingKind.AIM and self.page.number == 1:
                world.aims.pop(first.id, None)
            return page

        monkeypatch.setattr(listings._Page, "_read", delete_after)

        run = daily()

        assert first.id not in world.aims
        assert not Problem.objects.filter(outcome__run=run).exists()
        assert set(run.outcomes.values_list("state", flat=True)) == {"unchanged"}


class TestRotation:
    """Where a night is too short for all that lists leave out."""

    LEARNERS = 2

    @pytest.fixture
    def items(self) -> Any:
        return "thin"

    @pytest.fixture
    def short_nights(self, settings: Any, host: Host, world: World, onefile: SandboxServer) -> list[Any]:
        """Three nights have passed; from now on there is time for the learning aims and half of the reviews."""
        people = build_in_step(host, world, self.LEARNERS)
        for _night in range(3):
            daily()
        calls = self.LEARNERS * 2 + self.LEARNERS * 3 // 2
        settings.ONEFILE_SYNC = {
            **settings.ONEFILE_SYNC,
            "CALLS_PER_MINUTE": 6000,
            "NIGHT_HOURS": calls / 6000 / 60,
        }
        return people

    def test_puts_settled_reviews_off_and_says_how_many(
        self, short_nights: list[Any], world: World, onefile: SandboxServer
    ) -> None:
        onefile.reset_counts()

        run = daily()

        assert 0 < run.put_off < self.LEARNERS * 3
        assert onefile.calls["Review/get"] == self.LEARNERS * 3 - run.put_off
        assert onefile.calls["LearningAim/get"] == self.LEARNERS * 2
        assert any(f"{run.put_off} settled reviews" in note for note in services.how_it_read(run))
        assert set(run.outcomes.values_list("state", flat=True)) == {"unchanged"}

    def test_reads_each_at_least_once_in_seven_days(
        self, short_nights: list[Any], world: World, onefile: SandboxServer
    ) -> None:
        began = timezone.now()
        for night in range(1, 10):  # on the eighth a review that is never read would be too old
            with time_machine.travel(began + timedelta(days=night), tick=False) as clock:
                daily(clock.shift)
                oldest = StagedRecord.objects.filter(kind=ListingKind.REVIEW).order_by("read_at")[0].read_at
                assert oldest is not None
                assert timezone.now() - oldest <= timedelta(days=selection.ROTATION)

    def test_reads_what_is_not_settled_every_night(
        self, short_nights: list[Any], world: World, onefile: SandboxServer
    ) -> None:
        planned = next(iter(world.reviews.values()))
        planned.assessor_signed_on = None
        first = timezone.now() + timedelta(days=1)
        # On its own day it is read in any case, and found to have changed.
        first += timedelta(days=(planned.id - first.toordinal()) % selection.ROTATION)
        for night in range(4):
            with time_machine.travel(first + timedelta(days=night), tick=False) as clock:
                daily(clock.shift)
                row = StagedRecord.objects.get(kind=ListingKind.REVIEW, onefile_id=planned.id)
                assert row.read_at == timezone.now()
                assert not row.settled

    def test_puts_nothing_off_where_the_night_is_long_enough(
        self, host: Host, world: World, onefile: SandboxServer, settings: Any
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "CALLS_PER_MINUTE": 6000}
        build_in_step(host, world, 3)
        for _night in range(3):
            run = daily()

        assert run.put_off == 0


class TestWhatIsKept:
    def test_of_people_who_are_not_in_scope_is_whose_it_is_and_nothing_else(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        build_everyone(host, world)

        daily()

        strangers = StagedRecord.objects.filter(learner_pk="")
        assert all(row.values == {} for row in strangers)
        assert "NOT OURS" not in str(list(StagedRecord.objects.values()))

    def test_goes_with_the_learner(self, host: Host, world: World, onefile: SandboxServer) -> None:
        learner, *_others = build_in_step(host, world, 2)
        daily()
        pk = str(learner.pk)
        assert StagedRecord.objects.filter(learner_pk=pk).exists()

        learner.delete()

        assert not StagedRecord.objects.filter(learner_pk=pk).exists()

    def test_is_pruned_when_it_was_not_read_for_long(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        build_in_step(host, world, 2)
        daily()
        StagedRecord.objects.filter(kind=ListingKind.AIM).update(read_at=timezone.now() - timedelta(days=91))

        services.prune(90)

        assert set(StagedRecord.objects.values_list("kind", flat=True)) == {ListingKind.REVIEW}

    def test_is_not_used_after_the_learner_was_refreshed(
        self, host: Host, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        learner, *_others = build_in_step(host, world, 2)
        daily()
        aim = next(iter(world.aims.values()))
        advance = listings._advance

        def assessor_and_clerk(run: SyncRun) -> bool:
            """After the lists were read, an assessor enters a number, and somebody presses Refresh."""
            advanced = advance(run)
            run.refresh_from_db()
            if run.read_at is not None and aim.registration_number != "NEW":
                aim.registration_number = "NEW"
                services.perform(services.refresh_now([learner]), sleep=dont_wait)
            return advanced

        monkeypatch.setattr(listings, "_advance", assessor_and_clerk)

        run = daily()

        assert aim.registration_number == "NEW"
        assert set(run.outcomes.values_list("state", flat=True)) == {"unchanged"}
        assert not Listing.objects.filter(run=run).exclude(fallback="").exists()
