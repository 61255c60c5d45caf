"""How the outcomes of a run are handed out: a daily run has one for every learner in scope."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import CursorPagination

from .examples import OUTCOMES_URL


class OutcomePages(CursorPagination):
    """In the order in which the run took the learners on, so that pages stay put while outcomes are finished."""

    page_size = 50
    ordering = "pk"

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        paginated = super().get_paginated_response_schema(schema)
        for link in ("next", "previous"):
            paginated["properties"][link]["example"] = f"{OUTCOMES_URL}?cursor=cD00ODY%3D"
        return paginated
