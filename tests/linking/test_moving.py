"""OneFile IDs are put away with their OneFile, and come back with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from onefile_sync import host as picsweb
from onefile_sync import services, tasks
from onefile_sync.linking import linker, moving
from onefile_sync.models import (
    Difference,
    LinkEnding,
    LinkMethod,
    OneFileSettings,
    RecordLink,
    RunKind,
    StagedRecord,
    Tenant,
    UploadIntent,
)
from onefile_sync.sync.connection import id_owner
from tests.factories import Host
from tests.run_fixtures import queued_tasks, run_of

pytestmark = pytest.mark.matrix

PRACTICE_TOKEN, LIVE_TOKEN = "token-of-practice", "token-of-live"


def go_to(environment: str, token: str) -> None:
    """Enter another environment with its token, as the settings page saves it."""
    row = OneFileSettings.load()
    row.environment = environment
    row.set_customer_token(token)
    row.save()


def move_to(environment: str, token: str) -> Tenant:
    go_to(environment, token)
    services.begin_move(None)
    return present()


def present() -> Tenant:
    tenant = OneFileSettings.load().linked_tenant
    assert tenant is not None
    return tenant


def live() -> Tenant:
    return move_to("live", LIVE_TOKEN)


def practice() -> Tenant:
    return move_to("practice", PRACTICE_TOKEN)


@pytest.fixture
def linked_rows(host: Host, switched_on: OneFileSettings) -> dict[str, list[Any]]:
    """Learners, qualifications, reviews, officers and organisations linked to Practice, most by typing."""
    go_to("practice", PRACTICE_TOKEN)
    id_owner.confirm(OneFileSettings.load(), lambda: 0)
    learners = [host.learner(onefile_id=1000 + each, centre_id=5740) for each in range(3)]
    made = {
        "learner": learners,
        "qualification": [host.qualification(each, onefile_id=2000 + n) for n, each in enumerate(learners)],
        "review": [host.review(each, onefile_id=3000 + n) for n, each in enumerate(learners)],
        "officer": [host.officer(onefile_id=1000)],
    }
    made["learner"].append(host.learner(onefile_id=None))
    linker.link(
        "learner", str(made["learner"][3].pk), 1003, tenant=present(), how=LinkMethod.CHECKED, centre_id=5741
    )
    return made


def ids(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The OneFile ID of each row, and the centre of each learner."""
    found: dict[str, list[Any]] = {}
    for kind, of_kind in rows.items():
        found[kind] = [tuple((picsweb.link_values(kind, str(row.pk)) or {}).values()) for row in of_kind]
    return found


def nobody(rows: dict[str, list[Any]]) -> bool:
    return all(value is None for found in ids(rows).values() for row in found for value in row)


def test_in_another_environment_no_row_has_an_id_and_back_in_the_first_all_have_theirs(
    linked_rows: dict[str, list[Any]],
) -> None:
    before, from_practice = ids(linked_rows), present()

    assert live().environment == "live"
    assert nobody(linked_rows)
    assert practice() == from_practice

    assert ids(linked_rows) == before
    assert OneFileSettings.load().moving_to is None
    assert not RecordLink.objects.exclude(ended_at=None).exists()


def test_what_is_known_of_a_link_comes_back_with_it(linked_rows: dict[str, list[Any]]) -> None:
    checked = RecordLink.objects.get(how=LinkMethod.CHECKED)
    part = RecordLink.objects.create(
        tenant=checked.tenant,
        subject_kind="qualification",
        subject_type=checked.subject_type,
        subject_pk="99",
        onefile_id=77,
        parent=checked,
        how=LinkMethod.PAIRED,
        ended_at=timezone.now(),
        ending=LinkEnding.UNLINKED,
    )
    as_it_was = RecordLink.objects.filter(pk=checked.pk).values().get()

    live()
    put_away = RecordLink.objects.get(pk=checked.pk)
    assert put_away.ending == LinkEnding.PUT_AWAY
    practice()

    assert RecordLink.objects.filter(pk=checked.pk).values().get() == as_it_was
    assert list(checked.parts.all()) == [part]


