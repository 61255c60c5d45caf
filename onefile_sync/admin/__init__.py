"""The admin: the mixins for PICSWeb's own admins, the read-only ledger and the settings page."""

from . import link_list, run_lists, settings  # noqa: F401 - importing registers their admin classes
from .learner_page import OneFileLearnerAdminMixin
from .look_up_button import OneFileLookUpAdminMixin
from .registration import register

__all__ = ["OneFileLearnerAdminMixin", "OneFileLookUpAdminMixin", "register"]
