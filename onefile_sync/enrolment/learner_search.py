"""Looks in OneFile for learners who may be the same person as one who is to be created."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

from django.views.decorators.debug import sensitive_variables

from onefile_sync.host.snapshot import PersonRow
from onefile_sync.linking import identity
from onefile_sync.linking.matching import Confidence, Identity, Pair, match_learners
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.records import Person, SearchResult
from onefile_sync.sync.learner.fetch import ROLE_LEARNER

from .plan import Findings, PotentialMatch

#: People with the same names whose records are read at most. Learners with more namesakes are not looked for by name.
MOST_NAMESAKES: Final = 50
#: What is kept of a person who was found.
_KEPT: Final = (
    "id",
    "centre_id",
    "role",
    "first_name",
    "last_name",
    "email",
    "mis_value",
    "uln",
    "ni_number",
    "date_of_birth",
    "start_date",
    "archived",
)


@sensitive_variables()
def search_learners(onefile: OneFile, learner: PersonRow) -> Findings:
    """Search for a learner by MIS Value, by e-mail and by both names, in all centres, and read who fits.

    At most three calls, and one for each person found whose list item leaves out what matters. OneFile may ignore the
    filters: if a search brings somebody who does not fit, it has brought everybody, and no other search is needed.
    Raises :class:`~onefile_sync.onefile.errors.OneFileError`.
    """
    found: dict[int, Person] = {}
    complete = True
    for filters, fits in _searches(learner):
        result: SearchResult[Person] = onefile.people(
            role=ROLE_LEARNER,
            mis_value=filters.get("mis_value", ""),
            email=filters.get("email", ""),
            first_name=filters.get("first_name", ""),
            last_name=filters.get("last_name", ""),
        )
        complete = complete and not result.unreadable_items
        of_role = [each for each in result.records if each.role in (None, ROLE_LEARNER) or each.archived]
        if all(map(fits, result.records)):
            found |= {each.id: each for each in of_role}
            continue
        # Not filtered, so everybody who could be the same person is in this list.
        wanted = [fits_one for _filters, fits_one in _searches(learner)]
        found |= {each.id: each for each in of_role if any(is_wanted(each) for is_wanted in wanted)}
        break
    if len(found) > MOST_NAMESAKES:
        found = {key: each for key, each in found.items() if _has_more_than_names(learner, each)}
    people = [_in_full(onefile, each) for each in found.values()]
    return Findings(tuple(each for each in people if each is not None), complete)


Fits = Callable[[Person], bool]


def _searches(learner: PersonRow) -> Iterator[tuple[dict[str, str], Fits]]:
    """The filters of each search, and who fits them. A filter that compares beginnings counts as working.

    Who has no value in a list item may have it all the same.
    """
    mis_value, email = learner.ident.strip(), learner.email.strip()
    first, last = learner.first_name.strip(), learner.surname.strip()
    if mis_value:
        yield {"mis_value": mis_value}, lambda person: _begins(person.mis_value, mis_value)
    if email:
        yield {"email": email}, lambda person: _begins(person.email, email)
    if first and last:
        names = {"first_name": first, "last_name": last}
        yield (
            names,
            lambda person: _begins(person.first_name, first) and _begins(person.last_name, last),
        )


def _begins(value: str, text: str) -> bool:
    return not value or value.strip().casefold().startswith(text.casefold())


def _has_more_than_names(learner: PersonRow, person: Person) -> bool:
    mis_value, email = identity.mis_value(learner.ident), identity.email(learner.email)
    return bool(
        (mis_value and identity.mis_value(person.mis_value) == mis_value)
        or (email and identity.email(person.email) == email)
    )


def _in_full(onefile: OneFile, person: Person) -> Person | None:
    """The person's own record, unless the list item says everything. ``None`` if it was deleted meanwhile."""
    if not person.silent & {"email", "uln", "ni_number", "date_of_birth", "mis_value"}:
        return person
    try:
        return onefile.person(person.id)
    except OneFileError as error:
        if error.code == "not_found":
            return None
        raise


@sensitive_variables()
def potential_matches(
    learner: PersonRow, findings: Findings, centre_names: Mapping[int, str]
) -> tuple[PotentialMatch, ...]:
    """Who may be the same person, most likely first."""
    theirs = {str(each.id): each for each in findings.people}
    ours = _identity_of(learner.pk, learner, surname=learner.surname, mis=learner.ident)
    pairs = match_learners(
        [ours],
        [
            _identity_of(
                key, each, surname=each.last_name, mis=each.mis_value, centre=str(each.centre_id or "")
            )
            for key, each in theirs.items()
        ],
    )
    found = (_match(pair, theirs[pair.theirs], centre_names) for pair in pairs)
    return tuple(sorted(found, key=lambda each: (each.confidence.rank, each.person.id)))


def _match(pair: Pair, person: Person, centre_names: Mapping[int, str]) -> PotentialMatch:
    confidence = pair.best if pair.level is Confidence.SEVERAL else pair.level
    centre = centre_names.get(person.centre_id or 0, "")
    differs = (*pair.contradictions, *pair.slips)
    return PotentialMatch(person, confidence, tuple(pair.evidence), differs, centre)


def _identity_of(key: str, who: PersonRow | Person, *, surname: str, mis: str, centre: str = "") -> Identity:
    return Identity(
        key=key,
        centre=centre,
        mis=identity.mis_value(mis),
        uln=identity.uln(who.uln),
        ni=identity.ni_number(who.ni_number),
        email=identity.email(who.email),
        dob=identity.date_of_birth(who.date_of_birth),
        surname=identity.name(surname),
        first=identity.first_given_name(who.first_name),
        dob_alike=identity.dates_of_birth_alike(who.date_of_birth),
        ni_alike=identity.ni_numbers_alike(who.ni_number),
        start=who.start_date,
    )


# Kept from the check until the window is answered


def to_json(findings: Findings) -> dict[str, Any]:
    people = [{name: _written(getattr(each, name)) for name in _KEPT} for each in findings.people]
    return {"people": people, "complete": findings.complete}


def from_json(kept: Mapping[str, Any]) -> Findings:
    return Findings(tuple(map(_person, kept.get("people", ()))), bool(kept.get("complete")))


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


_DATES: Final = frozenset({"date_of_birth", "start_date"})


def _person(kept: Mapping[str, Any]) -> Person:
    read: dict[str, Any] = {
        name: date.fromisoformat(value) if name in _DATES and value else value for name, value in kept.items()
    }
    return replace(Person(read["id"]), **read)
