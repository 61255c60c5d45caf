"""The class and the placement that new learners of a centre have by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from onefile_sync import services
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    CentreDefaults,
    DirectoryEntry,
    DirectoryKind,
    DirectoryList,
    OneFileSettings,
    Tenant,
)

CLASS, PLACEMENT = DirectoryKind.CLASSROOM, DirectoryKind.PLACEMENT

Keep = Callable[..., None]


@pytest.fixture
def tenant(db: None) -> Tenant:
    settings = OneFileSettings(enabled=True)
    settings.set_customer_token("a token")
    settings.save()
    return present_tenant()


@pytest.fixture
def keep(tenant: Tenant) -> Keep:
    """Keeps a list as if it had been read to its end."""

    def keep_list(kind: DirectoryKind, centre_id: int, names: dict[int, str], **values: Any) -> None:
        for onefile_id, name in names.items():
            DirectoryEntry.objects.create(
                tenant=tenant, kind=kind, centre_id=centre_id, onefile_id=onefile_id, name=name, **values
            )
        DirectoryList.objects.get_or_create(
            tenant=tenant, kind=kind, centre_id=centre_id, defaults={"read_at": timezone.now()}
        )

    return keep_list


@pytest.fixture
def two_centres(keep: Keep) -> None:
    """Northvale with classes and placements, and Care, whose classes were never read."""
    keep(DirectoryKind.CENTRE, 0, {4740: "Northvale", 4741: "Care"})
    keep(CLASS, 4740, {71: "Digital", 70: "Business"})
    keep(PLACEMENT, 4740, {81: "Trent"})
    keep(PLACEMENT, 4741, {})


def of(centre_id: int) -> list[tuple[int | None, Any]]:
    [found] = [each for each in services.centre_choices() if each.centre_id == centre_id]
    return [(each.chosen, each.records) for each in found.defaults]


@pytest.mark.usefixtures("two_centres")
class TestChoices:
    def test_are_the_records_of_each_centre_by_name(self) -> None:
        assert [each.name for each in services.centre_choices()] == ["Care", "Northvale"]
        classes, placements = of(4740)
        assert list((classes[1] or {}).items()) == [(70, "Business"), (71, "Digital")]
        assert placements == (None, {81: "Trent"})

    def test_are_none_of_a_list_that_was_never_read(self) -> None:
        assert of(4741) == [(None, None), (None, {})]

    def test_leave_out_what_is_gone_or_archived(self, keep: Keep) -> None:
        keep(CLASS, 4740, {72: "Gone"}, gone_at=timezone.now())
        keep(CLASS, 4740, {73: "Archived"}, archived=True)
        keep(CLASS, 4740, {74: "Active"}, archived=False)
        assert set(of(4740)[0][1]) == {70, 71, 74}

    def test_take_as_many_queries_for_many_centres_as_for_one(
        self, keep: Keep, django_assert_num_queries: Any
    ) -> None:
        keep(DirectoryKind.CENTRE, 0, {number: f"Centre {number}" for number in range(5000, 5020)})
        services.centre_choices()
        with django_assert_num_queries(6):
            assert len(services.centre_choices()) == 22


class TestKeeping:
    pytestmark = pytest.mark.usefixtures("two_centres")

    def test_keeps_both_and_later_one_of_them(self, tenant: Tenant) -> None:
        services.keep_centre_defaults({4740: {CLASS: 71, PLACEMENT: 81}})
        services.keep_centre_defaults({4740: {CLASS: None}})
        kept = CentreDefaults.objects.get()
        assert (kept.tenant, kept.centre_id, kept.classroom_id, kept.placement_id) == (tenant, 4740, None, 81)

    @pytest.mark.parametrize(
        "chosen",
        [
            {4740: {CLASS: 99}},
            {4740: {CLASS: 81}},  # a placement
            {4741: {PLACEMENT: 81}},  # of the other centre
            {4741: {CLASS: 71}},
            {4742: {CLASS: None}},
        ],
    )
    def test_refuses_what_is_not_in_the_list_and_keeps_nothing(self, chosen: Any) -> None:
        with pytest.raises(services.UnknownRecord):
            services.keep_centre_defaults(
                {4740: {CLASS: 70, PLACEMENT: 81}, **chosen} if 4740 not in chosen else chosen
            )
        assert not CentreDefaults.objects.exists()

    def test_lets_a_record_stay_that_is_gone_meanwhile(self) -> None:
        services.keep_centre_defaults({4740: {CLASS: 71}})
        DirectoryEntry.objects.filter(onefile_id=71).update(gone_at=timezone.now())
        services.keep_centre_defaults({4740: {CLASS: 71, PLACEMENT: 81}})
        assert (of(4740)[0][0], of(4740)[1][0]) == (71, 81)

    def test_is_complete_with_both(self) -> None:
        services.keep_centre_defaults({4740: {CLASS: 71}})
        assert not any(each.is_complete for each in services.centre_choices())
        services.keep_centre_defaults({4740: {PLACEMENT: 81}})
        assert [each.is_complete for each in services.centre_choices()] == [False, True]

    def test_defaults_belong_to_one_onefile(self, tenant: Tenant) -> None:
        other = Tenant.objects.create(address="https://other.example", token_digest="another")
        CentreDefaults.objects.create(tenant=other, centre_id=4740, classroom_id=70)
        assert of(4740)[0][0] is None
        services.keep_centre_defaults({4740: {CLASS: 71}})
        assert CentreDefaults.objects.get(tenant=other).classroom_id == 70


def test_there_are_none_while_onefile_is_not_set_up(db: None) -> None:
    OneFileSettings.objects.all().delete()
    assert services.centre_choices() == []


def test_a_centre_has_one_row(tenant: Tenant) -> None:
    CentreDefaults.objects.create(tenant=tenant, centre_id=4740)
    with pytest.raises(IntegrityError), transaction.atomic():
        CentreDefaults.objects.create(tenant=tenant, centre_id=4740)
