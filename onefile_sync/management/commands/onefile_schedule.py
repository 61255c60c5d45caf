from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from onefile_sync import services
from onefile_sync.conf import deployment
from onefile_sync.management.onefile_command import OneFileCommand


class Command(OneFileCommand):
    help = "Installs, removes or shows the schedule of the daily sync with OneFile. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["install", "remove", "show"])

    def handle(self, *args: Any, **options: Any) -> None:
        lines = {"install": self.install, "remove": self.remove, "show": self.show}[options["action"]]()
        self.stdout.write(lines)

    def install(self) -> str:
        done = services.install_schedules()
        doubles = f" Removed {done.removed_doubles} surplus row(s)." if done.removed_doubles else ""
        began = "Installed" if done.created else "Already there, its time left as it was"
        return f"{began}.{doubles} {self.show()}"

    def remove(self) -> str:
        return "Removed." if services.remove_schedules() else "There was no schedule."

    def show(self) -> str:
        if not any(services.installed_schedules(scheduled) for scheduled in services.SCHEDULED_TASKS):
            return "No schedule is installed: run “manage.py onefile_schedule install”."
        return " ".join(self.show_schedule(scheduled) for scheduled in services.SCHEDULED_TASKS)

    def show_schedule(self, scheduled: services.ScheduledTask) -> str:
        rows = services.installed_schedules(scheduled)
        if (
            scheduled is services.SWEEP
            and len(rows) == 1
            and rows[0].next_run is not None
            and rows[0].repeats
        ):
            return "The sweep is scheduled too."
        if scheduled is services.SWEEP:
            return "The sweep is not scheduled as it should be: run “manage.py onefile_schedule install”."
        if not rows:
            return "The daily sync is not scheduled: run “manage.py onefile_schedule install”."
        if len(rows) > 1:
            return f"{len(rows)} schedules are installed; “manage.py onefile_schedule install” leaves one."
        row = rows[0]
        if row.next_run is None or row.repeats == 0:
            return "The schedule is there but switched off (no next run, or no repeats left)."
        local = timezone.localtime(row.next_run, deployment.time_zone)
        return (
            f"{row.get_schedule_type_display()}, next on {local:%A %d/%m/%Y at %H:%M} ({deployment.time_zone.key}), "
            f"cluster {row.cluster or 'default'}."
        )
