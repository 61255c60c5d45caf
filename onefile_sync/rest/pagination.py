"""Pagination for the outcomes of a run: a daily sync has one for every learner in scope."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import CursorPagination

from .examples import OUTCOMES_URL


class OutcomePages(CursorPagination):
    """Pages in the order of the learners in the run, which does not change as outcomes are finished."""

    page_size = 50
    ordering = "pk"

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        paginated = super().get_paginated_response_schema(schema)
        for link in ("next", "previous"):
            paginated["properties"][link]["example"] = f"{OUTCOMES_URL}?cursor=cD00ODY%3D"
        return paginated
