"""The third host's ``ONEFILE_SYNC``."""

from __future__ import annotations

from typing import Any

ACADEMY: dict[str, Any] = {
    "CALLS_PER_MINUTE": None,
    "LEARNER": {
        "model": "academy.Apprentice",
        "main_officer": "coach",
        "live": "active",
        "in_learning": {"ended_on": None},
    },
    "QUALIFICATION": {"model": "academy.Award", "learner": "apprentice", "has_units": "modular"},
    "REVIEW": {"model": "academy.Sitting", "learner": "apprentice"},
    "OFFICER": {"model": "academy.Coach"},
}
