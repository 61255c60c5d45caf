"""Matching against the truth: the invented provider knows which OneFile record each learner is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pytest

from onefile_sync.linking import identity
from onefile_sync.linking.matching import (
    IDENTIFIERS,
    Confidence,
    OrganisationIdentity,
    Pair,
    match_learners,
    match_officers,
    match_organisations,
)
from onefile_sync.sandbox.demo_data.provider import build
from onefile_sync.sandbox.entities import CENTRE_ID

from .demo import both_sides, in_onefile, officer_in_picsweb

TODAY = date(2026, 5, 4)
CERTAIN, STRONG = Confidence.CERTAIN, Confidence.STRONG


def keys(pairs: Iterable[Pair], *levels: Confidence) -> set[tuple[str, str]]:
    return {(pair.ours, pair.theirs) for pair in pairs if not levels or pair.level in levels}


@pytest.mark.parametrize("seed", range(1, 9))
def test_learners_with_five_per_cent_of_each_field_wrong(seed: int) -> None:
    provider = build(300, seed, TODAY, two_centres=True, errors_percent=5)
    ours, theirs, truth = both_sides(provider.learners)
    found = match_learners(ours, theirs)

    assert keys(found, CERTAIN) <= truth
    assert len(keys(found, CERTAIN, STRONG) & truth) >= 0.9 * len(truth)
    rows = {row.key: row for row in (*ours, *theirs)}
    intact = {
        (one, other)
        for one, other in truth
        if any(getattr(rows[one], field) == getattr(rows[other], field) != "" for field in IDENTIFIERS)
    }
    assert intact <= keys(found)
    assert len(intact) > 0.98 * len(truth)


def test_without_mistakes_everybody_but_the_ambiguous_is_certain() -> None:
    provider = build(300, 1, TODAY, two_centres=True)
    ours, theirs, truth = both_sides(provider.learners)
    found = match_learners(ours, theirs)
    # Two people have two records on each side: episodes, and an account in each centre.
    assert len(keys(found, Confidence.SEVERAL)) == 8
    assert keys(found, CERTAIN) == truth - keys(found, Confidence.SEVERAL)
    assert len(truth - keys(found, CERTAIN)) == 4


@pytest.mark.parametrize("seed", range(1, 9))
def test_officers_with_five_per_cent_of_each_field_wrong(seed: int) -> None:
    provider = build(1, seed, TODAY, officers=40, errors_percent=5)
    truth = {
        (officer.ident, str(assessor.id))
        for officer, assessor in zip(provider.officers, provider.assessors, strict=True)
    }
    found = match_officers(map(officer_in_picsweb, provider.officers), map(in_onefile, provider.assessors))
    assert keys(found, CERTAIN) <= truth
    assert len(keys(found, CERTAIN, STRONG) & truth) >= 0.9 * len(truth)


def test_employers_with_ten_per_cent_of_each_field_wrong() -> None:
    provider = build(1, 3, TODAY, errors_percent=10)
    ours, theirs = (
        [
            OrganisationIdentity(
                key=key,
                mis=identity.mis_value(mis),
                name=identity.organisation_name(name),
                core=identity.organisation_core(name),
            )
            for key, mis, name in rows
        ]
        for rows in (
            [(each.ident, each.ident, each.name) for each in provider.organisations],
            [(str(each.id), each.misid, each.name) for each in provider.placements],
        )
    )
    truth = {(one.key, other.key) for one, other in zip(ours, theirs, strict=True)}
    found = match_organisations(ours, theirs)
    assert keys(found, CERTAIN, STRONG) <= truth
    assert {each.organisation_id for each in provider.placements} == {CENTRE_ID}
    assert len(keys(found, CERTAIN)) > 0.6 * len(truth)
