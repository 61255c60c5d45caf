"""Which tests the coverage is measured in. Measuring doubles what a test takes, so long tests take part only in part.

What the report says is therefore the least that is covered: a line that only other cases reach counts as missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from coverage import Coverage

import onefile_sync

TESTS = Path(__file__).parent
#: Folders and files in which nothing is measured: they repeat, in long or for many people, what others reach.
NOT_MEASURED = (
    "databases",
    "docs",
    "reliability",
    "rest/test_schemathesis.py",
    "sync/bulk/test_same_plan.py",
    "sync/learner/test_at_the_same_moment.py",
    "sync/learner/test_bad_input.py",
    "sync/learner/test_exchange.py",
    "sync/learner/test_properties.py",
    "test_access.py",
    "test_visible_learners.py",
    "web/test_languages.py",
)
#: Folders of which one case of each test is measured.
ONE_CASE_MEASURED = ("sync/bulk", "sync/learner")
IS_MEASURED = pytest.StashKey[bool]()


def choose_measured(items: Sequence[pytest.Item]) -> None:
    """Decide for each test whether its coverage is measured. The cases left to ``make test-exhaustive`` are known."""
    if Coverage.current() is not None:
        import_the_package()
    met = set()
    for item in items:
        own = item.path.relative_to(TESTS)
        within = {each.as_posix() for each in (own, *own.parents)}
        is_measured = within.isdisjoint(NOT_MEASURED)
        if is_measured and not within.isdisjoint(ONE_CASE_MEASURED):
            name = item.nodeid.partition("[")[0]
            is_measured = name not in met and item.get_closest_marker("exhaustive") is None
            met.update([name] if is_measured else ())
        item.stash[IS_MEASURED] = is_measured


def import_the_package() -> None:
    """A module that a test imported while nothing is measured would count as missed, from its first line on."""
    for module in walk_packages(onefile_sync.__path__, "onefile_sync."):
        if ".migrations" not in module.name:
            import_module(module.name)


@contextmanager
def measured_or_not(item: pytest.Item) -> Iterator[None]:
    """Coverage is switched off during tests that are not measured, and in what they start."""
    measuring = None if item.stash.get(IS_MEASURED, True) else Coverage.current()
    if measuring is None:
        yield
        return
    measuring.stop()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
            yield
    finally:
        measuring.start()
