"""The operations of OneFile's REST API that the client uses, one row each."""

from __future__ import annotations

from .operations import LARGEST_PAGE, LONGEST_PAGE, Operation

# API clients have seen both 404 and 400 for an unknown ID. OneFile answers 204 when there is nothing to return.
_NO_SUCH_RECORD = {400: "not_found", 204: "not_found"}

READ_CUSTOMER = Operation("read customer", "GET", "/Customer", repeatable=True)
SEARCH_CENTRES = Operation(
    "search centres",
    "POST",
    "/Organisation/Search/{}/{}",
    repeatable=True,
    max_bytes=LARGEST_PAGE,
    max_seconds=LONGEST_PAGE,
)
READ_USER = Operation("read user", "GET", "/User/{}", repeatable=True, meanings=_NO_SUCH_RECORD)
SEARCH_USERS = Operation(
    "search users",
    "POST",
    "/User/Search/{}/{}",
    repeatable=True,
    max_bytes=LARGEST_PAGE,
    max_seconds=LONGEST_PAGE,
)
SEARCH_PLACEMENTS = Operation(
    "search placements",
    "POST",
    "/Placement/Search/{}/{}",
    repeatable=True,
    max_bytes=LARGEST_PAGE,
    max_seconds=LONGEST_PAGE,
)
READ_PLACEMENT = Operation(
    "read placement", "GET", "/Placement/{}", repeatable=True, meanings=_NO_SUCH_RECORD
)
SEARCH_CLASSROOMS = Operation(
    "search classrooms",
    "POST",
    "/Classroom/Search/{}/{}",
    repeatable=True,
    max_bytes=LARGEST_PAGE,
    max_seconds=LONGEST_PAGE,
)
SEARCH_STANDARDS = Operation(
    "search standards",
    "POST",
    "/Standard/Search/{}/{}",
    repeatable=True,
    max_bytes=LARGEST_PAGE,
    max_seconds=LONGEST_PAGE,
)
SEARCH_LEARNING_AIMS = Operation(
    "search learning aims",
    "POST",
    "/LearningAim/Search/{}/{}",
    repeatable=True,
    max_bytes=LARGEST_PAGE,
    max_seconds=LONGEST_PAGE,
)
READ_LEARNING_AIM = Operation(
    "read learning aim", "GET", "/LearningAim/{}", repeatable=True, meanings=_NO_SUCH_RECORD
)
# The answer to an update is undocumented. We ignore it, as the learning aim is read again afterwards.
UPDATE_LEARNING_AIM = Operation(
    "update learning aim", "POST", "/LearningAim/{}", repeatable=True, has_answer=False
)
SEARCH_REVIEWS = Operation(
    "search reviews",
    "POST",
    "/Review/Search/{}/{}",
    repeatable=True,
    max_bytes=LARGEST_PAGE,
    max_seconds=LONGEST_PAGE,
)
READ_REVIEW = Operation("read review", "GET", "/Review/{}", repeatable=True, meanings=_NO_SUCH_RECORD)
CREATE_VISIT = Operation("create visit", "POST", "/Visit", repeatable=False)
CREATE_REVIEW = Operation("create review", "POST", "/Review", repeatable=False)
CREATE_USER = Operation("create user", "POST", "/User", repeatable=False)
CREATE_PLACEMENT = Operation("create placement", "POST", "/Placement", repeatable=False)
CREATE_CLASSROOM = Operation("create classroom", "POST", "/Classroom", repeatable=False)
ASSIGN_STANDARD = Operation("assign standard", "POST", "/Standard/{}/Assign/{}", repeatable=False)
# The answer to the assignment of a user is undocumented, and the assignment cannot be read.
ASSIGN_USER = Operation("assign user", "POST", "/User/{}/Assign", repeatable=False, has_answer=False)
