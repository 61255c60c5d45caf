"""The page on which a person plays the assessor. Plain HTML without JavaScript; every change is a posted form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.template import Context, Engine
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from onefile_sync.fields import Kind, SynchronisedField, synchronised_fields

from .entities import (
    ASSESSOR,
    LEARNER,
    LONDON,
    TRAINEE_ASSESSOR,
    Moment,
    SandboxAim,
    SandboxReview,
    SandboxUser,
    on_london_date,
)
from .limits import Clock
from .wire import EARLIEST_YEAR
from .world import World

_LEARNERS_ON_A_PAGE: Final = 50
_LONGEST_TEXT: Final = 255
_OWN_HOSTS: Final = frozenset({"127.0.0.1", "localhost"})

_URLS: Final = Map(
    [
        Rule("/", methods=["GET"], endpoint="learners"),
        Rule("/learner/<int:learner_id>", methods=["GET"], endpoint="learner"),
        Rule("/learner/<int:learner_id>/schedule", methods=["POST"], endpoint="schedule"),
        Rule("/aim/<int:aim_id>", methods=["POST"], endpoint="change_aim"),
        Rule("/review/<int:review_id>/delete", methods=["GET"], endpoint="ask_before_deleting"),
        Rule("/review/<int:review_id>/delete", methods=["POST"], endpoint="delete_review"),
        Rule("/review/<int:review_id>/<action>", methods=["POST"], endpoint="act_on_review"),
        Rule("/_sandbox/calls", methods=["GET"], endpoint="calls"),
        Rule("/_sandbox/reset", methods=["POST"], endpoint="reset"),
    ]
)


class AssessorPage:
    """Shows learners, and changes their aims and reviews as an assessor would in OneFile."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        counts: Callable[[], Mapping[str, Any]],
        reset_counts: Callable[[], None],
    ) -> None:
        self.world = world
        self.clock = clock
        self.counts = counts
        self.reset_counts = reset_counts

    def respond(self, request: Request) -> Response:
        try:
            refuse_strangers(request)
            endpoint, arguments = _URLS.bind_to_environ(request.environ).match()
            with self.world.lock:
                response: Response = getattr(self, endpoint)(request, **arguments)
        except HTTPException as refused:
            return html(
                "refused.html", {"title": refused.name, "text": refused.description}, refused.code or 500
            )
        return response

    # Pages

    def learners(self, request: Request) -> Response:
        wanted = request.args.get("q", "").strip()
        page = max(1, request.args.get("page", 1, type=int))
        learners = [
            user
            for user in self.world.users.values()
            if user.role == LEARNER and wanted.casefold() in f"{user.full_name} {user.id}".casefold()
        ]
        learners.sort(key=lambda user: (user.last_name, user.first_name, user.id))
        shown = learners[(page - 1) * _LEARNERS_ON_A_PAGE :][:_LEARNERS_ON_A_PAGE]
        return html(
            "learners.html",
            {
                "title": "Learners",
                "wanted": wanted,
                "learners": [self.summary(learner) for learner in shown],
                "found": len(learners),
                "previous": page - 1,
                "next": page + 1 if page * _LEARNERS_ON_A_PAGE < len(learners) else 0,
                "counts": self.counts(),
            },
        )

    def summary(self, learner: SandboxUser) -> dict[str, object]:
        return {
            "id": learner.id,
            "name": learner.full_name,
            "assessor": self.name_of(learner.default_assessor_id),
            "aims": len(self.world.aims_of(learner.id)),
            "reviews": len(self.world.reviews_of(learner.id)),
        }

    def learner(self, request: Request, learner_id: int) -> Response:
        learner = self.known_learner(learner_id)
        reviews = sorted(
            self.world.reviews_of(learner_id),
            key=lambda review: (str(on_date(review.scheduled_for or review.started_on)), review.id),
        )
        return html(
            "learner.html",
            {
                "title": learner.full_name,
                "learner": self.summary(learner),
                "aims": [shown_aim(aim) for aim in self.world.aims_of(learner_id)],
                "reviews": [self.shown_review(review) for review in reviews],
                "assessors": [
                    {"id": user.id, "name": user.full_name, "chosen": user.id == learner.default_assessor_id}
                    for user in self.world.users.values()
                    if user.role in (ASSESSOR, TRAINEE_ASSESSOR)
                ],
                "tomorrow": (on_london_date(self.clock()) + timedelta(days=1)).isoformat(),
                "done": _DONE.get(request.args.get("done", "")),
            },
        )

    def shown_review(self, review: SandboxReview) -> dict[str, object]:
        return {
            "id": review.id,
            "scheduled_for": shown_moment(review.scheduled_for),
            "assessor": self.name_of(review.assessor_id),
            "stage": review.stage,
            "stage_class": review.stage.split()[0].lower(),
            "started_on": shown_moment(review.started_on),
            "assessor_signed_on": shown_moment(review.assessor_signed_on),
            "learner_signed_on": shown_moment(review.learner_signed_on),
            "actions": [
                {"name": name, "label": label}
                for name, label, stages, _ in _ACTIONS
                if review.stage in stages
            ],
        }

    def name_of(self, user_id: int | None) -> str:
        user = self.world.users.get(user_id) if user_id is not None else None
        return user.full_name if user else ""

    def calls(self, _: Request) -> Response:
        return Response(json.dumps(self.counts()), content_type="application/json")

    # Forms

    def reset(self, _: Request) -> Response:
        self.reset_counts()
        return redirect("/", 303)

    def change_aim(self, request: Request, aim_id: int) -> Response:
        aim = self.world.aims.get(aim_id)
        if aim is None:
            raise NotFound("There is no such learning aim.")
        declared = synchronised_fields()
        posted = {field.name: _POSTED[field.kind](request.form, field.name) for field in declared}
        for field in declared:
            # The form has no time of day, so an unchanged date must not lose the one it has.
            if field.kind is not Kind.DATE or posted[field.name] != on_date(getattr(aim, field.name)):
                setattr(aim, field.name, posted[field.name])
        total, done = aim.total_elements, aim.elements_done
        aim.progress = round(100 * done / total, 2) if total and done is not None else None
        return redirect(f"/learner/{aim.user_id}?done=saved", 303)

    def act_on_review(self, _: Request, review_id: int, action: str) -> Response:
        review = self.known_review(review_id)
        for name, label, stages, act in _ACTIONS:
            if name == action:
                if review.stage not in stages:
                    raise BadRequest(f"“{label}” cannot be done to this review now.")
                act(review, self.clock())
                return redirect(f"/learner/{review.learner_id}?done=saved", 303)
        raise NotFound("There is no such action.")

    def ask_before_deleting(self, _: Request, review_id: int) -> Response:
        review = self.known_review(review_id)
        learner = self.known_learner(review.learner_id)
        return html(
            "delete_review.html",
            {
                "title": "Delete this review?",
                "learner": self.summary(learner),
                "review": self.shown_review(review),
            },
        )

    def delete_review(self, _: Request, review_id: int) -> Response:
        review = self.known_review(review_id)
        del self.world.reviews[review_id]
        return redirect(f"/learner/{review.learner_id}?done=deleted", 303)

    def known_review(self, review_id: int) -> SandboxReview:
        review = self.world.reviews.get(review_id)
        if review is None:
            raise NotFound("There is no such review.")
        return review

    def schedule(self, request: Request, learner_id: int) -> Response:
        learner, form = self.known_learner(learner_id), request.form
        on = posted_date(form, "date")
        if on is None:
            raise BadRequest("A review needs a date.")
        at = posted_time(form, "time")
        assessor_id = posted_number(form, "assessor")
        if assessor_id is not None and assessor_id not in self.world.users:
            raise BadRequest("There is no such assessor.")
        self.world.add_review(
            learner.id,
            scheduled_for=datetime.combine(on, at, LONDON) if at else on,
            assessor_id=assessor_id,
            created_on=self.clock(),
        )
        return redirect(f"/learner/{learner.id}?done=scheduled", 303)

    def known_learner(self, learner_id: int) -> SandboxUser:
        learner = self.world.users.get(learner_id)
        if learner is None or learner.role != LEARNER:
            raise NotFound("There is no such learner.")
        return learner


