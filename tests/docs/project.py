"""A new Django project in a folder of its own, made by following docs/install.md to the letter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import pages


@dataclass(frozen=True)
class Project:
    folder: Path
    python: str = sys.executable

    def run(self, *command: str, expect: int = 0) -> str:
        """Run a Python command in the project and hand back what it printed."""
        surroundings = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DJANGO_SETTINGS_MODULE", "PYTHONPATH", "DATABASE_URL", "REDIS_URL")
            and not name.startswith(("COV", "PYTEST_", "ONEFILE_"))
        }
        ran = subprocess.run(
            [self.python, *command],
            cwd=self.folder,
            env=surroundings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == expect, f"{command}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def manage(self, *arguments: str, expect: int = 0) -> str:
        return self.run("manage.py", *arguments, expect=expect)

    def put(self, block: pages.Block) -> None:
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if block.appended else "w", encoding="utf-8") as file:
            file.write(block.code)


def before_the_app(models: str) -> str:
    """The models of the page as they were before anybody thought of OneFile."""
    without_import = re.sub(
        r"^from onefile_sync\.mixins import \(.*?^\)\n", "", models, flags=re.DOTALL | re.MULTILINE
    )
    return re.sub(r"OneFile\w+Mixin, ", "", without_import)


def existing_project(folder: Path, python: str = sys.executable) -> Project:
    """A project with models and a trainee in its database, as it is before the page is followed."""
    project = Project(folder, python)
    project.run("-m", "django", "startproject", "mis", ".")
    project.manage("startapp", "training")
    models = next(
        block for block in pages.blocks(pages.page("install.md")) if block.file == "training/models.py"
    )
    project.put(pages.Block(models.file, False, before_the_app(models.code)))
    project.put(pages.Block("mis/settings.py", True, 'INSTALLED_APPS += ["training"]\n'))
    project.manage("makemigrations", "training")
    project.manage("migrate")
    project.manage(
        "shell",
        "-c",
        "from training.models import Trainee; "
        "Trainee.objects.create(name='Linked by hand', onefile_reference=' 1250001 '); "
        "Trainee.objects.create(name='Never linked', onefile_reference='see Gwen')",
    )
    return project


#: The commands of the page that end by themselves and need nothing beside the project.
CARRIED_OUT = ("makemigrations", "migrate", "check")


def follow_the_page(project: Project) -> None:
    """Do what docs/install.md says, in its order: each step has to work when its turn comes."""
    for step in pages.steps(pages.page("install.md")):
        if isinstance(step, pages.Block):
            project.put(step)
        elif step[0] in CARRIED_OUT:
            project.manage(*step)
    project.manage("migrate")  # the migration that comes after the steps


def take_out(project: Project) -> None:
    """The project's own files as they were before the page, with the migrations that have been run since."""
    models = project.folder / "training" / "models.py"
    models.write_text(before_the_app(models.read_text("utf-8")), encoding="utf-8")
    for name, plain in (("settings", settings_before(project)), ("urls", URLS_BEFORE)):
        (project.folder / "mis" / f"{name}.py").write_text(plain, encoding="utf-8")
    for name in ("admin", "views", "visibility", "test_onefile"):
        (project.folder / "training" / f"{name}.py").write_text("", encoding="utf-8")


URLS_BEFORE = (
    "from django.contrib import admin\nfrom django.urls import path\n\n"
    'urlpatterns = [path("admin/", admin.site.urls)]\n'
)


def settings_before(project: Project) -> str:
    """What stood in the settings before the page appended to them, and django-q2, which is the project's own."""
    text = (project.folder / "mis" / "settings.py").read_text("utf-8")
    before = text.partition('INSTALLED_APPS += ["onefile_sync", "django_q"]')[0]
    return before + 'INSTALLED_APPS += ["django_q"]\n'
