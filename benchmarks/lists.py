"""A large ledger: fills it, opens each list of the admin with each search, filter and page it offers, prunes it."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import setup_test_environment
from django.urls import reverse
from django.utils import timezone

from onefile_sync import services
from onefile_sync.models import Change, LearnerOutcome, OutcomeState, Problem, SyncRun

from .provider import fill_picsweb
from .report import Bar

NIGHTS, LEARNERS, CHANGES = 300, 1_000, 1_000_000
#: Maximum seconds for each page.
MOST_SECONDS = 2.0
#: Maximum MB that pruning may add to its process's memory.
MOST_MEMORY = 100
LISTS = ("syncrun", "learneroutcome", "change", "problem")


def fill() -> None:
    """The same outcome for each learner each night; every fifth needs attention, most of the others were updated."""
    fill_picsweb(LEARNERS, in_step=True)
    learner_type = ContentType.objects.get_for_model(services.learner_model())
    learners = list(services.learner_model()._default_manager.values_list("pk", "onefile_id"))
    now = timezone.now()
    per_outcome = CHANGES / (NIGHTS * LEARNERS)
    for night in range(NIGHTS):
        at = now - timedelta(days=NIGHTS - night)
        run = SyncRun.objects.create(
            kind="daily", state="finished", created_at=at, finished_at=at, scheduled_for=at.date()
        )
        LearnerOutcome.objects.bulk_create(
            LearnerOutcome(
                run=run,
                learner_type=learner_type,
                learner_pk=str(pk),
                onefile_id=onefile_id,
                state=OutcomeState.UPDATED if number % 5 else OutcomeState.ATTENTION,
                finished_at=at,
            )
            for number, (pk, onefile_id) in enumerate(learners)
        )
        outcomes = list(run.outcomes.order_by("pk").values_list("pk", "learner_pk"))
        changed = (_change(*outcome, number) for outcome in outcomes for number in range(4))
        Change.objects.bulk_create(islice(changed, round(len(outcomes) * per_outcome)), batch_size=1000)
        Problem.objects.bulk_create(
            Problem(
                outcome_id=pk,
                subject_kind="review",
                subject_pk=learner_pk,
                subject_onefile_id=int(learner_pk) + 9_000,
                subject_label="Normal review 03/04/2026",
                code="officer_unmatched",
                move="yours",
                details={"assessor": 4711},
            )
            for pk, learner_pk in outcomes[::5]
        )
    with connection.cursor() as cursor:
        names = [model._meta.db_table for model in (SyncRun, LearnerOutcome, Change, Problem)]
        verb = {"postgresql": "ANALYZE", "mysql": "ANALYZE TABLE"}.get(connection.vendor)
        if verb:
            cursor.execute(f"{verb} {', '.join(names)}")


def _change(outcome: int, learner_pk: str, number: int) -> Change:
    made = bool(number)
    return Change(
        outcome_id=outcome,
        side="onefile" if number == 1 else "picsweb",
        subject_kind="qualification" if number % 2 else "review",
        subject_pk=learner_pk,
        subject_onefile_id=int(learner_pk) + number,
        subject_label="Team Leader",
        field="elements_done",
        old="1",
        new="2",
        rule="elements_done" if number else "registration_number",
        made=made,
    )


def addresses(client: Client, name: str) -> Iterator[str]:
    """The URLs that a list offers: the first page, searches, each choice of each filter, further pages."""
    start = reverse(f"admin:onefile_sync_{name}_changelist")
    answer = client.get(start)
    shown: Any = answer.context["cl"]
    yield start
    choices = {
        choice["query_string"]
        for spec in shown.filter_specs
        for choice in spec.choices(shown)
        if not choice.get("selected")
    }
    yield from (start + query for query in sorted(choices))
    yield from (
        f"{start}?o={column}.pk" for column in range(1, len(shown.list_display)) if _sorts(shown, column)
    )
    last = shown.paginator.num_pages
    yield from (f"{start}?p={page}" for page in sorted({min(2, last), (last + 1) // 2, last}))
    if shown.has_filters:
        yield f"{start}?_facets=True"
    if shown.date_hierarchy:
        field = shown.date_hierarchy
        today = timezone.localdate() - timedelta(days=30)
        yield f"{start}?{field}__year={today.year}"
        yield f"{start}?{field}__year={today.year}&{field}__month={today.month}"
    run = SyncRun.objects.order_by("created_at")[NIGHTS // 2]
    outcome = run.outcomes.latest("pk")
    learner = services.find_learner(outcome.learner_pk)
    for term in (
        str(run.pk),
        str(outcome.pk),
        outcome.learner_pk,
        str(outcome.onefile_id),
        str(learner),
        "nobody",
    ):
        yield f"{start}?q={term.replace(' ', '+')}"


def _sorts(shown: Any, column: int) -> bool:
    return bool(shown.get_ordering_field(shown.list_display[column]))


def pages() -> Bar:
    user, _created = get_user_model().objects.get_or_create(
        username="measured", defaults={"is_staff": True, "is_superuser": True}
    )
    setup_test_environment()  # so that answers carry the context of their templates
    client = Client()
    client.force_login(user)
    taken: dict[str, float] = {}
    for name in LISTS:
        for address in addresses(client, name):
            began = time.perf_counter()
            answer = client.get(address)
            taken[address] = time.perf_counter() - began
            if answer.status_code != 200:
                sys.exit(f"{answer.status_code} {address}")
    slowest = sorted(taken.items(), key=lambda item: -item[1])
    for address, seconds in slowest[:12]:
        parts = urlsplit(address)
        print(f"  {seconds:6.2f} s  {parts.path.split('/')[-2]}  {parts.query}")
    most = slowest[0][1]
    text = f"{len(taken)} pages, slowest {most:.2f} s"
    return Bar(
        f"pages of the lists at {CHANGES:,} changes, at most {MOST_SECONDS:.0f} s", text, most <= MOST_SECONDS
    )


def pruning() -> Bar:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    number = services.prune(0)
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    text = f"{number} runs in {time.perf_counter() - began:.0f} s, {more:.0f} MB more memory"
    return Bar(f"pruning {NIGHTS} runs, at most {MOST_MEMORY} MB", text, more <= MOST_MEMORY)
