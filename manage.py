#!/usr/bin/env python
"""Django's command line for the example PICSWeb."""

import os
import sys

#: As shells have it: 128 and the number of the signal.
INTERRUPTED = 130


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)  # Ctrl-C is no error, at whatever moment it comes


if __name__ == "__main__":
    main()
