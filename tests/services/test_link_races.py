"""A link is made twice, ended meanwhile, or made while the environment is changed, on a database that lets several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from onefile_sync import host, services
from onefile_sync.linking import linker
from onefile_sync.linking.linker import LinkRefused
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import LinkMethod, OneFileSettings, RecordLink
from tests.factories import PICSWEB

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

ID, TIMES = 1250001, 8


@pytest.fixture(autouse=True)
def in_practice(transactional_db: None, settings: Any) -> None:
    mapping = {key: value for key, value in settings.ONEFILE_SYNC.items() if key != "BASE_URL"}
    settings.ONEFILE_SYNC = mapping
    go_to("practice")


def go_to(environment: str) -> None:
    row = OneFileSettings.load()
    row.environment, row.enabled = environment, True
    row.set_customer_token(f"token-of-{environment}")
    row.save()


def at_once(*works: Callable[[], object]) -> list[str]:
    """Start all at the same moment. What became of each: "" or the code of the refusal."""
    ready = Barrier(len(works))

    def one(work: Callable[[], object]) -> str:
        try:
            ready.wait()
            work()
        except LinkRefused as refused:
            return refused.code
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(one, works))


def linking(row: Any, onefile_id: int, **values: Any) -> Callable[[], object]:
    tenant = present_tenant()
    return lambda: linker.link(
        "learner", str(row.pk), onefile_id, tenant=tenant, how=LinkMethod.CHECKED, **values
    )


def unlinking(row: Any) -> Callable[[], object]:
    tenant = present_tenant()
    return lambda: linker.unlink("learner", str(row.pk), tenant=tenant)


def held(rows: Sequence[Any]) -> list[int | None]:
    return list(host.onefile_ids("learner", [str(row.pk) for row in rows]).values())


def in_force() -> list[tuple[str, int]]:
    return list(RecordLink.objects.filter(ended_at=None).values_list("subject_pk", "onefile_id"))


def test_the_same_link_made_by_several_is_one() -> None:
    row = PICSWEB.learner(onefile_id=None)
    assert set(at_once(*[linking(row, ID)] * TIMES)) == {""}
    assert RecordLink.objects.count() == 1


@pytest.mark.parametrize("round_", range(5))
def test_unlinking_while_somebody_links(round_: int) -> None:
    row, other = PICSWEB.learner(onefile_id=None), PICSWEB.learner(onefile_id=None)
    linking(row, ID)()
    at_once(*[unlinking(row), linking(row, ID), linking(other, ID), linking(row, ID + 1)] * 2)
    rows = {
        str(each.pk): onefile_id for each, onefile_id in zip((row, other), held((row, other)), strict=True)
    }
    assert in_force() == [each for each in in_force() if rows[each[0]] == each[1]]
    assert len(in_force()) == sum(each is not None for each in rows.values())
    assert list(rows.values()).count(ID) <= 1


@pytest.mark.parametrize("round_", range(5))
def test_no_link_of_the_old_environment_stays_in_a_row_when_it_is_changed(round_: int) -> None:
    rows = [PICSWEB.learner(onefile_id=None) for _each in range(TIMES)]
    linking(rows[0], ID)()
    works = [linking(row, ID + number) for number, row in enumerate(rows)]
    go_to("live")
    told = at_once(lambda: services.begin_move(None), *works[1:], unlinking_of_practice(rows[0]))
    assert set(told) <= {"", "link_elsewhere"}
    assert services.move_links()
    assert held(rows) == [None] * TIMES
    assert in_force() == []
    go_to("practice")
    services.begin_move(None)
    assert services.move_links()
    made = [ID + number for number, code in enumerate(told[1:-1], start=1) if not code]
    assert [each for each in held(rows)[1:] if each is not None] == made


def unlinking_of_practice(row: Any) -> Callable[[], object]:
    tenant = OneFileSettings.load().linked_tenant
    assert tenant is not None
    return lambda: linker.unlink("learner", str(row.pk), tenant=tenant)
