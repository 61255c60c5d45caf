"""The pages of the example PICSWeb: the list of learners and a learner's Delivery Plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import Count, Prefetch, Q, QuerySet
from django.views.generic import DetailView, ListView

from .models import Learner, Qualification, Review

if TYPE_CHECKING:  # these classes are generic in django-stubs, but not in Django
    LearnerListView = ListView[Learner]
    LearnerDetailView = DetailView[Learner]
else:
    LearnerListView, LearnerDetailView = ListView, DetailView


class LearnerList(PermissionRequiredMixin, LearnerListView):
    """All learners, or those who match every word of the search."""

    permission_required = "picsweb.view_learner"
    template_name = "picsweb/learner_list.html"
    context_object_name = "learners"
    paginate_by = 25

    def get_queryset(self) -> QuerySet[Learner]:
        found = Learner.objects.select_related("main_officer").prefetch_related("qualifications")
        for word in self.sought.split():
            found = found.filter(
                Q(ident__icontains=word)
                | Q(first_name__icontains=word)
                | Q(surname__icontains=word)
                | Q(email__icontains=word)
                | Q(uln=word)
            )
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(sought=self.sought, **kwargs)

    @property
    def sought(self) -> str:
        # PostgreSQL refuses NUL characters.
        return self.request.GET.get("q", "").replace("\x00", "").strip()


class DeliveryPlan(PermissionRequiredMixin, LearnerDetailView):
    """A learner's qualifications and reviews, with the OneFile panel beside them."""

    permission_required = "picsweb.view_learner"
    template_name = "picsweb/delivery_plan.html"
    context_object_name = "learner"

    def get_queryset(self) -> QuerySet[Learner]:
        return Learner.objects.select_related("main_officer").prefetch_related(
            "placements__organisation",
            Prefetch(
                "qualifications",
                Qualification.objects.select_related("assessor").annotate(unit_count=Count("units")),
            ),
            Prefetch("reviews", Review.objects.select_related("officer")),
        )
