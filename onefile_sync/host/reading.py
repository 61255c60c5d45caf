"""PICSWeb's rows, read as plain values in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from operator import attrgetter
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import (
    Count,
    DateTimeField,
    ForeignKey,
    Manager,
    Model,
    Q,
    QuerySet,
)
from django.utils.functional import lazy

from onefile_sync.conf import deployment
from onefile_sync.fields import Kind, kinds_by_name

from .conditions import WrongCondition, as_column, condition, with_conditions
from .elsewhere import follow, source, with_a_place_for_reviews
from .mapping import LEARNER, OFFICER, QUALIFICATION, REVIEW, WRITTEN, Part
from .snapshot import LearnerRow, Officers, QualificationRow, ReviewRow, roles_of
from .values import local_date, local_midnight, plain, reader

#: Maximum length of a row's name in our own tables.
LABEL_LENGTH = 200


def label(instance: Model) -> str:
    """The name of a row in PICSWeb, shortened for the ledger.

    If the row's ``__str__`` fails, the primary key is used, so that the learner can still be exchanged.
    """
    try:
        return str(instance)[:LABEL_LENGTH]
    except Exception:  # noqa: BLE001 - PICSWeb's own __str__, which may do anything
        return f"{instance._meta.verbose_name} {instance.pk}"[:LABEL_LENGTH]


#: Made up when somebody reads it, which nobody does of a row that needs nothing: PICSWeb's __str__ may cost queries.
lazy_label = lazy(label, str)


def shown(part: Part) -> QuerySet[Model]:
    """The rows that PICSWeb's default manager returns; it may hide some, such as archived ones.

    Like everything here, they are read from the database that is written, as a lagging replica must not decide a write.
    """
    return part.model._default_manager.using(part.database)


def everything(part: Part) -> QuerySet[Model]:
    """All rows, including those that PICSWeb hides."""
    return part.model._base_manager.using(part.database)


def hides(part: Part) -> bool:
    """Whether PICSWeb may hide rows of this part."""
    return type(part.model._default_manager).get_queryset is not Manager.get_queryset


def learner_model() -> type[Model]:
    """PICSWeb's learner model."""
    return LEARNER.model


def learner_type() -> ContentType:
    """The content type of PICSWeb's learner model, by which our own rows refer to learners."""
    return ContentType.objects.get_for_model(LEARNER.model)


def model_of(kind: str) -> type[Model]:
    """PICSWeb's model of a kind of row: learner, qualification, review, officer or organisation."""
    return WRITTEN[kind].model


def onefile_ids(kind: str, pks: Iterable[str]) -> dict[str, int | None]:
    """The OneFile IDs of these rows, including hidden ones, by primary key. Deleted rows are left out. One query."""
    part = WRITTEN[kind]
    keys = [key for pk in pks if (key := part.to_pk(pk)) is not None]
    rows = everything(part).filter(pk__in=keys).order_by("pk")
    return {str(pk): onefile_id for pk, onefile_id in rows.values_list("pk", "onefile_id")}


def learner_by_pk(pk: str) -> Model | None:
    """The learner with this primary key, with the main officer; ``None`` if there is none or PICSWeb hides it."""
    key = LEARNER.to_pk(pk)
    if key is None:
        return None
    return _with_main_officer(shown(LEARNER)).filter(pk=key).first()


def learners_sharing(onefile_id: int) -> list[str]:
    """The primary keys of all learners with this OneFile ID, including hidden ones.

    If there are several, staff have to correct them.
    """
    learners = everything(LEARNER).filter(onefile_id=onefile_id).order_by("pk")
    return [str(pk) for pk in learners.values_list("pk", flat=True)]


def shared_among(onefile_ids: Iterable[int | None]) -> set[int]:
    """Those of these OneFile IDs that several learners have, including hidden ones. One query."""
    learners = everything(LEARNER).filter(onefile_id__in=list(onefile_ids)).order_by()
    counted = learners.values("onefile_id").annotate(learners=Count("pk")).filter(learners__gt=1)
    return set(counted.values_list("onefile_id", flat=True))


def shared_onefile_ids() -> set[int]:
    """The OneFile IDs that several learners have, including hidden ones. One query."""
    learners = everything(LEARNER).filter(onefile_id__isnull=False).order_by()
    counted = learners.values("onefile_id").annotate(learners=Count("pk")).filter(learners__gt=1)
    return set(counted.values_list("onefile_id", flat=True))


def scope(today: date) -> Iterator[Model]:
    """The learners in the scope of the daily sync (R2), ordered by primary key and fetched lazily.

    They have a OneFile ID and a Live status, and are In Learning or ended within ``ENDED_WITHIN_DAYS`` before ``today``
    (a date in the deployment's time zone).
    """
    return live_learners(lately_ended(today), linked=True)


def lately_ended(today: date) -> date:
    """The first day on which a learner may have ended to be in scope."""
    return today - timedelta(days=deployment.ended_within_days)


