from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Model

from onefile_sync import services
from onefile_sync.management.onefile_command import OneFileCommand
from onefile_sync.management.progress_bar import progress_bar
from onefile_sync.models import OutcomeState, Side, SyncRun
from onefile_sync.web import text

#: The keys of the outcomes in the JSON. Scripts rely on these keys, not on the states in the ledger.
JSON_NAMES = {
    "updated": OutcomeState.UPDATED,
    "unchanged": OutcomeState.UNCHANGED,
    "attention": OutcomeState.ATTENTION,
    "failed": OutcomeState.FAILED,
    "skipped": OutcomeState.SKIPPED,
}

#: The outcomes listed at the end of the output, and the maximum number of lines.
NEEDS_ATTENTION = (OutcomeState.ATTENTION, OutcomeState.FAILED)
MOST_NAMED = 20

FAILED = (
    "The run failed: no learner in it could be fully compared with OneFile. Its page in PICSWeb says why."
)

HELD = (
    "The sync is held: it would replace existing values of implausibly many learners, and has written nothing of "
    "theirs. Apply or discard it on its page in PICSWeb."
)


class Command(OneFileCommand):
    help = (
        "Synchronises learners with OneFile, here and now: everyone in scope, or the learners named. "
        "Exit code 0: all fine; 1: some learners need attention or failed, or the sync was ended early; "
        "2: could not run."
    )
    #: The command reports a wrong set-up itself, in one line and with its own exit code.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--learner",
            metavar="PK",
            nargs="+",
            action="extend",
            help="primary keys of learners; may be repeated",
        )
        parser.add_argument("--preview", action="store_true", help="say what would change, and write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument(
            "--new-run",
            action="store_true",
            help="start a new daily run even though one is open, instead of going on with it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = self.begin(options)
        except services.Refused as refused:
            raise CommandError(refused.reason, returncode=2) from None
        try:
            self.perform(run, quiet=options["json"])
        except services.Refused as refused:
            raise CommandError(refused.reason, returncode=2) from None
        summary = summarise(run)
        if options["json"]:
            self.stdout.write(json.dumps(summary))
        else:
            self.stdout.write(in_words(summary))
            for note in services.how_it_read(run):
                self.stdout.write(note)
            if summary["result"] == services.RESULT_FAILED:
                self.stdout.write(FAILED)
            if run.is_held:
                self.stdout.write(HELD)
            elif run.ending:
                self.stdout.write(f"The run ended early: {run.get_ending_display().lower()}.")
            if learners := list(self.who_needs_attention(run)):
                self.stdout.write("\n".join(["Learners who need attention:", *learners]))
            self.stdout.write(f"Run {run.pk}: {run}. Its page in PICSWeb: {run.get_absolute_url()}")
        counts = summary["learners"]
        if counts["attention"] or counts["failed"] or run.is_open or run.ending:
            sys.exit(1)

    def begin(self, options: dict[str, Any]) -> SyncRun:
        services.check_setup()
        learners = None
        if options["learner"] is not None:
            learners = [self.learner(pk) for pk in dict.fromkeys(options["learner"])]
        cost = services.check_connection()
        if options["preview"]:
            run = services.preview_now(learners)
        elif learners is not None:
            run = services.refresh_now(learners)
        else:
            run = services.start_daily(new_run=options["new_run"])
        services.count_calls(run, cost)
        return run

    def learner(self, pk: str) -> Model:
        learner = services.find_learner(pk)
        if learner is None:
            raise CommandError(f"There is no learner with the primary key {pk}.", returncode=2)
        return learner

    def perform(self, run: SyncRun, *, quiet: bool) -> None:
        with progress_bar(run, hidden=quiet) as bar:
            services.perform(run, after_each=bar.advance, after_piece=bar.look)

    def who_needs_attention(self, run: SyncRun) -> Iterator[str]:
        """One line per learner, with names on a terminal only: captured output ends up in logs and e-mails."""
        outcomes = run.outcomes.filter(state__in=NEEDS_ATTENTION).order_by("pk")
        for outcome in outcomes.prefetch_related("learner", "problems")[:MOST_NAMED]:
            name = f" {text.learner_name(outcome)}" if self.stdout.isatty() else ""
            codes = ", ".join(dict.fromkeys(problem.code for problem in outcome.problems.all()))
            yield f"  {outcome.learner_pk}{name}: {outcome.get_state_display().lower()}" + (
                f" ({codes})" if codes else ""
            )
        more = outcomes.count() - MOST_NAMED
        if more > 0:
            yield f"  … and {more} more."


def summarise(run: SyncRun) -> dict[str, Any]:
    """The output of ``--json``. Scripts rely on it: keys may be added, never renamed."""
    run.refresh_from_db()
    progress = services.progress(run)
    counts = progress.counts
    totals = services.totals(run)
    ended, began = run.finished_at, run.started_at or run.created_at
    return {
        "run": str(run.pk),
        "kind": run.kind,
        "state": run.state,
        "result": progress.result,
        "learners": {
            "in_scope": sum(counts.values()),
            **{name: counts.get(state, 0) for name, state in JSON_NAMES.items()},
        },
        "changes": {
            "to_picsweb": totals.changes[Side.PICSWEB],
            "to_onefile": totals.changes[Side.ONEFILE],
        },
        "api_calls": totals.api_calls,
        "rate_limited": totals.rate_limited,
        "seconds": round((ended - began).total_seconds(), 1) if ended else None,
    }


def in_words(summary: dict[str, Any]) -> str:
    learners = summary["learners"]
    told = {name: learners[name] for name in JSON_NAMES}
    waiting = learners["in_scope"] - sum(told.values())
    if waiting:
        told["waiting"] = waiting
    counted = ", ".join(f"{number} {name}" for name, number in told.items())
    changed = "Would change" if summary["kind"] == "preview" else "Changed"
    number = learners["in_scope"]
    spent = "so far" if summary["seconds"] is None else f"in {summary['seconds']} s"
    return (
        f"{number} {'learner' if number == 1 else 'learners'}: {counted}. {changed}: "
        f"{summary['changes']['to_picsweb']} values in PICSWeb, {summary['changes']['to_onefile']} in OneFile. "
        f"{summary['api_calls']} calls {spent}."
    )
