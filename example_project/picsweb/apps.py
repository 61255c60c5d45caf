from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PicswebConfig(AppConfig):
    name = "example_project.picsweb"
    label = "picsweb"
    verbose_name = _("PICSWeb")
    default_auto_field = "django.db.models.BigAutoField"