# The stages of a review: started, signed by the assessor, signed by the learner; unlocking clears the signatures.


def _start(review: SandboxReview, now: datetime) -> None:
    review.started_on = now


def _sign_as_assessor(review: SandboxReview, now: datetime) -> None:
    review.assessor_signed_on = now


def _sign_as_learner(review: SandboxReview, now: datetime) -> None:
    review.learner_signed_on = now


def _unlock(review: SandboxReview, _: datetime) -> None:
    review.assessor_signed_on = review.learner_signed_on = review.employer_signed_on = None


#: The message after a posted form, by the value of ``done`` in the URL.
_DONE: Final = {
    "saved": "Saved.",
    "deleted": "The review was deleted.",
    "scheduled": "The review was scheduled.",
}
_SIGNED: Final = ("Assessor signed", "Learner signed")
#: Name in the URL, label of the button, stages in which the action is allowed, handler.
_ACTIONS: Final = (
    ("start", "Start review", ("Scheduled",), _start),
    ("sign-assessor", "Sign as assessor", ("Started",), _sign_as_assessor),
    ("sign-learner", "Sign as learner", ("Assessor signed",), _sign_as_learner),
    ("unlock", "Unlock", _SIGNED, _unlock),
)


# Conversion between form text and values


def posted_text(form: Mapping[str, str], name: str) -> str:
    text = form.get(name, "").strip()
    if len(text) > _LONGEST_TEXT:
        raise BadRequest(f"A text has at most {_LONGEST_TEXT} characters.")
    return text


