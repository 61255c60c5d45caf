"""The records of the sandbox, in OneFile's terms.

Records are mutable, so that a test or a person playing the assessor can change them between two refreshes. A ``date``
is sent as midnight in London; date-times are aware. ``wire`` overrides what is sent, by JSON name: the value goes out
unconverted, and ``ABSENT`` leaves the property out. Tests use it to send malformed records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import cache
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from onefile_sync.fields import Kind, SynchronisedField, blank_values, synchronised_fields

LONDON: Final = ZoneInfo("Europe/London")
ABSENT: Final = object()

LEARNER, TRAINEE_ASSESSOR, ASSESSOR, QUALITY_ASSURER, EMPLOYER, OBSERVER = 1, 4, 5, 10, 40, 45

#: The levels of an assignment.
ADDITIONAL, UNIT_SUMMARY, LEARNING_AIM = 1, 2, 3

#: The centre that every world starts with.
CENTRE_ID: Final = 5740

_IN_CAPITALS: Final = frozenset({"id", "misid", "uln", "nino", "dob", "lldd"})

#: A ``date`` stands for midnight in London.
Moment = date | datetime


@cache
def pascal_case(attribute: str) -> str:
    """OneFile's name for an attribute: ``learner_id`` becomes ``LearnerID``."""
    words = attribute.split("_")
    return "".join(word.upper() if word in _IN_CAPITALS else word.capitalize() for word in words)


@dataclass(slots=True, kw_only=True)
class SandboxRecord:
    """The base of all records.

    The class variables say which attributes a search item carries (:attr:`Switches.items`): ``ITEM`` when items are
    "thin", ``SOME`` in addition when they are "some", all but ``NOT_IN_MOST`` when they are "most".
    ``created_by_api_at`` is when a record was created through the API; ``None`` for all others.
    """

    ITEM: ClassVar[tuple[str, ...]] = ("id",)
    SOME: ClassVar[tuple[str, ...]] = ()
    NOT_IN_MOST: ClassVar[tuple[str, ...]] = ()

    id: int
    wire: dict[str, object] = field(default_factory=dict, repr=False)
    created_by_api_at: datetime | None = field(
        default=None, repr=False, compare=False, metadata={"sent": False}
    )


@dataclass(slots=True, kw_only=True)
class SandboxCentre(SandboxRecord):
    """A centre; the API calls it an organisation."""

    ITEM: ClassVar[tuple[str, ...]] = (
        "id",
        "name",
        "keychain_creation_for_new_user_active",
        "keychain_email_suppression",
    )

    name: str
    keychain_creation_for_new_user_active: bool = False
    keychain_email_suppression: bool = False


@dataclass(slots=True, kw_only=True)
class SandboxPlacement(SandboxRecord):
    """An employer in OneFile."""

    ITEM: ClassVar[tuple[str, ...]] = ("id", "name", "misid")

    organisation_id: int
    name: str
    active: bool = True
    address: str = ""
    contact: str = ""
    email: str = ""
    telephone: str = ""
    web: str = ""
    misid: str = ""


@dataclass(slots=True, kw_only=True)
class SandboxClassroom(SandboxRecord):
    """A class or cohort. ``template_id`` names its framework template; the API does not send it."""

    ITEM: ClassVar[tuple[str, ...]] = ("id", "name", "misid")

    organisation_id: int
    name: str
    misid: str = ""
    start_on: Moment | None = None
    template_id: int | None = field(default=None, metadata={"sent": False})


@dataclass(slots=True, kw_only=True)
class SandboxStandard(SandboxRecord):
    """A qualification or apprenticeship standard, in the centres that have it. A learning aim is a learner's copy.

    ``title`` is without the code, which :attr:`Switches.standard_code` puts in its place. ``code`` is PICSWeb's VQ
    Reference; several standards of a centre may have the same one.
    """

    ITEM: ClassVar[tuple[str, ...]] = ("id", "title", "code")

    organisation_ids: tuple[int, ...] = field(metadata={"sent": False})
    title: str
    code: str = ""

    @property
    def full_title(self) -> str:
        return f"{self.title} [{self.code}]" if self.code else self.title


@dataclass(slots=True, kw_only=True)
class SandboxTemplate(SandboxRecord):
    """A framework template: standards of a centre that are assigned together."""

    ITEM: ClassVar[tuple[str, ...]] = ("id", "title")

    organisation_id: int
    title: str
    standard_ids: tuple[int, ...] = field(default=(), metadata={"sent": False})


