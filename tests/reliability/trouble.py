"""Everything that may go wrong with a call to OneFile, as the fault matrix has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: Seconds; the client gives up after the one, the sandbox answers after the other.
PATIENCE, TOO_LONG = 0.15, 0.5

#: Every operation of an exchange in which everything happens once.
SEARCHES = ("Organisation/Search", "LearningAim/Search", "Review/Search")
GETS = ("Customer/get", "User/get", "LearningAim/get", "Review/get")
WRITES = ("Authentication", "LearningAim/update", "Review/create", "Visit/create")
OPERATIONS = SEARCHES + GETS + WRITES


def each_record(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], object]:
    """The edit, made to every record of an answer; an answer that is no record stays as it is."""

    def edit_all(answer: Any) -> object:
        if isinstance(answer, list):
            return [edit_all(item) for item in answer]
        return edit(answer) if isinstance(answer, dict) else answer

    return edit_all


def listed(edit: Callable[[list[Any]], object]) -> Callable[[Any], object]:
    """The edit, made to an answer that is a list."""
    return lambda answer: edit(answer) if isinstance(answer, list) else answer


def over_long(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value * 500 if isinstance(value, str) else value if name.endswith("ID") else 10**30
        for name, value in record.items()
    }


FAULTS: Mapping[str, Mapping[str, Any]] = {
    "time-out before OneFile commits": {"kind": "delay", "seconds": TOO_LONG},
    "time-out after OneFile commits": {"kind": "delay", "when": "after", "seconds": TOO_LONG},
    "connection reset before": {"kind": "reset"},
    "connection reset after": {"kind": "reset", "when": "after"},
    "401": {"kind": "status", "status": 401},
    "403": {"kind": "status", "status": 403},
    "404": {"kind": "status", "status": 404},
    "409": {"kind": "status", "status": 409},
    "429": {"kind": "status", "status": 429},
    "429 with Retry-After": {"kind": "status", "status": 429, "headers": {"Retry-After": "7"}},
    "500 before": {"kind": "status", "status": 500},
    "500 after": {"kind": "status", "status": 500, "when": "after"},
    "502 with HTML": {"kind": "status", "status": 502, "body": b"<html><body>Bad gateway</body></html>"},
    "HTML with status 200": {"kind": "html", "when": "after"},
    "truncated JSON": {"kind": "truncated", "when": "after"},
    "JSON with something behind its end": {"kind": "broken_json", "when": "after"},
    "wrong type": {"kind": "wrong_type", "when": "after"},
    "duplicate items": {"kind": "edited", "when": "after", "edit": listed(lambda items: items * 2)},
    "page shift, an item twice": {
        "kind": "edited",
        "when": "after",
        "edit": listed(lambda items: [*items, *items[:1]]),
    },
    "page shift, an item lost": {"kind": "edited", "when": "after", "edit": listed(lambda items: items[1:])},
    "missing fields": {
        "kind": "edited",
        "when": "after",
        "edit": each_record(lambda record: {"ID": record.get("ID")}),
    },
    "extra field": {
        "kind": "edited",
        "when": "after",
        "edit": each_record(lambda record: record | {"Surprise": {"Nested": [None, 1, "x"]}}),
    },
    "null fields": {
        "kind": "edited",
        "when": "after",
        "edit": each_record(lambda record: dict.fromkeys(record) | {"ID": record.get("ID")}),
    },
    "over-long fields": {"kind": "edited", "when": "after", "edit": each_record(over_long)},
}
