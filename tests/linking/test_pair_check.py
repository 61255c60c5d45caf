"""Both sides of a suggested pair side by side: what is compared, and what is said if one of the two is gone."""

from __future__ import annotations

from typing import Any

import pytest

from onefile_sync.linking import pair_check
from onefile_sync.linking.comparison import Agreement
from onefile_sync.linking.linker import LinkRefused
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import DirectoryEntry, MatchSuggestion, OneFileSettings
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.eligibility import Refused
from tests.factories import Host

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)
PLACEMENT_ID = 300


def pair(kind: str, row: Any, onefile_id: int = PLACEMENT_ID) -> MatchSuggestion:
    return MatchSuggestion(
        tenant=present_tenant(), subject_kind=kind, subject_pk=str(row.pk), onefile_id=onefile_id
    )


def listed(name: str, mis_value: str) -> None:
    DirectoryEntry.objects.create(
        tenant=present_tenant(),
        kind="placement",
        centre_id=1,
        onefile_id=PLACEMENT_ID,
        name=name,
        mis_value=mis_value,
    )


def refused(suggestion: MatchSuggestion) -> str:
    with pytest.raises(LinkRefused) as caught:
        pair_check.look_at_pair(suggestion)
    return caught.value.code


@pytest.mark.parametrize(
    ("ident", "mis_value", "agreement"),
    [
        ("9", "9", Agreement.AGREES),
        ("9", "10", Agreement.DIFFERS),
        ("", "10", Agreement.BLANK),
        ("9", "", Agreement.BLANK),
    ],
    ids=["same", "other", "none of ours", "none of theirs"],
)
def test_a_placement_is_compared_as_its_list_has_it(
    host: Host, onefile: SandboxServer, ident: str, mis_value: str, agreement: Agreement
) -> None:
    organisation = host.organisation(name="Hallam Engineering", ident=ident)
    listed("Hallam Engineering", mis_value)
    name, number = pair_check.look_at_pair(pair("organisation", organisation))
    assert (name.agreement, number.agreement) == (Agreement.AGREES, agreement)
    assert not onefile.calls, "OneFile is not asked about single placements"


def test_an_organisation_that_was_deleted(host: Host, onefile: SandboxServer) -> None:
    organisation = host.organisation()
    suggestion = pair("organisation", organisation)
    organisation.delete()
    assert refused(suggestion) == "link_row_gone"


def test_a_placement_that_is_in_no_list(host: Host, onefile: SandboxServer) -> None:
    assert refused(pair("organisation", host.organisation())) == "match_not_listed"


@pytest.mark.parametrize("kind", ["learner", "officer"])
def test_a_person_who_was_deleted_in_picsweb(
    host: Host, onefile: SandboxServer, world: World, kind: str
) -> None:
    row = getattr(host, kind)(onefile_id=None)
    suggestion = pair(kind, row, world.add_learner().id)
    row.delete()
    assert refused(suggestion) == "link_row_gone"
    assert not onefile.calls


def test_without_a_token_nobody_is_asked(host: Host, onefile: SandboxServer) -> None:
    suggestion = pair("learner", host.learner(onefile_id=None))
    OneFileSettings.objects.update(linked_tenant=present_tenant(), encrypted_customer_token="")
    host.learner(onefile_id=5)
    with pytest.raises(Refused) as caught:
        pair_check.look_at_pair(suggestion)
    assert caught.value.code == "no_token"
