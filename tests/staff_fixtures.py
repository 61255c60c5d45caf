"""People with and without permissions, a learner with an awkward name, and runs as pages show them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from example_project.picsweb.models import Learner
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    OPEN_OUTCOMES,
    Change,
    LearnerOutcome,
    MatchSuggestion,
    OneFileSettings,
    OutcomeState,
    Problem,
    RecordLink,
    SyncRun,
    Tenant,
)
from tests.factories import LearnerFactory

TOKEN = "customer-token-that-no-page-shows"


class WatchfulClient(Client):
    """A browser that fails the test as soon as any answer carries the customer token."""

    def request(self, **request: Any) -> HttpResponse:
        response = super().request(**request)
        if response.streaming:  # such as a CSV file, which a test may want to read as well
            response.streaming_content = [response.getvalue()]
            body = b"".join(response.streaming_content)
            response.streaming_content = [body]
        else:
            body = response.content
        body += repr(list(response.headers.items())).encode()
        assert TOKEN.encode() not in body
        return response


@pytest.fixture
def integration(db) -> OneFileSettings:
    """The integration as it is in use: enabled, with a token."""
    in_use = OneFileSettings(enabled=True)
    in_use.set_customer_token(TOKEN)
    in_use.save()
    return in_use


@pytest.fixture
def learner(db):
    return LearnerFactory(first_name="<b>Máire", surname="O'Brien</b>", onefile_id=501)


Staff = Callable[..., User]


@pytest.fixture
def staff(db) -> Staff:
    """Makes a member of staff who may view learners, and has the permissions named besides."""

    def make(*codenames: str, sees_learners: bool = True) -> User:
        member = User.objects.create_user(f"staff{User.objects.count()}", password="x", is_staff=True)
        wanted = [*codenames, "view_learner"] if sees_learners else codenames
        member.user_permissions.set(Permission.objects.filter(codename__in=wanted))
        return member

    return make


@pytest.fixture
def restrict(monkeypatch: pytest.MonkeyPatch) -> Callable[..., User]:
    """Makes PICSWeb's learner admin show somebody only the learners given: none, unless there are some."""
    learner_admin = admin.site._registry[Learner]
    seen_by: dict[Any, list[Any]] = {}
    everyone = learner_admin.get_queryset

    def get_queryset(request: Any) -> Any:
        learners = everyone(request)
        return learners.filter(pk__in=seen_by[request.user.pk]) if request.user.pk in seen_by else learners

    def make(member: User, *learners: Any) -> User:
        monkeypatch.setattr(learner_admin, "get_queryset", get_queryset)
        seen_by[member.pk] = [learner.pk for learner in learners]
        return member

    return make


Browser = Callable[..., WatchfulClient]


@pytest.fixture
def browser() -> Browser:
    """Makes a browser in which somebody is logged in, or nobody."""

    def make(member: User | None = None, *, checks_csrf: bool = False) -> WatchfulClient:
        client = WatchfulClient(enforce_csrf_checks=checks_csrf)
        if member is not None:
            client.force_login(member)
        return client

    return make


def a_run(
    *outcomes: tuple[Any, str], kind: str = "refresh", state: str = "finished", **values: Any
) -> SyncRun:
    """A run with an outcome for each (learner, state).

    Somebody is working on those who are being worked on, and everybody else has come to an end or waits.
    """
    ended = timezone.now() if state == "finished" else None
    run = SyncRun.objects.create(kind=kind, state=state, **{"finished_at": ended, **values})
    for learner, outcome in outcomes:
        LearnerOutcome.objects.create(
            run=run,
            learner_type=ContentType.objects.get_for_model(learner),
            learner_pk=str(learner.pk),
            onefile_id=learner.onefile_id,
            state=outcome,
            finished_at=None if outcome in OPEN_OUTCOMES else timezone.now(),
            **(at_work() if outcome == OutcomeState.WORKING else {}),
        )
    return run


def at_work() -> dict[str, Any]:
    """What an outcome has while a worker is at it."""
    return {"lease_expires_at": timezone.now() + timedelta(minutes=5), "claimed_by": uuid4()}


def a_held_run(*learners: Any, **values: Any) -> SyncRun:
    """A daily run that the safety stop holds: each learner's registration number would be replaced."""
    held = {"kind": "daily", "state": "held", "open_key": "daily", "guarded": True, "held_at": timezone.now()}
    run = a_run(*((learner, "aside") for learner in learners), **{**held, **values})
    for outcome in run.outcomes.all():
        a_change(outcome, old="P-1", new="<i>REG</i>-77", made=False)
    return run


def a_change(outcome: LearnerOutcome, **values: Any) -> Change:
    return Change.objects.create(
        outcome=outcome,
        **{
            "subject_kind": "qualification",
            "subject_pk": "7",
            "subject_label": "196AS Business Administrator",
            "side": "picsweb",
            "field": "registration_number",
            "old": "",
            "new": "REG-77",
            "rule": "registration_number",
            **values,
        },
    )


def a_link(learner: Any, **values: Any) -> RecordLink:
    tenant, _made = Tenant.objects.get_or_create(
        token_digest="of a link", defaults={"environment": "sandbox", "address": "https://onefile.example"}
    )
    return RecordLink.objects.create(
        **{
            "tenant": tenant,
            "subject_kind": "learner",
            "subject_type": ContentType.objects.get_for_model(learner),
            "subject_pk": str(learner.pk),
            "onefile_id": 501,
            "how": "checked",
            "evidence": ["uln", "-dob"],
            **values,
        }
    )


def a_problem(outcome: LearnerOutcome, **values: Any) -> Problem:
    return Problem.objects.create(
        outcome=outcome,
        **{
            "subject_kind": "review",
            "subject_label": "Normal review 03/04/2025",
            "code": "officer_unmatched",
            "move": "yours",
            "details": {"assessor": 4711, "reviews": 2},
            **values,
        },
    )


def long_ago(**ago: int) -> Any:
    return timezone.now() - timedelta(**ago)


def words(response: HttpResponse) -> str:
    """The page as text with white space evened out, so that a test reads as the page does."""
    return " ".join(response.content.decode().split())


def a_match(learner: Any) -> MatchSuggestion:
    """A certain match of a learner, which nobody has decided about."""
    return MatchSuggestion.objects.create(
        tenant=present_tenant(),
        subject_kind="learner",
        subject_type=ContentType.objects.get_for_model(learner),
        subject_pk=str(learner.pk),
        onefile_id=99,
        level="certain",
        best="certain",
    )