def test_each_environment_has_its_own_links_of_the_same_rows(linked_rows: dict[str, list[Any]]) -> None:
    in_practice = ids(linked_rows)
    tenant = live()
    for row in linked_rows["learner"]:  # the same numbers, the other way round
        number = 1003 - linked_rows["learner"].index(row)
        linker.link("learner", str(row.pk), number, tenant=tenant, how=LinkMethod.CHECKED, centre_id=9)
    in_live = ids(linked_rows)

    for _again in range(2):
        practice()
        assert ids(linked_rows) == in_practice
        live()
        assert ids(linked_rows) == in_live


class TestFurtherCentres:
    def test_links_that_no_row_holds_are_put_away_and_come_back(
        self, linked_rows: dict[str, list[Any]]
    ) -> None:
        officer = linked_rows["officer"][0]
        further = linker.link(
            "officer",
            str(officer.pk),
            4711,
            tenant=present(),
            how=LinkMethod.MIS_VALUE,
            centre_id=2,
            in_row=False,
        )

        live()
        further.refresh_from_db()
        assert further.ending == LinkEnding.PUT_AWAY
        practice()

        further.refresh_from_db()
        assert (further.ended_at, further.ending) == (None, "")

    def test_a_link_that_the_row_contradicts_does_not(self, linked_rows: dict[str, list[Any]]) -> None:
        learner = linked_rows["learner"][3]
        picsweb.save_fields("learner", str(learner.pk), {"onefile_id": 1003}, {"onefile_id": 55})

        live()

        assert RecordLink.objects.get(how=LinkMethod.CHECKED).ending == LinkEnding.REPLACED
        practice()
        assert picsweb.link_values("learner", str(learner.pk)) == {"onefile_id": 55, "centre_id": 5741}


class TestWhatCannotComeBack:
    def test_stays_put_away_and_is_listed(self, linked_rows: dict[str, list[Any]]) -> None:
        deleted, typed, taken, _fourth = linked_rows["learner"]
        live()
        pks = {each: str(each.pk) for each in (deleted, typed, taken)}
        for each in ("qualification", "review"):
            linked_rows[each][0].delete()
        deleted.delete()
        move_to("live", LIVE_TOKEN)
        # In Practice again: one has got another ID meanwhile, and another row has the ID of the third.
        OneFileSettings.objects.update(moving_to=Tenant.objects.get(environment="practice"))
        OneFileSettings.objects.update(linked_tenant=Tenant.objects.get(environment="practice"))
        picsweb.save_fields("learner", pks[typed], {"onefile_id": None}, {"onefile_id": 5})
        picsweb.save_fields("learner", str(_fourth.pk), {"onefile_id": None}, {"onefile_id": 1002})
        go_to("practice", PRACTICE_TOKEN)

        assert services.move_links()

        left = {
            each.onefile_id for each in services.link_status().left_behind if each.subject_kind == "learner"
        }
        assert left == {1001, 1002, 1003}  # a deleted row takes its link along
        assert picsweb.onefile_ids("learner", [pks[typed], pks[taken]]) == {pks[typed]: 5, pks[taken]: None}

    def test_is_out_of_date_once_the_row_is_linked_by_hand(self, linked_rows: dict[str, list[Any]]) -> None:
        learner = linked_rows["learner"][3]
        tenant = present()
        RecordLink.objects.update(ended_at=timezone.now(), ending=LinkEnding.PUT_AWAY)
        picsweb.save_fields("learner", str(learner.pk), {"onefile_id": 1003}, {"onefile_id": None})

        linker.link("learner", str(learner.pk), 88, tenant=tenant, how=LinkMethod.CHECKED)

        assert RecordLink.objects.get(onefile_id=1003).ending == LinkEnding.REPLACED


