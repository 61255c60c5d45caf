"""The examples in the OpenAPI description: one learner's refresh, from the request to the outcome."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

BASE = "https://picsweb.example.ac.uk/api/onefile"
RUN_ID = "7f0c2a54-3c0e-4b6e-9a53-0d1c5f7b8e21"

_counts = {
    "queued": 0,
    "working": 0,
    "aside": 0,
    "updated": 0,
    "unchanged": 0,
    "attention": 0,
    "failed": 0,
    "skipped": 0,
}

_queued = {
    "id": RUN_ID,
    "url": f"{BASE}/runs/{RUN_ID}/",
    "kind": "refresh",
    "state": "queued",
    "result": "queued",
    "ending": "",
    "failure": "",
    "total": 1,
    "done": 0,
    "counts": _counts | {"queued": 1},
    "waiting_for_worker": False,
    "created_at": "2026-11-23T09:30:00Z",
    "started_at": None,
    "finished_at": None,
    "outcomes_url": f"{BASE}/runs/{RUN_ID}/outcomes/",
}

_finished = _queued | {
    "state": "finished",
    "result": "finished",
    "done": 1,
    "counts": _counts | {"attention": 1},
    "started_at": "2026-11-23T09:30:01Z",
    "finished_at": "2026-11-23T09:30:04Z",
}

_outcome = {
    "id": 1042,
    "learner": "17",
    "onefile_id": 200345,
    "state": "attention",
    "started_at": "2026-11-23T09:30:01Z",
    "finished_at": "2026-11-23T09:30:04Z",
    "run_url": f"{BASE}/runs/{RUN_ID}/",
    "learner_status_url": f"{BASE}/learners/17/status/",
    "changes": [
        {
            "side": "picsweb",
            "side_text": "PICSWeb",
            "subject": "Business Administrator (603/0001/2)",
            "field": "Elements Done",
            "before": "12",
            "after": "14",
            "rule": "Copied from OneFile; a qualification with units attached in PICSWeb is left alone.",
            "made": True,
        }
    ],
    "problems": [
        {
            "code": "officer_unmatched",
            "subject": "Zoë Llewellyn (L00017)",
            "text": (
                "No officer is linked to OneFile's assessor 3001. Reviews concerned: 2. "
                "The officer was left as it is."
            ),
            "remedy": "Enter OneFile ID 3001 on the officer's record, then refresh again.",
            "move": "yours",
        }
    ],
}

_attempt = {"at": "2026-11-23T09:30:04Z", "outcome": "attention", "run_url": f"{BASE}/runs/{RUN_ID}/"}

OUTCOMES_URL = f"{BASE}/runs/{RUN_ID}/outcomes/"
SUGGESTIONS_URL = f"{BASE}/matches/suggestions/"

RUN = [
    OpenApiExample("Queued", value=_queued, status_codes=["200", "202"]),
    OpenApiExample("Finished", value=_finished, status_codes=["200"]),
]
OUTCOME = [OpenApiExample("Needs attention", value=_outcome)]
STATUS = [
    OpenApiExample(
        "May be refreshed",
        value={
            "learner": "17",
            "onefile_id": 200345,
            "last_synchronised_at": "2026-11-23T09:30:04Z",
            "last_outcome": _outcome,
            "last_success": _attempt,
            "last_attempt": _attempt,
            "current_run": None,
            "may_refresh": True,
            "why_not": None,
        },
    ),
    OpenApiExample(
        "Has no OneFile ID",
        value={
            "learner": "18",
            "onefile_id": None,
            "last_synchronised_at": None,
            "last_outcome": None,
            "last_success": None,
            "last_attempt": None,
            "current_run": None,
            "may_refresh": False,
            "why_not": {
                "code": "no_onefile_id",
                "detail": "The learner has no OneFile ID. Link the learner to a OneFile learner, or enter "
                "the OneFile ID on the learner's record.",
            },
        },
    ),
]
WHY_NOT = [
    OpenApiExample(
        "Integration is off",
        value={
            "code": "off",
            "detail": "The OneFile integration is switched off. Switch it on in the OneFile settings.",
        },
        status_codes=["409"],
    )
]
