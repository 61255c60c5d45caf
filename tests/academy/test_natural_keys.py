"""The mapping names rows of lookup tables by their natural keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from onefile_sync import checks, services
from onefile_sync import host as picsweb_side
from onefile_sync.host.conditions import condition
from onefile_sync.host.lookups import NoSuchRow
from onefile_sync.host.mapping import LEARNER
from onefile_sync.host.snapshot import Attendance
from onefile_sync.models import LearnerOutcome, OneFileSettings, SyncRun
from tests.college.mapping import COLLEGE
from tests.conftest import dont_wait, problems

from .conftest import Academy
from .mapping import ACADEMY
from .models import Apprentice, Option, Sitting
from .test_mapping import TODAY

pytestmark = pytest.mark.matrix("once")

Once = Callable[[], LearnerOutcome]

REVIEW_BY_KEY = {
    **ACADEMY["REVIEW"],
    "type": "sort",
    "normal_types": [("sort", "PROG"), ("sort", "WELF")],
    "created_type": ("sort", "PROG"),
    "attended": "turnout",
    "attended_values": {
        "blank": None,
        "yes": ("turnout", "came"),
        "no": ("turnout", "away"),
        "unknown": ("turnout", "unknown"),
    },
}
LEARNER_BY_KEY = {**ACADEMY["LEARNER"], "live": {"stage": ("stage", "active")}}
NAMED = {"sort": ["PROG", "WELF"], "turnout": ["came", "away", "unknown"], "stage": ["active", "left"]}


def option(group: str, code: str) -> Option:
    return Option.objects.get_by_natural_key(group, code)


@pytest.fixture
def by_key(academy: Academy, settings: Any) -> Academy:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "LEARNER": LEARNER_BY_KEY, "REVIEW": REVIEW_BY_KEY}
    Option.objects.bulk_create(
        Option(group=group, code=code) for group, codes in NAMED.items() for code in codes
    )
    Apprentice.objects.update(stage=option("stage", "active"))
    Sitting.objects.update(sort=option("sort", "PROG"), turnout=option("turnout", "came"))
    return academy


def review_of(academy: Academy) -> Any:
    [learner] = picsweb_side.learners_by_pk([str(academy.apprentice.pk)])
    return picsweb_side.read_learner(learner).reviews[0]


@pytest.mark.parametrize(
    ("code", "told"),
    [("came", Attendance.YES), ("away", Attendance.NO), ("unknown", Attendance.UNKNOWN)],
)
def test_attendance_is_read(by_key: Academy, code: str, told: Attendance) -> None:
    Sitting.objects.update(turnout=option("turnout", code))
    assert review_of(by_key).attended is told


@pytest.mark.parametrize(("group", "code", "is_normal"), [("sort", "WELF", True), ("stage", "left", False)])
def test_normal_types_are_read(by_key: Academy, group: str, code: str, is_normal: bool) -> None:
    Sitting.objects.update(sort=option(group, code))
    assert review_of(by_key).is_normal is is_normal


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        (("stage", "active"), ["active"]),
        ([("stage", "active"), ("stage", "left")], ["active", "left"]),
        ([("stage", "left"), None], ["left", None]),
    ],
)
def test_a_condition_selects_the_named_learners(
    by_key: Academy, settings: Any, wanted: Any, codes: list[Any]
) -> None:
    settings.ONEFILE_SYNC = {
        **settings.ONEFILE_SYNC,
        "LEARNER": {**LEARNER_BY_KEY, "live": {"stage": wanted}},
    }
    taken = []
    for code in ("active", "left", None):
        Apprentice.objects.update(stage=code and option("stage", code))
        taken += [code] * len(list(picsweb_side.scope(TODAY)))
    assert taken == codes


def test_primary_keys_are_taken_beside_natural_keys(by_key: Academy, settings: Any) -> None:
    pk = option("sort", "PROG").pk
    for written in (pk, str(pk)):
        values = {**REVIEW_BY_KEY["attended_values"], "yes": option("turnout", "came").pk}
        review = {**REVIEW_BY_KEY, "normal_types": [("sort", "WELF"), written], "attended_values": values}
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "REVIEW": review}
        assert (review_of(by_key).is_normal, review_of(by_key).attended) == (True, Attendance.YES)


def test_attendance_may_be_written_as_text(by_key: Academy, settings: Any) -> None:
    values = {**REVIEW_BY_KEY["attended_values"], "yes": str(option("turnout", "came").pk)}
    review = {**REVIEW_BY_KEY, "attended_values": values}
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "REVIEW": review}
    assert review_of(by_key).attended is Attendance.YES


def test_a_new_review_gets_the_rows_that_are_named(by_key: Academy, once: Once) -> None:
    by_key.sitting.delete()

    once()

    sitting = Sitting.objects.get()
    assert (sitting.sort, sitting.turnout) == (option("sort", "PROG"), option("turnout", "came"))


def test_attendance_is_written(by_key: Academy, once: Once) -> None:
    Sitting.objects.update(turnout=None, actual_date=None)

    once()

    assert Sitting.objects.get().turnout == option("turnout", "came")


def test_rows_are_looked_up_once_for_any_number_of_reviews(
    by_key: Academy, django_assert_max_num_queries: Any
) -> None:
    learners = picsweb_side.learners_by_pk([str(by_key.apprentice.pk)])
    Sitting.objects.bulk_create(
        Sitting(apprentice=by_key.apprentice, turnout=option("turnout", "away")) for _each in range(30)
    )
    with django_assert_max_num_queries(9):
        list(picsweb_side.read_learners(learners))


def test_a_row_that_is_renamed_is_not_taken_for_what_it_was(by_key: Academy) -> None:
    assert review_of(by_key).attended is Attendance.YES
    Option.objects.filter(code="came").update(code="here")
    Option.objects.filter(code="away").update(code="came")
    Option.objects.create(group="turnout", code="away")
    Sitting.objects.update(turnout=option("turnout", "came"))

    assert review_of(by_key).attended is Attendance.YES


class TestARowThatIsMissing:
    """Without it nobody can be compared, and nothing is guessed."""

    @pytest.fixture(autouse=True, params=["came", "WELF", "active"])
    def missing(self, by_key: Academy, request: pytest.FixtureRequest) -> None:
        Option.objects.filter(code=request.param).update(code="gone")

    def test_refuses_a_refresh(self, by_key: Academy, once: Once) -> None:
        by_key.record.started_on = None
        before = Sitting.objects.values().get()

        with pytest.raises(services.Refused, match="row_missing"):
            once()

        assert not SyncRun.objects.exists()
        assert Sitting.objects.values().get() == before

    def test_is_known_before_a_refresh_is_requested(self, by_key: Academy) -> None:
        status = services.learner_status(by_key.apprentice)

        assert status.refusal is not None
        assert status.refusal.code == "row_missing"

    def test_is_one_line_of_the_command(self, by_key: Academy) -> None:
        for command in ("onefile_sync", "onefile_probe"):
            with pytest.raises(CommandError, match="lookup table") as refused:
                call_command(command)
            assert refused.value.returncode == 2

    def test_is_the_result_of_the_schedule(self, by_key: Academy) -> None:
        assert services.start_scheduled_daily() == "not started: row_missing"

    def test_keeps_health_from_calling_all_fine(self, by_key: Academy) -> None:
        [finding] = services.health().findings

        assert (finding.level.name, finding.value) == ("CRITICAL", "row_missing")


@pytest.mark.parametrize("start", [services.start_daily, lambda: services.preview_now()])
def test_a_row_that_goes_missing_ends_the_run_for_everyone(
    by_key: Academy, start: Callable[[], SyncRun]
) -> None:
    run = start()
    Option.objects.filter(code="came").update(code="gone")
    before = Sitting.objects.values().get()

    services.perform(run, sleep=dont_wait)

    outcome = run.outcomes.get()
    assert (outcome.state, problems(outcome)) == ("failed", ["row_missing"])
    assert not run.api_calls
    assert Sitting.objects.values().get() == before


def test_a_condition_that_is_wrong_is_no_row_that_is_missing(by_key: Academy, settings: Any) -> None:
    """Somebody mends the mapping while a refresh goes on, and that has no need of the condition."""
    run = services.refresh_now([by_key.apprentice])
    wrong = {**LEARNER_BY_KEY, "live": {"no_such_field": 1}}
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "LEARNER": wrong}

    services.perform(run, sleep=dont_wait)

    assert run.outcomes.get().state == "unchanged"


def test_no_learner_is_compared_while_the_row_of_a_condition_is_missing(by_key: Academy) -> None:
    Option.objects.filter(code="active").update(code="gone")
    with pytest.raises(NoSuchRow):
        picsweb_side.scope(TODAY)


def test_a_review_is_not_created_while_its_type_is_missing(
    by_key: Academy, once: Once, settings: Any
) -> None:
    review = {**REVIEW_BY_KEY, "created_type": ("sort", "OTHER")}
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "REVIEW": review}
    by_key.sitting.delete()

    outcome = once()

    [problem] = outcome.problems.all()
    assert (problem.code, problem.details) == ("not_saved", {"fields": "type"})
    assert not Sitting.objects.exists()


def test_the_checks_have_nothing_to_say_and_ask_nothing(
    by_key: Academy, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert checks.mapping_errors() == []
        condition(LEARNER, "live", look_up=False)
    assert warned() == []


def warned() -> list[str]:
    OneFileSettings.objects.update(enabled=True)
    found = checks.check_database(databases=["default"])
    return [message.msg for message in found if message.id == "onefile_sync.W034"]


@pytest.mark.parametrize(
    ("group", "code", "part", "role"),
    [
        ("sort", "PROG", "REVIEW", "type"),
        ("turnout", "away", "REVIEW", "attended"),
        ("stage", "active", "LEARNER", "live"),
    ],
)
def test_the_database_checks_look_the_rows_up(
    by_key: Academy, group: str, code: str, part: str, role: str
) -> None:
    Option.objects.filter(group=group, code=code).update(code="gone")

    [said] = warned()

    assert said == f"ONEFILE_SYNC[{part!r}]: there is no academy.Option ({group!r}, {code!r}) for {role!r}."


def test_a_natural_key_of_the_wrong_length_names_no_row(by_key: Academy, settings: Any) -> None:
    review = {**REVIEW_BY_KEY, "created_type": ("PROG",)}
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "REVIEW": review}
    assert len(warned()) == 1


NO_MANAGER = "get_by_natural_key"
TURNOUT = {"blank": None, "yes": 1, "no": 0, "unknown": 9}


@pytest.mark.parametrize(
    ("mapping", "part", "values", "code", "said"),
    [
        (COLLEGE, "REVIEW", {"created_type": ("PROG",)}, "E013", NO_MANAGER),
        (COLLEGE, "REVIEW", {"normal_types": ["PROG", ("WELF",)]}, "E013", NO_MANAGER),
        (COLLEGE, "REVIEW", {"attended_values": TURNOUT | {"yes": (1,)}}, "E012", "no foreign key"),
        (ACADEMY, "REVIEW", {"created_type": ("PROG",)}, "E013", "no foreign key"),
        (ACADEMY, "REVIEW", {"type": "sort", "normal_types": [["sort", "PROG"]]}, "E013", "as a tuple"),
        (ACADEMY, "LEARNER", {"live": {"programme": [("PROG",)]}}, "E015", NO_MANAGER),
        (ACADEMY, "LEARNER", {"live": {"stage": [["stage", "active"]]}}, "E015", "as a tuple"),
        (ACADEMY, "LEARNER", {"live": {"ident": [("A1",)]}}, "E015", "no foreign key"),
    ],
)
def test_what_is_no_natural_key_is_refused(
    settings: Any, mapping: dict[str, Any], part: str, values: dict[str, Any], code: str, said: str
) -> None:
    settings.ONEFILE_SYNC = {**mapping, part: {**mapping[part], **values}}

    [error] = checks.mapping_errors()

    assert error.id == f"onefile_sync.{code}"
    assert said in error.msg
    assert "natural key" in error.hint
