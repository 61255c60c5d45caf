"""A night and a morning with real processes: nobody's name, number or token stands anywhere but in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django_q.models import Failure, OrmQ, Schedule, Task
from django_q.signing import SignedPackage

from example_project import demo
from example_project.picsweb.models import Learner, Qualification
from onefile_sync import crypto, services
from onefile_sync.models import ApiSession, OneFileSettings, SyncRun, UploadIntent
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from tests.services.conftest import (
    content_types_afresh,
    environment,
    is_finished,
    provider,
    services_are_there,
)

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

TOKEN = "canary-of-a-customer-token-5b1f"
NAME, NUMBER, REFERENCE = "Canarysurname", "CANARY-REG-77", "CANARY-9F"

__all__ = ["content_types_afresh", "provider", "services_are_there"]


@pytest.fixture
def canaries(provider: SandboxServer) -> list[str]:
    """Words that turn up nowhere else: planted as names, numbers and tokens on both sides."""
    provider.customer_token = TOKEN
    row = OneFileSettings.load()
    row.set_customer_token(TOKEN)
    row.save()
    Learner.objects.update(surname=NAME)
    Qualification.objects.update(registration_number=f"{NUMBER}-PICSWEB", reference=REFERENCE)
    for number, user in enumerate(provider.world.users.values()):
        user.last_name, user.uln = NAME, f"987654{number:04}"
    for aim in list(provider.world.aims.values())[::2]:
        aim.registration_number = f"{NUMBER}-{'X' * 300}"  # more than PICSWeb can hold
    # What OneFile answers to a call that goes wrong may quote what was sent.
    provider.faults += [
        Fault(operation="Review/create", kind="status", status=400, body=f"{NAME} {TOKEN}".encode(), times=1),
        Fault(operation="LearningAim/update", kind="status", status=500, body=NUMBER.encode(), times=2),
        Fault(operation="Review/get", kind="html", times=2),
        Fault(operation="User/get", kind="reset", times=1),
    ]
    return [TOKEN, NAME, NUMBER, REFERENCE, "987654"]


@pytest.fixture
def night(provider: SandboxServer, canaries: list[str], tmp_path: Path) -> Iterator[Callable[[], str]]:
    """A daily sync by a cluster and a refresh by the command line; afterwards, everything that they said."""
    shared = environment(provider.url, "PostgreSQL") | {
        "DJANGO_SETTINGS_MODULE": "tests.reliability.cluster_settings",
        "LEASE_SECONDS": "5",
    }
    with demo.Children(tmp_path, shared, patience=15) as children:
        cluster = children.start("cluster", "qcluster")
        services.start_scheduled_daily()
        run = SyncRun.objects.get()
        demo.wait_until_it_answers(cluster, lambda: is_finished(run), within=120)
        commands = {
            "sync": ["onefile_sync", "--learner", str(Learner.objects.filter(onefile_id__gt=0)[0].pk)],
            "status": ["onefile_status"],
            "status as JSON": ["onefile_status", "--json"],
            "probe": ["onefile_probe"],
            "check": ["check", "--database", "default"],
        }
        for name, arguments in commands.items():
            children.start(name, *arguments, "--verbosity=3").process.wait(60)
        processes = command_lines()
        children.stop()
        yield lambda: processes + "".join(log.read_text() for log in sorted(tmp_path.glob("*.log")))


def command_lines() -> str:
    """What the list of processes shows of every process on this machine."""
    shown = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            shown.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended meanwhile
            continue
    return "\n".join(shown)


def test_names_leave_the_database_only_for_people_with_the_permission(
    night: Callable[[], str], canaries: list[str], figures: Callable[..., None]
) -> None:
    said, kept = night(), kept_by_django_q2_and_us()
    session = crypto.decrypt(ApiSession.objects.get().encrypted_token)
    assert "call_failed" in said
    assert "run_finished" in said
    assert '"level"' in said
    for canary in [*canaries, session]:
        assert canary not in said
        assert canary not in kept
    pages = list(pages_of_people_without_the_permission())
    assert not [canary for canary in canaries if canary in "".join(pages)]
    figures(
        "canary",
        planted=len(canaries) + 1,
        pages_searched=len(pages),
        characters_of_logs_and_output_searched=len(said),
        found=0,
    )


def kept_by_django_q2_and_us() -> str:
    """django-q2's tables, and those of ours that are not about learners."""
    return repr(
        [
            *(SignedPackage.loads(row.payload) for row in OrmQ.objects.all()),
            *Task.objects.values(),
            *Failure.objects.values(),
            *Schedule.objects.values(),
            *SyncRun.objects.values(),
            *UploadIntent.objects.values(),
            *ApiSession.objects.values(),
            *OneFileSettings.objects.values(),
        ]
    )


def pages_of_people_without_the_permission() -> Iterator[str]:
    """Every answer that such people get."""
    run = SyncRun.objects.order_by("created_at").first()
    assert run is not None
    learner = Learner.objects.filter(onefile_id__gt=0).first()
    assert learner is not None
    may_look = User.objects.create_user("may look at health", is_staff=True)
    may_look.user_permissions.set(Permission.objects.filter(codename="view_health"))
    people = [None, User.objects.create_user("nobody in particular", is_staff=True), may_look]
    names = ("run", "progress", "cancel", "apply", "discard")
    addresses = [
        *(reverse(f"onefile_sync:{name}", args=[run.pk]) for name in names),
        reverse("onefile_sync:outcome", args=[run.outcomes.all()[0].pk]),
        reverse("onefile_sync:refresh", args=[learner.pk]),
        reverse("onefile_sync:health"),
        reverse("onefile_sync_rest:learner-status", args=[learner.pk]),
        reverse("onefile_sync_rest:run", args=[run.pk]),
        reverse("onefile_sync_rest:run-outcomes", args=[run.pk]),
        reverse("admin:onefile_sync_syncrun_changelist"),
        reverse("admin:onefile_sync_change_changelist"),
        reverse("admin:onefile_sync_problem_changelist"),
        reverse("admin:onefile_sync_onefilesettings_change", args=["1"]),
        reverse("admin:index"),
    ]
    for person in people:
        browser = Client()
        if person is not None:
            browser.force_login(person)
        for address in addresses:
            for answer in (browser.get(address), browser.post(address)):
                yield answer.content.decode() + repr(list(answer.headers.items()))
