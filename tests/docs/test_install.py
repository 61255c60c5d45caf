"""docs/install.md works: a new project in which every step of it is carried out as written."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from . import pages
from .project import Project, existing_project, follow_the_page, take_out


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Left as it is after the last step of the page."""
    project = existing_project(tmp_path_factory.mktemp("followed"))
    follow_the_page(project)
    return project


@pytest.fixture(scope="module")
def project(followed: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copied(followed, tmp_path_factory.mktemp("project"))


def copied(project: Project, folder: Path) -> Project:
    shutil.copytree(project.folder, folder, dirs_exist_ok=True)
    return replace(project, folder=folder)


def test_the_checks_find_nothing_wrong(project: Project) -> None:
    project.manage("check", "--database", "default", "--fail-level", "WARNING")


def test_no_migration_of_the_projects_own_is_missing(project: Project) -> None:
    project.manage("makemigrations", "training", "--check", "--dry-run")


#: What is looked at in the project, one after the other in one process, as starting one takes long.
VISITS = {
    "ids kept by hand": """
from training.models import Trainee
print(*Trainee.objects.order_by("pk").values_list("onefile_id"))
""",
    "schedule": """
from django.core.management import call_command
call_command("onefile_schedule", "install")
""",
    "pages": """
from django.contrib.auth import get_user_model
from django.test import Client
from onefile_sync.models import OneFileSettings
from training.models import Trainee

row = OneFileSettings(enabled=True)
row.set_customer_token("a token")
row.save()
trainee = Trainee.objects.get(onefile_id=1250001)
visitor = Client(headers={"host": "localhost"})
print(visitor.get(f"/trainees/{trainee.pk}/").url)
visitor.force_login(get_user_model().objects.create_superuser("admin"))
print("Refresh with OneFile" in visitor.get(f"/trainees/{trainee.pk}/").content.decode())
print("onefile/preview/" in visitor.get(f"/admin/training/trainee/{trainee.pk}/change/").content.decode())
print("Test connection" in visitor.get("/admin/onefile_sync/onefilesettings/1/change/").content.decode())
print(visitor.get(f"/api/onefile/learners/{trainee.pk}/status/").json()["may_refresh"])
clicked = visitor.post(f"/onefile/learner/{trainee.pk}/refresh/")
print(visitor.get(clicked.url).status_code)
""",
    "adviser": """
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from training.models import Adviser, Trainee

adviser = get_user_model().objects.create_user("gwen.price", first_name="Gwen", last_name="Price")
adviser.user_permissions.add(Permission.objects.get(codename="refresh_learner"))
own = Trainee.objects.create(name="Own", adviser=Adviser.objects.create(name="Gwen Price"))
another = Trainee.objects.create(name="Another")
visitor = Client(headers={"host": "localhost"})
visitor.force_login(adviser)
for trainee in (own, another):
    print(visitor.get(f"/api/onefile/learners/{trainee.pk}/status/").status_code)
    print(visitor.post(f"/onefile/learner/{trainee.pk}/refresh/").status_code)
""",
}


@pytest.fixture(scope="module")
def printed(project: Project) -> dict[str, str]:
    """What each visit prints, and the traceback of one that fails."""
    (project.folder / "visits.json").write_text(json.dumps(VISITS), encoding="utf-8")
    (project.folder / "visits.py").write_text(
        """
import contextlib, io, json, traceback
printed = {}
for name, visit in json.load(open("visits.json")).items():
    with contextlib.redirect_stdout(io.StringIO()) as screen:
        try:
            exec(visit, {})
        except Exception:
            print(traceback.format_exc())
    printed[name] = screen.getvalue()
print(json.dumps(printed))
""",
        encoding="utf-8",
    )
    screen = project.manage("shell", "-v0", "-c", "exec(open('visits.py').read(), {})")
    found: dict[str, str] = json.loads(screen.splitlines()[-1])
    return found


def test_ids_kept_by_hand_are_carried_over(printed: dict[str, str]) -> None:
    assert printed["ids kept by hand"].strip() == "(1250001,) (None,)"


def test_the_pages_own_test_passes(project: Project) -> None:
    printed = project.run("-m", "pytest", "-q", "-p", "no:cacheprovider")

    assert "1 passed" in printed


def test_the_schedule_is_installed(printed: dict[str, str]) -> None:
    assert "at 02:00 (Europe/London)" in printed["schedule"]


def test_every_page_and_the_rest_interface_answer(printed: dict[str, str]) -> None:
    assert printed["pages"].split() == [
        "/admin/login/?next=/trainees/1/",
        "True",
        "True",
        "True",
        "True",
        "200",
    ]


def test_an_adviser_sees_their_own_trainees_and_no_others(printed: dict[str, str]) -> None:
    assert printed["adviser"].split() == ["200", "302", "404", "404"]


def test_taking_it_out_leaves_a_project_that_works(followed: Project, tmp_path: Path) -> None:
    """Everything that the page had put in is taken out again, in the order of its last section."""
    project = copied(followed, tmp_path)
    steps = pages.steps(pages.page("install.md").partition("## Taking it out again")[2])
    commands = [step for step in steps if not isinstance(step, pages.Block)]
    assert [command[0] for command in commands] == [
        "onefile_schedule", "migrate", "makemigrations", "migrate", "remove_stale_contenttypes",
    ]  # fmt: skip

    for command in commands[:2]:
        project.manage(*command)
    take_out(project)
    for command in commands[2:]:
        project.manage(*command, *(["--noinput"] if command[0] == "remove_stale_contenttypes" else []))

    project.manage("check", "--database", "default", "--fail-level", "WARNING")
    left = project.manage(
        "shell", "-v0", "-c",
        "from django.db import connection; from training.models import Trainee; "
        "from django.contrib.contenttypes.models import ContentType; "
        "tables = connection.introspection.table_names(); "
        "print(Trainee.objects.count(), [name for name in tables if 'onefile' in name], "
        "ContentType.objects.filter(app_label='onefile_sync').count())",
    )  # fmt: skip
    assert left.strip() == "2 [] 0"
