"""One measured run in a separate process: a worker's work on a daily run. Prints the cost as JSON.

The argument ``go on`` continues the open run, as a new worker would.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
from collections import Counter
from typing import Any

import django

WRITES = re.compile(r'^(INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()

    from django.db.backends import utils

    from onefile_sync import services

    queries: Counter[str] = Counter()
    wrapper: Any = utils.CursorWrapper
    execute = wrapper._execute_with_wrappers

    def counted(self: Any, sql: Any, params: Any, many: bool, executor: Any) -> Any:
        # In every thread, as each has a connection of its own.
        queries["all"] += 1
        if written := WRITES.match(str(sql)):
            queries["writes"] += 1
            queries["writes to PICSWeb"] += written[2].startswith("picsweb_")
        return execute(self, sql, params, many, executor)

    wrapper._execute_with_wrappers = counted
    began = time.monotonic()
    run = services.start_daily(new_run="go on" not in sys.argv)
    services.perform(run)
    seconds = time.monotonic() - began
    run.refresh_from_db()
    states = Counter(run.outcomes.values_list("state", flat=True))
    told = {
        "seconds": seconds,
        "learners": sum(states.values()),
        "states": dict(states),
        "calls": services.totals(run).api_calls,
        "put_off": run.put_off,
        "queries": queries["all"],
        "writes": queries["writes"],
        "writes_to_picsweb": queries["writes to PICSWeb"],
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
