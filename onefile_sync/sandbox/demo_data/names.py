"""Names of people, employers and standards for the invented provider. All are fictitious.

Telephone numbers and addresses come from ranges reserved for fiction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: First name and sex.
FIRST_NAMES: Final = (
    ("Siân", "F"),
    ("Zoë", "F"),
    ("Oliver", "M"),
    ("Aoife", "F"),
    ("Muhammad", "M"),
    ("Chloé", "F"),
    ("Callum", "M"),
    ("Priya", "F"),
    ("Seán", "M"),
    ("Megan", "F"),
    ("Łukasz", "M"),
    ("Anh", "F"),
    ("Jack", "M"),
    ("Amélie", "F"),
    ("D'Arcy", "M"),
    ("Niamh", "F"),
    ("Tomos", "M"),
    ("Grace", "F"),
    ("Kofi", "M"),
    ("Jürgen", "M"),
    ("Mary-Jane", "F"),
    ("Rhys", "M"),
    ("Eilidh", "F"),
    ("Dariusz", "M"),
    ("Renée", "F"),
    ("Harpreet", "F"),
    ("Björn", "M"),
    ("Róisín", "F"),
    ("George", "M"),
    ("Ayşe", "F"),
    ("Llŷr", "M"),
    ("Ffion", "F"),
    ("José", "M"),
    ("Emily", "F"),
    ("Ewan", "M"),
    ("Fatima", "F"),
    ("Thomas", "M"),
    ("Caoimhe", "F"),
    ("Isaac", "M"),
    ("Noëlle", "F"),
)

SURNAMES: Final = (
    "O'Connor",
    "Nguyễn",
    "Brontë",
    "Ní Bhriain",
    "Smith",
    "Jones",
    "MacDonald",
    "Khan",
    "O'Neill",
    "Fernández",
    "Patel",
    "ap Rhys",
    "Taylor-Wright",
    "Kowalczyk",
    "Müller",
    "Evans",
    "D'Souza",
    "Walker",
    "Ó Súilleabháin",
    "Okafor",
    "Hughes",
    "Łaskowski",
    "St John",
    "Begum",
    "Harrison",
    "Þórsson",
    "Fitzgerald",
    "Van der Berg",
    "Robinson",
    "Şahin",
    "Pritchard",
    "Dvořák",
    "M'Bala",
    "Green",
    "Campbell",
    "Singh",
    "Nuñez",
    "Whittaker",
    "O'Shaughnessy",
    "Lê",
    "Ali",
    "Thomas",
    "Bailey",
    "Ångström",
    "Clarke",
)

EMPLOYERS: Final = (
    "Tŷ Gwyn Nursery",
    "O'Hare & Daughters Care Homes",
    "Café Brontë Ltd",
    "St Mary's Primary School",
    "Müller Precision Engineering",
    "Northvale District Council",
    "Brightwater Dental <Riverside>",
    "J. Pritchard & Sons (Builders) Ltd",
    "Señor Taco Restaurants",
    "Castle Street Surgery",
    "Ash & Elm Accountancy LLP",
    "The Weaver's Rest Hotel",
    "Penrhyn Logistics plc",
    "Kestrel IT Services",
    "Harbour View Veterinary Centre",
    "Gŵyl Events",
)

CLASSROOMS: Final = ("September start", "January start", "April start", "Roll-on")
TAGS: Final = ("Autumn 2025", "Engineers", "Care", "Office", "Digital", "")
ETHNICITIES: Final = ("31", "33", "34", "36", "40", "41", "43", "44", "99")
DISABILITIES: Final = ("", "", "", "Dyslexia", "Hearing impairment", "Mental health difficulty")


@dataclass(frozen=True, slots=True)
class DemoStandard:
    """A qualification in OneFile's catalogue. The bracketed code in OneFile's title is PICSWeb's reference."""

    id: int
    reference: str
    title: str
    units: tuple[str, ...] = ()

    @property
    def onefile_title(self) -> str:
        return f"{self.title} [{self.reference}]"


_APPRENTICESHIPS: Final = (
    ("196", "Business Administrator Level 3"),
    ("122", "Customer Service Practitioner Level 2"),
    ("215", "Adult Care Worker Level 2"),
    ("135", "Early Years Educator Level 3"),
    ("105", "Team Leader or Supervisor Level 3"),
    ("287", "Network Engineer Level 4"),
    ("157", "Hospitality Supervisor Level 3"),
    ("88", "Engineering Technician Level 3"),
)
#: Suffix of the reference and of the title for each part of an apprenticeship, in the order of delivery.
_PARTS: Final = (("AS", ""), ("OP", ": on-programme"), ("GW", ": gateway"), ("EP", ": end-point assessment"))

#: The parts of each apprenticeship.
APPRENTICESHIPS: Final = tuple(
    tuple(
        DemoStandard(3001 + 10 * row + part, code + suffix, title + addition)
        for part, (suffix, addition) in enumerate(_PARTS)
    )
    for row, (code, title) in enumerate(_APPRENTICESHIPS)
)

#: Shorter qualifications taken alongside an apprenticeship. PICSWeb tracks those with units by unit.
OTHER_QUALIFICATIONS: Final = (
    DemoStandard(3901, "60350123", "Functional Skills English Level 2"),
    DemoStandard(3902, "60350135", "Functional Skills Mathematics Level 2"),
    DemoStandard(
        3903,
        "60173322",
        "Certificate in Principles of Business Administration",
        ("Principles of administration", "Managing one's own work", "Communication in business"),
    ),
    DemoStandard(
        3904,
        "50112076",
        "Award in Health & Safety in the Workplace",
        ("Responsibilities of an employee", "Risk assessment"),
    ),
)

#: Standards that the centre has and no learner takes: pathways (another standard with the same code), a code that is
#: nearly another one, a title with two brackets, and a standard without a code.
STANDARDS_NOT_TAKEN: Final = (
    DemoStandard(3951, "196AS", "Business Administrator Level 3: public sector"),
    DemoStandard(3952, "196AS", "Business Administrator Level 3: legal"),
    DemoStandard(3953, "215AX", "Adult Care Worker Level 2 (old)"),
    DemoStandard(3954, "135GX", "Early Years Educator Level 3 [pilot]"),
    DemoStandard(3955, "", "Induction"),
)

REGISTRATION_PREFIXES: Final = ("CG", "PN", "NCFE", "BTEC", "HAB")
#: Longer than PICSWeb's field, which takes 50 characters.
OVERLONG_REGISTRATION_NUMBER: Final = "AWARDING-BODY/CENTRE-08812/COHORT-2025-AUTUMN/CANDIDATE-000417-RESIT"
