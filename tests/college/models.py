"""A further education college: other names, UUID keys, date-times for dates, attendance as numbers."""

from __future__ import annotations

import uuid

from django.db import models

from onefile_sync.mixins import (
    OneFileLearnerMixin,
    OneFileOfficerMixin,
    OneFileOrganisationMixin,
    OneFileQualificationMixin,
    OneFileReviewMixin,
)


class Tutor(OneFileOfficerMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    full_name = models.CharField(max_length=300)
    ident = models.CharField(max_length=20, blank=True, default="")
    email = models.EmailField(blank=True, default="")

    def __str__(self) -> str:
        return self.full_name


class Employer(OneFileOrganisationMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    trading_name = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.trading_name


class Contact(models.Model):
    """A student's e-mail and telephone."""

    email = models.EmailField(blank=True, default="")
    telephone = models.CharField(max_length=30, blank=True, default="")

    def __str__(self) -> str:
        return self.email


class Gender(models.Model):
    """What a student may choose, with the code of the funding body."""

    code = models.CharField(max_length=2)

    def __str__(self) -> str:
        return self.code


class PresentStudents(models.Manager["Student"]):
    """Students whom nobody has put in the bin."""

    def get_queryset(self) -> models.QuerySet[Student]:
        return super().get_queryset().filter(binned=False)


class Student(OneFileLearnerMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    forename = models.CharField(max_length=100)
    family_name = models.CharField(max_length=100)
    student_number = models.CharField(max_length=20, blank=True, default="")
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.SET_NULL)
    born_on = models.DateField(null=True, blank=True)
    uln = models.CharField(max_length=10, blank=True, default="")
    ni_number = models.CharField(max_length=13, null=True, blank=True)  # noqa: DJ001 - on purpose: null
    campus = models.CharField(max_length=50, blank=True, default="")
    ethnic_group = models.PositiveSmallIntegerField(null=True, blank=True)
    gender = models.ForeignKey(Gender, null=True, blank=True, on_delete=models.PROTECT)
    needs_support = models.BooleanField(null=True, blank=True)
    due_to_leave_at = models.DateTimeField(null=True, blank=True)
    enrolled_at = models.DateTimeField(null=True, blank=True)
    enrolled = models.BooleanField(default=True)
    on_break = models.BooleanField(default=False)
    left_at = models.DateTimeField(null=True, blank=True)
    personal_tutor = models.ForeignKey(Tutor, null=True, blank=True, on_delete=models.PROTECT)
    work_coach = models.ForeignKey(
        Tutor, null=True, blank=True, on_delete=models.PROTECT, related_name="coached"
    )
    binned = models.BooleanField(default=False)
    edited_at = models.DateTimeField(auto_now=True)

    objects = PresentStudents()
    everybody = models.Manager["Student"]()

    def __str__(self) -> str:
        return f"{self.family_name}, {self.forename}"


class Enrolment(OneFileQualificationMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    student = models.ForeignKey(Student, on_delete=models.CASCADE)
    course = models.CharField(max_length=200)
    course_code = models.CharField(max_length=30, blank=True, default="")
    credits_total = models.PositiveSmallIntegerField(null=True, blank=True)
    credits_achieved = models.PositiveSmallIntegerField(null=True, blank=True)
    awarding_body_number = models.CharField(max_length=20, null=True, blank=True)  # noqa: DJ001 - on purpose: null
    registered_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    certificated_on = models.DateField(null=True, blank=True)
    taught_by = models.ForeignKey(Tutor, null=True, blank=True, on_delete=models.PROTECT)
    begun_on = models.DateField(null=True, blank=True)
    withdrawn = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True, blank=True)
    edited_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.course} of {self.student}"


class Module(models.Model):
    enrolment = models.ForeignKey(Enrolment, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class MeetingKind(models.Model):
    code = models.CharField(max_length=4, primary_key=True)

    def __str__(self) -> str:
        return self.code


class Turnout(models.IntegerChoices):
    ABSENT = 0, "Absent"
    PRESENT = 1, "Present"
    NOT_KNOWN = 9, "Not known"


class Meeting(OneFileReviewMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    student = models.ForeignKey(Student, on_delete=models.CASCADE)
    kind = models.ForeignKey(MeetingKind, on_delete=models.PROTECT)
    planned_for = models.DateTimeField(null=True, blank=True)
    turnout = models.SmallIntegerField(choices=Turnout, null=True, blank=True)
    held_at = models.DateTimeField(null=True, blank=True)
    tutor = models.ForeignKey(Tutor, null=True, blank=True, on_delete=models.PROTECT)
    signed_by_student_on = models.DateField(null=True, blank=True)
    edited_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.kind} of {self.student} with {self.tutor}"
