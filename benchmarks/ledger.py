"""``python -m benchmarks.ledger``: measures the admin's lists of a large ledger. Exit code 1: a bar is missed.

Fills an empty database (``DATABASE_URL``) with 300 daily syncs of 1,000 learners, unless it is filled already; opens
each list with each search, filter and page that it offers; then prunes everything (unless ``--keep``).
"""

from __future__ import annotations

import os
import sys

import django
from django.core.management import call_command


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()

    from onefile_sync.models import SyncRun

    from . import lists

    call_command("migrate", verbosity=0)
    if not SyncRun.objects.exists():
        lists.fill()
    bars = [lists.pages()]
    if "--keep" not in sys.argv:
        bars.append(lists.pruning())
    print(*bars, sep="\n")
    sys.exit(not all(bar.met for bar in bars))


if __name__ == "__main__":
    main()