def posted_number(form: Mapping[str, str], name: str) -> int | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest("A number is made of digits only.")
    return int(text)


def posted_date(form: Mapping[str, str], name: str) -> date | None:
    text = form.get(name, "").strip()
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise BadRequest("That is not a date.") from None
    if day is not None and day.year < EARLIEST_YEAR:
        raise BadRequest(f"OneFile keeps no date before {EARLIEST_YEAR}.")
    return day


def posted_time(form: Mapping[str, str], name: str) -> time | None:
    text = form.get(name, "").strip()
    try:
        return time.fromisoformat(text) if text else None
    except ValueError:
        raise BadRequest("That is not a time of day.") from None


def on_date(moment: Moment | None) -> date | None:
    return on_london_date(moment) if isinstance(moment, date) else None


#: How a field of the form is read, by its kind.
_POSTED: Final[Mapping[Kind, Callable[[Mapping[str, str], str], object]]] = {
    Kind.NUMBER: posted_number,
    Kind.TEXT: posted_text,
    Kind.DATE: posted_date,
}


def shown_aim(aim: SandboxAim) -> dict[str, object]:
    def shown(field: SynchronisedField) -> str:
        value = getattr(aim, field.name)
        value = on_date(value) if field.kind is Kind.DATE else value
        return "" if value is None else str(value)

    return {
        "id": aim.id,
        "title": aim.title or f"Learning aim {aim.id}",
        "fields": [
            {"name": field.name, "label": field.label, "kind": field.kind.value, "value": shown(field)}
            for field in synchronised_fields()
        ],
    }


def shown_moment(moment: Moment | None) -> str:
    """Date and time in London. The time is left out for a date, and for midnight."""
    if not isinstance(moment, datetime):
        return f"{moment:%d/%m/%Y}" if isinstance(moment, date) else ""
    local = moment.astimezone(LONDON)
    return f"{local:%d/%m/%Y}" if local.time() == time() else f"{local:%d/%m/%Y %H:%M}"


def refuse_strangers(request: Request) -> None:
    """Raise ``Forbidden`` for a POST from another site, and for a host name that is not ours (DNS rebinding)."""
    if request.host.rpartition(":")[0] not in _OWN_HOSTS:
        raise Forbidden("This page is only served under its own address.")
    source = request.headers.get("Origin") or request.headers.get("Referer")
    if request.method == "POST" and source is not None and urlsplit(source).netloc != request.host:
        raise Forbidden("Another site sent this form.")


@cache
def _templates() -> Engine:
    return Engine(dirs=[str(Path(__file__).parent / "templates")], autoescape=True)


def html(template: str, values: Mapping[str, object], status: int = 200) -> Response:
    # Localisation would turn an ID into "1,250,001" in a URL.
    text = _templates().get_template(template).render(Context(dict(values), use_l10n=False))
    return Response(
        text,
        status,
        content_type="text/html; charset=utf-8",
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
            "Cache-Control": "no-store",
        },
    )
