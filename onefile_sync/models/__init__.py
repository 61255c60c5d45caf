"""Our own tables: the settings that staff edit, state shared by all processes, the ledger and the staging tables."""

from .kept_lists import DETAILS_KEPT, DirectoryEntry, DirectoryKind, DirectoryList, forget_old_details
from .lists import ListedProperty
from .record_links import LinkEnding, LinkMethod, MatchSuggestion, RecordLink, SuggestionState
from .runs import (
    OPEN_OUTCOMES,
    UNDER_WAY,
    WITHOUT_LEARNERS,
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
)
from .shared import ApiSession, AssessorName, Heartbeat
from .staff import (
    DemographicsMode,
    Environment,
    MatchBy,
    OneFileSettings,
    SettingsGroup,
    Tenant,
    VisitType,
)
from .staged import Leased, ListedPage, Listing, ListingKind, StagedRecord
from .upload_intents import UploadIntent

__all__ = [
    "DETAILS_KEPT",
    "forget_old_details",
    "OPEN_OUTCOMES",
    "UNDER_WAY",
    "WITHOUT_LEARNERS",
    "ApiSession",
    "AssessorName",
    "Change",
    "DemographicsMode",
    "Difference",
    "DirectoryEntry",
    "DirectoryKind",
    "DirectoryList",
    "Ending",
    "Environment",
    "Heartbeat",
    "LearnerOutcome",
    "Leased",
    "LinkEnding",
    "LinkMethod",
    "ListedPage",
    "ListedProperty",
    "Listing",
    "ListingKind",
    "MatchBy",
    "MatchSuggestion",
    "Move",
    "OneFileSettings",
    "OutcomeState",
    "Problem",
    "RecordLink",
    "RunKind",
    "RunState",
    "SettingsGroup",
    "Side",
    "StagedRecord",
    "SubjectKind",
    "SuggestionState",
    "SyncRun",
    "Tenant",
    "UploadIntent",
    "VisitType",
]
