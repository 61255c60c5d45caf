"""Reads a OneFile learner to whom a learner of PICSWeb is to be linked, and compares the two. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.core import signing
from django.views.decorators.debug import sensitive_variables

from onefile_sync import crypto, host
from onefile_sync.host.snapshot import PersonRow
from onefile_sync.models import DirectoryEntry, DirectoryKind, OneFileSettings, RecordLink, Tenant
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.parsing import LARGEST_NUMBER
from onefile_sync.onefile.records import AimOutline, Person, Review
from onefile_sync.sync.eligibility import refuse_another_onefile, refuse_wrong_mapping
from onefile_sync.sync.learner.fetch import ROLE_LEARNER
from onefile_sync.sync.short_calls import onefile_at_once, trouble_told

from . import choices, history, identity, matching
from .choices import Choices, Option
from .comparison import Comparison, compare
from .linker import LinkRefused
from .tenants import present_tenant

#: Pages of one learner's reviews that are read at most.
MOST_PAGES = 10
_SALT = "onefile_sync.link"


@dataclass(frozen=True, slots=True)
class LinkCheck:
    """A learner and a OneFile learner side by side.

    ``holder`` is the primary key of an earlier record of the same person that has the OneFile ID now. ``is_linked``:
    the learner has it already, and what is left is to pair. ``restored`` are rows that were linked before, with their
    kinds and OneFile IDs. ``accepted`` are the contradictions in spite of which the two were linked. ``shown``
    is a signed digest of everything that a person sees, to be given back.
    """

    learner_pk: str
    onefile_id: int
    centre_id: int | None
    comparison: Comparison
    archived: bool | None
    is_linked: bool
    holder: str | None
    qualifications: Choices
    reviews: Choices
    restored: tuple[tuple[str, str, int], ...]
    shown: str
    accepted: frozenset[str] = frozenset()

    @property
    def needs_tick(self) -> bool:
        """Whether a person has to say that the two are the same, and has not said so of these contradictions yet."""
        return not set(self.comparison.contradictions) <= self.accepted


class TakenByAnother(LinkRefused):
    """Another learner has the OneFile ID. ``holder`` is their primary key; not everybody may be told who it is."""

    def __init__(self, onefile_id: int, holder: str) -> None:
        super().__init__("link_taken", onefile_id=onefile_id)
        self.holder = holder


@sensitive_variables()
def check(learner_pk: str, onefile_id: int, shown: str = "") -> LinkCheck:
    """Compare a learner with a OneFile learner: three calls.

    With ``shown``, of an earlier check, the learning aims are not read again and the reviews are read to their end, to
    decide whether OneFile still has what was shown; then the new ``shown`` is equal.
    Raises :class:`~.linker.LinkRefused` and :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    refuse_wrong_mapping()
    refuse_another_onefile()
    if not 0 < onefile_id <= LARGEST_NUMBER:
        raise LinkRefused("link_bad_id")
    ours = _learner(learner_pk)
    if ours.onefile_id not in (None, onefile_id):
        raise LinkRefused("link_exists", onefile_id=ours.onefile_id)
    holder = _holder(ours, onefile_id)
    settings = OneFileSettings.load()
    with trouble_told():
        tenant = present_tenant(settings)
    aims = _aims_in(shown)
    with onefile_at_once(settings) as onefile:
        theirs = _person(onefile, onefile_id)
        aims = _read_aims(onefile, onefile_id) if aims is None else aims
        reviews = read_reviews(onefile, theirs.id, theirs.centre_id, to_the_end=bool(shown))
    return _put_together(tenant, ours, theirs, holder, aims, reviews)


@sensitive_variables()
def check_with_history(onefile: OneFile, tenant: Tenant, ours: PersonRow, theirs: Person) -> LinkCheck:
    """As :func:`check`, of a learner and a record that were read already: two calls, more for very many reviews."""
    aims = _read_aims(onefile, theirs.id)
    reviews = read_reviews(onefile, theirs.id, theirs.centre_id, to_the_end=True)
    return _put_together(tenant, ours, theirs, None, aims, reviews)


