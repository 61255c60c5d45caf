"""Creates one record in OneFile, step by step: look, record, send, record, link, read back.

The create intent always records the progress, so that whatever is killed, the next attempt finds out what OneFile has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from onefile_sync import host
from onefile_sync.host.snapshot import Value, comparable
from onefile_sync.linking import linker
from onefile_sync.linking.linker import LinkRefused
from onefile_sync.models import CreateEnding, CreateIntent, CreateKind, LinkMethod, RecordLink, Tenant
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.records import NamedRecord, Person
from onefile_sync.sync.learner.apply import NOT_SENT, Stale
from onefile_sync.sync.planning.types import ONEFILE, PICSWEB, FieldChange, FoundProblem, Subject
from onefile_sync.transactions import retried

from . import creates
from .creates import Create
from .enrolment_applied import EnrolmentApplied
from .find_again import Hits, RecordSearch, Wanted, linked_elsewhere, ours_among, wanted_of

#: The rule by which PICSWeb keeps the ID of what was created.
RULE_OF_LINK: Final = "enrol_created"

#: Sends the create and returns the new ID; given what is to be called immediately before each attempt.
Send = Callable[[Callable[[], None]], int]


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of an earlier create: the ID, if it is known now, and else whether the record may be created."""

    onefile_id: int | None = None
    may_create: bool = False
    how: LinkMethod = LinkMethod.CREATED


