"""The OpenAPI description: valid, without warnings, and the committed copy up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from drf_spectacular.generators import SchemaGenerator

from onefile_sync import services
from onefile_sync.messages import catalogue
from onefile_sync.rest import examples
from onefile_sync.sync import eligibility

from .callers import clerk, outcomes_url, refresh_url, status_url

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "docs" / "openapi.yaml"


def test_the_committed_description_is_what_the_code_says(tmp_path):
    """The command of the example PICSWeb generates the same description without warnings."""
    written = tmp_path / "openapi.yaml"
    command = [
        sys.executable,
        "manage.py",
        "spectacular",
        "--validate",
        "--fail-on-warn",
        "--file",
        str(written),
    ]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "DATABASE_URL": "sqlite://:memory:",
    }
    made = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert yaml.safe_load(COMMITTED.read_text("utf-8")) == yaml.safe_load(written.read_text("utf-8")), (
        "Run: python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml"
    )


@pytest.fixture
def description():
    return SchemaGenerator().get_schema(public=True)


def test_every_operation_says_what_it_is_for_and_what_it_answers(description):
    operations = [
        (path, operation) for path, methods in description["paths"].items() for operation in methods.values()
    ]
    assert {operation["operationId"] for _path, operation in operations} == {
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
    for path, operation in operations:
        assert operation["summary"]
        assert operation["description"]
        about_one_record = {"404"} if "{" in path else set()
        assert {"401", "403"} | about_one_record < set(operation["responses"])


def test_an_accepted_refresh_is_described_with_its_headers(description):
    post = description["paths"]["/api/onefile/learners/{learner_pk}/refresh/"]["post"]
    assert "requestBody" not in post
    assert set(post["responses"]["202"]["headers"]) == {"Location", "Retry-After"}
    assert {"409", "429"} < set(post["responses"])


def test_outcomes_are_described_as_pages_to_be_read_by_cursor(description):
    get = description["paths"]["/api/onefile/runs/{run_id}/outcomes/"]["get"]
    assert {parameter["name"] for parameter in get["parameters"]} == {"run_id", "cursor"}
    page = description["components"]["schemas"]["PaginatedOneFileOutcomeList"]["properties"]
    assert set(page) == {"next", "previous", "results"}
    assert page["next"]["example"].startswith(examples.OUTCOMES_URL)


def test_the_examples_have_the_fields_that_the_answers_have(host):
    asker, learner = clerk(host), host.learner()
    run = asker.post(refresh_url(learner)).json()
    outcome = asker.get(outcomes_url(run["id"])).json()["results"][0]
    status = asker.get(status_url(learner)).json()
    for answer, shown in ((run, examples.RUN), (outcome, examples.OUTCOME), (status, examples.STATUS)):
        for example in shown:
            assert set(example.value) == set(answer)
    assert set(examples.RUN[0].value["counts"]) == set(run["counts"])


def test_the_examples_speak_as_the_answers_do():
    (problem,) = examples.OUTCOME[0].value["problems"]
    said = catalogue.read_out(problem["code"], {"assessor": 3001, "reviews": 2})
    assert (problem["text"], problem["remedy"]) == said
    (change,) = examples.OUTCOME[0].value["changes"]
    assert change["rule"] == services.rule_text("elements")
    shown = [examples.WHY_NOT[0].value, examples.STATUS[1].value["why_not"]]
    assert [(why_not["code"], why_not["detail"]) for why_not in shown] == [
        (refusal.code, refusal.reason) for refusal in (eligibility.OFF, eligibility.NO_ONEFILE_ID)
    ]
