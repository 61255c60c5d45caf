"""The core of the suite with each Python and Django that we say we support: ``nox``, or ``nox --list``."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = True
nox.options.reuse_existing_virtualenvs = True
# Each Python and each Django at least once; "nox --session core" runs every pair of them.
nox.options.sessions = ["lowest", "core-3.12(django-6.0)", "core-3.13(django-newest)"]

#: What depends on Python, Django or another package; what is left out takes long, or needs nothing but our own code.
CORE = (
    "tests/sync/planning",
    "tests/host",
    "tests/onefile/test_client.py",
    "tests/onefile/test_transport.py",
    "tests/web/test_run_page.py",
    "tests/admin/test_settings_page.py",
    "tests/admin/test_learner_page.py",
    "tests/admin/test_run_lists.py",
    "tests/rest",
    "tests/test_services.py",
    "tests/sync/runs/test_leases.py",
    "tests/test_tasks.py",
    "tests/management/test_commands.py",
    "tests/sync/learner/test_uploads.py",
    "tests/sync/bulk/test_listings.py",
    "tests/checks/test_checks.py",
    "tests/test_migrations.py",
)
#: As pip is told; 6.1 is the newest that was run, and whatever is newer is run as well.
DJANGOS = {"5.2": "Django==5.2", "6.0": "Django~=6.0.0", "newest": "Django>=6.1"}


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """The oldest Python, and each package at its lower bound."""
    bounds = Path(session.create_tmp()) / "lower-bounds.txt"
    bounds.write_text("\n".join(lower_bounds()))
    session.install("--constraint", str(bounds), "--editable", ".[test]")
    run_core(session)


@nox.session(python=["3.12", "3.13"])
@nox.parametrize("django", list(DJANGOS), ids=[f"django-{name}" for name in DJANGOS])
def core(session: nox.Session, django: str) -> None:
    session.install("--upgrade", "--editable", ".[test]", DJANGOS[django])
    run_core(session)


def run_core(session: nox.Session) -> None:
    session.run(
        "python", "-c", "import django, sys; print('Python', sys.version, 'Django', django.__version__)"
    )
    session.run("pytest", "--numprocesses", "auto", "-p", "no:cacheprovider", *(session.posargs or CORE))


def lower_bounds() -> list[str]:
    """``name==version`` of what is installed with the extra "test", as pyproject.toml has it."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *extras["test"],
        *extras["example"],
        *extras["sandbox"],
        *extras["health"],
    ]
    found = (re.fullmatch(r"([\w-]+)(?:\[.*\])?>=([\d.]+)", each) for each in wanted)
    return [f"{match[1]}=={match[2]}" for match in found if match]
