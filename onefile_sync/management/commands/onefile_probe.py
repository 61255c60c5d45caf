from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from onefile_sync import services
from onefile_sync.management.onefile_command import OneFileCommand

YES_NO = {True: "yes", False: "no", None: "cannot be told"}


class Command(OneFileCommand):
    help = (
        "Reads a few records of one learner in OneFile and reports what OneFile sends: names of properties, "
        "kinds of values and counts, never values. Changes nothing. Use it to set AIM_NAMES and PAGE_SIZE. "
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
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = services.probe(options["learner"])
        except services.Refused as refused:
            raise CommandError(refused.reason, returncode=2) from None
        self.stdout.write(json.dumps(asdict(report)) if options["json"] else "\n".join(in_words(report)))


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
