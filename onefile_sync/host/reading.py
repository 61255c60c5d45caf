"""PICSWeb's rows, read as plain values in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import BooleanField, Case, Count, DateTimeField, ForeignKey, Model, Q, QuerySet, When
from django.utils import timezone

from onefile_sync.conf import deployment
from onefile_sync.models import UploadIntent
from onefile_sync.rows import LearnerRow, Officers, OpenUpload, QualificationRow, ReviewRow

from .conditions import condition
from .mapping import LEARNER, OFFICER, QUALIFICATION, REVIEW, Part
from .values import local_date, local_midnight, plain

#: How long a row's name may be in what we keep about it.
LABEL_LENGTH = 200


def label(instance: Model) -> str:
    """What PICSWeb calls a row, short enough for the ledger."""
    return str(instance)[:LABEL_LENGTH]


def learner_model() -> type[Model]:
    """PICSWeb's learner model."""
    return LEARNER.model


def learner_type() -> ContentType:
    """The content type of PICSWeb's learner model, by which our own rows point at learners."""
    return ContentType.objects.get_for_model(LEARNER.model)


def learner_by_pk(pk: str) -> Model | None:
    """The learner with this primary key, main officer included, or ``None``: gone, hidden, or no such key."""
    key = LEARNER.to_pk(pk)
    if key is None:
        return None
    main_officer = LEARNER.field("main_officer").name
    return LEARNER.model._default_manager.select_related(main_officer).filter(pk=key).first()


def learners_sharing(onefile_id: int) -> list[str]:
    """The primary keys of all learners with this OneFile ID. More than one is a mistake that staff must mend."""
    learners = LEARNER.model._default_manager.filter(onefile_id=onefile_id).order_by("pk")
    return [str(pk) for pk in learners.values_list("pk", flat=True)]


def shared_onefile_ids() -> set[int]:
    """The OneFile IDs that more than one learner has. One query."""
    learners = LEARNER.model._default_manager.filter(onefile_id__isnull=False).order_by()
    counted = learners.values("onefile_id").annotate(learners=Count("pk")).filter(learners__gt=1)
    return set(counted.values_list("onefile_id", flat=True))


def scope(today: date) -> Iterator[Model]:
    """The learners of the daily run (R2), by primary key, fetched as they are asked for.

    A OneFile ID, a Live status, and In Learning or ended within ``ENDED_WITHIN_DAYS`` before ``today`` (a date in the
    deployment's time zone).
    """
    live, in_learning = condition(LEARNER, "live"), condition(LEARNER, "in_learning")
    since = today - timedelta(days=deployment.ended_within_days)
    ended_on = LEARNER.field("ended_on")
    earliest = local_midnight(since) if isinstance(ended_on, DateTimeField) else since
    candidates = LEARNER.model._default_manager.filter(onefile_id__isnull=False)
    if live.sql is not None:
        candidates = candidates.filter(live.sql)
    if in_learning.sql is not None:
        candidates = candidates.filter(in_learning.sql | Q(**{f"{ended_on.name}__gte": earliest}))

    def belongs(learner: Model) -> bool:
        if not live.holds_where_sql_cannot_tell(learner):
            return False
        if in_learning.holds_where_sql_cannot_tell(learner):
            return True
        ended = local_date(getattr(learner, ended_on.attname))
        return ended is not None and ended >= since

    return (learner for learner in candidates.order_by("pk").iterator() if belongs(learner))


def read_learner(learner: Model) -> LearnerRow:
    """A learner with qualifications, reviews and half-made uploads, for the exchange.

    Three queries, and a fourth where the main officer was not fetched with the learner (:func:`learner_by_pk` does).
    The learner must have a OneFile ID.
    """
    officer: Any = getattr(learner, LEARNER.field("main_officer").name)
    onefile_id: int = plain(LEARNER, learner, "onefile_id")
    uploads = _open_uploads(learner)
    reviews = tuple(_reviews(learner, uploads))
    return LearnerRow(
        pk=str(learner.pk),
        label=label(learner),
        onefile_id=onefile_id,
        centre_id=plain(LEARNER, learner, "centre_id"),
        main_officer=plain(LEARNER, learner, "main_officer"),
        main_officer_onefile_id=officer and officer.onefile_id,
        uploads_without_review={pk: uploads[pk] for pk in uploads.keys() - {review.pk for review in reviews}},
        qualifications=tuple(_qualifications(learner)),
        reviews=reviews,
    )


