"""The second host's ``ONEFILE_SYNC``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .models import Enrolment, Student, Tutor


def is_studying(student: Student) -> bool:
    """Whether a student is in learning: has not left and is not on a break."""
    return student.left_at is None and not student.on_break


def is_modular(enrolment: Enrolment) -> bool:
    """Whether an enrolment has units, which this college calls modules."""
    return enrolment.module_set.exists()


def first_name_of(tutor: Tutor) -> str:
    return tutor.full_name.split(" ", 1)[0]


def surname_of(tutor: Tutor) -> str:
    return tutor.full_name.partition(" ")[2]


def disability_of(student: Student) -> int | None:
    return None if student.needs_support is None else 1 if student.needs_support else 2


def others_of(student: Student) -> list[tuple[str, Tutor | None]]:
    """The tutors of a student beside the personal tutor, each with the role."""
    return [("Work Coach", student.work_coach)]


#: The college's lines for creating students in OneFile, beside those for linking them. It knows no placements.
FOR_UPLOAD: dict[str, dict[str, Any]] = {
    "LEARNER": {
        "planned_end_date": "due_to_leave_at",
        "telephone": "contact__telephone",
        "main_tag": "campus",
        "ethnicity": "ethnic_group",
        "sex": "gender__code",
        "disability": "tests.college.mapping.disability_of",
        "additional_officers": "tests.college.mapping.others_of",
    },
    "QUALIFICATION": {
        "assessor": "taught_by",
        "start_date": "begun_on",
        "planned_end_date": "due_at",
        "uploaded": {"withdrawn": False},
    },
}

COLLEGE: dict[str, Any] = {
    "CALLS_PER_MINUTE": None,
    "LEARNER": {
        "model": "college.Student",
        "main_officer": "personal_tutor",
        "live": "enrolled",
        "in_learning": "tests.college.mapping.is_studying",
        "ended_on": "left_at",
        "ident": "student_number",
        "first_name": "forename",
        "surname": "family_name",
        "email": "contact__email",
        "date_of_birth": "born_on",
        "start_date": "enrolled_at",
        **FOR_UPLOAD["LEARNER"],
    },
    "QUALIFICATION": {
        "model": "college.Enrolment",
        "learner": "student",
        "has_units": "tests.college.mapping.is_modular",
        "total_elements": "credits_total",
        "elements_done": "credits_achieved",
        "registration_number": "awarding_body_number",
        "registration_date": "registered_at",
        "certificate_applied_date": "claimed_at",
        "certificate_received_date": "certificated_on",
        "reference": "course_code",
        **FOR_UPLOAD["QUALIFICATION"],
    },
    "REVIEW": {
        "model": "college.Meeting",
        "learner": "student",
        "type": "kind",
        "normal_types": ["PROG"],
        "created_type": "PROG",
        "proposed_date": "planned_for",
        "proposed_time": None,
        "attended": "turnout",
        "attended_values": {"blank": None, "yes": 1, "no": 0, "unknown": 9},
        "actual_date": "held_at",
        "officer": "tutor",
        "trainee_signed_date": "signed_by_student_on",
    },
    "OFFICER": {
        "model": "college.Tutor",
        "first_name": "tests.college.mapping.first_name_of",
        "surname": "tests.college.mapping.surname_of",
    },
    "ORGANISATION": {"model": "college.Employer", "name": "trading_name"},
}
