"""The rules of creating a learner in OneFile, one row each: which value is sent, and what a blank or a wrong one does.

:mod:`onefile_sync.enrolment.enrolment_planner` decides by them.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from onefile_sync.fields import Direction

from .rule import Rule

ENROLMENT_RULES: tuple[Rule, ...] = (
    Rule(
        "enrol_name",
        _("First name, surname"),
        Direction.TO_ONEFILE,
        _("Sent as they are. Without both, the learner is not created."),
        "seed",
    ),
    Rule(
        "enrol_email",
        _("Email"),
        Direction.TO_ONEFILE,
        _(
            "Sent as it is. Without a valid address the learner is not created, as OneFile's log-in needs one."
        ),
        "seed",
    ),
    Rule(
        "enrol_phone",
        _("Telephone, mobile"),
        Direction.TO_ONEFILE,
        _("Sent as they are; a value without digits is left out."),
        "seed",
    ),
    Rule(
        "enrol_dob",
        _("Date of birth"),
        Direction.TO_ONEFILE,
        _("Sent as it is; a blank is left out. With a date in the future the learner is not created."),
        "seed",
    ),
    Rule(
        "enrol_uln",
        _("ULN"),
        Direction.TO_ONEFILE,
        _("Sent if its check digit is right; otherwise left out and reported."),
        "seed",
    ),
    Rule(
        "enrol_nino",
        _("National Insurance number"),
        Direction.TO_ONEFILE,
        _(
            "Sent in capitals and without spaces, if it is two letters, six digits and A to D or nothing; "
            "otherwise left out and reported."
        ),
        "seed",
    ),
    Rule(
        "enrol_dates",
        _("Start date, planned end date"),
        Direction.TO_ONEFILE,
        _("Sent as they are; a blank is left out. With an end before the start the learner is not created."),
        "seed",
    ),
    Rule(
        "enrol_assessor",
        _("Default assessor"),
        Direction.TO_ONEFILE,
        _(
            "The Main Officer's OneFile user in the centre; created with the learner if there is none. Without "
            "one the learner is not created."
        ),
        "seed",
    ),
    Rule(
        "enrol_placement",
        _("Placement"),
        Direction.TO_ONEFILE,
        _(
            "The employer of the latest placement of the right type, or else of any type; created with the "
            "learner if OneFile has none. Without an employer, the centre's default; without that, the learner is"
            " not created."
        ),
        "R17, design",
    ),
    Rule(
        "enrol_ethnicity",
        _("Ethnicity"),
        Direction.TO_ONEFILE,
        _(
            "The ILR's code, or what CODES makes of PICSWeb's value; any other value is left out and reported."
        ),
        "seed",
    ),
    Rule(
        "enrol_sex",
        _("Sex"),
        Direction.TO_ONEFILE,
        _("1, M or Male becomes M; 2, F or Female becomes F; any other value is left out and reported."),
        "seed",
    ),
    Rule(
        "enrol_disability",
        _("Disability"),
        Direction.TO_ONEFILE,
        _(
            "1, 2 and 9 as they are; a category of the ILR is sent as 1 with the category; any other value is "
            "left out and reported."
        ),
        "seed",
    ),
    Rule(
        "enrol_class",
        _("Class"),
        Direction.TO_ONEFILE,
        _(
            "The class that has the name of the main tag, if the settings say so; otherwise the centre's default "
            "class. Without either, the learner is not created."
        ),
        "R16, design",
    ),
    Rule(
        "enrol_centre",
        _("Centre"),
        Direction.TO_ONEFILE,
        _("The centre chosen, or the only one. A learner never changes it."),
        "design, Create in OneFile",
    ),
    Rule(
        "enrol_mis_value",
        _("MIS Value"),
        Direction.TO_ONEFILE,
        _(
            "The learner's Ident, if the settings say so. If a learner of the centre has it already, nothing is "
            "created."
        ),
        "design, Create in OneFile",
    ),
    Rule(
        "enrol_qualification",
        _("Learning aims"),
        Direction.TO_ONEFILE,
        _(
            "A qualification without a OneFile ID becomes a learning aim of the standard with its VQ Reference, "
            "with its dates. One that the centre does not have is left out and reported."
        ),
        "seed, R20, design",
    ),
    Rule(
        "enrol_aim_assessor",
        _("Assessor of a learning aim"),
        Direction.TO_ONEFILE,
        _(
            "The qualification's assessor, if that is not the default assessor; otherwise reported, and the "
            "learning aim stays."
        ),
        "seed",
    ),
    Rule(
        "enrol_additional",
        _("Additional assessors"),
        Direction.TO_ONEFILE,
        _(
            "The learner's officers in the roles of Additional Assessors; one who cannot be found is reported."
        ),
        "seed",
    ),
    Rule(
        "enrol_created",
        _("New record in OneFile"),
        Direction.TO_ONEFILE,
        _(
            "The learner, officer, employer or class as OneFile has created it; its OneFile ID is saved at once."
        ),
        "design, Create in OneFile",
    ),
)