def live_learners(
    ended_since: date | None, *, linked: bool | None = None, relations: Iterable[str] = ()
) -> Iterator[Model]:
    """The Live learners who are In Learning or, if a day is given, ended on that day or later. As :func:`scope`.

    ``linked`` limits them to those with or without a OneFile ID. ``relations`` are fetched with them.
    """
    live, in_learning = condition(LEARNER, "live"), condition(LEARNER, "in_learning")
    ended_on = source(LEARNER, "ended_on")
    candidates = only_linked(shown(LEARNER), linked)
    if live.sql is not None:
        candidates = candidates.filter(live.sql)
    if in_learning.sql is not None and ended_since is None:
        candidates = candidates.filter(in_learning.sql)
    elif in_learning.sql is not None and ended_since is not None and ended_on.path:
        is_moment = isinstance(LEARNER.field("ended_on"), DateTimeField)
        earliest = local_midnight(ended_since) if is_moment else ended_since
        candidates = candidates.filter(in_learning.sql | Q(**{f"{ended_on.path}__gte": earliest}))
    elif in_learning.sql is not None:
        candidates = candidates.annotate(onefile_in_learning=as_column(in_learning.sql))
    if fetched := {*ended_on.relations, *relations}:
        candidates = candidates.select_related(*fetched)

    def belongs(learner: Model) -> bool:
        if not live.holds_where_sql_cannot_tell(learner):
            return False
        told = getattr(learner, "onefile_in_learning", True)
        if told and in_learning.holds_where_sql_cannot_tell(learner):
            return True
        if ended_since is None:
            return False
        ended = local_date(ended_on.read(learner))
        return ended is not None and ended >= ended_since

    return (learner for learner in candidates.order_by("pk").iterator(chunk_size=500) if belongs(learner))


def only_linked(rows: QuerySet[Model], linked: bool | None) -> QuerySet[Model]:
    """The rows with a OneFile ID or those without; all of them if ``linked`` is ``None``."""
    return rows if linked is None else rows.filter(onefile_id__isnull=not linked)


def learners_by_pk(pks: Iterable[str]) -> list[Model]:
    """The learners with these primary keys, with main officers. Deleted and hidden learners are left out."""
    keys = [key for pk in pks if (key := LEARNER.to_pk(pk)) is not None]
    return list(_with_main_officer(shown(LEARNER)).filter(pk__in=keys).order_by("pk"))


def _with_main_officer(learners: QuerySet[Model]) -> QuerySet[Model]:
    """The learners, to be fetched with their main officers, unless the mapping of these is wrong: the checks tell."""
    try:
        relations = source(LEARNER, "main_officer").relations
    except (WrongCondition, ImproperlyConfigured, LookupError, FieldDoesNotExist):
        return learners
    return learners.select_related(*relations) if relations else learners


def read_learner(learner: Model) -> LearnerRow:
    """A learner with qualifications and reviews, for the exchange.

    Two queries; one more if the main officer was not fetched with the learner (:func:`learner_by_pk` does), one more if
    PICSWeb hides reviews, and one more if reviews belong to another row of the learner.
    The learner must have a OneFile ID.
    """
    return next(read_learners([learner]))


def read_learners(learners: Sequence[Model]) -> Iterator[LearnerRow]:
    """Read several learners as :func:`read_learner` does, with the same number of queries as for one."""
    qualifications = _qualifications(learners)
    reviews = reviews_by_learner(learners)
    hidden = _hidden_reviews(learners, reviews) if hides(REVIEW) else {}
    with_a_place = with_a_place_for_reviews(learners)
    main_officer = source(LEARNER, "main_officer").read
    values = reader(LEARNER, ("onefile_id", "centre_id"))
    for learner in learners:
        officer: Any = main_officer(learner)
        yield LearnerRow(
            pk=str(learner.pk),
            label=lazy_label(learner),
            main_officer=None if officer is None else str(officer.pk),
            main_officer_onefile_id=officer and officer.onefile_id,
            qualifications=tuple(qualifications.get(learner.pk, ())),
            reviews=tuple(reviews.get(learner.pk, ())),
            hidden_reviews=tuple(hidden.get(learner.pk, ())),
            has_place_for_reviews=learner.pk in with_a_place,
            **values(learner),
        )


def linked_aims(onefile_ids: Iterable[int]) -> set[int]:
    """Those of these learning aims to which a qualification is linked. One query."""
    linked = shown(QUALIFICATION).filter(onefile_id__in=list(onefile_ids))
    return set(linked.values_list("onefile_id", flat=True))