@dataclass(slots=True)
class Steps:
    """The steps of the creates of one learner. ``rules`` are those of the values that are sent, by our names."""

    onefile: OneFile
    tenant: Tenant
    learner: Subject
    centre: str
    applied: EnrolmentApplied
    search: RecordSearch
    rules: Mapping[str, str] = field(default_factory=dict)

    # Whether it is there already

    def resolve(self, intent: CreateIntent, about: Subject, look: Callable[[], Hits]) -> Resolved:
        """What became of an earlier create.

        ``look`` searches OneFile for the record. It is called only if an earlier create has no answer.
        """
        if intent.onefile_id is not None:
            return Resolved(intent.onefile_id)
        if intent.in_doubt_since is None:
            return Resolved(may_create=not self.applied.looks_only)
        hits = ours_among(look(), intent)
        if len(hits.ids) == 1:
            creates.note_created(intent, hits.ids[0])
            return Resolved(hits.ids[0], how=LinkMethod.FOUND_AGAIN)
        if hits.ids:
            creates.note_candidates(intent, hits.ids)
            self.applied.tell("create_ambiguous", about, ids=", ".join(map(str, hits.ids)))
        elif not hits.complete:
            self.applied.tell("create_unresolved", about)
        elif creates.is_quiet(intent):
            until = timezone.localtime(creates.quiet_ends_at(intent))
            self.applied.tell("create_on_its_way", about, until=date_format(until, "H:i"))
        elif intent.tries >= creates.MOST_TRIES:
            self.applied.tell("create_given_up", about)
        elif self.applied.looks_only:
            self.applied.tell("create_unresolved", about)
        else:
            return Resolved(may_create=True)
        return Resolved()

    def look_again(self, intent: CreateIntent, values: Mapping[str, Value]) -> Hits:
        return self.search.who_fits(wanted_of(intent, values))

    def nobody_fits(self, intent: CreateIntent, create: Create, known: Collection[int]) -> bool:
        """Whether OneFile has nobody who fits, but those whom a person has seen. Else reports why not.

        Those who fit are recorded then, so that none of them is ever taken for what is created now.
        """
        about = create.subject
        wanted = Wanted(create.kind, create.centre_id, create.sent, create.values)
        found = self._found_just_now(create)
        hits = self.search.who_fits(wanted) if found is None else self.search.fitting(found, wanted)
        if not hits.complete:
            self.applied.tell("could_not_make_sure", self.learner)
            return False
        # Those seen before were shown as well, or a person said of them that they are none of ours.
        new = set(hits.ids) - set(known) - set(intent.seen_before) - self._others(create, hits)
        if not new:
            creates.note_seen(intent, {*hits.ids, *known})
            return True
        if create.kind is CreateKind.LEARNER:
            self.applied.tell("may_exist", about, onefile_id=min(new))
        else:
            self.applied.tell("party_may_exist", about, officer=str(about.label))
        return False

    def _found_just_now(self, create: Create) -> tuple[Person, ...] | None:
        """Who was found by the search for the learner in this run, unless anything was created since."""
        found = self.applied.findings
        if create.kind is not CreateKind.LEARNER or found is None or not found.complete:
            return None
        return None if self.applied.changes else found.people

    def _others(self, create: Create, hits: Hits) -> set[int]:
        if create.kind is CreateKind.CLASSROOM:
            return set()
        return linked_elsewhere(self.tenant, create.subject.kind, create.subject.pk, hits.ids)

    # Sending it

    def send(
        self, intent: CreateIntent, create: Create, make_sure: Callable[[], bool], send: Send
    ) -> int | None:
        """The new record's ID; ``None``, with the reason reported, if nothing or nothing certain was created."""
        asked = False
        applied, about = self.applied, create.subject

        def about_to_send() -> None:
            nonlocal asked
            if not (make_sure() and applied.as_planned()):
                raise Stale
            creates.note_sending(intent, create.sent, applied.hold, again=asked)
            asked = True

        try:
            new_id = send(about_to_send)
        except Stale:
            creates.note_not_created(intent, sent=asked)
            applied.stale = True
            return None
        except OneFileError as error:
            if error.unsure:
                applied.tell("create_unsure", about)
                applied.report(error, about)
            else:
                creates.note_not_created(intent, sent=asked)
                applied.refused(error, about, self.centre)
            return None
        except NOT_SENT:
            creates.note_not_created(intent, sent=asked)
            raise
        if self._is_not_new(intent, create, new_id):
            # OneFile's answer cannot be right, so the record is looked for.
            creates.note_seen(intent, [new_id])
            applied.tell("create_unsure", about)
            return None
        creates.note_created(intent, new_id)
        return new_id

    def _is_not_new(self, intent: CreateIntent, create: Create, new_id: int) -> bool:
        if new_id in intent.seen_before:
            return True
        return new_id in self._others(create, Hits((new_id,)))

    # Linking it

    def link(
        self,
        intent: CreateIntent,
        create: Create,
        onefile_id: int,
        *,
        how: LinkMethod = LinkMethod.CREATED,
        in_row: bool = True,
        parent: RecordLink | None = None,
        and_then: Callable[[RecordLink], None] = lambda _made: None,
        closes: bool = True,
    ) -> RecordLink | None:
        """Link PICSWeb's row, record the change and finish the intent in one transaction, with ``and_then``.

        ``None``, with the reason reported, if the row cannot be linked.
        """
        try:
            return self._link(intent, create, onefile_id, how, in_row, parent, and_then, closes)
        except LinkRefused as refused:
            self._not_linked(intent, create.subject, onefile_id, refused)
            return None

    @retried
    @transaction.atomic
    def _link(
        self,
        intent: CreateIntent,
        create: Create,
        onefile_id: int,
        how: LinkMethod,
        in_row: bool,
        parent: RecordLink | None,
        and_then: Callable[[RecordLink], None],
        closes: bool,
    ) -> RecordLink:
        kind, pk = create.subject.kind, create.subject.pk
        was_linked = self.is_linked_to(create, onefile_id)
        made = linker.link(
            kind,
            pk,
            onefile_id,
            tenant=self.tenant,
            how=how,
            centre_id=create.centre_id if kind != "qualification" else 0,
            by=self.applied.by,
            parent=parent,
            in_row=in_row,
        )
        if not was_linked:
            self.applied.done(*self.made_changes(create, onefile_id, in_row=in_row))
        and_then(made)
        if closes:
            creates.close(intent, CreateEnding.CREATED)
        return made

    def is_linked_to(self, create: Create, onefile_id: int) -> bool:
        held = host.link_values(create.subject.kind, create.subject.pk) or {}
        return held.get("onefile_id") == onefile_id

    def made_changes(self, create: Create, onefile_id: int, *, in_row: bool = True) -> list[FieldChange]:
        """What is recorded as done: each value that was sent, and the ID in PICSWeb's row."""
        about = replace(create.subject, onefile_id=onefile_id)
        rule = "enrol_qualification" if create.kind == CreateKind.AIM else f"enrol_{create.kind.value}"
        rules = self.rules if create.kind is CreateKind.LEARNER else {}
        made = [
            FieldChange(ONEFILE, about, name, None, value, rules.get(name, rule))
            for name, value in create.values.items()
            if create.kind is not CreateKind.LEARNER or name in rules
        ]
        if in_row and about.pk:
            made.append(FieldChange(PICSWEB, about, "onefile_id", None, onefile_id, RULE_OF_LINK))
        return made

    def _not_linked(
        self, intent: CreateIntent, about: Subject, onefile_id: int, refused: LinkRefused
    ) -> None:
        known = replace(about, onefile_id=onefile_id)
        if refused.code == "link_changed":
            self.applied.stale = True  # the intent keeps the ID: it is linked in the next round
            return
        if refused.code in ("link_exists", "link_row_gone", "link_taken"):
            self.leave_over(intent, known)
        if refused.code != "link_row_gone":
            self.applied.problems.append(_problem(refused, known))

    def leave_over(self, intent: CreateIntent, about: Subject) -> None:
        self.applied.problems.append(leave_over(intent, about))

    # Reading it back

    def read_back(self, create: Create, onefile_id: int) -> None:
        """Report the values that OneFile does not show of a record just created."""
        about = replace(create.subject, onefile_id=onefile_id)
        record: Person | NamedRecord
        try:
            if create.kind is CreateKind.PLACEMENT:
                record = self.onefile.placement(onefile_id)
            else:
                record = self.onefile.person(onefile_id)
        except OneFileError as error:
            self.applied.report(error, about)
            return
        for name, value in create.values.items():
            if hasattr(record, name) and not _is_kept(getattr(record, name), value):
                self.applied.tell("push_not_taken", about, field=name)


