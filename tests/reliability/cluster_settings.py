"""The example PICSWeb as the clusters of these tests run it: two tasks share a run, a worker each, short leases."""

import os

from example_project.settings import *  # noqa: F403 - this module is that one, changed below
from example_project.settings import LOGGING, ONEFILE_SYNC, Q_CLUSTER

ONEFILE_SYNC = {
    **ONEFILE_SYNC,
    "TASKS_PER_RUN": 2,
    "LEASE_SECONDS": int(os.environ["LEASE_SECONDS"]),
    "TIMEOUT_SECONDS": 1,
}
Q_CLUSTER = {**Q_CLUSTER, "workers": 1, "queue_limit": 1, "poll": 0.1}
# The more is logged, the more could be given away: everything is.
LOGGING = {**LOGGING, "root": {**LOGGING["root"], "level": "DEBUG"}}
