"""The sandbox's records, in memory."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .entities import (
    ADDITIONAL,
    ASSESSOR,
    CENTRE_ID,
    LEARNER,
    SandboxAim,
    SandboxAssignment,
    SandboxCentre,
    SandboxClassroom,
    SandboxPlacement,
    SandboxRecord,
    SandboxReview,
    SandboxStandard,
    SandboxTemplate,
    SandboxUser,
    SandboxVisit,
)

if TYPE_CHECKING:
    from .demo_data.demo_data import Provider

AnyRecord = TypeVar("AnyRecord", bound=SandboxRecord)

CUSTOMER_ID: Final = 2070

#: The ID of the first record of each kind.
_FIRST_IDS: Final[Mapping[type[SandboxRecord], int]] = {
    SandboxCentre: CENTRE_ID,
    SandboxUser: 1250001,
    SandboxPlacement: 18001,
    SandboxClassroom: 15301,
    SandboxStandard: 3001,
    SandboxTemplate: 6001,
    SandboxAim: 4000001,
    SandboxVisit: 700001,
    SandboxReview: 1000001,
    SandboxAssignment: 500001,
}


class World:
    """The records of one customer, by ID. A new world has one empty centre.

    Change records directly (``world.aims[7].elements_done = 5``), delete them with ``del world.reviews[9]`` and add
    them with the ``add_…`` methods. Hold ``lock`` if a call may arrive at the same moment. ``writes`` counts records
    that the API changed or created; it does not count changes made here or on the page.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.writes = 0
        self.customer_id = CUSTOMER_ID
        self.customer_name = "Northvale Training"
        self.centres: dict[int, SandboxCentre] = {}
        self.users: dict[int, SandboxUser] = {}
        self.placements: dict[int, SandboxPlacement] = {}
        self.classrooms: dict[int, SandboxClassroom] = {}
        self.standards: dict[int, SandboxStandard] = {}
        self.templates: dict[int, SandboxTemplate] = {}
        self.aims: dict[int, SandboxAim] = {}
        self.visits: dict[int, SandboxVisit] = {}
        self.reviews: dict[int, SandboxReview] = {}
        self.assignments: dict[int, SandboxAssignment] = {}
        self._next_ids = dict(_FIRST_IDS)
        self._aim_ids: dict[int, list[int]] = defaultdict(list)
        self._review_ids: dict[int, list[int]] = defaultdict(list)
        self.add_centre(name="Northvale Training")

    @classmethod
    def of(cls, provider: Provider) -> World:
        """Build OneFile's side of a provider. The records are copied, so the provider itself never changes."""
        world = cls()
        for centre in provider.centres:
            world._keep(world.centres, replace(centre))
        for standard in provider.standards:
            world._keep(world.standards, replace(standard))
        for placement in provider.placements:
            world._keep(world.placements, replace(placement))
        for classroom in provider.classrooms:
            world._keep(world.classrooms, replace(classroom))
        for user in (*provider.assessors, *provider.other_users):
            world._keep(world.users, replace(user))
        for learner in provider.learners:
            if learner.onefile is None:
                continue
            world._keep(world.users, replace(learner.onefile.user))
            for aim in learner.onefile.aims:
                world._keep_aim(replace(aim, values=dict(aim.values)))
            for visit in learner.onefile.visits:
                world._keep(world.visits, replace(visit))
            for review in learner.onefile.reviews:
                world._keep_review(replace(review))
        return world

    @property
    def centre_id(self) -> int:
        """The first centre, to which new records belong by default."""
        return next(iter(self.centres))

    def add_centre(self, **values: Any) -> SandboxCentre:
        return self._keep(
            self.centres, SandboxCentre(**self._complete(SandboxCentre, values, name="A centre"))
        )

    def add_assessor(self, **values: Any) -> SandboxUser:
        names = {"first_name": "Gwen", "last_name": "Price"}
        return self._add_of_centre(self.users, SandboxUser, names | {"role": ASSESSOR} | values)

    def add_learner(self, **values: Any) -> SandboxUser:
        names = {"first_name": "Siân", "last_name": "O'Connor"}
        return self._add_of_centre(self.users, SandboxUser, names | {"role": LEARNER} | values)

    def add_placement(self, **values: Any) -> SandboxPlacement:
        return self._add_of_centre(self.placements, SandboxPlacement, {"name": "Tŷ Gwyn Care"} | values)

    def add_classroom(self, **values: Any) -> SandboxClassroom:
        return self._add_of_centre(self.classrooms, SandboxClassroom, {"name": "September start"} | values)

    def add_standard(self, **values: Any) -> SandboxStandard:
        """A standard of the first centre, unless ``organisation_ids`` names others."""
        defaults = {"organisation_ids": (self.centre_id,), "title": "Business Administrator", "code": "196AS"}
        return self._keep(
            self.standards, SandboxStandard(**self._complete(SandboxStandard, values, **defaults))
        )

    def add_template(self, **values: Any) -> SandboxTemplate:
        """A framework template; ``standard_ids`` says of what."""
        return self._add_of_centre(
            self.templates, SandboxTemplate, {"title": "Business Administrator, 18 months"} | values
        )

    def add_aim(self, learner_id: int, **values: Any) -> SandboxAim:
        return self._keep_aim(SandboxAim.of(**self._complete(SandboxAim, values, user_id=learner_id)))

    def add_visit(self, learner_id: int, **values: Any) -> SandboxVisit:
        """A visit; ``date_from`` and ``date_to`` must be given."""
        return self._add_of_centre(self.visits, SandboxVisit, {"learner_id": learner_id} | values)

    def add_review(self, learner_id: int, **values: Any) -> SandboxReview:
        return self._keep_review(
            SandboxReview(**self._complete(SandboxReview, values, learner_id=learner_id))
        )

    def add_assignment(self, learner_id: int, user_id: int, **values: Any) -> SandboxAssignment:
        """An assignment of a user to a learner; as an additional assessor, unless ``level`` says otherwise."""
        defaults = {"learner_id": learner_id, "user_id": user_id, "level": ADDITIONAL}
        return self._keep(
            self.assignments, SandboxAssignment(**self._complete(SandboxAssignment, values, **defaults))
        )

    def add_aim_of(self, learner_id: int, standard: SandboxStandard, **values: Any) -> SandboxAim:
        """A new learning aim of a standard. It has no units, and so no elements, until somebody chooses them."""
        return self.add_aim(learner_id, standard_id=standard.id, title=standard.full_title, **values)

    def assignments_of(self, learner_id: int) -> list[SandboxAssignment]:
        return [each for each in self.assignments.values() if each.learner_id == learner_id]

    def aims_of(self, learner_id: int) -> list[SandboxAim]:
        aims = (self.aims.get(aim_id) for aim_id in self._aim_ids.get(learner_id, ()))
        return [aim for aim in aims if aim is not None and aim.user_id == learner_id]

    def reviews_of(self, learner_id: int) -> list[SandboxReview]:
        reviews = (self.reviews.get(review_id) for review_id in self._review_ids.get(learner_id, ()))
        return [review for review in reviews if review is not None and review.learner_id == learner_id]

    def _add_of_centre(
        self, shelf: dict[int, AnyRecord], kind: type[AnyRecord], values: dict[str, Any]
    ) -> AnyRecord:
        return self._keep(shelf, kind(**self._complete(kind, values, organisation_id=self.centre_id)))

    def _complete(self, kind: type[SandboxRecord], values: dict[str, Any], **defaults: Any) -> dict[str, Any]:
        if "id" not in values:
            defaults["id"] = self._next_id(kind)
        return defaults | values

    def _keep_aim(self, aim: SandboxAim) -> SandboxAim:
        self._aim_ids[aim.user_id].append(aim.id)
        return self._keep(self.aims, aim)

    def _keep_review(self, review: SandboxReview) -> SandboxReview:
        self._review_ids[review.learner_id].append(review.id)
        return self._keep(self.reviews, review)

    def _keep(self, shelf: dict[int, AnyRecord], record: AnyRecord) -> AnyRecord:
        with self.lock:
            shelf[record.id] = record
            kind = type(record)
            self._next_ids[kind] = max(self._next_ids[kind], record.id + 1)
        return record

    def _next_id(self, kind: type[SandboxRecord]) -> int:
        with self.lock:
            following = self._next_ids[kind]
            self._next_ids[kind] = following + 1
        return following
