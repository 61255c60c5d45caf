"""The admin face: the mixin for PICSWeb's learner admin, the read-only ledger and the settings page."""

from . import ledger, settings  # noqa: F401 - importing registers their admin classes
from .learner import OneFileLearnerAdminMixin
from .registration import register

__all__ = ["OneFileLearnerAdminMixin", "register"]
