"""A small PICSWeb: learners, qualifications, units, reviews, placements, officers and organisations.

It has only what the exchange with OneFile and the Delivery Plan page need. The OneFile IDs come from the mixins.
"""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from onefile_sync.mixins import (
    OneFileLearnerMixin,
    OneFileOfficerMixin,
    OneFileOrganisationMixin,
    OneFileQualificationMixin,
    OneFileReviewMixin,
)


def percentage(done: int, total: int) -> int | None:
    """Progress in whole per cent, 0 to 100, rounded down so that 100 means finished; ``None`` without a total."""
    return min(100, 100 * done // total) if total else None


class Officer(OneFileOfficerMixin):
    """A member of the provider's staff: an assessor, a training adviser, a reviewer."""

    ident = models.CharField(_("ident"), max_length=20, unique=True)
    first_name = models.CharField(_("first name"), max_length=100)
    surname = models.CharField(_("surname"), max_length=100)
    email = models.EmailField(_("email"), blank=True, default="")

    class Meta:
        verbose_name = _("officer")
        verbose_name_plural = _("officers")
        ordering = ["surname", "first_name", "ident"]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.surname}".strip()


class Organisation(OneFileOrganisationMixin):
    """An employer or another company that learners are placed with."""

    ident = models.CharField(_("ident"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=200)

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        ordering = ["name", "ident"]

    def __str__(self) -> str:
        return self.name


class LearnerStatus(models.TextChoices):
    """The system status of a learner's record."""

    LIVE = "live", _("Live")
    DORMANT = "dormant", _("Dormant")


class Learner(OneFileLearnerMixin):
    """A person on a programme. A new programme is a new record, as in PICSWeb."""

    ident = models.CharField(_("ident"), max_length=20, unique=True)
    first_name = models.CharField(_("first name"), max_length=100)
    surname = models.CharField(_("surname"), max_length=100)
    email = models.EmailField(_("email"), blank=True, default="")
    telephone = models.CharField(_("telephone"), max_length=30, blank=True, default="")
    mobile = models.CharField(_("mobile"), max_length=30, blank=True, default="")
    date_of_birth = models.DateField(_("date of birth"), null=True, blank=True)
    uln = models.CharField(_("ULN"), max_length=10, blank=True, default="")
    ni_number = models.CharField(_("National Insurance number"), max_length=9, blank=True, default="")
    sex = models.CharField(_("sex"), max_length=20, blank=True, default="")
    ethnicity = models.CharField(_("ethnicity"), max_length=100, blank=True, default="")
    disability = models.CharField(_("disability"), max_length=100, blank=True, default="")
    status = models.CharField(
        _("status"), max_length=10, choices=LearnerStatus, default=LearnerStatus.LIVE, db_index=True
    )
    start_date = models.DateField(_("start date"), null=True, blank=True)
    planned_end_date = models.DateField(_("expected end date"), null=True, blank=True)
    actual_end_date = models.DateField(_("actual end date"), null=True, blank=True)
    main_officer = models.ForeignKey(
        Officer,
        verbose_name=_("main officer"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="learners",
    )
    main_tag = models.CharField(_("main tag"), max_length=100, blank=True, default="")

    class Meta:
        verbose_name = _("learner")
        verbose_name_plural = _("learners")
        ordering = ["surname", "first_name", "ident"]

    def __str__(self) -> str:
        return f"{self.full_name} ({self.ident})"

    def get_absolute_url(self) -> str:
        """The learner's Delivery Plan."""
        return reverse("delivery_plan", args=[self.pk])

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.surname}".strip()

    @property
    def progress(self) -> int | None:
        """Elements done in all qualifications together, as :attr:`Qualification.progress`."""
        counted = [
            qualification for qualification in self.qualifications.all() if qualification.total_elements
        ]
        return percentage(
            sum(qualification.elements_done or 0 for qualification in counted),
            sum(qualification.total_elements or 0 for qualification in counted),
        )

    @property
    def placement(self) -> Placement | None:
        """The latest placement of type P, else the latest of any type (R17)."""
        placements = list(self.placements.all())
        of_type_p = [placement for placement in placements if placement.type == "P"]
        return next(iter(of_type_p or placements), None)


class Placement(models.Model):
    """Where a learner works or worked. Type P is the placement proper."""

    learner = models.ForeignKey(
        Learner, verbose_name=_("learner"), on_delete=models.CASCADE, related_name="placements"
    )
    organisation = models.ForeignKey(
        Organisation, verbose_name=_("organisation"), on_delete=models.PROTECT, related_name="placements"
    )
    type = models.CharField(_("type"), max_length=10, default="P")
    start_date = models.DateField(_("start date"), null=True, blank=True)

    class Meta:
        verbose_name = _("placement")
        verbose_name_plural = _("placements")
        ordering = [F("start_date").desc(nulls_last=True), "-pk"]

    def __str__(self) -> str:
        return f"{self.organisation} ({self.type})"


class Qualification(OneFileQualificationMixin):
    """A qualification that a learner works towards. Elements are simple counters of progress."""

    learner = models.ForeignKey(
        Learner, verbose_name=_("learner"), on_delete=models.CASCADE, related_name="qualifications"
    )
    reference = models.CharField(_("reference"), max_length=30)
    title = models.CharField(_("title"), max_length=200)
    start_date = models.DateField(_("start date"), null=True, blank=True)
    planned_end_date = models.DateField(_("expected end date"), null=True, blank=True)
    assessor = models.ForeignKey(
        Officer,
        verbose_name=_("assessor"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="qualifications",
    )
    total_elements = models.PositiveIntegerField(_("Total Elements"), null=True, blank=True)
    elements_done = models.PositiveIntegerField(_("Elements Done"), null=True, blank=True)
    registration_number = models.CharField(_("Registration Number"), max_length=50, blank=True, default="")
    registration_date = models.DateField(_("Registration Date"), null=True, blank=True)
    certificate_applied_date = models.DateField(_("Certificate Applied For Date"), null=True, blank=True)
    certificate_received_date = models.DateField(_("Certificate Received Date"), null=True, blank=True)

    class Meta:
        verbose_name = _("qualification")
        verbose_name_plural = _("qualifications")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}".strip()

    @property
    def progress(self) -> int | None:
        """Elements done as a percentage of the total; ``None`` where no total is known."""
        return percentage(self.elements_done or 0, self.total_elements or 0)


class Unit(models.Model):
    """A unit of a qualification. Never exchanged with OneFile."""

    qualification = models.ForeignKey(
        Qualification, verbose_name=_("qualification"), on_delete=models.CASCADE, related_name="units"
    )
    title = models.CharField(_("title"), max_length=200)

    class Meta:
        verbose_name = _("unit")
        verbose_name_plural = _("units")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.title


class ReviewType(models.TextChoices):
    """Only Normal reviews go to OneFile."""

    NORMAL = "Normal", _("Normal")
    INITIAL = "Initial", _("Initial")
    WELFARE = "Welfare", _("Welfare")
    EXIT = "Exit", _("Exit")


class Attended(models.TextChoices):
    """Whether a review took place. Blank means that nobody has entered it."""

    YES = "yes", _("Yes")
    NO = "no", _("No")
    UNKNOWN = "unknown", _("Unknown")


class Review(OneFileReviewMixin):
    """A progress review, planned (proposed date) or held (actual date)."""

    learner = models.ForeignKey(
        Learner, verbose_name=_("learner"), on_delete=models.CASCADE, related_name="reviews"
    )
    type = models.CharField(_("type"), max_length=20, choices=ReviewType, default=ReviewType.NORMAL)
    proposed_date = models.DateField(_("proposed date"), null=True, blank=True)
    proposed_time = models.TimeField(_("proposed time"), null=True, blank=True)
    attended = models.CharField(_("attended"), max_length=10, choices=Attended, blank=True, default="")
    actual_date = models.DateField(_("actual date"), null=True, blank=True)
    officer = models.ForeignKey(
        Officer,
        verbose_name=_("reviewer"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="reviews",
    )
    trainee_signed_date = models.DateField(_("trainee signed date"), null=True, blank=True)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = [F("proposed_date").asc(nulls_last=True), "pk"]

    def __str__(self) -> str:
        planned_or_held: date | None = self.proposed_date or self.actual_date
        label = _("%(type)s review") % {"type": self.get_type_display()}
        return f"{label} {planned_or_held:%d/%m/%Y}" if planned_or_held else label
