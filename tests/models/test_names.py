"""The names of our rows where Django shows them: in the shell, in error pages and in the admin."""

import pytest
from django.db import models

from onefile_sync.models import (
    AssessorName,
    Difference,
    DirectoryEntry,
    DirectoryList,
    ListedPage,
    ListedProperty,
    Listing,
    MatchSuggestion,
    StagedRecord,
    WaitingReviews,
)


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (AssessorName(onefile_id=71, name="Gwen Price"), "Gwen Price"),
        (AssessorName(onefile_id=71), "OneFile 71"),
        (Difference(subject_kind="review", subject_pk="5", field="officer"), "review 5 officer"),
        (Listing(kind="aim", centre_id=0), "aim"),
        (Listing(kind="review", centre_id=8), "review 8"),
        (ListedPage(number=3), "3"),
        (ListedProperty(kind="aim", name="registration_date"), "aim registration_date"),
        (StagedRecord(kind="review", onefile_id=2001), "review 2001"),
        (DirectoryList(kind="centre"), "centre"),
        (DirectoryList(kind="learner", centre_id=8), "learner 8"),
        (DirectoryEntry(kind="learner", onefile_id=7, name="Ann Ash"), "learner 7"),
        (MatchSuggestion(subject_kind="learner", subject_pk="5", onefile_id=7), "learner 5: 7?"),
        (WaitingReviews(link_id=5), "reviews of link 5"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, models.Model) else None,
)
def test_a_row_says_which_one_it_is(row: models.Model, name: str) -> None:
    assert str(row) == name