def leave_over(intent: CreateIntent, about: Subject) -> FoundProblem:
    """Finish a create whose record, if OneFile has it, nothing in PICSWeb is linked to. Returns what to report."""
    since = intent.in_doubt_since or intent.created_at
    creates.close(intent, CreateEnding.LEFT_OVER)
    when = date_format(timezone.localtime(since), "d/m/Y H:i")
    return FoundProblem("create_left_over", about, {"when": when})


def end_creates_of_deleted(tenant: Tenant, about: Subject) -> list[FoundProblem]:
    """Finish the open creates of a learner who was deleted in PICSWeb. Returns what OneFile may still have of them.

    Officers and employers stay open, as other learners need them too.
    """
    found = []
    for intent in creates.of_learner(tenant, about.pk).order_by("pk"):
        if intent.in_doubt_since is None and intent.onefile_id is None:
            creates.close(intent, CreateEnding.NOT_NEEDED)
        else:
            found.append(leave_over(intent, replace(about, onefile_id=intent.onefile_id)))
    return found


def _is_kept(kept: Value, sent: Value) -> bool:
    """Whether OneFile shows what was sent. It does not always show which records a user refers to."""
    if isinstance(sent, int):
        return kept in (None, sent)
    return comparable(kept).casefold() == comparable(sent).casefold()


def _problem(refused: LinkRefused, about: Subject) -> FoundProblem:
    return FoundProblem(refused.code, about, refused.details)
