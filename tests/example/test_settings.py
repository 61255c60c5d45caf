"""The production settings, in processes of their own: settings are read once."""

import os
import subprocess
import sys

import pytest

from example_project import demo

COMPLETE = {
    "SECRET_KEY": "long-enough-and-random-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "picsweb.example.org",
    "DATABASE_URL": "sqlite://:memory:",
    "PATH": os.environ["PATH"],
}


def check_for_deployment(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            str(demo.MANAGE),
            "check",
            "--deploy",
            "--fail-level=WARNING",
            "--settings=example_project.settings_production",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_is_fit_to_be_deployed() -> None:
    ran = check_for_deployment(COMPLETE)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS"])
def test_production_does_not_start_without(missing: str) -> None:
    ran = check_for_deployment({name: value for name, value in COMPLETE.items() if name != missing})
    assert ran.returncode == 1
    assert f"Set the environment variable {missing}." in ran.stderr
