from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Model

from onefile_sync import services
from onefile_sync.management.onefile_command import OneFileCommand
from onefile_sync.management.progress_bar import progress_bar
from onefile_sync.models import LearnerOutcome, OutcomeState, SyncRun

#: What became of a learner, in the order of the output. Scripts rely on the keys.
STATES = {
    "created": "created",
    "ready": "ready",
    "to_choose": "needs a choice: open the learner's page in PICSWeb",
    "may_exist": "may be in OneFile already: open the learner's page in PICSWeb",
    "cannot": "cannot be created as things stand",
    "failed": "not created",
    "linked": "linked already",
}
#: Those that are fine.
FINE = ("created", "ready", "linked")
PARTIES = {"assessor": "assessors", "placement": "placements", "class": "classes"}
YES_NO = {True: "yes", False: "no", None: "cannot be told"}


@dataclass
class Enrolled:
    """What became of one learner. ``plan`` is what would be sent; it has values, which only a terminal shows."""

    learner: str
    name: str = field(repr=False)
    state: str
    codes: list[str] = field(default_factory=list)
    onefile_id: int | None = None
    plan: Any = field(default=None, repr=False)


class Command(OneFileCommand):
    help = (
        "Creates learners in OneFile, here and now: those of the named who are ready. Nothing is asked: learners who "
        "need a choice, or may be in OneFile already, are listed and not created. "
        "Exit code 0: all fine; 1: some learners were not created or need attention; 2: could not run."
    )
    #: The command reports a wrong set-up itself, in one line and with its own exit code.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--learner",
            metavar="PK",
            nargs="+",
            action="extend",
            required=True,
            help="primary keys of learners; may be repeated",
        )
        parser.add_argument(
            "--preview", action="store_true", help="say what would be sent, and create nothing"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument(
            "--trace",
            action="store_true",
            help="also say what OneFile answers to each call: names and kinds of values, never values. Use it in "
            "Practice",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["preview"] and options["trace"]:
            raise CommandError("--trace needs a create: leave out --preview.", returncode=2)
        run, trace = None, None
        try:
            services.check_setup()
            learners = [self.learner(pk) for pk in dict.fromkeys(options["learner"])]
            check = self.look_for(learners, quiet=options["json"])
            found = {each.learner: each for each in self.found(learners, check)}
            if not options["preview"] and any(each.state == "ready" for each in found.values()):
                with services.tracing() if options["trace"] else nullcontext() as trace:
                    run = self.create(check, found, quiet=options["json"])
        except services.Refused as refused:
            raise CommandError(refused.reason, returncode=2) from None
        summary = summarise(found.values(), check, run, trace)
        if options["json"]:
            self.stdout.write(json.dumps(summary))
        else:
            self.stdout.write("\n".join(self.in_words(found.values(), check, run, trace)))
        if any(each.state not in FINE or (run and each.codes) for each in found.values()):
            sys.exit(1)

    def learner(self, pk: str) -> Model:
        learner = services.find_learner(pk)
        if learner is None:
            raise CommandError(f"There is no learner with the primary key {pk}.", returncode=2)
        return learner

    def look_for(self, learners: list[Model], *, quiet: bool) -> SyncRun:
        cost = services.check_connection()
        run = services.enrol_check(learners, queued=False, in_bulk=True)
        services.count_calls(run, cost)
        return self.performed(run, quiet=quiet)

    def performed(self, run: SyncRun, *, quiet: bool) -> SyncRun:
        with progress_bar(run, hidden=quiet) as bar:
            return services.perform(run, after_each=bar.advance, after_piece=bar.look)

    def found(self, learners: list[Model], check: SyncRun) -> Iterator[Enrolled]:
        """What the check found of each learner, in the order in which they were named."""
        readiness = services.enrolment.enrolment_readiness(check)
        states = {
            outcome.learner_pk: (state, outcome)
            for state in ("ready", "to_choose", "may_exist", "cannot")
            for outcome in getattr(readiness, state)
        }
        for learner in learners:
            pk = str(learner.pk)
            if pk not in states:
                yield Enrolled(pk, str(learner), "linked", onefile_id=getattr(learner, "onefile_id", None))
                continue
            state, outcome = states[pk]
            plan = services.enrolment.enrolment_window(learner, in_bulk=True).plan
            yield Enrolled(pk, str(learner), state, codes_of(outcome), plan=plan)

    def create(self, check: SyncRun, found: Mapping[str, Enrolled], *, quiet: bool) -> SyncRun:
        run = self.performed(services.enrolment.enrol_ready(check, queued=False), quiet=quiet)
        for outcome in run.outcomes.prefetch_related("learner", "problems"):
            each = found[outcome.learner_pk]
            each.onefile_id = getattr(outcome.learner, "onefile_id", None)
            each.state = "created" if each.onefile_id is not None else "failed"
            each.codes = codes_of(outcome)
            if outcome.state == OutcomeState.SKIPPED and each.onefile_id is not None:
                each.state = "linked"
        return run

    def in_words(
        self,
        found: Iterable[Enrolled],
        check: SyncRun,
        run: SyncRun | None,
        trace: services.CreateTrace | None,
    ) -> Iterator[str]:
        """Names and values on a terminal only: captured output ends up in logs and e-mails."""
        in_clear = self.stdout.isatty()
        for each in found:
            codes = f" ({', '.join(each.codes)})" if each.codes else ""
            onefile_id = f" OneFile ID {each.onefile_id}" if each.onefile_id is not None else ""
            name = f" {each.name}" if in_clear else ""
            yield f"{each.learner}{name}: {STATES[each.state]}{codes}{onefile_id}"
            if run is None and each.plan is not None:
                yield from plan_in_words(each.plan, in_clear=in_clear)
        for what, each_run in (("looked", check), ("created", run)):
            if each_run is not None:
                calls = services.totals(each_run).api_calls
                yield f"Run {each_run.pk} {what}: {calls} calls. Its page in PICSWeb: {each_run.get_absolute_url()}"
        if trace is not None:
            yield from trace_in_words(trace)


def codes_of(outcome: LearnerOutcome) -> list[str]:
    return list(dict.fromkeys(problem.code for problem in outcome.problems.all()))


def plan_in_words(plan: Any, *, in_clear: bool) -> Iterator[str]:
    labels = {name: services.field_label(name) for name in plan.sent}
    if in_clear:
        yield from (f"    {labels[name]}: {value}" for name, value in plan.sent.items())
    elif labels:
        yield f"    Sends: {', '.join(labels.values())}"
    for party in plan.parties():
        if party.status.value == "to_create":
            name = f": {party.label}" if in_clear else ""
            yield f"    Creates: {party.kind.value}{name}"
    for row in plan.qualifications:
        yield f"    {row.reference or '(no VQ Reference)'}: {row.status.value.replace('_', ' ')}"
    if plan.reviews:
        yield f"    Reviews to be uploaded: {plan.reviews}"


def trace_in_words(trace: services.CreateTrace) -> Iterator[str]:
    yield ""
    yield "What OneFile answered, without values"
    for call in trace.calls:
        code = f" ({call.onefile_code})" if call.onefile_code is not None else ""
        yield f"  {call.operation}: {call.answer}{code}"
        for each in call.properties:
            kinds = ", ".join(f"{kind} ({number}x)" for kind, number in each.kinds.items())
            yield f"    {each.name:<28} {kinds}"
    aims = "cannot be told" if trace.aims_after_create is None else str(trace.aims_after_create)
    yield f"Learning aims right after a learner was created: {aims}"
    yield f"A MIS Value that was sent is there when the user is read: {YES_NO[trace.mis_value_kept]}"
    yield f"Answer to the first assignment of an assessor: {trace.assign_answer or 'none was assigned'}"


def summarise(
    found: Iterable[Enrolled], check: SyncRun, run: SyncRun | None, trace: services.CreateTrace | None
) -> dict[str, Any]:
    """The output of ``--json``. Scripts rely on it: keys may be added, never renamed. No personal details."""
    found = list(found)
    counts = Counter(each.state for each in found)
    runs = [each for each in (check, run) if each is not None]
    return {
        "check": str(check.pk),
        "run": str(run.pk) if run is not None else None,
        "counts": {state: counts[state] for state in STATES},
        "learners": [
            {
                "learner": each.learner,
                "state": each.state,
                "codes": each.codes,
                "onefile_id": each.onefile_id,
                "plan": plan_as_json(each.plan) if each.plan is not None else None,
            }
            for each in found
        ],
        "api_calls": sum(services.totals(each).api_calls for each in runs),
        "trace": trace_as_json(trace) if trace is not None else None,
    }


def plan_as_json(plan: Any) -> dict[str, Any]:
    parties = Counter(party.kind.value for party in plan.parties() if party.status.value == "to_create")
    return {
        "sends": list(plan.sent),
        "creates": {key: parties[kind] for kind, key in PARTIES.items()},
        "qualifications": [
            {"reference": row.reference, "status": row.status.value, "standard_id": row.standard_id}
            for row in plan.qualifications
        ],
        "reviews": plan.reviews,
    }


def trace_as_json(trace: services.CreateTrace) -> dict[str, Any]:
    return {
        "calls": [asdict(call) for call in trace.calls],
        "aims_after_create": trace.aims_after_create,
        "mis_value_kept": trace.mis_value_kept,
        "assign_answer": trace.assign_answer,
    }
