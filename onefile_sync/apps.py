from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OneFileSyncConfig(AppConfig):
    name = "onefile_sync"
    verbose_name = _("OneFile")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401 - importing registers the system checks
