"""The callers and the addresses that they call."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient

from tests.factories import Host

REFRESH = "onefile_sync.refresh_learner"
VIEW_RUNS = "onefile_sync.view_syncrun"
LINK = "onefile_sync.link_records"

_VIEW_LEARNER = {"picsweb": "picsweb.view_learner", "college": "college.view_student"}
_CHANGE_LEARNER = {"picsweb": "picsweb.change_learner", "college": "college.change_student"}
_ABSENT = {"picsweb": "987654321", "college": "00000000-0000-4000-8000-000000000000"}
_numbers = count(1)


def view_learner(host: Host) -> str:
    """The host's own permission to view learners."""
    return _VIEW_LEARNER[host.name]


def change_learner(host: Host) -> str:
    """The host's own permission to change learners."""
    return _CHANGE_LEARNER[host.name]


def absent_learner(host: Host) -> str:
    """A primary key of the host's type that belongs to no learner."""
    return _ABSENT[host.name]


def member_of_staff(*permissions: str) -> User:
    """A user with these permissions and no others."""
    user = User.objects.create_user(f"staff-{next(_numbers)}")
    for permission in permissions:
        app_label, codename = permission.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app_label, codename=codename)
        )
    return user


def signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def clerk(host: Host) -> APIClient:
    """A user who may view and refresh learners."""
    return signed_in(member_of_staff(REFRESH, view_learner(host)))


def supervisor(host: Host) -> APIClient:
    """A user who may view learners and runs."""
    return signed_in(member_of_staff(VIEW_RUNS, view_learner(host)))


def refresh_url(learner: Any) -> str:
    return f"/api/onefile/learners/{getattr(learner, 'pk', learner)}/refresh/"


def status_url(learner: Any) -> str:
    return f"/api/onefile/learners/{getattr(learner, 'pk', learner)}/status/"


def link_url(learner: Any) -> str:
    return f"/api/onefile/learners/{getattr(learner, 'pk', learner)}/link/"


def run_url(run: Any) -> str:
    return f"/api/onefile/runs/{getattr(run, 'pk', run)}/"


def outcomes_url(run: Any) -> str:
    return f"{run_url(run)}outcomes/"
