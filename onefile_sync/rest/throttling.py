"""Limits how often one caller may request a refresh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.settings import api_settings
from rest_framework.throttling import UserRateThrottle


class RefreshThrottle(UserRateThrottle):
    """Limits refreshes per caller to the host's rate for the scope ``onefile-refresh``; without a rate, no limit.

    DRF's ``ScopedRateThrottle`` would answer every refresh with 500 in a host without a rate for the scope.
    """

    scope = "onefile-refresh"

    def get_rate(self) -> str | None:
        rates: Mapping[str, Any] = api_settings.DEFAULT_THROTTLE_RATES
        return rates.get(self.scope)
