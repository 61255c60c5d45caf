"""Requests that Schemathesis generates from the description: no 5xx and no undescribed answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from onefile_sync import services

from .callers import LINK, REFRESH, VIEW_RUNS, change_learner, member_of_staff, signed_in, view_learner

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = {
    "onefile_refresh_learner",
    "onefile_learner_status",
    "onefile_link_learner",
    "onefile_unlink_learner",
    "onefile_run",
    "onefile_run_outcomes",
    "onefile_qualification_links",
    "onefile_refresh_qualification_links",
    "onefile_unmatched",
    "onefile_match_estimate",
    "onefile_start_match",
    "onefile_match_suggestions",
    "onefile_link_suggestions",
    "onefile_not_same",
}
CSRF_TOKEN = "c" * 32


@pytest.fixture(scope="module")
def api() -> Any:
    """The description, and the web application that must conform to it."""
    api = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(public=True))
    api.app = get_wsgi_application()
    return api


@pytest.fixture
def headers_of(host: Any) -> Callable[[str], dict[str, str]]:
    """Request headers of a user with every permission, of one who may only view learners, and of nobody."""

    def headers(caller: str) -> dict[str, str]:
        if caller == "nobody":
            return {}
        permissions = [
            view_learner(host),
            *([REFRESH, VIEW_RUNS, LINK, change_learner(host)] if caller == "clerk" else []),
        ]
        session = signed_in(member_of_staff(*permissions)).cookies[settings.SESSION_COOKIE_NAME].value
        return {
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={CSRF_TOKEN}",
            "X-CSRFToken": CSRF_TOKEN,
        }

    return headers


def test_every_operation_is_tried(api: Any) -> None:
    assert {each.ok().definition.raw["operationId"] for each in api.get_all_operations()} == OPERATIONS


@pytest.mark.matrix
@pytest.mark.parametrize("caller", ["clerk", "onlooker", "nobody"])
@pytest.mark.parametrize("operation_id", sorted(OPERATIONS))
def test_every_answer_is_described(
    api: Any, host: Any, headers_of: Callable[[str], dict[str, str]], operation_id: str, caller: str
) -> None:
    operation = api.find_operation_by_id(operation_id)
    learner = host.learner()
    there = {"learner_pk": str(learner.pk), "run_id": str(services.refresh([learner]).pk)}
    headers = headers_of(caller)

    @hypothesis_settings(
        max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(case=operation.as_strategy(), exists=st.booleans())
    def answers(case: Any, exists: bool) -> None:
        if exists:
            case.path_parameters = {name: there[name] for name in case.path_parameters}
        case.validate_response(case.call(headers=headers), checks=CHECKS)

    answers()
