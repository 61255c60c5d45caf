from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class OneFileSyncConfig(AppConfig):
    name = "onefile_sync"
    verbose_name = _("OneFile")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401 - importing registers the system checks

        if apps.is_installed("django_q"):
            from .enrolment import check_run, learner_run  # noqa: F401 - importing registers what runs do
            from .linking import run_steps  # noqa: F401
            from .sync.runs import schedule_checks  # noqa: F401 - importing registers the check
