"""Records read for everyone are stored once and not rewritten every night."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onefile_sync.models import RunKind, StagedRecord
from onefile_sync.sync.bulk import staging
from onefile_sync.sync.connection.list_evidence import ListEvidence
from onefile_sync.sync.runs import lifecycle
from tests.factories import Host
from tests.sync.planning.rows_and_records import LEARNER, aim, record

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)

HELD = date(2026, 3, 3)


@pytest.fixture
def learner(host: Host) -> Any:
    return host.learner(onefile_id=LEARNER)


def night(learner: Any, kept: staging.RecordCodec, *records: Any) -> int:
    """Stage one night's lists with these records. Returns how many rows were rewritten."""
    run, _created = lifecycle.open_run(RunKind.DAILY, [learner])
    with CaptureQueriesContext(connection) as queries:
        staging.stage(run, kept, records, ListEvidence(), centre_id=0)
    return sum("INSERT INTO" in query["sql"] for query in queries)


def test_what_is_as_it_was_is_not_written_again(learner: Any) -> None:
    assert night(learner, staging.AIMS, aim()) == 1
    assert night(learner, staging.AIMS, aim()) == 0
    assert night(learner, staging.REVIEWS, record()) == 1
    assert night(learner, staging.REVIEWS, record()) == 0


def test_of_a_settled_review_the_nights_without_a_change_are_counted_up_to_two(learner: Any) -> None:
    settled = record(started_on=HELD, assessor_signed_on=HELD, learner_signed_on=HELD)

    assert [night(learner, staging.REVIEWS, settled) for _night in range(4)] == [1, 1, 1, 0]
    assert StagedRecord.objects.get().unchanged == 2