def read_officers(onefile_ids: Iterable[int], also: Iterable[str] = ()) -> Officers:
    """PICSWeb's officers linked to these OneFile users. At most two queries.

    ``also`` are primary keys of further officers whose names are wanted, such as the present officer of a review.
    """
    linked: dict[int, list[str]] = {}
    names: dict[str, str] = {}
    wanted = set(onefile_ids)
    if wanted:
        for officer in OFFICER.model._default_manager.filter(onefile_id__in=wanted).order_by("pk"):
            linked.setdefault(plain(OFFICER, officer, "onefile_id"), []).append(str(officer.pk))
            names[str(officer.pk)] = label(officer)
    if keys := [OFFICER.to_pk(pk) for pk in set(also) - names.keys()]:
        named = OFFICER.model._base_manager.filter(pk__in=[key for key in keys if key is not None])
        names.update({str(officer.pk): label(officer) for officer in named})
    return Officers(
        by_onefile_id={onefile_id: pks[0] for onefile_id, pks in linked.items() if len(pks) == 1},
        names=names,
        ambiguous=frozenset(onefile_id for onefile_id, pks in linked.items() if len(pks) > 1),
    )


def _of(learner: Model, part: Part) -> QuerySet[Model]:
    field = part.field("learner")
    return part.model._default_manager.filter(**{field.name: learner}).order_by("pk")


def _qualifications(learner: Model) -> Iterator[QualificationRow]:
    has_units = condition(QUALIFICATION, "has_units")
    qualifications = _of(learner, QUALIFICATION)
    if has_units.sql is not None:
        told = Case(When(has_units.sql, then=True), default=False, output_field=BooleanField())
        qualifications = qualifications.annotate(onefile_has_units=told)
    for qualification in qualifications:
        # PICSWeb's __str__ may name the learner: hand it over rather than have it fetched a row at a time.
        setattr(qualification, QUALIFICATION.field("learner").name, learner)

        def value(role: str, qualification: Model = qualification) -> Any:
            return plain(QUALIFICATION, qualification, role)

        yield QualificationRow(
            pk=str(qualification.pk),
            label=label(qualification),
            onefile_id=value("onefile_id"),
            has_units=getattr(qualification, "onefile_has_units", True)
            and has_units.holds_where_sql_cannot_tell(qualification),
            total_elements=value("total_elements"),
            elements_done=value("elements_done"),
            registration_number=value("registration_number"),
            registration_date=value("registration_date"),
            certificate_applied_date=value("certificate_applied_date"),
            certificate_received_date=value("certificate_received_date"),
        )


def _reviews(learner: Model, uploads: Mapping[str, OpenUpload]) -> Iterator[ReviewRow]:
    officer_field, type_field = REVIEW.field("officer"), REVIEW.field("type")
    related = [field.name for field in (officer_field, type_field) if isinstance(field, ForeignKey)]
    normal_types = [type_field.to_python(each) for each in REVIEW.option("normal_types")]
    for review in _of(learner, REVIEW).select_related(*related):
        setattr(review, REVIEW.field("learner").name, learner)
        officer: Any = getattr(review, officer_field.name)

        def value(role: str, review: Model = review) -> Any:
            return plain(REVIEW, review, role)

        yield ReviewRow(
            pk=str(review.pk),
            label=label(review),
            onefile_id=value("onefile_id"),
            is_normal=getattr(review, type_field.attname) in normal_types,
            proposed_date=value("proposed_date"),
            proposed_time=value("proposed_time"),
            attended=value("attended"),
            actual_date=value("actual_date"),
            officer=value("officer"),
            officer_onefile_id=officer and officer.onefile_id,
            trainee_signed_date=value("trainee_signed_date"),
            open_upload=uploads.get(str(review.pk)),
        )


def _open_uploads(learner: Model) -> dict[str, OpenUpload]:
    intents = UploadIntent.objects.filter(
        learner_type=learner_type(), learner_pk=str(learner.pk), finished_at__isnull=True
    )
    return {intent.review_pk: _open_upload(intent) for intent in intents}


def _open_upload(intent: UploadIntent) -> OpenUpload:
    in_doubt = intent.in_doubt_since
    return OpenUpload(
        intent.scheduled_for,
        intent.visit_id,
        intent.review_id,
        may_still_arrive=in_doubt is not None and timezone.now() < in_doubt + deployment.lease,
        visits_in_doubt=intent.visits_in_doubt,
    )
