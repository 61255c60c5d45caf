"""The third host's ``ONEFILE_SYNC``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    from .models import Apprentice, Coach


def main_officer_of(apprentice: Apprentice) -> Coach | None:
    return apprentice.caseload.coach if apprentice.caseload else None


def ended_on_of(apprentice: Apprentice) -> date | None:
    return apprentice.programme.end_date if apprentice.programme else None


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
