"""PICSWeb's side: the mapping of models and fields, and the conversion between rows and plain values.

The layers above use this package and never PICSWeb's models directly. Primary keys are text.
"""

from .linkable import (
    all_people,
    count_linked,
    linked_rows_of,
    officers_in_use,
    organisations,
    organisations_in_use,
    pks_with_onefile_id,
    qualifications_of,
    read_people,
    references_in_use,
    reviews_of,
    rows_with_onefile_id,
    unlinked_in_scope,
)
from .named_rows import is_a_row_missing
from .reading import (
    learner_by_pk,
    learner_model,
    learner_type,
    learners_by_pk,
    learners_sharing,
    linked_aims,
    model_of,
    onefile_ids,
    read_learner,
    read_learners,
    read_officers,
    scope,
    shared_among,
    shared_onefile_ids,
)
from .saving import NowhereToPut, Rejected, Saved, can_hold, create_review, save_fields, saving, still_holds
from .visible import visible_learners

__all__ = [
    "NowhereToPut",
    "Rejected",
    "Saved",
    "all_people",
    "can_hold",
    "count_linked",
    "create_review",
    "is_a_row_missing",
    "learner_by_pk",
    "learner_model",
    "learner_type",
    "learners_by_pk",
    "learners_sharing",
    "linked_aims",
    "linked_rows_of",
    "officers_in_use",
    "organisations",
    "organisations_in_use",
    "pks_with_onefile_id",
    "qualifications_of",
    "model_of",
    "onefile_ids",
    "read_learner",
    "read_learners",
    "read_officers",
    "read_people",
    "references_in_use",
    "reviews_of",
    "rows_with_onefile_id",
    "save_fields",
    "saving",
    "scope",
    "shared_among",
    "shared_onefile_ids",
    "still_holds",
    "unlinked_in_scope",
    "visible_learners",
]