def read_officers(onefile_ids: Iterable[int], also: Iterable[str] = ()) -> Officers:
    """PICSWeb's officers linked to these OneFile users. At most two queries, and a third if PICSWeb hides officers.

    A hidden officer counts only if no visible officer is linked to the same user. ``also`` are primary keys of further
    officers whose names are needed, such as the current officer of a review.
    """
    linked: dict[int, list[str]] = {}
    names: dict[str, str] = {}
    wanted = set(onefile_ids)
    if wanted:
        found = everything(OFFICER).filter(onefile_id__in=wanted).order_by("pk")
        for officer in _preferred(list(found)):
            linked.setdefault(plain(OFFICER, officer, "onefile_id"), []).append(str(officer.pk))
            names[str(officer.pk)] = label(officer)
    if keys := [OFFICER.to_pk(pk) for pk in set(also) - names.keys()]:
        named = everything(OFFICER).filter(pk__in=[key for key in keys if key is not None])
        names.update({str(officer.pk): label(officer) for officer in named})
    return Officers(
        by_onefile_id={onefile_id: pks[0] for onefile_id, pks in linked.items() if len(pks) == 1},
        names=names,
        ambiguous=frozenset(onefile_id for onefile_id, pks in linked.items() if len(pks) > 1),
    )


def _preferred(officers: Sequence[Model]) -> Iterator[Model]:
    """The visible officers, and hidden officers to whose user no visible officer is linked."""
    hidden = _hidden(OFFICER, officers)
    of = attrgetter("onefile_id")
    taken = {of(officer) for officer in officers if officer.pk not in hidden}
    return (officer for officer in officers if officer.pk not in hidden or of(officer) not in taken)


def _hidden(part: Part, rows: Sequence[Model]) -> set[Any]:
    """The primary keys of the rows that PICSWeb's default manager hides."""
    pks = {row.pk for row in rows}
    return pks - set(shown(part).filter(pk__in=pks).values_list("pk", flat=True)) if hides(part) else set()


def rows_of(learners: Sequence[Model], part: Part) -> QuerySet[Model]:
    return shown(part).filter(**{f"{part.field_name('learner')}__in": learners}).order_by("pk")


def by_learner(rows: QuerySet[Model], part: Part, learners: Sequence[Model]) -> Iterator[tuple[Model, Any]]:
    """Yield each row with its learner.

    PICSWeb's ``__str__`` may use the learner, so it is set on the row rather than fetched again for each one.
    """
    *parents, name = part.field_name("learner").split("__")
    of_learner = attrgetter(part.field("learner").attname)
    by_pk = {learner.pk: learner for learner in learners}
    for row in rows.select_related("__".join(parents)) if parents else rows:
        parent = follow(row, parents)
        learner = by_pk[of_learner(parent)]
        setattr(parent, name, learner)
        yield row, learner.pk


def _qualifications(learners: Sequence[Model]) -> dict[Any, list[QualificationRow]]:
    """By the learner's primary key."""
    rows, conditions = with_conditions(rows_of(learners, QUALIFICATION), QUALIFICATION)
    values = reader(QUALIFICATION, kinds_by_name())
    found: dict[Any, list[QualificationRow]] = {}
    for row, learner_pk in by_learner(rows, QUALIFICATION, learners):
        qualification = QualificationRow(
            pk=str(row.pk),
            label=lazy_label(row),
            onefile_id=plain(QUALIFICATION, row, "onefile_id"),
            values=values(row),
            **conditions(row),
        )
        found.setdefault(learner_pk, []).append(qualification)
    return found


def reviews_by_learner(learners: Sequence[Model]) -> dict[Any, list[ReviewRow]]:
    """All reviews of these learners, by the learner's primary key."""
    officer_field, type_field = REVIEW.field("officer"), REVIEW.field("type")
    related = [field.name for field in (officer_field, type_field) if isinstance(field, ForeignKey)]
    officer_of = attrgetter(officer_field.name)
    in_fields = [role for role, kind in roles_of(ReviewRow).items() if kind is not Kind.CONDITION]
    values = reader(REVIEW, ["onefile_id", "is_normal", *in_fields])
    found: dict[Any, list[ReviewRow]] = {}
    rows, conditions = with_conditions(rows_of(learners, REVIEW).select_related(*related), REVIEW)
    for row, learner_pk in by_learner(rows, REVIEW, learners):
        officer: Any = officer_of(row)
        review = ReviewRow(
            pk=str(row.pk),
            label=lazy_label(row),
            officer_onefile_id=officer and officer.onefile_id,
            **values(row),
            **conditions(row),
        )
        found.setdefault(learner_pk, []).append(review)
    return found


def _hidden_reviews(
    learners: Sequence[Model], read: Mapping[Any, Sequence[ReviewRow]]
) -> dict[Any, list[ReviewRow]]:
    """The linked reviews that PICSWeb hides, by the learner's primary key. Only their IDs and labels are read."""
    path = REVIEW.field_name("learner")
    seen = {review.pk for reviews in read.values() for review in reviews}
    linked = everything(REVIEW).filter(**{f"{path}__in": learners}, onefile_id__isnull=False).order_by("pk")
    found: dict[Any, list[ReviewRow]] = {}
    for row, learner_pk in by_learner(linked, REVIEW, learners):
        if str(row.pk) not in seen:
            found.setdefault(learner_pk, []).append(
                ReviewRow(str(row.pk), lazy_label(row), plain(REVIEW, row, "onefile_id"))
            )
    return found
