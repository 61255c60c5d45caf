"""The admin: the mixin for PICSWeb's learner admin, the read-only ledger and the settings page."""

from . import run_lists, settings  # noqa: F401 - importing registers their admin classes
from .learner_page import OneFileLearnerAdminMixin
from .registration import register

__all__ = ["OneFileLearnerAdminMixin", "register"]
