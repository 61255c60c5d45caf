"""An invented provider on both sides, without any OneFile ID in PICSWeb, and the truth of who is who."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from example_project.picsweb.management.commands.seed_demo import fill
from example_project.picsweb.models import Learner, Officer, Organisation
from onefile_sync.models import MatchBy, MatchSuggestion, OneFileSettings
from onefile_sync.sandbox.demo_data.demo_data import Provider
from onefile_sync.sandbox.demo_data.picsweb_side import unlinked
from onefile_sync.sandbox.demo_data.provider import build
from onefile_sync.sandbox.world import World


@dataclass(frozen=True)
class BothSides:
    """``learners`` and ``officers`` are the true pairs: the primary key in PICSWeb and the OneFile ID."""

    provider: Provider
    learners: frozenset[tuple[str, int]]
    officers: frozenset[tuple[str, int]]
    organisations: frozenset[tuple[str, int]]


def on_both_sides(world: World, provider: Provider) -> BothSides:
    """Write a provider to PICSWeb, without OneFile IDs, and to the sandbox's world.

    Nobody is to be linked by MIS Value, so that everybody is suggested.
    """
    OneFileSettings.objects.update(match_by=MatchBy.ONEFILE_ID)
    world.__dict__.update(World.of(provider).__dict__)
    fill(unlinked(provider))
    learners = {each.ident: str(each.pk) for each in Learner.objects.all()}
    officers = {each.ident: str(each.pk) for each in Officer.objects.all()}
    organisations = {each.ident: str(each.pk) for each in Organisation.objects.all()}
    return BothSides(
        provider,
        frozenset(
            (learners[each.picsweb.ident], each.onefile.user.id) for each in provider.learners if each.onefile
        ),
        frozenset(
            (officers[officer.ident], assessor.id)
            for of_centre in _by_centre(provider.assessors)
            for officer, assessor in zip(provider.officers, of_centre, strict=True)
        ),
        frozenset(
            (organisations[ours.ident], placement.id)
            for of_centre in _by_centre(provider.placements)
            for ours, placement in zip(provider.organisations, of_centre, strict=True)
        ),
    )


def _by_centre(records: Iterable[Any]) -> list[list[Any]]:
    """In the order of ours, as the second centre has a copy of each record of the first."""
    centres = sorted({each.organisation_id for each in records})
    return [[each for each in records if each.organisation_id == centre] for centre in centres]


def provider_with_mistakes(learners: int = 40, seed: int = 1, **options: int) -> Provider:
    return build(learners, seed, two_centres=True, **{"errors_percent": 5, **options})


def suggested(kind: str, *levels: str) -> set[tuple[str, int]]:
    """The pairs of a kind that are suggested, with one of these levels."""
    found = MatchSuggestion.objects.filter(subject_kind=kind, state="open")
    found = found.filter(level__in=levels) if levels else found
    return set(found.values_list("subject_pk", "onefile_id"))