def _learner(pk: str) -> PersonRow:
    found = host.read_people("learner", [pk])
    if not found:
        raise LinkRefused("link_row_gone")
    return found[0]


def _holder(ours: PersonRow, onefile_id: int) -> str | None:
    """The earlier record of the same person that has the OneFile ID. Raises :class:`TakenByAnother`."""
    holders = [pk for pk in host.learners_sharing(onefile_id) if pk != ours.pk]
    if not holders:
        return None
    others = host.read_people("learner", holders)
    if len(holders) > 1 or not others or not _is_same_person(ours, others[0]):
        raise TakenByAnother(onefile_id, holders[0])
    return holders[0]


@sensitive_variables()
def _is_same_person(one: PersonRow, other: PersonRow) -> bool:
    pairs = matching.match_learners([_identity(one)], [_identity(other)])
    return bool(pairs) and not pairs[0].contradictions


def _identity(row: PersonRow) -> matching.Identity:
    return matching.Identity(
        key=row.pk,
        mis=identity.mis_value(row.ident),
        uln=identity.uln(row.uln),
        ni=identity.ni_number(row.ni_number),
        email=identity.email(row.email),
        dob=identity.date_of_birth(row.date_of_birth),
        surname=identity.name(row.surname),
        first=identity.first_given_name(row.first_name),
    )


# What is read of OneFile


def _person(onefile: OneFile, onefile_id: int) -> Person:
    try:
        person = onefile.person(onefile_id)
    except OneFileError as error:
        codes = {"not_found": "link_unknown_id", "forbidden": "link_other_customer"}
        if error.code in codes:
            raise LinkRefused(codes[error.code], onefile_id=onefile_id) from None
        raise
    if person.role not in (None, ROLE_LEARNER) and not person.archived:
        raise LinkRefused("link_not_a_learner", onefile_id=onefile_id)
    return person


def _read_aims(onefile: OneFile, onefile_id: int) -> list[AimOutline]:
    page = onefile.page_of_aim_outlines(1, onefile_id)
    return [aim for aim in page.records if aim.learner_id in (None, onefile_id)]


def read_reviews(
    onefile: OneFile, learner_id: int, centre_id: int | None, *, to_the_end: bool
) -> dict[int, Review]:
    """The reviews of a OneFile learner: the first page, or all that there are.

    OneFile may ignore the filter and list other learners' reviews first, so a page without any of the learner's is
    not the last one. Raises :class:`~.linker.LinkRefused` for a review that cannot be read, as it may be the same as
    one of PICSWeb's, which would then be uploaded once more.
    """
    found: dict[int, Review] = {}
    listed: set[int] = set()
    for number in range(1, MOST_PAGES + 1):
        page = onefile.page_of_reviews(number, centre_id, learner_id)
        if page.unreadable_items:
            raise LinkRefused("link_unreadable_review")
        known = len(listed)
        for review in page.records:
            listed.add(review.id)
            if review.learner_id in (None, learner_id):
                found.setdefault(review.id, review)
        if not to_the_end or onefile.is_surely_last(page) or len(listed) == known:
            return found
    raise LinkRefused("link_too_many_reviews")


# What is shown


