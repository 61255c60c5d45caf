from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from onefile_sync import services
from onefile_sync.management.onefile_command import OneFileCommand
from onefile_sync.models import RunKind, SyncRun
from onefile_sync.web import text
from onefile_sync.web.match_pages import KINDS, LEVELS, csv_of_matches


class Command(OneFileCommand):
    help = (
        "Finds which OneFile record each learner, officer and organisation without a OneFile ID is, here and now. "
        "Exit code 0: all done; 1: pairs wait for a decision, or some could not be linked; 2: could not run."
    )
    #: The command reports a wrong set-up itself, in one line and with its own exit code.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS), metavar="KIND")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument(
            "--csv", metavar="FILE", help="write everything that was found to a file, with names"
        )
        parser.add_argument(
            "--link-certain", action="store_true", help="link the certain pairs; needs --i-have-looked"
        )
        parser.add_argument(
            "--i-have-looked",
            action="store_true",
            help="confirms that somebody has looked at the certain pairs",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["link_certain"] and not options["i_have_looked"]:
            raise CommandError(
                "Nothing was linked. Look at the certain pairs (--csv FILE, or the page Match with OneFile), then "
                "use --link-certain together with --i-have-looked.",
                returncode=2,
            )
        try:
            kinds = list(dict.fromkeys(options["kinds"]))
            estimate = services.match_estimate(kinds)
            run = services.match(kinds, queued=False)
            if run.kind != RunKind.MATCH:
                raise CommandError(
                    "OneFile's lists are being read at the moment. Try again later.", returncode=2
                )
            run = services.perform(run)
            linking = self.link(kinds) if options["link_certain"] and run.read_at else None
            found = {kind: services.matches.count_by_level(kind) for kind in kinds}
            nothing = {kind: len(services.matches.in_no_pair(kind)) for kind in kinds}
        except services.Refused as refused:
            raise CommandError(refused.reason, returncode=2) from None
        if options["csv"]:
            Path(options["csv"]).write_text("".join(csv_of_matches(None)), encoding="utf-8", newline="")
        summary = as_json(run, linking, estimate, found, nothing)
        if options["json"]:
            self.stdout.write(json.dumps(summary))
        else:
            self.stdout.write("\n".join(in_words(summary, run, linking)))
        waits = any(counts for counts in found.values())
        failed = linking is not None and (summary["linking"]["not_linked"] or linking.failure)
        if waits or failed or run.read_at is None:
            sys.exit(1)

    def link(self, kinds: list[str]) -> SyncRun | None:
        certain = [
            pk
            for kind in kinds
            for pk in services.matches.suggestions(kind, "certain").values_list("pk", flat=True)
        ]
        run = services.link_ticked(certain, queued=False)
        return services.perform(run) if run is not None else None


def as_json(
    run: SyncRun,
    linking: SyncRun | None,
    estimate: services.MatchEstimate,
    found: dict[str, dict[str, int]],
    nothing: dict[str, int],
) -> dict[str, Any]:
    """The output of ``--json``. Scripts rely on it: keys may be added, never renamed."""
    linked = services.progress(linking) if linking is not None else None
    return {
        "run": str(run.pk),
        "state": run.state,
        "failure": run.failure,
        "unlinked": dict(estimate.unlinked),
        "expected_calls": run.expected_calls,
        "api_calls": run.api_calls,
        "found": {kind: {**found[kind], "nothing": nothing[kind]} for kind in found},
        "linking": None
        if linking is None or linked is None
        else {
            "run": str(linking.pk),
            "failure": linking.failure,
            "api_calls": linking.api_calls,
            "linked": linked.done - linked.failed,
            "not_linked": linked.total - linked.done + linked.failed,
        },
    }


def in_words(summary: dict[str, Any], run: SyncRun, linking: SyncRun | None) -> Iterator[str]:
    yield f"{text.headline(run, services.progress(run))} {run.api_calls} calls."
    for kind, counts in summary["found"].items():
        told = ", ".join(f"{counts[level]} {level}" for level in LEVELS if counts.get(level))
        yield f"  {KINDS[kind]}: {summary['unlinked'][kind]} were not linked; {told or 'nothing is waiting'}"
    if linking is not None:
        yield f"{text.headline(linking, services.progress(linking))} {linking.api_calls} calls."
    yield f"Run {run.pk}. Its page in PICSWeb: {run.get_absolute_url()}"
