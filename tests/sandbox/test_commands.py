"""The two commands, and the fixtures that others use."""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from datetime import date

import pytest
import requests
from django.core.management import CommandError, call_command

from example_project.picsweb.management.commands.seed_demo import seed
from example_project.picsweb.models import Learner, Officer, Organisation, Qualification, Review, Unit
from onefile_sync.models import OneFileSettings
from onefile_sync.sandbox.demo_data.provider import build
from onefile_sync.sandbox.server import CUSTOMER_TOKEN, SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

TODAY = date(2026, 5, 4)


# onefile_sandbox


class Screen(io.StringIO):
    """Shows what the command writes, and once it is ready looks at it from another thread and then stops it."""

    def __init__(self, number: int, look: Callable[[str], None]) -> None:
        super().__init__()
        self.number = number
        self.look = look

    def flush(self) -> None:
        if "Stop it with" in self.getvalue():
            threading.Thread(target=self.look_and_stop).start()

    def look_and_stop(self) -> None:
        try:
            self.look(self.getvalue())
        finally:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("on_a_terminal", [True, False])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_runs_until_it_is_told_to_stop(number: int, on_a_terminal: bool) -> None:
    handler = signal.getsignal(number)
    seen: dict[str, object] = {}

    def look(text: str) -> None:
        url = next(line.split()[-1] for line in text.splitlines() if "API" in line)
        headers = {"X-CustomerToken": CUSTOMER_TOKEN}
        seen["url"] = url
        with requests.Session() as http:
            http.headers["X-TokenID"] = http.post(f"{url}/Authentication", headers=headers, timeout=5).text
            seen["items"] = http.post(f"{url}/LearningAim/Search/1/3", json={}, timeout=5).json()

    screen = Screen(number, look)
    screen.isatty = lambda: on_a_terminal  # type: ignore[method-assign]
    call_command("onefile_sandbox", port=0, learners=5, seed=3, profile="rich", stdout=screen)
    assert "ElementsDone" in seen["items"][0]
    assert (CUSTOMER_TOKEN in screen.getvalue()) is on_a_terminal
    assert signal.getsignal(number) == handler
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{seen['url']}/Customer", timeout=5)


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} is not free"):
            call_command("onefile_sandbox", port=port, learners=1)


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(CommandError, match="--rate-limit must not be negative"):
        call_command("onefile_sandbox", rate_limit=-1)


def test_without_werkzeug_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onefile_sync.sandbox.server", None)
    with pytest.raises(CommandError, match=r"pip install .onefile-sync\[sandbox\]"):
        call_command("onefile_sandbox")


# seed_demo


@pytest.mark.django_db
def test_seeding_writes_picswebs_side_of_the_story() -> None:
    counts = seed(12, 3, today=TODAY)
    provider = build(12, 3, TODAY)
    assert counts["learners"] == 12
    assert counts["officers"] == len(provider.officers) == Officer.objects.count()
    for story in provider.learners:
        told = story.picsweb
        learner = Learner.objects.get(ident=told.ident)
        assert learner.full_name == f"{told.first_name} {told.surname}"
        assert (learner.onefile_id, learner.status) == (told.onefile_id, told.status)
        assert learner.main_officer.ident == told.main_officer
        assert learner.placement.organisation.ident == told.placements[0].organisation
        assert list(
            learner.qualifications.order_by("pk").values_list(
                "reference", "onefile_id", "elements_done", "registration_number", "registration_date"
            )
        ) == [
            (
                known.reference,
                known.onefile_id,
                known.elements_done,
                known.registration_number,
                known.registration_date,
            )
            for known in told.qualifications
        ]
        assert list(
            learner.reviews.order_by("pk").values_list(
                "type", "onefile_id", "proposed_date", "proposed_time", "attended", "officer__ident"
            )
        ) == [
            (
                known.type,
                known.onefile_id,
                known.proposed_date,
                known.proposed_time,
                known.attended,
                known.officer,
            )
            for known in told.reviews
        ]
    assert Unit.objects.count() == sum(
        len(known.units) for story in provider.learners for known in story.picsweb.qualifications
    )
    for story in provider.organisations:
        assert Organisation.objects.get(ident=story.ident).onefile_id == story.onefile_id


@pytest.mark.django_db
def test_what_is_seeded_is_valid() -> None:
    seed(12, 3, today=TODAY)
    for model in (Officer, Organisation, Learner, Qualification, Review):
        for record in model.objects.all():
            record.full_clean()


@pytest.mark.django_db
def test_seeding_again_is_refused_unless_it_replaces() -> None:
    call_command("seed_demo", learners=3, seed=1, stdout=io.StringIO())
    with pytest.raises(CommandError, match="There are learners already"):
        call_command("seed_demo", learners=3, seed=1)
    screen = io.StringIO()
    call_command("seed_demo", learners=4, seed=2, replace=True, stdout=screen)
    assert screen.getvalue().startswith("4 learners, ")
    assert Learner.objects.count() == 4


@pytest.mark.django_db
def test_a_negative_number_of_learners_is_refused() -> None:
    with pytest.raises(CommandError, match="--learners must not be negative"):
        call_command("seed_demo", learners=-1)


# Fixtures


def test_the_fixture_is_a_running_sandbox_with_a_small_provider(onefile_sandbox: SandboxServer) -> None:
    assert requests.get(onefile_sandbox.page_url, timeout=5).status_code == 200
    assert onefile_sandbox.world.aims


def test_the_factory_makes_sandboxes_to_measure(make_onefile_sandbox: Callable[..., SandboxServer]) -> None:
    small = make_onefile_sandbox(learners=3, seed=2, switches=Switches(items="rich"), latency=0.001)
    own = make_onefile_sandbox(world=World())
    assert small.port != own.port
    assert (small.switches.items, own.world.users) == ("rich", {})


@pytest.mark.django_db
def test_a_picsweb_that_was_never_set_up_is_switched_on_for_the_sandbox():
    call_command("seed_demo", learners=3, seed=1, stdout=io.StringIO())
    row = OneFileSettings.objects.get()
    assert (row.enabled, row.environment, row.customer_token) == (True, "sandbox", CUSTOMER_TOKEN)


@pytest.mark.django_db
def test_settings_that_staff_have_made_are_left_alone():
    OneFileSettings(enabled=False, environment="practice").save()
    call_command("seed_demo", learners=3, seed=1, stdout=io.StringIO())
    row = OneFileSettings.objects.get()
    assert (row.enabled, row.environment, row.has_customer_token) == (False, "practice", False)


def test_a_port_that_is_none_is_refused_as_what_it_is() -> None:
    with pytest.raises(CommandError, match="A port is a number from 0 to 65535"):
        call_command("onefile_sandbox", port=99999)