@sensitive_variables()
def _put_together(
    tenant: Tenant,
    ours: PersonRow,
    theirs: Person,
    holder: str | None,
    aims: Sequence[AimOutline],
    reviews: Mapping[int, Review],
) -> LinkCheck:
    comparison = compare(ours, theirs)
    restored = choices.restorable(tenant, {ours.pk: theirs.id})[ours.pk]
    free_with_it = (
        {(kind, onefile_id) for kind, _pk, onefile_id in host.linked_rows_of(holder)} if holder else set()
    )
    qualifications = _qualifications(tenant, ours.pk, aims, restored, free_with_it)
    of_reviews = choices.review_choices(
        host.reviews_of([ours.pk]), _free_reviews(reviews.values(), free_with_it), restored
    )
    seen = [
        [(each.name, each.ours, each.theirs) for each in comparison.values],
        [theirs.id, theirs.role, theirs.archived, holder],
        [(each.pk, str(each.label)) for each in (*qualifications.ours, *of_reviews.ours)],
        sorted((each.onefile_id, str(each.day)) for each in of_reviews.theirs),
    ]
    digest = crypto.fingerprint("link", tenant.token_digest, ours.pk, repr(seen))
    standards = [[aim.id, aim.standard_id] for aim in aims]
    return LinkCheck(
        learner_pk=ours.pk,
        onefile_id=theirs.id,
        centre_id=theirs.centre_id,
        comparison=comparison,
        archived=theirs.archived,
        is_linked=ours.onefile_id is not None,
        holder=holder,
        qualifications=qualifications,
        reviews=of_reviews,
        restored=restored,
        accepted=_accepted(tenant, ours, theirs.id),
        shown=signing.Signer(salt=_SALT).sign_object([digest, standards]),
    )


def _aims_in(shown: str) -> list[AimOutline] | None:
    """The learning aims of an earlier check; ``None`` without one. Raises :class:`~.linker.LinkRefused`."""
    if not shown:
        return None
    try:
        _digest, standards = signing.Signer(salt=_SALT).unsign_object(shown)
    except signing.BadSignature:
        raise LinkRefused("link_record_changed") from None
    return [AimOutline(aim_id, None, standard_id) for aim_id, standard_id in standards]


def _accepted(tenant: Tenant, ours: PersonRow, onefile_id: int) -> frozenset[str]:
    """The contradictions that a person knew of who linked the two, if they are linked."""
    if ours.onefile_id != onefile_id:
        return frozenset()
    made = RecordLink.objects.filter(
        tenant=tenant, subject_kind="learner", subject_pk=ours.pk, onefile_id=onefile_id, ended_at=None
    ).first()
    accepted = frozenset(code[1:] for code in (made.evidence if made else ()) if code.startswith("-"))
    # Match with OneFile says of a name and a date of birth that both differ only that the date contradicts.
    return accepted | {"surname", "first"} if "dob" in accepted else accepted


def _qualifications(
    tenant: Tenant,
    learner_pk: str,
    aims: Sequence[AimOutline],
    restored: Iterable[tuple[str, str, int]],
    free_with_it: set[tuple[str, int]],
) -> Choices:
    rows = [row for row in host.qualifications_of([learner_pk]) if row.onefile_id is None]
    taken = host.pks_with_onefile_id("qualification", [aim.id for aim in aims])
    free = [aim for aim in aims if aim.id not in taken or ("qualification", aim.id) in free_with_it]
    standards = {
        onefile_id: (code, title)
        for onefile_id, code, title in DirectoryEntry.objects.filter(
            tenant=tenant,
            kind=DirectoryKind.STANDARD,
            onefile_id__in={aim.standard_id for aim in free if aim.standard_id is not None},
        ).values_list("onefile_id", "code", "name")
    }
    theirs = tuple(Option(aim.id, *standards.get(aim.standard_id or 0, ("", ""))) for aim in free)
    paired = history.qualification_pairs(
        [(row.pk, identity.code(row.reference)) for row in rows],
        [(each.onefile_id, identity.code(each.code)) for each in theirs],
    )
    certain = {pair.ours: pair.theirs for pair in paired.pairs if pair.certain}
    return choices.proposed("qualification", [(row.pk, row.label) for row in rows], theirs, certain, restored)


def _free_reviews(records: Iterable[Review], free_with_it: set[tuple[str, int]]) -> list[Option]:
    taken = host.pks_with_onefile_id("review", [review.id for review in records])
    return choices.review_options(
        review for review in records if review.id not in taken or ("review", review.id) in free_with_it
    )
