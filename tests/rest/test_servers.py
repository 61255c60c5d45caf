"""Requesting a refresh through real web servers, which may refuse what a test client accepts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from example_project import demo
from example_project.demonstration import answers
from example_project.visitor import Visitor

ROOT = Path(__file__).resolve().parents[2]
SERVERS = {
    "wsgiref": ["manage.py", "runserver", "--noreload", "127.0.0.1:{port}"],
    "gunicorn": ["-m", "gunicorn", "--bind=127.0.0.1:{port}", "example_project.wsgi"],
}
FILL = dedent(
    """
    import django
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from example_project.picsweb.models import Learner
    from onefile_sync.models import OneFileSettings

    call_command("migrate", verbosity=0)
    User.objects.create_superuser("admin", password="admin")
    Learner.objects.create(pk=7, ident="L7", first_name="Siân", surname="Price", status="live", onefile_id=77)
    settings = OneFileSettings(enabled=True)
    settings.set_customer_token("a-customer-token")
    settings.save()
    """
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A PICSWeb with one learner who can be refreshed and no worker, so that requests stay queued."""
    shared = demo.environment(1, throw_away_in=tmp_path_factory.mktemp("picsweb"))
    subprocess.run([sys.executable, "-c", FILL], cwd=ROOT, env=shared, check=True)
    return shared


@pytest.fixture(scope="module", params=SERVERS)
def site(
    request: pytest.FixtureRequest, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    port = demo.free_port(demo.ANY_PORT)
    command = [sys.executable, *(part.format(port=port) for part in SERVERS[request.param])]
    with demo.Children(tmp_path_factory.mktemp("site"), environment) as children:
        server = children.start_command("web site", command)
        address = f"http://127.0.0.1:{port}/"
        demo.wait_until_it_answers(server, lambda: answers(f"{address}accounts/login/"), within=120)
        yield address


def test_a_refresh_is_asked_for_and_followed(site: str) -> None:
    caller = Visitor(site)
    caller.log_in("admin", "admin")
    run = caller.ask_for_refresh("7")
    assert run["state"] == "queued"
    assert str(run["id"]) in str(run["url"])


def test_every_address_answers_under_a_real_server(site: str) -> None:
    caller = Visitor(site)
    caller.log_in("admin", "admin")
    run = caller.ask_for_refresh("7")
    for address in ("api/onefile/learners/7/status/", str(run["outcomes_url"]), f"onefile/run/{run['id']}/"):
        assert caller.open(address).status_code == 200
