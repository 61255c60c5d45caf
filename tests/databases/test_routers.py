"""What is read where, and PICSWeb in a database of its own. The cases run in a process with settings of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.checks import CheckMessage, run_checks

from onefile_sync import services
from onefile_sync.models import SyncRun
from onefile_sync.models.base import PrimaryManager
from tests.college.models import Student

from .routers import HOSTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "cases"), [("apart", "apart"), ("apart", "apart_linking"), ("lagging", "lagging")]
)
def test_the_cases_under_other_databases(name: str, cases: str) -> None:
    # Tables are made as the models stand: two databases migrated would take longer than the cases.
    pytest_command = [
        sys.executable,
        "-m",
        "pytest",
        "--no-migrations",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    command = [*pytest_command, f"--ds=tests.databases.{name}", f"tests/databases/{cases}_cases.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-4000:]


class TestOurTables:
    @pytest.fixture(autouse=True)
    def a_replica(self, settings: Any) -> None:
        settings.DATABASE_ROUTERS = ["tests.databases.routers.Lagging"]

    @pytest.mark.parametrize("model", list(apps.get_app_config("onefile_sync").get_models()))
    def test_are_read_where_they_are_written(self, model: Any) -> None:
        assert isinstance(model._default_manager, PrimaryManager)
        assert model.objects.all().db == "default"
        # What relations and refresh_from_db go through.
        assert isinstance(model._base_manager, PrimaryManager)
        assert model._base_manager.db_manager(None, hints={"instance": model()}).all().db == "default"

    def test_a_replica_can_be_asked_for_by_name(self) -> None:
        assert SyncRun.objects.using("replica").db == "replica"


class Elsewhere:
    """A router that leads some models to another database."""

    def __init__(self, *models: type[Any], labels: tuple[str, ...] = ()) -> None:
        self.models, self.labels = models, labels

    def db_for_write(self, model: type[Any], **_hints: Any) -> str | None:
        return "other" if model in self.models or model._meta.app_label in self.labels else None


class TestChecks:
    def found(self) -> dict[str | None, CheckMessage]:
        return {each.id: each for each in run_checks(tags=["onefile_sync"])}

    @pytest.mark.parametrize("model", [SyncRun, ContentType, get_user_model()])
    def test_our_tables_elsewhere_are_refused(self, model: type[Any], settings: Any) -> None:
        settings.DATABASE_ROUTERS = [Elsewhere(model)]

        error = self.found()["onefile_sync.E040"]

        assert f"{model._meta.label} in 'other'" in error.msg
        assert "DATABASE_ROUTERS" in str(error.hint)

    def test_nothing_is_begun_then(self, settings: Any, db: None) -> None:
        settings.DATABASE_ROUTERS = [Elsewhere(SyncRun)]

        with pytest.raises(services.Refused, match="mapping_wrong"):
            services.check_setup()

    def test_picswebs_models_in_several_databases_are_refused(self, settings: Any) -> None:
        learner = apps.get_model(settings.ONEFILE_SYNC["LEARNER"]["model"])
        settings.DATABASE_ROUTERS = [Elsewhere(learner)]

        error = self.found()["onefile_sync.E041"]

        assert "LEARNER in 'other', QUALIFICATION in 'default'" in error.msg

    def test_picsweb_in_a_database_of_its_own_is_right(self, settings: Any) -> None:
        settings.DATABASE_ROUTERS = [Elsewhere(Student, labels=HOSTS)]

        assert not self.found().keys() & {"onefile_sync.E040", "onefile_sync.E041"}
