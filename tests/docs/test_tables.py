"""The tables of the documentation say what the code says: nothing is missing there, and nothing is made up."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from dataclasses import fields
from datetime import timedelta
from typing import Any, get_args, get_type_hints

import pytest
from django.contrib.auth.models import Permission
from django.core.management import load_command_class

from onefile_sync.conf import KEYS
from onefile_sync.host.mapping import OPTIONS, PARTS
from onefile_sync.management.commands.onefile_sync import summarise
from onefile_sync.models import RunKind, SyncRun
from onefile_sync.onefile.records import AimNames
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.switches import Switches

from .expected import case_rows, catalogue_rows, refusal_rows
from .pages import ROOT, code, page, table

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

    @pytest.mark.django_db
    def test_every_permission_exists(self) -> None:
        told = {
            code(permission).removeprefix("onefile_sync.")
            for permission, *_ in table("install.md", "permissions")
        }

        known = Permission.objects.filter(content_type__app_label="onefile_sync")
        assert told <= set(known.values_list("codename", flat=True))

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


class TestOperations:
    def test_every_problem(self) -> None:
        assert table("operations.md", "problems") == catalogue_rows()

    def test_every_case_of_onefiles_errors(self) -> None:
        assert table("operations.md", "cases") == case_rows()

    def test_every_refusal(self) -> None:
        assert table("operations.md", "refusals") == refusal_rows()

    @pytest.mark.django_db
    def test_the_object_that_the_command_prints(self) -> None:
        shown = re.search(r"<!-- json -->\n```json\n(.*?)```", page("operations.md"), re.DOTALL)
        assert shown

        printed = summarise(SyncRun.objects.create(kind=RunKind.DAILY))

        assert _keys(json.loads(shown[1])) == _keys(printed)


class TestSandbox:
    def test_every_option_of_the_command(self) -> None:
        parser = load_command_class("onefile_sync", "onefile_sandbox").create_parser(
            "manage.py", "onefile_sandbox"
        )
        own = {"port", "learners", "seed", "profile", "rate_limit", "latency_ms"}
        known = {action.dest: str(action.default) for action in parser._actions if action.dest in own}

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
        for folder in ("sync", "onefile"):
            own |= set((PACKAGE / folder).glob("*.py"))
        assert told == {path for path in own if path.name not in ("__init__.py", "__pycache__")}

    def test_every_dependency_and_its_lower_bound(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        needed = [*project["dependencies"], *project["optional-dependencies"]["sandbox"]]

        told = [f"{code(name)}>={bound}" for name, bound, _ in table("design.md", "dependencies")]

        assert told == needed

    def test_the_names_that_may_be_set_of_a_learning_aim(self) -> None:
        row = next(line for line in page("design.md").splitlines() if "`AIM_NAMES`" in line)

        told = row.partition("keys are ")[2]
        assert re.findall(r"`([^`]+)`", told) == [field.name for field in fields(AimNames)]


def _value(text: str) -> object:
    hours = re.fullmatch(r"timedelta\((hours|minutes)=(\d+)\)", text)
    return timedelta(**{hours[1]: int(hours[2])}) if hours else ast.literal_eval(text)


def _keys(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: _keys(value) if isinstance(value, dict) else None for name, value in shown.items()}
