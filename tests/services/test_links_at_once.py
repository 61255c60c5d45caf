"""Several people link and unlink at the same moment, on a database that really lets them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from onefile_sync.linking import linker
from onefile_sync.linking.linker import LinkRefused
from onefile_sync.models import LinkMethod, RecordLink, Tenant
from tests.factories import LearnerFactory

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

PEOPLE, ROUNDS = 5, 5


def at_once(works: list[Callable[[], Any]]) -> list[str]:
    """What became of each: "done", or the code of the refusal."""
    ready = Barrier(len(works))

    def one(work: Callable[[], Any]) -> str:
        try:
            ready.wait()
            work()
        except LinkRefused as refused:
            return refused.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(one, works))


def linking(learner: Any, onefile_id: int, tenant: Tenant) -> Callable[[], Any]:
    return lambda: linker.link(
        "learner", str(learner.pk), onefile_id, tenant=tenant, how=LinkMethod.CHECKED, centre_id=5740
    )


@pytest.fixture
def tenant(transactional_db: None) -> Tenant:
    return Tenant.objects.create(environment="sandbox", address="https://one.example", token_digest="one")


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_one_record_is_linked_to_one_of_several_learners(tenant: Tenant, round_: int) -> None:
    learners = [LearnerFactory(onefile_id=None) for _each in range(PEOPLE)]
    became = at_once([linking(learner, 1250001, tenant) for learner in learners])
    assert sorted(became) == ["done", *["link_taken"] * (PEOPLE - 1)]
    held = [type(each).objects.get(pk=each.pk).onefile_id for each in learners]
    assert (held.count(1250001), held.count(None)) == (1, PEOPLE - 1)
    assert RecordLink.objects.filter(ended_at=None).count() == 1


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_one_learner_is_linked_to_one_of_several_records(tenant: Tenant, round_: int) -> None:
    learner = LearnerFactory(onefile_id=None)
    became = at_once([linking(learner, 1250001 + number, tenant) for number in range(PEOPLE)])
    assert became.count("done") == 1
    assert set(became) <= {"done", "link_changed", "link_exists"}
    learner.refresh_from_db()
    assert RecordLink.objects.get(ended_at=None).onefile_id == learner.onefile_id


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_learner_is_unlinked_once(tenant: Tenant, round_: int) -> None:
    learner = LearnerFactory(onefile_id=1250001)
    unlinking = lambda: linker.unlink("learner", str(learner.pk), tenant=tenant)  # noqa: E731
    became = at_once([unlinking] * PEOPLE)
    assert set(became) <= {"done", "link_changed"}
    learner.refresh_from_db()
    assert learner.onefile_id is None
    assert RecordLink.objects.count() == 1
