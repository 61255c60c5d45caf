"""Our own tables: the settings that staff edit, state shared by all processes, the ledger and the staging tables."""

from .lists import ListedProperty
from .runs import (
    OPEN_OUTCOMES,
    UNDER_WAY,
    Change,
    Difference,
    Ending,
    LearnerOutcome,
    Move,
    OutcomeState,
    Problem,
    RunKind,
    RunState,
    Side,
    SubjectKind,
    SyncRun,
    UploadIntent,
)
from .shared import ApiSession, AssessorName, Heartbeat
from .staff import DemographicsMode, Environment, OneFileSettings, SettingsGroup, VisitType
from .staged import Leased, ListedPage, Listing, ListingKind, StagedRecord

__all__ = [
    "OPEN_OUTCOMES",
    "UNDER_WAY",
    "ApiSession",
    "AssessorName",
    "Change",
    "DemographicsMode",
    "Difference",
    "Ending",
    "Environment",
    "Heartbeat",
    "LearnerOutcome",
    "Leased",
    "ListedPage",
    "ListedProperty",
    "Listing",
    "ListingKind",
    "Move",
    "OneFileSettings",
    "OutcomeState",
    "Problem",
    "RunKind",
    "RunState",
    "SettingsGroup",
    "Side",
    "StagedRecord",
    "SubjectKind",
    "SyncRun",
    "UploadIntent",
    "VisitType",
]
