"""How often one caller may ask for a refresh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.settings import api_settings
from rest_framework.throttling import UserRateThrottle


class RefreshThrottle(UserRateThrottle):
    """Limits refreshes by caller, at the host's rate for the scope ``onefile-refresh``; no rate, no limit.

    DRF's ``ScopedRateThrottle`` would answer 500 to every refresh in a host that names no rate for the scope.
    """

    scope = "onefile-refresh"

    def get_rate(self) -> str | None:
        rates: Mapping[str, Any] = api_settings.DEFAULT_THROTTLE_RATES
        return rates.get(self.scope)
