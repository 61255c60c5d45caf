from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from onefile_sync import services
from onefile_sync.management.onefile_command import OneFileCommand

FILTERS = {
    "exact": "The filter is exact: only the whole value is found.",
    "partial": "The filter is partial: a part of the value is enough.",
    "ignored": "The filter is ignored: users come whatever is searched for.",
    "no match": "OneFile does not find the active user by MIS Value.",
    "unknown": "It cannot be told whether the filter is exact: take an active user with a MIS Value.",
}
YES_NO = {True: "yes", False: "no", None: "cannot be told"}


class Command(OneFileCommand):
    help = (
        "Reads a few records of one learner in OneFile and reports what OneFile sends: names of properties, "
        "kinds of values and counts, never values. Changes nothing. Use it to set AIM_NAMES and PAGE_SIZE. "
        "With --users, --standards and --search it reports what linking has to know instead. "
        "Exit code 0: done; 2: could not run."
    )
    #: The command reports a wrong set-up itself, in one line and with its own exit code.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--learner",
            metavar="PK",
            help="a learner's primary key; without it, the first learner of the daily run with a linked "
            "qualification",
        )
        parser.add_argument(
            "--users",
            nargs=2,
            type=int,
            metavar=("ACTIVE", "ARCHIVED"),
            help="instead of a learner: compare two users, given by their OneFile IDs, to set ARCHIVED and USER_NAMES",
        )
        parser.add_argument(
            "--standards",
            action="store_true",
            help="instead of a learner: look at the standards of up to five centres, to set STANDARD_NAMES",
        )
        parser.add_argument(
            "--search",
            action="store_true",
            help="with --users: whether searches for a MIS Value are exact, partial or ignored",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        users, standards, search = options["users"], options["standards"], options["search"]
        if search and not users:
            raise CommandError("--search needs --users.", returncode=2)
        if options["learner"] is not None and (users or standards):
            raise CommandError("--users and --standards do not go with --learner.", returncode=2)
        report: services.ProbeReport | services.CentreReport
        try:
            if users or standards:
                report = services.probe_centres(users and tuple(users), standards=standards, search=search)
                words = centres_in_words(report)
            else:
                report = services.probe(options["learner"])
                words = in_words(report)
        except services.Refused as refused:
            raise CommandError(refused.reason, returncode=2) from None
        self.stdout.write(json.dumps(asdict(report)) if options["json"] else "\n".join(words))


def in_words(report: services.ProbeReport) -> Iterator[str]:
    yield f"What OneFile sends for the learner with the primary key {report.learner} ({report.api_calls} calls)"
    yield from _section("User", _record("read", report.user))
    yield f"  tells the learner's centre (OrganisationID): {YES_NO[report.user_tells_centre]}"
    yield from _section("Learning aims", _search(report.learning_aims))
    yield from _record("read alone", report.learning_aim)
    yield from _section("Names on a learning aim (AIM_NAMES)", _aim_names(report))
    yield from _section("Reviews", _search(report.reviews))
    if not report.reviews_searched_with_centre:
        yield "  searched without a centre, as none is known: one refresh of the learner may find it out"
    yield from _record("read alone", report.review)
    yield from _section("Visit of that review", _record("read", report.visit))
    yield from _section("Pages (PAGE_SIZE)", _paging(report))
    yield from _section("An ID that cannot exist", _pairs(report.unknown_id))
    yield from _section("Dates (d: digit, a: letter)", [f"  {shape}" for shape in report.date_shapes])
    yield from _section("Blanks", _blanks(report))


def centres_in_words(report: services.CentreReport) -> Iterator[str]:
    yield f"What OneFile sends for linking ({report.api_calls} calls)"
    if users := report.users:
        yield from _section("Active user", _record("read", users.active))
        yield f"  counts as archived (ARCHIVED): {YES_NO[users.active_counts_as_archived]}"
        yield from _section("Archived user", _record("read", users.archived))
        yield f"  counts as archived (ARCHIVED): {YES_NO[users.archived_counts_as_archived]}"
        differing = (f"  {each.name:<28} {each.active} / {each.archived}" for each in users.differing)
        yield from _section("What differs between them (active / archived)", differing)
        yield from _section("Names on a user (USER_NAMES)", _pairs(users.names))
    if standards := report.standards:
        yield from _section("Standards (STANDARD_NAMES)", _properties(standards.properties))
        yield f"  with a code: {standards.with_code} of {standards.found}, in {standards.centres} centres"
        yield f"  one ID stands in two centres: {YES_NO[standards.same_id_in_two_centres]}"
        if standards.standard is not None:
            yield from _record("read alone", standards.standard)
    if search := report.search:
        yield from _section("Searches for users by MIS Value", _filters(search))


def _filters(search: Any) -> Iterator[str]:
    for what, number in (
        ("the active user's", search.known),
        ("its beginning", search.beginning),
        ("nobody's", search.nobody),
    ):
        yield f"  {what:<28} {'not searched' if number is None else f'{number} users'}"
    yield f"  {FILTERS[search.filters]}"
    yield f"  a search for the active user's role finds the archived user: {YES_NO[search.archived_found]}"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield title
    yield from lines


def _search(search: Any) -> Iterator[str]:
    yield f"  searched: {search.answer}; items: {search.items}"
    if search.left_out:
        yield f"  left out of the list, though the record has a value: {', '.join(search.left_out)}"
    if search.without_a_value:
        yield f"  without a value in the list, and perhaps only blank: {', '.join(search.without_a_value)}"
    yield from _properties(search.properties)


def _record(how: str, record: Any) -> Iterator[str]:
    if record is None:
        yield f"  {how}: not asked for, as the learner has none; try another learner (--learner)"
        return
    yield f"  {how}: {record.answer}"
    yield from _properties(record.properties)
    if record.unreadable:
        yield f"  values that the sync cannot read: {', '.join(record.unreadable)}"


def _properties(properties: Any) -> Iterator[str]:
    for each in properties:
        kinds = ", ".join(f"{kind} ({number}x)" for kind, number in each.kinds.items())
        yield f"    {each.name:<28} {kinds}"


def _aim_names(report: services.ProbeReport) -> Iterator[str]:
    yield from _pairs({role: f"{each.name:<28} {each.state}" for role, each in report.aim_names.items()})
    if any(each.state == "absent" for each in report.aim_names.values()):
        yield "  A name that is absent may only be blank here: look at a learner who has the value, too (--learner)."
    if report.aim_name_candidates:
        yield f"  other properties that look likely: {', '.join(report.aim_name_candidates)}"


def _paging(report: services.ProbeReport) -> Iterator[str]:
    paging = report.paging
    if paging is None:
        yield "  not asked for, as the searches found nothing; try another learner (--learner)"
        return
    yield f"  {paging.search}: {paging.found} records on a first page of {paging.page_size}"
    yield f"  a page size of 1 is honoured: {YES_NO[paging.page_size_honoured]}"
    yield f"  the next page holds another record: {YES_NO[paging.next_page_differs]}"
    unpaged = "refused" if paging.unpaged is None else f"{paging.unpaged} records"
    yield f"  without pages: {unpaged}; as many as with pages: {YES_NO[paging.unpaged_equals_paged]}"
    if paging.unpaged_equals_paged is False and (paging.unpaged or 0) > paging.found:
        yield f"  OneFile gives fewer records to a page than asked for: set PAGE_SIZE to {paging.found} at most."
    yield f"  past the last page: {paging.past_the_end}"


def _blanks(report: services.ProbeReport) -> Iterator[str]:
    yield from _pairs({f"{kind} sent": str(number) for kind, number in report.blanks.items()})
    if not any(report.blanks.values()):
        yield "  None seen: properties without a value seem to be left out."


def _pairs(pairs: Mapping[str, str]) -> Iterator[str]:
    for name, said in pairs.items():
        yield f"  {name:<28} {said}"
