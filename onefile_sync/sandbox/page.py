"""The page on which a person plays the assessor. Plain HTML without JavaScript; every change is a posted form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from onefile_sync.fields import Kind, SynchronisedField, synchronised_fields

from .centre_pages import CENTRE_URLS, created_through_api
from .entities import (
    ADDITIONAL,
    ASSESSOR,
    LEARNER,
    LEARNING_AIM,
    LONDON,
    TRAINEE_ASSESSOR,
    SandboxAim,
    SandboxReview,
    SandboxUser,
    on_london_date,
)
from .limits import Clock
from .page_parts import (
    DONE,
    ROWS_ON_A_PAGE,
    html,
    on_date,
    posted_date,
    posted_number,
    posted_text,
    posted_time,
    refuse_strangers,
    shown_moment,
)
from .place_pages import PLACE_URLS, PlacePages
from .world import World

_URLS: Final = Map(
    [
        Rule("/", methods=["GET"], endpoint="learners"),
        Rule("/learner/<int:learner_id>", methods=["GET"], endpoint="learner"),
        Rule("/learner/<int:learner_id>/schedule", methods=["POST"], endpoint="schedule"),
        Rule("/aim/<int:aim_id>", methods=["POST"], endpoint="change_aim"),
        Rule("/review/<int:review_id>/delete", methods=["GET"], endpoint="ask_before_deleting"),
        Rule("/review/<int:review_id>/delete", methods=["POST"], endpoint="delete_review"),
        Rule("/review/<int:review_id>/<action>", methods=["POST"], endpoint="act_on_review"),
        *CENTRE_URLS,
        *PLACE_URLS,
        Rule("/_sandbox/calls", methods=["GET"], endpoint="calls"),
        Rule("/_sandbox/reset", methods=["POST"], endpoint="reset"),
    ]
)


class AssessorPage(PlacePages):
    """Shows learners, and changes their aims and reviews as an assessor would in OneFile."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        counts: Callable[[], Mapping[str, Any]],
        reset_counts: Callable[[], None],
    ) -> None:
        super().__init__(world, clock)
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
        shown = learners[(page - 1) * ROWS_ON_A_PAGE :][:ROWS_ON_A_PAGE]
        return html(
            "learners.html",
            {
                "title": "Learners",
                "wanted": wanted,
                "learners": [self.summary(learner) for learner in shown],
                "found": len(learners),
                "previous": page - 1,
                "next": page + 1 if page * ROWS_ON_A_PAGE < len(learners) else 0,
                "counts": self.counts(),
            },
        )

    def summary(self, learner: SandboxUser) -> dict[str, object]:
        return {
            "id": learner.id,
            "name": learner.full_name,
            "created": created_through_api(learner),
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
                "aims": [
                    shown_aim(aim) | {"assessors": self.assessors_of(aim)}
                    for aim in self.world.aims_of(learner_id)
                ],
                "additional_assessors": [
                    self.name_of(each.user_id)
                    for each in self.world.assignments_of(learner_id)
                    if each.level == ADDITIONAL
                ],
                "reviews": [self.shown_review(review) for review in reviews],
                "assessors": [
                    {"id": user.id, "name": user.full_name, "chosen": user.id == learner.default_assessor_id}
                    for user in self.world.users.values()
                    if user.role in (ASSESSOR, TRAINEE_ASSESSOR)
                ],
                "tomorrow": (on_london_date(self.clock()) + timedelta(days=1)).isoformat(),
                "done": DONE.get(request.args.get("done", "")),
            },
        )

    def assessors_of(self, aim: SandboxAim) -> str:
        """The assessors of a learning aim; the learner's default assessor if none is assigned."""
        assigned = [
            self.name_of(each.user_id)
            for each in self.world.assignments_of(aim.user_id)
            if each.level == LEARNING_AIM and each.standard_id == aim.standard_id
        ]
        default = self.world.users[aim.user_id].default_assessor_id
        return ", ".join(assigned) or self.name_of(default)

    def shown_review(self, review: SandboxReview) -> dict[str, object]:
        return {
            "id": review.id,
            "created": created_through_api(review),
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


_SIGNED: Final = ("Assessor signed", "Learner signed")
#: Name in the URL, label of the button, stages in which the action is allowed, handler.
_ACTIONS: Final = (
    ("start", "Start review", ("Scheduled",), _start),
    ("sign-assessor", "Sign as assessor", ("Started",), _sign_as_assessor),
    ("sign-learner", "Sign as learner", ("Assessor signed",), _sign_as_learner),
    ("unlock", "Unlock", _SIGNED, _unlock),
)


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
        "created": created_through_api(aim),
        "title": aim.title or f"Learning aim {aim.id}",
        "fields": [
            {"name": field.name, "label": field.label, "kind": field.kind.value, "value": shown(field)}
            for field in synchronised_fields()
        ],
    }
