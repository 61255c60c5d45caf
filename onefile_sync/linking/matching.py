"""Which row of PICSWeb and which record of OneFile are the same learner, officer or organisation. Plain values only.

Values are normalised (:mod:`onefile_sync.linking.identity`), or keyed digests of normalised values; "" is blank. They
are only compared with each other. The order of the input changes nothing, and neither does anybody who shares nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import Enum
from itertools import product
from typing import Any, Final, TypeVar

#: A value that more people of one side have than this is a placeholder: it identifies nobody.
MOST_WITH_ONE_VALUE: Final = 20
#: Start dates as far apart as this count as the same. It is shown and decides nothing.
SAME_START: Final = timedelta(days=31)

#: What tells people apart: evidence if equal.
IDENTIFIERS: Final = ("mis", "uln", "ni")
PERSON_FIELDS: Final = (*IDENTIFIERS, "email", "dob", "surname", "first")
ORGANISATION_FIELDS: Final = ("mis", "name", "core")
#: A contradiction if both sides have a value and the two differ.
CONTRADICTING: Final = ("uln", "ni", "dob")


class Confidence(Enum):
    """How sure it is that two records are the same, best first. Values are stable: they are stored and exported."""

    CERTAIN = "certain"
    STRONG = "strong"
    POSSIBLE = "possible"
    CONTRADICTED = "contradicted"
    SEVERAL = "several"

    @property
    def rank(self) -> int:
        """0 is the best."""
        return list(Confidence).index(self)


LevelOf = Callable[[AbstractSet[str]], Confidence | None]
Key = tuple[str, Hashable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A learner or an officer on one side. ``key`` is unique on its side.

    ``centre`` is the OneFile centre, "" in PICSWeb: an e-mail counts if nobody else of that side and centre has it. As
    an e-mail says nothing of the role, match one role at a time, or let ``centre`` tell the roles apart.
    Dates of birth and NI numbers that differ are a slip and no contradiction if the two have one of ``dob_alike`` or
    ``ni_alike`` in common. Leave these blank to have each difference contradict.
    ``linked`` people match nobody, but their e-mail still counts as theirs. Where names are digests, equal texts must
    give equal digests in ``surname`` and ``first``, so that exchanged names are noticed.
    """

    key: str
    centre: str = ""
    mis: str = field(default="", repr=False)
    uln: str = field(default="", repr=False)
    ni: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    dob: str = field(default="", repr=False)
    surname: str = field(default="", repr=False)
    first: str = field(default="", repr=False)
    dob_alike: tuple[str, ...] = field(default=(), repr=False)
    ni_alike: tuple[str, ...] = field(default=(), repr=False)
    start: date | None = None
    linked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationIdentity:
    """An organisation of PICSWeb or a placement of OneFile. ``core`` is the name without Ltd, Limited and the like."""

    key: str
    mis: str = ""
    name: str = ""
    core: str = ""
    linked: bool = False


