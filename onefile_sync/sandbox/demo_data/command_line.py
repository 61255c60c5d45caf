"""The options by which a command chooses a provider. The same values give the same provider to every command."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from .demo_data import Provider
from .picsweb_side import unlinked
from .provider import build

#: More would take the IDs of other users.
MOST_OFFICERS: Final = 900


def add_provider_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--learners", type=int, default=50)
    parser.add_argument(
        "--seed", type=int, default=1, help="the same for onefile_sandbox and for PICSWeb's half"
    )
    parser.add_argument(
        "--officers", type=int, help="default: 6, and one more for every 40 learners, up to 40"
    )
    parser.add_argument(
        "--two-centres",
        action="store_true",
        help="adds a second centre, and people who are hard to match with their OneFile records",
    )
    parser.add_argument(
        "--errors-percent",
        type=int,
        default=0,
        metavar="N",
        help="per cent of the names and numbers that are wrong or blank, on each side",
    )


def provider_arguments(options: Mapping[str, Any]) -> list[str]:
    """The options as arguments for another command that takes them."""
    numbers = {name: options[name] for name in ("learners", "seed", "officers", "errors_percent")}
    given = [f"--{name.replace('_', '-')}={number}" for name, number in numbers.items() if number is not None]
    return [*given, "--two-centres"] if options["two_centres"] else given


def check_provider(options: Mapping[str, Any]) -> None:
    """Raise ``CommandError`` for a number out of range."""
    if options["learners"] < 0:
        raise CommandError(_("--learners must not be negative."))
    officers = options["officers"]
    if officers is not None and not 1 < officers <= MOST_OFFICERS:
        raise CommandError(_("--officers is a number from 2 to %s.") % MOST_OFFICERS)
    if not 0 <= options["errors_percent"] <= 100:
        raise CommandError(_("--errors-percent is a number from 0 to 100."))


def provider_of(options: Mapping[str, Any], today: date | None = None) -> Provider:
    """Build the provider that the options ask for. Raises ``CommandError`` for a number out of range."""
    check_provider(options)
    provider = build(
        options["learners"],
        options["seed"],
        today,
        officers=options["officers"],
        two_centres=options["two_centres"],
        errors_percent=options["errors_percent"],
    )
    return unlinked(provider) if options.get("unlinked") else provider
