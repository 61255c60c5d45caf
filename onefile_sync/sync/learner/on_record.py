"""Reads our own tables before learners are planned: open uploads, and differences already reported."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q
from django.utils import timezone

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.models import Difference, RecordLink, SubjectKind, UploadIntent
from onefile_sync.sync.planning.types import OnRecord, OpenUpload


def read_on_record(learner_pks: Iterable[str], *, links: bool = False) -> dict[str, OnRecord]:
    """Read open uploads and differences, by the learner's primary key as text. Two queries for any number of learners.

    With ``links``, a third query finds the learners whose reviews have not been paired yet.

    Call this before reading PICSWeb's rows. If an upload is finished in between, it then counts as open and is looked
    for in OneFile; in the other order it would seem never to have begun.
    """
    pks = list(learner_pks)
    mine = Q(learner_type=host.learner_type(), learner_pk__in=pks)
    uploads: dict[str, dict[str, OpenUpload]] = {}
    for intent in UploadIntent.objects.filter(mine, finished_at=None, put_away_for=None):
        uploads.setdefault(intent.learner_pk, {})[intent.review_pk] = _open_upload(intent)
    differences: dict[str, dict[tuple[str, str, str, str], tuple[str, str]]] = {}
    names = ("side", "subject_kind", "subject_pk", "field", "offered", "kept")
    noted = Difference.objects.filter(mine).values_list("learner_pk", *names)
    for learner_pk, side, kind, pk, field, offered, kept in noted:
        differences.setdefault(learner_pk, {})[side, kind, pk, field] = (offered, kept)
    unpaired = _unpaired(pks) if links else {}
    return {pk: OnRecord(uploads.get(pk, {}), differences.get(pk, {}), unpaired.get(pk)) for pk in pks}


def _unpaired(learner_pks: list[str]) -> dict[str, int]:
    """The OneFile IDs of the learners whose link says that their reviews wait, by primary key."""
    waiting = RecordLink.objects.filter(
        subject_kind=SubjectKind.LEARNER, subject_pk__in=learner_pks, ended_at=None, reviews_pending=True
    )
    return dict(waiting.values_list("subject_pk", "onefile_id"))


def _open_upload(intent: UploadIntent) -> OpenUpload:
    in_doubt = intent.in_doubt_since
    return OpenUpload(
        intent.scheduled_for,
        intent.visit_id,
        intent.review_id,
        may_still_arrive=in_doubt is not None and timezone.now() < in_doubt + deployment.lease,
        visits_in_doubt=intent.visits_in_doubt,
    )