Row = TypeVar("Row", Identity, OrganisationIdentity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two records that may be the same.

    ``evidence``, ``contradictions`` and ``slips`` name fields. ``best`` is the level that the pair has on its own;
    ``level`` is ``SEVERAL`` if a person has to choose. ``same_start`` is ``None`` if a start date is unknown.
    """

    ours: str
    theirs: str
    level: Confidence
    best: Confidence
    evidence: tuple[str, ...]
    contradictions: tuple[str, ...] = ()
    slips: tuple[str, ...] = ()
    same_start: bool | None = None


def match_learners(
    ours: Iterable[Identity], theirs: Iterable[Identity], not_same: Collection[tuple[str, str]] = ()
) -> list[Pair]:
    """Pair learners, sorted by key. ``not_same`` has keys of ours and theirs that a person said are not the same.

    First name and surname exchanged on one side count as both names. A surname changed by marriage is no evidence and
    no contradiction. Different ULNs, NI numbers or dates of birth are contradictions; if they differ only by a slip,
    the pair is not contradicted, but not certain either. A blank is neither.

    A row has either one pair with a level of its own, or only pairs that are ``SEVERAL``: those at its best level, and
    any with two of ULN, NI number and MIS Value, which may be the right one with a mistake. A pair that is the only one
    for both rows hides their pairs at lower levels, unless it is contradicted.
    """
    return _match_people(ours, theirs, not_same, _learner_level)


def match_officers(
    ours: Iterable[Identity], theirs: Iterable[Identity], not_same: Collection[tuple[str, str]] = ()
) -> list[Pair]:
    """Pair officers with the assessors of one centre, as :func:`match_learners` does.

    MIS Value and surname are certain, and so are e-mail and both names. MIS Value and e-mail or first name are strong.
    Both names alone are possible.
    """
    return _match_people(ours, theirs, not_same, _officer_level, names_alone=True)


def match_organisations(
    ours: Iterable[OrganisationIdentity],
    theirs: Iterable[OrganisationIdentity],
    not_same: Collection[tuple[str, str]] = (),
) -> list[Pair]:
    """Pair organisations with placements, sorted by key. The evidence is ``mis``, ``name``, ``core``."""
    sides = _without_placeholders(ours, theirs, ("mis",))

    def keys(row: OrganisationIdentity) -> Iterable[Key]:
        return ((field, getattr(row, field)) for field in ORGANISATION_FIELDS)

    found = _candidates(*sides, keys, not_same)
    pairs = (_pair(one, other, ORGANISATION_FIELDS, _organisation_level) for one, other in found)
    return _decided(filter(None, pairs))


# What two sides have in common


def _match_people(
    ours: Iterable[Identity],
    theirs: Iterable[Identity],
    not_same: Collection[tuple[str, str]],
    level_of: LevelOf,
    names_alone: bool = False,
) -> list[Pair]:
    sides = _without_placeholders(_own_emails(ours), _own_emails(theirs), IDENTIFIERS)

    def keys(row: Identity) -> Iterator[Key]:
        yield from ((field, getattr(row, field)) for field in (*IDENTIFIERS, "email"))
        if row.first and row.surname and (row.dob or names_alone):
            names = sorted((row.first, row.surname))
            yield "names", (*names, "" if names_alone else row.dob)

    found = _candidates(*sides, keys, not_same)
    pairs = (_pair(one, other, PERSON_FIELDS, level_of) for one, other in found)
    return _decided(filter(None, pairs))


def _own_emails(people: Iterable[Identity]) -> list[Identity]:
    """The people, each without an e-mail that somebody else of the same side and centre has."""
    rows = list(people)
    holders = Counter((row.centre, row.email) for row in rows)
    return [replace(row, email="") if holders[row.centre, row.email] > 1 else row for row in rows]


def _without_placeholders(
    ours: Iterable[Row], theirs: Iterable[Row], fields: Iterable[str]
) -> tuple[list[Row], list[Row]]:
    """Those who are not linked, with every value blank that too many of one side share."""
    sides = [row for row in ours if not row.linked], [row for row in theirs if not row.linked]
    crowded = {
        (field, value)
        for field in fields
        for rows in sides
        for value, holders in Counter(getattr(row, field) for row in rows).items()
        if value and holders > MOST_WITH_ONE_VALUE
    }

    def cleaned(row: Row) -> Row:
        blank: dict[str, Any] = {field: "" for field in fields if (field, getattr(row, field)) in crowded}
        return replace(row, **blank) if blank else row

    return [cleaned(row) for row in sides[0]], [cleaned(row) for row in sides[1]]


def _candidates(
    ours: list[Row],
    theirs: list[Row],
    keys: Callable[[Row], Iterable[Key]],
    not_same: Collection[tuple[str, str]],
) -> Iterator[tuple[Row, Row]]:
    """Each two rows with a key in common, once. By keys, as comparing everybody with everybody takes too long."""
    our_index, their_index = _index(ours, keys), _index(theirs, keys)
    seen = set(not_same)
    for key, our_rows in our_index.items():
        their_rows = their_index.get(key, ())
        if max(len(our_rows), len(their_rows)) > MOST_WITH_ONE_VALUE:
            continue
        for one, other in product(our_rows, their_rows):
            if (one.key, other.key) not in seen:
                seen.add((one.key, other.key))
                yield one, other


def _index(rows: Iterable[Row], keys: Callable[[Row], Iterable[Key]]) -> Mapping[Key, list[Row]]:
    index: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        for key in keys(row):
            if key[1]:
                index[key].append(row)
    return index


# What it is worth


def _pair(ours: Row, theirs: Row, fields: Iterable[str], level_of: LevelOf) -> Pair | None:
    """The two as a pair, with the level it has on its own. ``None`` if what they have in common is no evidence."""
    values = {field: (getattr(ours, field), getattr(theirs, field)) for field in fields}
    evidence = {field for field, (one, other) in values.items() if one and one == other}
    if isinstance(ours, Identity) and isinstance(theirs, Identity) and _names_exchanged(ours, theirs):
        evidence |= {"surname", "first"}
    level = level_of(evidence)
    if level is None:
        return None
    different = [
        field
        for field in CONTRADICTING
        if field in values and "" not in values[field] and field not in evidence
    ]
    slips = tuple(field for field in different if _is_slip(ours, theirs, field))
    contradictions = tuple(field for field in different if field not in slips)
    if contradictions:
        level = Confidence.CONTRADICTED
    elif slips and level is Confidence.CERTAIN:
        level = Confidence.STRONG
    return Pair(
        ours=ours.key,
        theirs=theirs.key,
        level=level,
        best=level,
        evidence=tuple(field for field in fields if field in evidence),
        contradictions=contradictions,
        slips=slips,
        same_start=_same_start(ours, theirs),
    )


def _is_slip(one: Row, other: Row, field: str) -> bool:
    ours, theirs = (getattr(row, f"{field}_alike", ()) for row in (one, other))
    return not set(ours).isdisjoint(theirs)


def _names_exchanged(one: Identity, other: Identity) -> bool:
    return bool(one.first and one.surname) and (one.first, one.surname) == (other.surname, other.first)


def _same_start(one: Row, other: Row) -> bool | None:
    if isinstance(one, Identity) and isinstance(other, Identity) and one.start and other.start:
        return abs(one.start - other.start) <= SAME_START
    return None


def _learner_level(evidence: AbstractSet[str]) -> Confidence | None:
    identified = not evidence.isdisjoint(IDENTIFIERS)
    if identified and evidence >= {"surname", "dob"}:
        return Confidence.CERTAIN
    if (identified and evidence & {"surname", "dob"}) or evidence >= {"email", "first", "surname", "dob"}:
        return Confidence.STRONG
    if identified or evidence >= {"email", "surname"} or evidence >= {"first", "surname", "dob"}:
        return Confidence.POSSIBLE
    return None


def _officer_level(evidence: AbstractSet[str]) -> Confidence | None:
    if evidence >= {"mis", "surname"} or evidence >= {"email", "first", "surname"}:
        return Confidence.CERTAIN
    if "mis" in evidence and evidence & {"email", "first"}:
        return Confidence.STRONG
    return Confidence.POSSIBLE if evidence >= {"first", "surname"} else _learner_level(evidence)


def _organisation_level(evidence: AbstractSet[str]) -> Confidence | None:
    if evidence >= {"mis", "name"}:
        return Confidence.CERTAIN
    if "name" in evidence:
        return Confidence.STRONG
    return Confidence.POSSIBLE if evidence else None


# Where one row has several pairs


def _decided(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that are shown: see :func:`match_learners`."""
    tiers: defaultdict[int, list[Pair]] = defaultdict(list)
    for pair in pairs:
        tiers[_tier(pair)].append(pair)
    shown: list[Pair] = []
    pairs_of = _Rows()
    for tier in sorted(tiers):
        settled = _Rows(pair for pair in shown if pair.best.rank < tier and pairs_of.most(pair) == 1)
        fresh = [pair for pair in tiers[tier] if not settled.most(pair)]
        pairs_of.add(fresh)
        shown += fresh
    return sorted(
        (replace(pair, level=Confidence.SEVERAL) if pairs_of.most(pair) > 1 else pair for pair in shown),
        key=lambda pair: (pair.ours, pair.theirs),
    )


class _Rows:
    """How many pairs the rows of either side have."""

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._ours: Counter[str] = Counter()
        self._theirs: Counter[str] = Counter()
        self.add(pairs)

    def add(self, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            self._ours[pair.ours] += 1
            self._theirs[pair.theirs] += 1

    def most(self, pair: Pair) -> int:
        """The number of pairs of its two rows: of the one that has more."""
        return max(self._ours[pair.ours], self._theirs[pair.theirs])


def _tier(pair: Pair) -> int:
    """Pairs compete within a tier, and those of an earlier one may hide those of later ones."""
    if len(set(IDENTIFIERS) & set(pair.evidence)) > 1:
        return Confidence.CERTAIN.rank
    return min(pair.best.rank, Confidence.POSSIBLE.rank)
