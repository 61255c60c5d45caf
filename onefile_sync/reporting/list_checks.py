"""The question of the health page that is about OneFile's lists."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Min, QuerySet
from django.utils.translation import gettext_lazy as _

from onefile_sync.models import DirectoryKind, DirectoryList, OneFileSettings

from .findings import Finding, HealthCheck, Level

#: The age from which qualifications that OneFile added since are likely to be missing.
OLD = timedelta(days=90)


class StandardsCheck(HealthCheck):
    code = "standards"
    question = _("How old is OneFile's list of standards?")
    remedy = _("Press Refresh Qualification Links, which the OneFile settings lead to.")

    def applies(self, settings: OneFileSettings) -> bool:
        """Only where a list was read: nobody else links qualifications by their VQ Reference."""
        return settings.linked_tenant_id is not None and _lists(settings).exists()

    def look(self, settings: OneFileSettings, now: datetime) -> Finding:
        oldest = _lists(settings).aggregate(oldest=Min("read_at"))["oldest"]
        is_old = oldest is not None and now - oldest > OLD
        text = _("The oldest list of standards was read at this time.")
        return self.found(Level.WARNING if is_old else Level.FINE, text, oldest)


def _lists(settings: OneFileSettings) -> QuerySet[DirectoryList]:
    return DirectoryList.objects.filter(
        tenant=settings.linked_tenant, kind=DirectoryKind.STANDARD, read_at__isnull=False
    )
