from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser

from onefile_sync import services
from onefile_sync.management.onefile_command import OneFileCommand
from onefile_sync.models import SyncRun
from onefile_sync.web import text


class Command(OneFileCommand):
    help = (
        "Says which VQ References of PICSWeb have no standard in OneFile, as OneFile's lists were last read. "
        "Exit code 0: each has one; 1: some have none, or a list could not be read; 2: could not run."
    )
    #: The command reports a wrong set-up itself, in one line and with its own exit code.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--refresh", action="store_true", help="read OneFile's standards first, here and now"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        run = None
        try:
            services.refuse_wrong_mapping()
            if options["refresh"]:
                run = services.perform(services.refresh_links_now())
        except services.Refused as refused:
            raise CommandError(refused.reason, returncode=2) from None
        links = services.qualification_links()
        failed = run is not None and _has_failed(run)
        if options["json"]:
            self.stdout.write(json.dumps(as_json(links, run)))
        else:
            self.stdout.write("\n".join(in_words(links, run)))
        if failed or links.without_standard or links.read_at is None:
            sys.exit(1)


def _has_failed(run: SyncRun) -> bool:
    progress = services.progress(run)
    return run.is_open or bool(run.ending) or progress.has_failed or bool(progress.failed)


def as_json(links: services.QualificationLinks, run: SyncRun | None) -> dict[str, Any]:
    """The output of ``--json``. Scripts rely on it: keys may be added, never renamed."""
    return {
        "read_at": links.read_at.isoformat() if links.read_at else None,
        "standards": links.standards,
        "without_standard": [
            {
                "reference": each.reference,
                "qualifications": each.qualifications,
                "near": [standard.code for standard in each.near],
            }
            for each in links.without_standard
        ],
        "pathways": [
            {"reference": each.reference, "standards": [standard.onefile_id for standard in each.standards]}
            for each in links.with_pathways
        ],
        "gone": [
            {
                "standard": each.standard.onefile_id,
                "code": each.standard.code,
                "qualifications": each.qualifications,
            }
            for each in links.gone
        ],
        "run": None
        if run is None
        else {
            "run": str(run.pk),
            "state": run.state,
            "failure": run.failure,
            "api_calls": run.api_calls,
            "lists_not_read": services.progress(run).failed,
        },
    }


def in_words(links: services.QualificationLinks, run: SyncRun | None) -> Iterator[str]:
    if run is not None:
        yield f"{text.headline(run, services.progress(run))} {run.api_calls} calls."
    yield text.links_summary(links)
    for each in links.without_standard:
        near = ", ".join(standard.title for standard in each.near)
        yield f"  {each.reference}: {each.qualifications} without a standard" + (
            f"; near: {near}" if near else ""
        )
    for each in links.with_pathways:
        yield f"  {each.reference}: {len(each.standards)} pathways"
    for gone in links.gone:
        yield f"  {gone.standard.title}: no longer in OneFile; {gone.qualifications} linked"
