"""The two commands, and the fixtures that others use."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
import requests
import time_machine
from django.core.management import CommandError, call_command

from example_project.picsweb.management.commands.seed_demo import fill, seed
from example_project.picsweb.models import Learner, Officer, Organisation, Qualification, Review, Unit
from onefile_sync import host
from onefile_sync.host.mapping import OFFICER
from onefile_sync.host.snapshot import PersonRow, roles_of
from onefile_sync.models import OneFileSettings
from onefile_sync.sandbox.demo_data.command_line import (
    add_provider_arguments,
    provider_arguments,
    provider_of,
)
from onefile_sync.sandbox.demo_data.provider import build
from onefile_sync.sandbox.server import CUSTOMER_TOKEN, SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

TODAY = date(2026, 5, 4)


# onefile_sandbox


class Screen(io.StringIO):
    """Collects what the command writes; once it is ready, inspects it from another thread and then stops it."""

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


def test_a_number_out_of_range_is_refused() -> None:
    with pytest.raises(CommandError, match="--learners must not be negative"):
        call_command("onefile_sandbox", learners=-1)
    with pytest.raises(CommandError, match="--officers is a number from 2 to 900"):
        call_command("onefile_sandbox", officers=1)
    with pytest.raises(CommandError, match="--errors-percent is a number from 0 to 100"):
        call_command("onefile_sandbox", errors_percent=101)


def onefile_ids(value: object) -> Iterator[object]:
    """All OneFile IDs anywhere in an export."""
    if isinstance(value, list):
        for each in value:
            yield from onefile_ids(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from [each] if name == "onefile_id" else onefile_ids(each)


def test_picswebs_half_is_exported(tmp_path: Path) -> None:
    file, screen = tmp_path / "provider.json", io.StringIO()
    with time_machine.travel(TODAY):
        call_command(
            "onefile_sandbox", export=str(file), learners=12, seed=3, two_centres=True, stdout=screen
        )
    exported = json.loads(file.read_text(encoding="utf-8"))
    provider = build(12, 3, TODAY, two_centres=True)
    assert screen.getvalue().split() == ["6", "officers", "16", "organisations", "25", "learners"]
    assert len(exported["learners"]) == len(provider.learners) == 25
    for record, learner in zip(exported["learners"], provider.learners, strict=True):
        person = learner.picsweb
        assert (record["ident"], record["surname"], record["uln"], record["onefile_id"]) == (
            person.ident,
            person.surname,
            person.uln,
            person.onefile_id,
        )
        assert date.fromisoformat(record["date_of_birth"]) == person.date_of_birth
        assert [known["reference"] for known in record["qualifications"]] == [
            known.reference for known in person.qualifications
        ]
        assert len(record["reviews"]) == len(person.reviews)
        assert record["placements"][0]["organisation"] == person.placements[0].organisation
        assert record["main_officer"] in {officer["ident"] for officer in exported["officers"]}
    assert any(onefile_ids(exported))


def test_an_export_can_leave_the_onefile_ids_out_and_go_to_the_screen() -> None:
    linked, unlinked = io.StringIO(), io.StringIO()
    call_command("onefile_sandbox", export="-", learners=8, stdout=linked)
    call_command("onefile_sandbox", export="-", learners=8, unlinked=True, stdout=unlinked)
    assert "O'Connor" in unlinked.getvalue()
    assert set(onefile_ids(json.loads(unlinked.getvalue()))) == {None}
    assert re.sub(r'"onefile_id": \d+', '"onefile_id": null', linked.getvalue()) == unlinked.getvalue()


def test_unlinked_without_an_export_is_refused() -> None:
    with pytest.raises(CommandError, match="--unlinked belongs to --export"):
        call_command("onefile_sandbox", unlinked=True)


def test_a_file_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"could not be written: No such file or directory\."):
        call_command("onefile_sandbox", export=str(tmp_path / "nowhere" / "provider.json"), learners=1)


def test_an_export_does_without_werkzeug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onefile_sync.sandbox.server", None)
    screen = io.StringIO()
    call_command("onefile_sandbox", export="-", learners=1, stdout=screen)
    assert json.loads(screen.getvalue())["learners"]


# seed_demo


@pytest.mark.django_db
def test_a_picsweb_can_be_seeded_without_any_onefile_id() -> None:
    call_command("seed_demo", learners=8, seed=3, two_centres=True, unlinked=True, stdout=io.StringIO())
    assert Learner.objects.count() == 21
    for model in (Learner, Officer, Organisation, Qualification, Review):
        assert model.objects.exists()
        assert not model.objects.exclude(onefile_id=None).exists()


@pytest.mark.django_db
def test_seeding_with_errors_fits_the_sandbox_of_the_same_numbers() -> None:
    call_command("seed_demo", learners=30, seed=3, errors_percent=20, officers=9, stdout=io.StringIO())
    provider = build(30, 3, errors_percent=20, officers=9)
    assert Officer.objects.count() == 9
    assert [learner.surname for learner in Learner.objects.order_by("ident")] == [
        learner.picsweb.surname for learner in provider.learners
    ]


@pytest.mark.parametrize("given", [[], ["--officers=9", "--two-centres", "--errors-percent=20", "--seed=4"]])
def test_the_options_of_a_provider_are_passed_on_to_another_command(given: list[str]) -> None:
    parser = ArgumentParser()
    add_provider_arguments(parser)
    options = vars(parser.parse_args(["--learners=10", *given]))

    passed_on = vars(parser.parse_args(provider_arguments(options)))

    assert passed_on == options
    assert provider_of(passed_on, TODAY) == provider_of(options, TODAY)


@pytest.mark.django_db
def test_a_qualification_starts_with_its_learning_aim() -> None:
    provider = build(10, 3, TODAY, two_centres=True)
    fill(provider)
    starts = dict(Qualification.objects.values_list("onefile_id", "start_date"))
    aims = [aim for learner in provider.learners if learner.onefile for aim in learner.onefile.aims]
    assert None not in starts.values()
    assert {aim.id: aim.start_date for aim in aims}.items() <= starts.items()


@pytest.mark.django_db
def test_linking_reads_of_a_seeded_picsweb_what_the_provider_has() -> None:
    provider = build(10, 3, TODAY)
    fill(provider)
    people = {row.ident: row for row in host.all_people("learner")}
    for story in provider.learners:
        row = people[story.picsweb.ident]
        assert all(
            getattr(row, name) == getattr(story.picsweb, name)
            for name in (*roles_of(PersonRow), "onefile_id")
        )
    officers = {row.ident: row for row in host.all_people("officer")}
    assert all(
        getattr(officers[story.ident], name) == getattr(story, name)
        for story in provider.officers
        for name in OFFICER.optional_roles
    )
    assert {row.ident: row.name for row in host.organisations()} == {
        story.ident: story.name for story in provider.organisations
    }


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
    fill(build(12, 3, TODAY, two_centres=True, errors_percent=30))
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
    large = make_onefile_sandbox(learners=3, seed=2, two_centres=True, errors_percent=5)
    assert (len(small.world.centres), len(large.world.centres)) == (1, 2)


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
