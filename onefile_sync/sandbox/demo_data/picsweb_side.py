"""PICSWeb's half of a provider, to fill a host with: as plain records, and without any OneFile ID."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date, time
from typing import Any

from .demo_data import PicswebLearner, Provider


def unlinked(provider: Provider) -> Provider:
    """The same provider in which nobody has entered a OneFile ID yet. OneFile's side stays as it is."""
    return replace(
        provider,
        officers=tuple(replace(officer, onefile_id=None) for officer in provider.officers),
        organisations=tuple(replace(each, onefile_id=None) for each in provider.organisations),
        learners=tuple(
            replace(learner, picsweb=unlinked_learner(learner.picsweb)) for learner in provider.learners
        ),
    )


def unlinked_learner(person: PicswebLearner) -> PicswebLearner:
    """The same learner without any OneFile ID."""
    return replace(
        person,
        onefile_id=None,
        qualifications=tuple(replace(known, onefile_id=None) for known in person.qualifications),
        reviews=tuple(replace(review, onefile_id=None) for review in person.reviews),
    )


def as_records(provider: Provider) -> dict[str, list[dict[str, Any]]]:
    """PICSWeb's half as values that JSON knows. Dates and times are ISO text; officers are named by their Ident."""
    return {
        "officers": [_plain(asdict(officer)) for officer in provider.officers],
        "organisations": [_plain(asdict(organisation)) for organisation in provider.organisations],
        "learners": [_plain(asdict(learner.picsweb)) for learner in provider.learners],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date | time) else value
