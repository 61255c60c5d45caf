"""An academy: archived rows are hidden, ``save()`` tidies numbers, and it has no model of employers."""

from __future__ import annotations

from typing import Any

from django.db import models

from onefile_sync.mixins import (
    OneFileLearnerMixin,
    OneFileOfficerMixin,
    OneFileQualificationMixin,
    OneFileReviewMixin,
)


class NotArchived(models.Manager[Any]):
    """The rows that the academy's own pages show."""

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(archived=False)


class Coach(OneFileOfficerMixin):
    name = models.CharField(max_length=100)
    archived = models.BooleanField(default=False)

    objects = NotArchived()
    everybody = models.Manager["Coach"]()

    def __str__(self) -> str:
        return self.name


class Caseload(models.Model):
    coach = models.ForeignKey(Coach, null=True, on_delete=models.SET_NULL)

    def __str__(self) -> str:
        return f"Caseload of {self.coach}"


class Programme(models.Model):
    title = models.CharField(max_length=100, default="Apprenticeship")
    end_date = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return self.title


class Options(models.Manager["Option"]):
    def get_by_natural_key(self, group: str, code: str) -> Option:
        return self.get(group=group, code=code)


class Option(models.Model):
    """What the academy's lists offer, by the group they belong to."""

    group = models.CharField(max_length=20)
    code = models.CharField(max_length=20)

    objects = Options()

    class Meta:
        constraints = (models.UniqueConstraint("group", "code", name="one_option_of_a_code"),)

    def __str__(self) -> str:
        return self.code


class Apprentice(OneFileLearnerMixin):
    onefile_id = models.BigIntegerField("OneFile ID", db_column="portfolio_ref", null=True, db_index=True)
    ident = models.CharField(max_length=20, unique=True)
    active = models.BooleanField(default=True)
    ended_on = models.DateField(null=True, blank=True)
    coach = models.ForeignKey(Coach, null=True, blank=True, on_delete=models.SET_NULL)
    archived = models.BooleanField(default=False)
    withdrawn = models.BooleanField(default=False)
    caseload = models.ForeignKey(Caseload, null=True, blank=True, on_delete=models.SET_NULL)
    programme = models.ForeignKey(Programme, null=True, blank=True, on_delete=models.SET_NULL)
    stage = models.ForeignKey(Option, null=True, blank=True, on_delete=models.PROTECT)

    objects = NotArchived()
    everybody = models.Manager["Apprentice"]()

    def __str__(self) -> str:
        return self.ident


class Place(models.Model):
    """What an apprentice has on a course."""

    apprentice = models.ForeignKey(Apprentice, null=True, on_delete=models.CASCADE)

    def __str__(self) -> str:
        return f"Place of {self.apprentice}"


class Award(OneFileQualificationMixin):
    place = models.ForeignKey(Place, null=True, blank=True, on_delete=models.CASCADE)
    apprentice = models.ForeignKey(Apprentice, on_delete=models.CASCADE)
    title = models.CharField(max_length=100, default="Team Leader")
    modular = models.BooleanField(default=False)
    total_elements = models.PositiveIntegerField(null=True, blank=True)
    elements_done = models.PositiveIntegerField(null=True, blank=True)
    registration_number = models.CharField(max_length=50, blank=True, default="")
    registration_date = models.DateField(null=True, blank=True)
    certificate_applied_date = models.DateField(null=True, blank=True)
    certificate_received_date = models.DateField(null=True, blank=True)
    expected_end = models.DateField(null=True, blank=True)
    archived = models.BooleanField(default=False)

    objects = NotArchived()
    everything = models.Manager["Award"]()

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Numbers are kept in capitals and without spaces."""
        self.registration_number = self.registration_number.upper().replace(" ", "")
        super().save(*args, **kwargs)


class Sitting(OneFileReviewMixin):
    apprentice = models.ForeignKey(Apprentice, null=True, blank=True, on_delete=models.CASCADE)
    place = models.ForeignKey(Place, null=True, blank=True, on_delete=models.CASCADE)
    type = models.CharField(max_length=20, default="Normal")
    proposed_date = models.DateField(null=True, blank=True)
    proposed_time = models.TimeField(null=True, blank=True)
    attended = models.CharField(max_length=10, blank=True, default="")
    sort = models.ForeignKey(Option, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    turnout = models.ForeignKey(Option, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    actual_date = models.DateField(null=True, blank=True)
    officer = models.ForeignKey(Coach, null=True, blank=True, on_delete=models.SET_NULL)
    trainee_signed_date = models.DateField(null=True, blank=True)
    archived = models.BooleanField(default=False)

    objects = NotArchived()
    everything = models.Manager["Sitting"]()

    def __str__(self) -> str:
        return f"Sitting on {self.proposed_date}"
