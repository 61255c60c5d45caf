"""The tables of the documentation say what the code says: nothing is missing there, and nothing is made up."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from dataclasses import fields
from datetime import timedelta
from typing import Any, get_args, get_type_hints
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission
from django.core.management import BaseCommand, load_command_class
from django.urls import path

from onefile_sync import events as events_module
from onefile_sync import services
from onefile_sync.conf import KEYS
from onefile_sync.contrib.health_check import OneFileIntegration
from onefile_sync.fields import Kind, blank_values
from onefile_sync.host.mapping import LEARNER, OPTIONS, PARTS
from onefile_sync.management.commands.onefile_status import as_json
from onefile_sync.management.commands.onefile_sync import summarise
from onefile_sync.models import OneFileSettings, RecordLink, RunKind, SettingsGroup, SyncRun
from onefile_sync.onefile.parsing import NO_DATE
from onefile_sync.reporting.health_checks import SLOW, all_checks
from onefile_sync.sandbox.api import API_OPERATIONS, understand
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sync.runs.schedule import SCHEDULED_TASKS
from tests.linking.test_linking_faults import CALLS
from tests.reliability.test_links_state_machine import EXAMPLES as LINK_EXAMPLES
from tests.reliability.test_links_state_machine import ON_SERVERS
from tests.reliability.test_state_machine import EXAMPLES
from tests.reliability.trouble import FAULTS, OPERATIONS

from .expected import bounds, case_rows, events, link_refusal_rows, problem_rows, refusal_rows
from .pages import ROOT, block, code, page, table

PACKAGE = ROOT / "onefile_sync"


class TestInstall:
    def test_every_key_of_the_settings(self) -> None:
        rows = table("install.md", "keys")

        told = [
            (code(key), ast.literal_eval(code(default)), should_be) for key, default, should_be, _ in rows
        ]
        assert told == [(key, setting.default, setting.should_be) for key, setting in KEYS.items()]
        assert all(meaning for *_, meaning in rows)

    def test_every_part_of_the_mapping(self) -> None:
        rows = table("install.md", "parts")

        told = {(code(key), code(role)) for key, role, _ in rows}
        assert told == {
            (part.key, name) for part in PARTS for name in (*part.roles, *OPTIONS.get(part.key, ()))
        }

    def test_every_optional_role_of_the_mapping(self) -> None:
        rows = table("install.md", "optional roles")

        assert [(code(key), code(role)) for key, role, _ in rows] == [
            (part.key, role) for part in PARTS for role in part.optional_roles
        ]
        kinds = {
            Kind.TEXT: "text",
            Kind.DATE: "a date or date-time",
            Kind.CODE: "text or a whole number",
            Kind.OFFICER: "a foreign key to your officer",
            Kind.OFFICERS: "a function that returns pairs of a role and an officer",
            Kind.CONDITION: "a condition",
            Kind.TYPE: "text, a whole number or a foreign key",
        }
        by_key = {part.key: part for part in PARTS}
        for key, role, value in rows:
            assert value.partition(":")[0] == kinds[by_key[code(key)].optional_roles[code(role)]]

    def test_the_lines_for_creating_learners_are_fifteen_at_most(self) -> None:
        written = ast.literal_eval(block("install.md", "check: upload"))
        codes = written.pop("CODES")

        by_key = {part.key: part for part in PARTS}
        for key, roles in written.items():
            known = {"model", *by_key[key].roles, *by_key[key].optional_roles}
            assert roles.keys() <= known
        assert codes.keys() <= {role for role, kind in LEARNER.optional_roles.items() if kind is Kind.CODE}
        lines = sum(len(roles) if key != "PLACEMENT" else 1 for key, roles in written.items())
        assert lines + len(codes) <= 15

    def test_every_setting_of_creating_learners(self) -> None:
        fields = {
            field.name: (str(field.verbose_name), field)
            for field in OneFileSettings._meta.concrete_fields
            if field.name in OneFileSettings.shown()[SettingsGroup.CREATING]
        }

        told = [(name.strip("*"), first) for name, first, _ in table("install.md", "creating")]
        assert told == [
            (label, _at_first(field.default, dict(field.choices or ()))) for label, field in fields.values()
        ]

    @pytest.mark.django_db
    def test_every_permission(self) -> None:
        told = {
            code(permission).removeprefix("onefile_sync.")
            for permission, *_ in table("install.md", "permissions")
        }

        known = Permission.objects.filter(content_type__app_label="onefile_sync")
        assert told <= set(known.values_list("codename", flat=True))
        ours = (*SyncRun._meta.permissions, *RecordLink._meta.permissions)
        assert {codename for codename, _name in ours} <= told

    def test_every_block_of_the_templates(self) -> None:
        told = {
            code(name): set(re.findall(r"`([^`]+)`", blocks))
            for name, _, blocks in table("install.md", "blocks")
        }

        for name, blocks in told.items():
            template = (PACKAGE / "templates" / name).read_text(encoding="utf-8")
            ours = {"onefile", "onefile_head"}
            assert set(re.findall(r"{% block (\S+) %}", template)) - ours == blocks

    def test_no_page_needs_more_than_a_strict_content_security_policy(self) -> None:
        templates = list((PACKAGE / "templates").rglob("*.html"))

        assert templates
        for template in templates:
            assert not re.search(
                r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:",
                template.read_text(encoding="utf-8"),
            ), template


def _at_first(default: Any, choices: dict[Any, Any]) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"*{choices[default]}*" if choices else str(default) or "–"


def test_the_rules_name_every_date_that_means_no_date() -> None:
    text = page("rules.md")

    assert all(day.isoformat() in text for day in NO_DATE)


class TestOperations:
    def test_every_problem(self) -> None:
        assert table("operations.md", "problems") == problem_rows()

    def test_every_case_of_onefiles_errors(self) -> None:
        assert table("operations.md", "cases") == case_rows()

    def test_every_refusal(self) -> None:
        assert table("operations.md", "refusals") == refusal_rows()

    def test_every_refused_link(self) -> None:
        assert table("operations.md", "refused links") == link_refusal_rows()

    def test_every_schedule(self) -> None:
        assert [code(name) for name, *_ in table("operations.md", "schedules")] == [
            each.name for each in SCHEDULED_TASKS
        ]

    def test_every_log_event(self) -> None:
        told = {
            code(event): (
                level,
                set(re.findall(r"`([^`]+)`", facts)) | ({"..."} if " the number of " in facts else set()),
            )
            for event, level, facts, _ in table("operations.md", "events")
        }

        assert told == events(PACKAGE)

    def test_every_question_of_the_health_page(self) -> None:
        rows = table("operations.md", "findings")

        assert [code(finding) for finding, *_ in rows] == [each.code for each in all_checks()]
        told = {code(finding): (warning, critical) for finding, _, warning, critical in rows}
        for finding, (warning, critical) in bounds().items():
            assert warning in told[finding][0]
            assert critical in told[finding][1]
        assert f"{SLOW:.0%}" in told["pace"][0]

    @pytest.mark.django_db
    def test_the_objects_that_the_commands_print(self) -> None:
        printed = summarise(SyncRun.objects.create(kind=RunKind.DAILY))
        assert _keys(json.loads(block("operations.md", "json: onefile_sync"))) == _keys(printed)

        shown = json.loads(block("operations.md", "json: onefile_status"))
        OneFileSettings(enabled=True).save()
        printed = as_json(services.health())
        assert shown.keys() == printed.keys()
        for finding, answer in shown["findings"].items():
            assert answer.keys() == printed["findings"][finding].keys()

    def test_the_formatter_writes_json(self, caplog: pytest.LogCaptureFixture) -> None:
        written: dict[str, Any] = {}
        exec(block("operations.md", "check: log formatter"), written)  # noqa: S102 - our own page
        caplog.set_level("INFO", logger="onefile_sync")
        run = UUID(int=7)

        events_module.info("run_opened", run=run, kind=RunKind.DAILY)

        line = json.loads(written["AsJson"]().format(caplog.records[-1]))
        assert (line["event"], line["level"], line["run"], line["kind"]) == (
            "run_opened",
            "INFO",
            str(run),
            "daily",
        )

    def test_the_plug_in_is_where_the_page_says(self) -> None:
        written: dict[str, Any] = {"urlpatterns": [], "path": path}
        exec(block("operations.md", "check: health"), written)  # noqa: S102 - our own page

        (address,) = written["urlpatterns"]
        checks = address.callback.view_class(**address.callback.view_initkwargs).get_checks()
        assert [type(check) for check in checks] == [OneFileIntegration]


class TestSandbox:
    def test_every_option_of_the_command(self) -> None:
        parser = load_command_class("onefile_sync", "onefile_sandbox").create_parser(
            "manage.py", "onefile_sandbox"
        )
        djangos = {action.dest for action in BaseCommand().create_parser("manage.py", "any")._actions}
        known = {action.dest: str(action.default) for action in parser._actions if action.dest not in djangos}

        told = {
            code(option).removeprefix("--").replace("-", "_"): code(default)
            for option, default, _ in table("sandbox.md", "options")
        }

        assert told == known

    def test_every_switch(self) -> None:
        told = {
            code(name): (_value(code(default)), {_value(each) for each in re.findall(r"`([^`]+)`", others)})
            for name, default, others, _ in table("sandbox.md", "switches")
        }

        assert told == {
            switch.name: (switch.default, set(switch.metadata.get("alternatives", ())))
            for switch in fields(Switches)
        }

    def test_every_operation(self) -> None:
        values = {"page": 1, "size": 10, "id": 7, "learner": 8, "only": "false"}
        understood = {}
        for name, call, _ in table("sandbox.md", "operations"):
            method, _, path = code(call).partition(" ")
            understood[code(name)] = understand(method, path.format(**values)).operation

        assert understood == {operation: operation for operation in API_OPERATIONS}

    def test_every_fault(self) -> None:
        told = {code(kind) for kind, _ in table("sandbox.md", "faults")}

        assert told == set(get_args(get_type_hints(Fault)["kind"]))

    def test_the_example_test_passes(self, make_onefile_sandbox: Any) -> None:
        shown = re.search(r"<!-- test -->\n```python\n(.*?)```", page("sandbox.md"), re.DOTALL)
        assert shown
        written: dict[str, Any] = {}

        exec(shown[1], written)  # noqa: S102 - our own page
        written["test_a_sandbox_of_my_own"](make_onefile_sandbox)


class TestDesign:
    def test_every_module_of_the_package(self) -> None:
        told = {
            PACKAGE / name
            for modules, _ in table("design.md", "house")
            for name in re.findall(r"`([^`]+)`", modules)
        }

        own = {path for path in PACKAGE.iterdir() if path.suffix == ".py" or any(path.glob("**/*.*"))}
        for folder in (
            "sync",
            "sync/*",
            "onefile",
            "web",
            "reporting",
            "setup",
            "enrolment",
            "linking",
            "messages",
        ):
            own |= {
                path for path in PACKAGE.glob(f"{folder}/*") if path.suffix == ".py" or any(path.glob("*.py"))
            }
        assert told == {path for path in own if path.name not in ("__init__.py", "__pycache__")}

    def test_every_dependency_and_its_lower_bound(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"]
        redis = [needed for needed in extras["services"] if needed.startswith("redis")]
        needed = [*project["dependencies"], *extras["sandbox"], *extras["health"], *redis]

        told = [f"{code(name)}>={bound}" for name, bound, _ in table("design.md", "dependencies")]

        assert told == needed

    def test_the_names_that_may_be_set_of_a_learning_aim(self) -> None:
        row = next(line for line in page("design.md").splitlines() if "`AIM_NAMES`" in line)

        told = row.partition("keys are ")[2]
        assert re.findall(r"`([^`]+)`", told) == list(blank_values())


class TestReliability:
    def test_the_sizes(self) -> None:
        told = {
            name: [int(re.sub(r"\D", "", cell.partition(" ")[0]) or 0) for cell in sizes]
            for names, *sizes in table("reliability.md", "sizes")
            for name in re.findall(r"`([^`]+)`", names)
        }

        tests = ROOT / "tests" / "reliability"
        assert set(told) == {path.name for path in tests.glob("test_*.py")}
        assert told["test_state_machine.py"] == [EXAMPLES["thorough"], EXAMPLES["nightly"]]
        assert told["test_links_state_machine.py"][1] == LINK_EXAMPLES["nightly"]
        assert f"{LINK_EXAMPLES['thorough']} examples on SQLite, {ON_SERVERS} on each server" in page(
            "reliability.md"
        )
        # Two hosts, and two kinds of search results.
        assert told["test_fault_matrix.py"][1] == 4 * told["test_fault_matrix.py"][0]
        for test, name in (
            ("test_kills.py", "KILLS"),
            ("test_create_kills.py", "KILLS"),
            ("test_budget.py", "CALLS"),
        ):
            chosen = re.search(
                rf"^{name} = ([\d_]+) if LONG else ([\d_]+)$", (tests / test).read_text(), re.MULTILINE
            )
            assert chosen
            assert told[test] == [int(chosen[2]), int(chosen[1])]

    def test_every_operation_and_every_fault_is_counted(self) -> None:
        assert f"{len(OPERATIONS)} operations × {len(FAULTS)} faults" in page("reliability.md")
        assert f"{len(CALLS)} calls × {len(FAULTS)} faults" in page("reliability.md")
        assert f"{len(CALLS) * len(FAULTS)} cases" in page("reliability.md")


def _value(text: str) -> object:
    hours = re.fullmatch(r"timedelta\((hours|minutes)=(\d+)\)", text)
    return timedelta(**{hours[1]: int(hours[2])}) if hours else ast.literal_eval(text)


def _keys(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: _keys(value) if isinstance(value, dict) else None for name, value in shown.items()}


class TestContributing:
    def test_every_place_that_it_names_is_there(self) -> None:
        contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        rows = [line for line in contributing.splitlines() if line.startswith("| ")]
        named = {name for row in rows for name in re.findall(r"`([\w/]+(?:\.(?:py|md|yaml)|/))`", row)}

        assert len(named) > 30
        assert not {name for name in named if not (PACKAGE / name).exists() and not (ROOT / name).exists()}

    def test_every_test_that_it_runs_is_there(self) -> None:
        contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        shown = re.findall(r"bin/pytest ([\w/]+\.py)(?:::| -k )?(\w*)", contributing)

        assert len(shown) == 3
        assert all(name in (ROOT / path).read_text(encoding="utf-8") for path, name in shown)