@pytest.mark.matrix("nth")
class TestInterrupted:
    """kill -9 anywhere loses nothing and doubles nothing."""

    @pytest.fixture(autouse=True)
    def small_pieces(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(moving, "PIECE", 2)

    @pytest.mark.parametrize("step", ["_note", "_clear", "_switch", "_bring_back", "_finish"])
    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("nth", [1, 2])
    def test_a_move_goes_on_from_there(
        self,
        linked_rows: dict[str, list[Any]],
        monkeypatch: pytest.MonkeyPatch,
        step: str,
        when: str,
        nth: int,
    ) -> None:
        before = ids(linked_rows)
        calls, work = [0], getattr(moving, step)

        def killed(*arguments: Any) -> None:
            calls[0] += 1
            if calls[0] != nth:
                return work(*arguments)
            if when == "after":
                work(*arguments)
            raise SystemExit

        monkeypatch.setattr(moving, step, killed)
        for go in (live, practice):
            try:
                go()
            except SystemExit:
                assert services.sweep() == 0
                assert tasks.move_links() == "finished"
            if go is live:
                assert nobody(linked_rows)
        assert ids(linked_rows) == before
        assert OneFileSettings.load().moving_to is None
        links = RecordLink.objects.values_list("tenant", "subject_kind", "subject_pk", "onefile_id")
        assert len(set(links)) == len(links)

    def test_a_row_in_another_database_that_was_written_before_the_link_is_no_harm(
        self, linked_rows: dict[str, list[Any]]
    ) -> None:
        before = ids(linked_rows)
        live()
        learner = linked_rows["learner"][0]
        picsweb.save_fields("learner", str(learner.pk), {"onefile_id": None}, {"onefile_id": 1000})
        OneFileSettings.objects.update(
            linked_tenant=Tenant.objects.get(environment="practice"),
            moving_to=Tenant.objects.get(environment="practice"),
        )
        go_to("practice", PRACTICE_TOKEN)

        assert services.move_links()

        assert ids(linked_rows) == before

    def test_a_worker_that_comes_late_leaves_what_came_back_alone(
        self, linked_rows: dict[str, list[Any]]
    ) -> None:
        from_practice = present()
        rows = picsweb.rows_with_onefile_id("learner")
        to_live = live()
        practice()
        before = ids(linked_rows)

        with pytest.raises(moving._GoneOn):
            moving._clear("learner", rows, from_practice, to_live)

        assert ids(linked_rows) == before

    def test_when_time_is_up_the_rest_is_left_to_the_next_task(
        self, linked_rows: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(moving, "AT_ONCE", 0)
        live()
        assert OneFileSettings.load().moving_to is not None

        asked = []
        assert not moving.move_on(lambda: len(asked) > 1 or asked.append(1) is not None)
        status = services.link_status()
        assert (status.code, status.waiting) == ("links_moving", 8)
        assert tasks.move_links() == "finished"

        assert nobody(linked_rows)

    def test_when_time_is_up_the_next_task_brings_the_rest_back(
        self, linked_rows: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = ids(linked_rows)
        live()
        monkeypatch.setattr(moving, "AT_ONCE", 0)
        practice()

        assert not moving.move_on(lambda: True)
        assert nobody(linked_rows)
        assert tasks.move_links() == "finished"
        assert ids(linked_rows) == before


class TestRowsThatPICSWebDoesNotClear:
    def test_the_move_waits_for_them(
        self, linked_rows: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save = picsweb.save_fields
        stubborn = str(linked_rows["learner"][1].pk)

        def refuse(kind: str, pk: str, *values: Any) -> Any:
            if (kind, pk) == ("learner", stubborn):
                raise picsweb.Rejected(kind, pk)
            return save(kind, pk, *values)

        monkeypatch.setattr(linker.host, "save_fields", refuse)
        go_to("live", LIVE_TOKEN)
        services.begin_move(None)

        assert OneFileSettings.load().moving_to is not None
        assert services.link_status().waiting == 1
        with pytest.raises(services.Refused, match="links_moving"):
            services.start_daily()
        monkeypatch.setattr(linker.host, "save_fields", save)
        assert tasks.move_links() == "finished"
        assert nobody(linked_rows)


class TestRefusedMoves:
    def test_while_a_run_is_open(self, linked_rows: dict[str, list[Any]]) -> None:
        run = run_of(linked_rows["learner"])

        refusal = services.refusal_to_move()

        assert refusal is not None
        assert refusal.code == "move_run_open"
        assert str(run) in refusal.reason

    def test_a_run_opened_at_the_same_moment_is_waited_for(self, linked_rows: dict[str, list[Any]]) -> None:
        run = run_of(linked_rows["learner"], RunKind.DAILY)

        live()

        assert not nobody(linked_rows)
        run.state = "finished"
        run.save()
        assert tasks.move_links() == "finished"
        assert nobody(linked_rows)

    @pytest.mark.parametrize(
        ("ago", "has_left", "refused"),
        [(1, False, True), (99, False, True), (1, True, True), (99, True, False)],
    )
    def test_while_an_upload_is_in_doubt(
        self, linked_rows: dict[str, list[Any]], ago: int, has_left: bool, refused: bool
    ) -> None:
        learner = linked_rows["learner"][0]
        UploadIntent.objects.create(
            learner_type=services.learner_type(),
            learner_pk=str(learner.pk),
            review_pk="5",
            scheduled_for=timezone.now(),
            in_doubt_since=timezone.now() - timedelta(minutes=ago),
        )

        refusal = services.refusal_to_move(has_left=has_left)

        assert (refusal is not None) == refused
        if refusal is not None:
            assert f"learner {learner.pk}." in refusal.reason


def test_what_was_read_of_the_old_onefile_goes_and_open_uploads_come_back(
    linked_rows: dict[str, list[Any]],
) -> None:
    learner_type, pk = services.learner_type(), str(linked_rows["learner"][0].pk)
    StagedRecord.objects.create(kind="aim", onefile_id=2000, learner_type=learner_type, learner_pk=pk)
    Difference.objects.create(
        learner_type=learner_type, learner_pk=pk, side="onefile", subject_kind="review", subject_pk="1"
    )
    begun = UploadIntent.objects.create(
        learner_type=learner_type, learner_pk=pk, review_pk="5", scheduled_for=timezone.now(), visit_id=6
    )
    from_practice = present()

    live()

    begun.refresh_from_db()
    assert begun.put_away_for == from_practice
    assert not StagedRecord.objects.exists()
    assert not Difference.objects.exists()
    practice()
    begun.refresh_from_db()
    assert (begun.put_away_for, begun.is_open) == (None, True)


class TestANewTokenInAKnownEnvironment:
    def test_brings_the_links_back_if_the_customer_is_the_same(
        self, linked_rows: dict[str, list[Any]]
    ) -> None:
        before, from_practice = ids(linked_rows), present()
        Tenant.objects.update(customer_id=7)
        live()

        go_to("practice", "a-newer-token-of-practice")
        services.begin_move(7)

        assert present() == from_practice
        assert ids(linked_rows) == before

    def test_brings_none_back_for_another_customer(self, linked_rows: dict[str, list[Any]]) -> None:
        Tenant.objects.update(customer_id=7)
        live()

        go_to("practice", "the-token-of-somebody-else")
        services.begin_move(8)

        assert nobody(linked_rows)
        assert present().customer_id == 8

    def test_a_person_may_say_that_it_is_the_same_customer(self, linked_rows: dict[str, list[Any]]) -> None:
        before, tenant = ids(linked_rows), present()
        go_to("practice", "a-newer-token-of-practice")

        services.begin_move(None, same_customer=True)

        assert present() == tenant
        assert ids(linked_rows) == before
        assert services.refusal_for(linked_rows["learner"][0]) is None


def test_without_a_move_the_sweep_queues_none(
    host: Host,
    switched_on: OneFileSettings,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        services.sweep()
    assert not [task for task in queued_tasks() if task["func"] == moving.MOVE]


class TestAnInstallationThatOnlyTypedIds:
    def test_gets_them_back(self, host: Host, switched_on: OneFileSettings) -> None:
        go_to("practice", PRACTICE_TOKEN)
        rows = {
            "learner": [host.learner(onefile_id=1000, centre_id=5740)],
            "officer": [host.officer(onefile_id=7)],
        }
        before = ids(rows)
        id_owner.confirm(OneFileSettings.load(), lambda: 0)
        assert not OneFileSettings.load().links_recorded

        live()
        assert nobody(rows)
        practice()

        assert ids(rows) == before

    def test_without_a_readable_token_is_logged_and_nothing_is_recorded(
        self, host: Host, switched_on: OneFileSettings, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nobody can say to which OneFile the IDs belong."""
        host.learner(onefile_id=1000)
        OneFileSettings.objects.update(encrypted_customer_token="")
        assert moving.change_of_onefile(switched_on, lambda _settings: 1) is None
        assert "links_of_unknown_onefile" in caplog.text
        assert not RecordLink.objects.exists()


class TestAChangeOfMindDuringAMove:
    @pytest.mark.parametrize("pieces", range(8))
    def test_brings_everything_back(
        self, linked_rows: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, pieces: int
    ) -> None:
        before = ids(linked_rows)
        monkeypatch.setattr(moving, "PIECE", 2)
        monkeypatch.setattr(moving, "AT_ONCE", 0)
        live()
        asked: list[bool] = []
        moving.move_on(lambda: len(asked) >= pieces or asked.append(True) is not None)

        go_to("practice", PRACTICE_TOKEN)
        services.begin_move(None)
        for _again in range(2):
            services.move_links()

        assert ids(linked_rows) == before
        assert OneFileSettings.load().moving_to is None

    def test_goes_to_a_third_onefile(
        self, linked_rows: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = ids(linked_rows)
        monkeypatch.setattr(moving, "AT_ONCE", 0)
        live()
        go_to("beta", "token-of-beta")
        services.begin_move(None)
        assert services.move_links()
        assert (present().environment, nobody(linked_rows)) == ("beta", True)

        go_to("practice", PRACTICE_TOKEN)
        services.begin_move(None)
        assert services.move_links()
        assert ids(linked_rows) == before

    def test_to_a_new_token_of_the_same_customer(
        self, linked_rows: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before, from_practice = ids(linked_rows), present()
        monkeypatch.setattr(moving, "AT_ONCE", 0)
        live()
        go_to("practice", "a-newer-token-of-practice")
        services.begin_move(None, same_customer=True)
        assert services.move_links()
        assert (present(), ids(linked_rows)) == (from_practice, before)


class TestALinkAtTheMomentOfAMove:
    """The person looked while PICSWeb held the IDs of Practice, and saves when it holds those of Live."""

    @pytest.mark.parametrize("moment", ["under way", "over"])
    @pytest.mark.parametrize("work", ["link", "unlink"])
    def test_is_refused(
        self, linked_rows: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, moment: str, work: str
    ) -> None:
        from_practice, pk = present(), str(linked_rows["learner"][3].pk)
        if moment == "under way":
            monkeypatch.setattr(moving, "AT_ONCE", 0)
        monkeypatch.setattr(linker, "record_use", lambda _tenant: live())
        before = list(RecordLink.objects.filter(ended_at=None).values_list("pk"))

        def save() -> object:
            if work == "link":
                return linker.link("learner", pk, 1003, tenant=from_practice, how=LinkMethod.CHECKED)
            return linker.unlink("learner", pk, tenant=from_practice)

        with pytest.raises(linker.LinkRefused, match="link_elsewhere"):
            save()

        assert nobody(linked_rows) == (moment == "over")
        assert list(RecordLink.objects.filter(ended_at=None).values_list("pk")) == (
            [] if moment == "over" else before
        )