@dataclass(slots=True, kw_only=True)
class SandboxUser(SandboxRecord):
    """A learner (role 1), a trainee assessor (4), an assessor (5) or one of the other roles that the API supports.

    ``l12`` to ``l16`` are ethnicity, sex, learning difficulty or health problem, disability, and learning difficulty,
    in the codes of the Individualised Learner Record. How ``archived`` shows is up to :attr:`Switches.archived_users`.
    ``invited_at`` is when OneFile would have e-mailed an invitation; the sandbox sends none.
    """

    ITEM: ClassVar[tuple[str, ...]] = ("id", "first_name", "last_name", "misid")
    SOME: ClassVar[tuple[str, ...]] = ("email", "last_modified")
    NOT_IN_MOST: ClassVar[tuple[str, ...]] = ("uln", "dob")

    organisation_id: int
    role: int
    first_name: str
    last_name: str
    username: str = ""
    email: str = ""
    misid: str = ""
    telephone: str = ""
    mobile_number: str = ""
    home_address: str = ""
    uln: str = ""
    nino: str = ""
    dob: Moment | None = None
    l12: str = ""
    l13: str = ""
    l14: str = ""
    l15: str = ""
    l16: str = ""
    primary_lldd_code: str = ""
    placement_id: int | None = None
    classroom_id: int | None = None
    default_assessor_id: int | None = None
    default_employer_id: int | None = None
    episode_name: str = ""
    start_on: Moment | None = None
    planned_end_date: Moment | None = None
    progress: float | None = None
    created_on: Moment | None = None
    last_modified: Moment | None = None
    archived: bool = field(default=False, metadata={"sent": False})
    invited_at: datetime | None = field(default=None, compare=False, metadata={"sent": False})

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(slots=True, kw_only=True)
class SandboxAim(SandboxRecord):
    """A learning aim: a learner's copy of a standard. ``title`` appears on the page only; the API never sends it.

    The synchronised fields (:mod:`onefile_sync.fields`) are attributes as well. ``values`` holds them, except where the
    record has an attribute of its own for that property of OneFile's.
    """

    ITEM: ClassVar[tuple[str, ...]] = ("id", "standard_id", "user_id", "status")
    SOME: ClassVar[tuple[str, ...]] = ("registration_number", "progress")
    NOT_IN_MOST: ClassVar[tuple[str, ...]] = ("elements_done", "certificate_received_date")
    WRITABLE: ClassVar[Mapping[str, Kind]] = {
        "status": Kind.NUMBER,
        "start_date": Kind.DATE,
        "planned_end": Kind.DATE,
        "achieved_date": Kind.DATE,
    }

    user_id: int
    standard_id: int = 0
    title: str = field(default="", metadata={"sent": False})
    status: int = 0
    start_date: Moment | None = None
    planned_end: Moment | None = None
    achieved_date: Moment | None = None
    progress: float | None = None
    values: dict[str, Any] = field(default_factory=dict, metadata={"sent": False})

    @classmethod
    def of(cls, **attributes: Any) -> SandboxAim:
        """A learning aim with these attributes, synchronised fields among them."""
        own = {each.name for each in fields(cls)}
        aim = cls(**{name: attributes[name] for name in own & attributes.keys()}, values=blank_values())
        for name in attributes.keys() - own:
            setattr(aim, name, attributes[name])
        return aim

    def __getattr__(self, name: str) -> Any:
        """Return a synchronised field. Python asks here only for what is not an attribute of the class."""
        declared = _declared(name)
        own = _AIM_ATTRIBUTES.get(declared.json_name)
        return getattr(self, own) if own else self.values.get(name, declared.kind.blank)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dataclass_fields__:
            object.__setattr__(self, name, value)
        elif own := _AIM_ATTRIBUTES.get(_declared(name).json_name):
            object.__setattr__(self, own, value)
        else:
            self.values[name] = value


#: The learning aim's own attributes by OneFile's names for them.
_AIM_ATTRIBUTES: Final = {pascal_case(each.name): each.name for each in fields(SandboxAim)}


def _declared(name: str) -> SynchronisedField:
    for declared in synchronised_fields():
        if declared.name == name:
            return declared
    raise AttributeError(name)


@dataclass(slots=True, kw_only=True)
class SandboxAssignment(SandboxRecord):
    """Makes a user the assessor of one learning aim (level 3), or an additional assessor of a learner (level 1).

    Level 2 is for one unit. Other users than assessors can be assigned, too. No operation of the API shows this.
    """

    learner_id: int
    user_id: int
    level: int
    standard_id: int | None = None
    unit_id: str = ""


@dataclass(slots=True, kw_only=True)
class SandboxVisit(SandboxRecord):
    """An appointment. A review created through the API may belong to one."""

    learner_id: int
    organisation_id: int
    date_from: datetime
    date_to: datetime
    visit_type_id: int = 0
    assessor_id: int | None = None


@dataclass(slots=True, kw_only=True)
class SandboxReview(SandboxRecord):
    """A progress review. Its stage follows from the dates; ``status`` stays 1, as one API client has observed."""

    ITEM: ClassVar[tuple[str, ...]] = ("id", "scheduled_for")
    SOME: ClassVar[tuple[str, ...]] = ("learner_id", "created_on")
    NOT_IN_MOST: ClassVar[tuple[str, ...]] = ("started_on", "visit_id")

    learner_id: int
    scheduled_for: Moment | None = None
    assessor_id: int | None = None
    employer_id: int | None = None
    status: int = 1
    created_on: Moment | None = None
    started_on: Moment | None = None
    end_time: Moment | None = None
    assessor_signed_on: Moment | None = None
    learner_signed_on: Moment | None = None
    employer_signed_on: Moment | None = None
    visit_id: int | None = None
    progress: int | None = None

    @property
    def stage(self) -> str:
        if self.learner_signed_on:
            return "Learner signed"
        if self.assessor_signed_on:
            return "Assessor signed"
        return "Started" if self.started_on else "Scheduled"


def on_london_date(moment: Moment) -> date:
    """The date in London at ``moment``."""
    return moment.astimezone(LONDON).date() if isinstance(moment, datetime) else moment
