"""The example PICSWeb's settings, with overrides of ``ONEFILE_SYNC`` as JSON in the environment."""

import json
import os

from example_project.settings import *  # noqa: F403 - this module is that one, changed below
from example_project.settings import LOGGING, ONEFILE_SYNC

#: Otherwise Django keeps the text of the last 9,000 queries in memory.
DEBUG = False
ONEFILE_SYNC = {**ONEFILE_SYNC, **json.loads(os.environ.get("BENCHMARK_SYNC", "{}"))}
LOGGING = {**LOGGING, "root": {"handlers": ["console"], "level": "ERROR"}}
