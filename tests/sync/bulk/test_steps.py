"""A record that is read individually, where OneFile does not give it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from onefile_sync.models import ListingKind, StagedRecord, SyncRun
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.sync.bulk.staging import AIMS
from onefile_sync.sync.bulk.steps import Piece

pytestmark = pytest.mark.django_db

OF_THE_RECORD = OneFileError("not_found", "LearningAim/get", 404)
UNREADABLE = OneFileError("bad_answer", "LearningAim/get", 200)
FOR_ALL = OneFileError("bad_customer_token", "Authentication", 401, scope=Scope.RUN)


class Answering:
    """A OneFile that answers for a learning aim, and for a list of them, with what it is given."""

    def __init__(self, alone: Any, listed: Any = ()) -> None:
        self.alone, self.listed = alone, listed

    def learning_aim(self, _aim_id: int) -> Any:
        return self._answer(self.alone)

    def learning_aims(self, _learner_id: int, _linked: set[int]) -> Any:
        return self._answer(self.listed)

    def _answer(self, answer: Any) -> Any:
        if isinstance(answer, OneFileError):
            raise answer
        return answer


@pytest.fixture
def row() -> StagedRecord:
    """A learning aim that a list gave without its registration number."""
    return StagedRecord.objects.create(
        kind=ListingKind.AIM,
        onefile_id=9001,
        owner_id=7001,
        left_out="registration_number",
        values={"registration_number": "OLD"},
        due_in=uuid4(),
    )


@pytest.fixture
def piece() -> Piece:
    return Piece(SyncRun(), StagedRecord.objects.all())


def test_is_forgotten_where_it_was_deleted_since_it_was_listed(row: StagedRecord, piece: Piece) -> None:
    assert piece.read(Answering(OF_THE_RECORD), AIMS, row) is None
    assert not StagedRecord.objects.exists()


def test_stays_on_record_where_it_cannot_be_read(row: StagedRecord, piece: Piece) -> None:
    assert piece.read(Answering(UNREADABLE), AIMS, row) is None
    left = StagedRecord.objects.get()
    assert (left.values, left.due_in) == ({}, None)


@pytest.mark.parametrize("answers", ["alone", "listed"])
def test_is_given_up_with_the_run_where_nothing_can_be_read(
    answers: str, row: StagedRecord, piece: Piece
) -> None:
    onefile = Answering(FOR_ALL) if answers == "alone" else Answering(with_its_number(), FOR_ALL)

    with pytest.raises(OneFileError, match="bad_customer_token"):
        piece.read(onefile, AIMS, row)
    assert StagedRecord.objects.get().due_in == row.due_in


def test_is_believed_where_the_list_that_it_contradicts_cannot_be_read_again(
    row: StagedRecord, piece: Piece
) -> None:
    record = with_its_number()

    assert piece.read(Answering(record, UNREADABLE), AIMS, row) is record
    # The number may have been entered meanwhile: nothing is concluded about the lists.
    assert not piece.lists.refutes(ListingKind.AIM, {"registration_number"})


def with_its_number() -> Any:
    values = {"learner_id": 7001, "registration_number": "REG-1"}
    return AIMS.revived(9001, 7001, values, was_read=True, silent=frozenset())
