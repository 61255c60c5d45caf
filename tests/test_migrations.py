"""Migrations that change what an installation holds already; run on SQLite, and on PostgreSQL and MariaDB as well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

BEFORE_MARIADB, MARIADB = "0007_refused_in_a_new_visit", "0008_mariadb_and_mysql"
BEFORE_PUTTING_AWAY, PUTTING_AWAY = "0021_officers_of_each_centre", "0022_uploads_put_away"
NOON, LATER = datetime(2026, 3, 2, 12, 0, tzinfo=UTC), datetime(2026, 3, 2, 12, 5, tzinfo=UTC)
CONSTRAINTS = {"LearnerOutcome": "onefile_one_worker_per_learner", "UploadIntent": "onefile_one_open_upload"}

pytestmark = pytest.mark.django_db(transaction=True)


def migrate_to(name: str) -> Any:
    """The app's models as they were then."""
    executor = MigrationExecutor(connection)
    executor.migrate([("onefile_sync", name)])
    return MigrationExecutor(connection).loader.project_state([("onefile_sync", name)]).apps


@pytest.fixture
def before_mariadb() -> Iterator[Any]:
    latest = [
        name for app, name in MigrationExecutor(connection).loader.graph.leaf_nodes() if app == "onefile_sync"
    ]
    yield migrate_to(BEFORE_MARIADB)
    migrate_to(latest[0])


@pytest.fixture
def learner_type(before_mariadb: Any) -> Any:
    return before_mariadb.get_model("contenttypes", "ContentType").objects.create(
        app_label="any", model="learner"
    )


def outcome(apps: Any, learner_type: Any, **values: Any) -> Any:
    run = apps.get_model("onefile_sync", "SyncRun").objects.create(kind="refresh")
    outcomes = apps.get_model("onefile_sync", "LearnerOutcome").objects
    return outcomes.create(run=run, learner_type=learner_type, learner_pk="7", **values)


def intent(apps: Any, learner_type: Any, **values: Any) -> Any:
    intents = apps.get_model("onefile_sync", "UploadIntent").objects
    return intents.create(
        learner_type=learner_type, learner_pk="7", review_pk="70", scheduled_for=NOON, **values
    )


def rows_then(apps: Any) -> tuple[Any, Any]:
    """The outcomes and upload intents, with the columns of then."""
    outcomes, intents = (apps.get_model("onefile_sync", name).objects for name in CONSTRAINTS)
    return outcomes, intents


def test_an_upload_that_was_open_still_is_and_can_be_put_away(before_mariadb: Any, learner_type: Any) -> None:
    migrate_to(BEFORE_PUTTING_AWAY)
    still_open = intent(before_mariadb, learner_type, visit_id=5)
    finished = intent(before_mariadb, learner_type, finished_at=NOON)

    now = migrate_to(PUTTING_AWAY)

    _outcomes, intents = rows_then(now)
    assert [intents.get(pk=row.pk).is_open for row in (still_open, finished)] == [True, None]
    practice = now.get_model("onefile_sync", "Tenant").objects.create(token_digest="a")
    intents.filter(pk=still_open.pk).update(put_away_for=practice)
    assert intents.get(pk=still_open.pk).is_open is None
    again = intent(now, now.get_model("contenttypes", "ContentType").objects.get(pk=learner_type.pk))
    with pytest.raises(IntegrityError), transaction.atomic():
        intents.filter(pk=still_open.pk).update(put_away_for=None)
    assert intents.get(pk=again.pk).is_open


def test_working_rows_stay_and_the_database_allows_no_second_one(
    before_mariadb: Any, learner_type: Any
) -> None:
    working = outcome(before_mariadb, learner_type, state="working", lease_expires_at=NOON)
    ended = outcome(before_mariadb, learner_type, state="updated")
    still_open = intent(before_mariadb, learner_type, visit_id=5)
    finished = intent(before_mariadb, learner_type, finished_at=NOON)

    outcomes, intents = rows_then(migrate_to(MARIADB))

    assert [outcomes.get(pk=row.pk).is_working for row in (working, ended)] == [True, None]
    assert [intents.get(pk=row.pk).is_open for row in (still_open, finished)] == [True, None]
    with pytest.raises(IntegrityError), transaction.atomic():
        outcomes.filter(pk=ended.pk).update(state="working")
    with pytest.raises(IntegrityError), transaction.atomic():
        intents.filter(pk=finished.pk).update(finished_at=None)


def test_doubles_that_mariadb_let_in_are_ended(before_mariadb: Any, learner_type: Any) -> None:
    """MariaDB ignored the constraints of before; the other databases are made to."""
    for_each_constraint("remove_constraint", before_mariadb)
    for _worker in range(2):
        outcome(before_mariadb, learner_type, state="working", lease_expires_at=NOON)
    intent(before_mariadb, learner_type, visit_id=5, in_doubt_since=NOON)
    intent(before_mariadb, learner_type, visit_id=6, review_id=60)
    intent(before_mariadb, learner_type, visits_in_doubt=1, in_doubt_since=LATER)
    with connection.schema_editor() as editor:
        import_module(f"onefile_sync.migrations.{MARIADB}").end_doubles(before_mariadb, editor)
    for_each_constraint("add_constraint", before_mariadb)

    outcomes, intents = rows_then(migrate_to(MARIADB))

    assert set(outcomes.values_list("state", "claimed_by")) == {("queued", None)}
    (kept,) = intents.filter(finished_at=None)
    # The one that knows most; the visit of the other stays without a review, and one more may be on its way.
    assert (kept.visit_id, kept.visits_in_doubt, kept.in_doubt_since) == (6, 2, LATER)


def for_each_constraint(change: str, apps: Any) -> None:
    with connection.schema_editor() as editor:
        for name, constraint_name in CONSTRAINTS.items():
            model = apps.get_model("onefile_sync", name)
            (constraint,) = [each for each in model._meta.constraints if each.name == constraint_name]
            getattr(editor, change)(model, constraint)
