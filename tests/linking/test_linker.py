"""Links are written into PICSWeb's rows and put on record, and end."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from onefile_sync import host as picsweb
from onefile_sync.linking import linker
from onefile_sync.linking.linker import LinkRefused
from onefile_sync.models import (
    LinkEnding,
    LinkMethod,
    OneFileSettings,
    RecordLink,
    SubjectKind,
    Tenant,
)
from tests.factories import Host

pytestmark = pytest.mark.matrix

ID = 1250001


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(environment="sandbox", address="https://one.example", token_digest="one")


@pytest.fixture
def elsewhere(db: None) -> Tenant:
    return Tenant.objects.create(environment="live", address="https://two.example", token_digest="two")


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create_user("office")


def make(host: Host, kind: str, **values: Any) -> Any:
    if kind in ("qualification", "review"):
        return getattr(host, kind)(new_learner(host), **values)
    return getattr(host, kind)(**{"onefile_id": None, **values})


def link(row: Any, tenant: Tenant, kind: str = "learner", onefile_id: int = ID, **values: Any) -> RecordLink:
    return linker.link(kind, str(row.pk), onefile_id, tenant=tenant, **{"how": LinkMethod.CHECKED, **values})


def unlink(row: Any, tenant: Tenant, kind: str = "learner", **values: Any) -> RecordLink | None:
    return linker.unlink(kind, str(row.pk), tenant=tenant, **values)


def new_learner(host: Host, **values: Any) -> Any:
    return host.learner(**{"onefile_id": None, **values})


def refused(work: Any, *given: Any, **values: Any) -> str:
    with pytest.raises(LinkRefused) as caught:
        work(*given, **values)
    assert caught.value.reason.endswith(".")
    return caught.value.code


def held(row: Any) -> tuple[int | None, int | None]:
    """The OneFile ID and the centre as they are now."""
    now = type(row)._base_manager.get(pk=row.pk)
    return now.onefile_id, getattr(now, "onefile_centre_id", None)


class TestLinking:
    @pytest.mark.parametrize("kind", SubjectKind.values)
    def test_a_row_of_each_kind_is_linked_and_unlinked(self, host: Host, tenant: Tenant, kind: str) -> None:
        row = make(host, kind)
        made = link(row, tenant, kind)
        assert held(row)[0] == ID
        assert (made.subject_kind, made.subject_pk, made.onefile_id, made.ended_at) == (
            kind,
            str(row.pk),
            ID,
            None,
        )
        assert [each.pk for each in linker.open_links(tenant, kind, [str(row.pk)])] == [made.pk]
        ended = unlink(row, tenant, kind)
        assert ended is not None
        assert (held(row)[0], ended.pk, ended.ending) == (None, made.pk, LinkEnding.UNLINKED)
        assert linker.open_links(tenant, kind, [str(row.pk)]) == []

    def test_it_is_on_record_who_linked_how_and_on_what_evidence(
        self, host: Host, tenant: Tenant, person: User
    ) -> None:
        made = link(new_learner(host), tenant, evidence=("uln", "-dob"), by=person.pk)
        made.refresh_from_db()
        assert (made.how, made.evidence, made.linked_by) == (LinkMethod.CHECKED, ["uln", "-dob"], person)

    def test_a_learners_centre_is_written_and_cleared_with_the_id(self, host: Host, tenant: Tenant) -> None:
        learner = new_learner(host, centre_id=5741)
        link(learner, tenant, centre_id=5740)
        assert held(learner) == (ID, 5740)
        unlink(learner, tenant)
        assert held(learner) == (None, None)

    def test_without_a_centre_the_learners_own_is_left(self, host: Host, tenant: Tenant) -> None:
        learner = new_learner(host, centre_id=5741)
        link(learner, tenant)
        assert held(learner) == (ID, 5741)

    def test_a_second_click_finds_the_link_of_the_first(self, host: Host, tenant: Tenant) -> None:
        learner = new_learner(host)
        assert link(learner, tenant).pk == link(learner, tenant).pk
        assert RecordLink.objects.count() == 1

    def test_an_id_that_was_typed_gets_a_link(self, host: Host, tenant: Tenant) -> None:
        learner = new_learner(host, onefile_id=ID)
        assert link(learner, tenant).how == LinkMethod.CHECKED
        assert held(learner) == (ID, None)

    def test_a_link_that_another_typed_id_contradicts_ends(self, host: Host, tenant: Tenant) -> None:
        learner, other = new_learner(host), new_learner(host)
        old = link(learner, tenant)
        type(learner).objects.filter(pk=learner.pk).update(onefile_id=ID + 1)
        assert linker.open_links(tenant, "learner", [str(learner.pk)]) == []
        link(other, tenant)
        old.refresh_from_db()
        assert old.ending == LinkEnding.REPLACED
        assert held(other)[0] == ID

    def test_a_link_of_a_row_that_was_deleted_is_deleted_with_it(self, host: Host, tenant: Tenant) -> None:
        for kind in SubjectKind.values:
            row = make(host, kind)
            link(row, tenant, kind)
            row.delete()
            assert not RecordLink.objects.filter(subject_kind=kind).exists()

    def test_a_choice_of_staff_takes_the_place_of_a_link_by_mis_value(
        self, host: Host, tenant: Tenant
    ) -> None:
        officer = host.officer()
        by_mis_value = RecordLink.objects.create(
            tenant=tenant,
            subject_kind="officer",
            subject_type=linker._content_type("officer"),
            subject_pk=str(officer.pk),
            centre_id=5740,
            onefile_id=ID + 1,
            how=LinkMethod.MIS_VALUE,
            in_row=False,
        )
        link(officer, tenant, "officer", centre_id=5740, how=LinkMethod.LOOKED_UP)
        by_mis_value.refresh_from_db()
        assert (held(officer)[0], by_mis_value.ending) == (ID, LinkEnding.REPLACED)


class TestRefusals:
    def test_a_record_that_another_row_is_linked_to(self, host: Host, tenant: Tenant) -> None:
        link(new_learner(host), tenant)
        other = new_learner(host)
        assert refused(link, other, tenant) == "link_taken"
        assert held(other) == (None, None)

    def test_an_id_that_was_typed_into_another_row(self, host: Host, tenant: Tenant) -> None:
        new_learner(host, onefile_id=ID)
        assert refused(link, new_learner(host), tenant) == "link_taken"
        assert not RecordLink.objects.exists()

    def test_a_user_whom_another_officer_has_by_mis_value(self, host: Host, tenant: Tenant) -> None:
        RecordLink.objects.create(
            tenant=tenant,
            subject_kind="officer",
            subject_type=linker._content_type("officer"),
            subject_pk=str(host.officer().pk),
            centre_id=5741,
            onefile_id=ID,
            how=LinkMethod.MIS_VALUE,
            in_row=False,
        )
        assert refused(link, host.officer(), tenant, "officer") == "link_taken"

    def test_a_row_with_another_id(self, host: Host, tenant: Tenant) -> None:
        learner = new_learner(host, onefile_id=7)
        assert refused(link, learner, tenant) == "link_exists"
        assert held(learner)[0] == 7

    @pytest.mark.parametrize("key", ["987654", "no such key", ""])
    def test_a_row_that_is_not_there(self, host: Host, tenant: Tenant, key: str) -> None:
        assert (
            refused(linker.link, "learner", key, ID, tenant=tenant, how=LinkMethod.CHECKED) == "link_row_gone"
        )
        assert linker.unlink("learner", key, tenant=tenant) is None

    def test_a_row_that_somebody_changes_at_that_moment(
        self, host: Host, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        learner, save = new_learner(host), picsweb.save_fields

        def changed_before(*given: Any) -> Any:
            type(learner).objects.filter(pk=learner.pk).update(onefile_id=7)
            return save(*given)

        monkeypatch.setattr(picsweb, "save_fields", changed_before)
        assert refused(link, learner, tenant) == "link_changed"
        assert not RecordLink.objects.exists()

    @pytest.mark.parametrize(
        ("taken", "code"), [(True, "link_taken"), (False, "link_changed")], ids=["record", "row"]
    )
    def test_what_another_person_links_at_that_moment(
        self, host: Host, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, taken: bool, code: str
    ) -> None:
        """The database refuses the second link of a record, or of a row."""
        learner, other, write = new_learner(host), new_learner(host), linker._write

        def too_late(kind: str, pk: str, onefile_id: int, *given: Any) -> Any:
            write(kind, *((str(other.pk), onefile_id) if taken else (pk, 7)), *given)
            raise IntegrityError

        monkeypatch.setattr(linker, "_write", too_late)
        assert refused(link, learner, tenant) == code
        assert (held(learner)[0], held(other)[0]) == ((None, ID) if taken else (7, None))

    def test_a_value_that_picsweb_does_not_take(
        self, host: Host, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuses(kind: str, pk: str, *_given: Any) -> Any:
            raise picsweb.Rejected(kind, pk)

        learner = new_learner(host)
        monkeypatch.setattr(picsweb, "save_fields", refuses)
        assert refused(link, learner, tenant) == "link_not_taken"
        assert not RecordLink.objects.exists()

    def test_ids_of_another_onefile(self, host: Host, tenant: Tenant, elsewhere: Tenant) -> None:
        learner = new_learner(host)
        OneFileSettings(linked_tenant=elsewhere).save()
        assert refused(link, learner, tenant) == "link_elsewhere"
        assert refused(unlink, learner, tenant) == "link_elsewhere"
        OneFileSettings.objects.update(moving_to=tenant)
        assert (
            refused(link, learner, tenant) == "link_elsewhere"
        )  # PICSWeb's rows may still hold the other's IDs
        OneFileSettings.objects.update(linked_tenant=tenant, moving_to=None)
        assert link(learner, tenant).tenant == tenant


class TestUnlinking:
    def test_an_id_that_was_typed_is_put_on_record(self, host: Host, tenant: Tenant, person: User) -> None:
        learner = new_learner(host, onefile_id=ID, centre_id=5740)
        ended = unlink(learner, tenant, by=person.pk)
        assert ended is not None
        assert (ended.how, ended.onefile_id, ended.centre_id) == (LinkMethod.UNRECORDED, ID, 5740)
        assert ended.ended_by == person
        assert ended.ended_at is not None

    def test_a_row_without_an_id_is_left_alone(self, host: Host, tenant: Tenant) -> None:
        assert unlink(new_learner(host), tenant) is None
        assert not RecordLink.objects.exists()

    def test_an_officers_users_in_other_centres_are_left(self, host: Host, tenant: Tenant) -> None:
        officer = host.officer(onefile_id=ID)
        other = RecordLink.objects.create(
            tenant=tenant,
            subject_kind="officer",
            subject_type=linker._content_type("officer"),
            subject_pk=str(officer.pk),
            centre_id=5741,
            onefile_id=ID + 1,
            how=LinkMethod.MIS_VALUE,
            in_row=False,
        )
        unlink(officer, tenant, "officer")
        assert [each.pk for each in linker.open_links(tenant, "officer", [str(officer.pk)])] == [other.pk]

    def test_it_may_be_linked_again(self, host: Host, tenant: Tenant) -> None:
        learner = new_learner(host)
        first = link(learner, tenant)
        unlink(learner, tenant)
        second = link(learner, tenant)
        assert first.pk != second.pk
        assert held(learner)[0] == ID


class TestWhatIsNoted:
    def test_the_first_link_notes_whose_ids_the_rows_hold(self, host: Host, tenant: Tenant) -> None:
        link(new_learner(host), tenant)
        settings = OneFileSettings.load()
        assert (settings.links_recorded, settings.linked_tenant) == (True, tenant)

    def test_what_staff_change_in_the_settings_at_that_moment_stays(
        self, host: Host, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        OneFileSettings(paused=False).save()
        load = OneFileSettings.load

        def changed_after(_cls: Any = None) -> OneFileSettings:
            read = load()
            OneFileSettings.objects.update(paused=True)
            return read

        monkeypatch.setattr(OneFileSettings, "load", changed_after)
        link(new_learner(host), tenant)
        monkeypatch.undo()
        assert OneFileSettings.load().paused

    def test_an_event_is_logged_once_it_is_certain(
        self, host: Host, tenant: Tenant, caplog: pytest.LogCaptureFixture, commit: Any
    ) -> None:
        caplog.set_level(logging.INFO, "onefile_sync")
        learner = new_learner(host)
        with commit():
            link(learner, tenant)
            assert "linked" not in caplog.text
        assert f"linked kind=learner row={learner.pk} onefile_id={ID} how=checked" in caplog.text
        with commit():
            unlink(learner, tenant)
        assert f"unlinked kind=learner row={learner.pk} onefile_id={ID} ending=unlinked" in caplog.text

    def test_nothing_is_logged_of_links_that_are_rolled_back(
        self, host: Host, tenant: Tenant, caplog: pytest.LogCaptureFixture, commit: Any
    ) -> None:
        caplog.set_level(logging.INFO, "onefile_sync")
        with commit(), transaction.atomic():
            link(new_learner(host), tenant)
            transaction.set_rollback(True)
        assert "linked" not in caplog.text
        assert not RecordLink.objects.exists()


class TestPuttingAway:
    def test_a_link_keeps_the_centre_that_the_row_has_now(self, host: Host, tenant: Tenant) -> None:
        learner = new_learner(host, centre_id=5741)
        made = link(learner, tenant)
        linker.note_put_away("learner", [(str(learner.pk), ID, 5741)], tenant)
        made.refresh_from_db()
        assert (made.ending, made.centre_id) == (LinkEnding.PUT_AWAY, 5741)

    def test_an_id_that_was_typed_meanwhile_is_not_cleared(self, host: Host) -> None:
        learner = new_learner(host, onefile_id=7)
        linker.clear_put_away("learner", [(str(learner.pk), ID, None), ("987654", ID, None)])
        assert held(learner)[0] == 7

    def test_the_link_of_a_deleted_row_does_not_come_back(self, tenant: Tenant) -> None:
        gone = RecordLink(tenant=tenant, subject_kind="learner", subject_pk="987654", onefile_id=ID)
        assert not linker.bring_back(gone)

    def test_a_link_that_picsweb_does_not_take_stays_put_away(
        self, host: Host, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuses(kind: str, pk: str, *_given: Any) -> Any:
            raise picsweb.Rejected(kind, pk)

        learner = new_learner(host)
        made = link(learner, tenant)
        rows = [(str(learner.pk), ID, None)]
        linker.note_put_away("learner", rows, tenant)
        linker.clear_put_away("learner", rows)
        monkeypatch.setattr(picsweb, "save_fields", refuses)
        assert not linker.bring_back(made)
        made.refresh_from_db()
        assert (made.ending, held(learner)[0]) == (LinkEnding.PUT_AWAY, None)
