"""Pagination by cursor: for the outcomes of a run, and the pairs that a match has found."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import CursorPagination

from .examples import OUTCOMES_URL, SUGGESTIONS_URL


class OutcomePages(CursorPagination):
    """Pages in the order of the learners in the run, which does not change as outcomes are finished."""

    page_size = 50
    ordering = "pk"

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        paginated = super().get_paginated_response_schema(schema)
        for link in ("next", "previous"):
            paginated["properties"][link]["example"] = f"{OUTCOMES_URL}?cursor=cD00ODY%3D"
        return paginated


class SuggestionPages(CursorPagination):
    """Pages in the order in which the pairs were found, which does not change as pairs are decided about."""

    page_size = 50
    ordering = "pk"

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        paginated = super().get_paginated_response_schema(schema)
        for link in ("next", "previous"):
            paginated["properties"][link]["example"] = f"{SUGGESTIONS_URL}?cursor=cD00ODY%3D"
        return paginated
