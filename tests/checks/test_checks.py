"""System checks: one mistake at a time, with the id and hint that report it."""

from enum import Enum
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import DatabaseError, models
from django.test.utils import isolate_apps
from django_q.models import Schedule

from example_project.picsweb.models import Officer, Qualification, Review
from onefile_sync import checks, conf
from onefile_sync.checks import picsweb
from onefile_sync.host.mapping import LEARNER
from onefile_sync.mixins import OneFileLearnerMixin
from onefile_sync.models import OneFileSettings
from onefile_sync.sync.runs.schedule import DAILY, SCHEDULED_TASKS, SWEEP
from onefile_sync.sync.runs.schedule_checks import check_schedules
from tests.college.models import Meeting
from tests.factories import HOSTS, PICSWEB, SECOND_HOST, MeetingKindFactory

MISSING = Enum("Missing", "KEY").KEY


def changed(mapping, part, **values):
    """A mapping with some keys of one part changed or removed."""
    spec = {key: value for key, value in {**mapping[part], **values}.items() if value is not MISSING}
    return {**mapping, part: spec}


def ids(messages):
    return [message.id.removeprefix("onefile_sync.") for message in messages]


@pytest.mark.parametrize(
    ("urls", "expected"), [("example_project.urls", []), ("django.contrib.auth.urls", ["E031"])]
)
def test_the_pages_that_buttons_lead_to_have_an_address(settings, urls, expected):
    settings.ROOT_URLCONF = urls
    assert ids(checks.check_pages()) == expected


def test_rest_addresses_need_the_framework_as_an_app(settings):
    assert checks.check_pages() == []
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "rest_framework"]
    messages = checks.check_pages()
    assert ids(messages) == ["E032"]
    assert '"rest_framework"' in messages[0].hint


@pytest.mark.parametrize("name", HOSTS)
def test_both_hosts_are_mapped_rightly(settings, name):
    settings.ONEFILE_SYNC = HOSTS[name].mapping
    assert checks.check_mapping() == []
    assert checks.mapping_errors() == []


def test_the_cluster_of_the_tests_is_safe():
    assert checks.check_cluster() == []


@pytest.mark.django_db
def test_the_checks_run_with_djangos_own(settings):
    settings.ONEFILE_SYNC = None
    assert "onefile_sync.E001" in [message.id for message in run_checks()]


def not_a_model(learner):
    return True


not_callable = "text"


class NotAFunction:
    """Any row makes an instance, and an instance counts as true."""

    def __init__(self, learner):
        self.learner = learner


WRONG_KEYS = [
    (None, "E001"),
    ({**PICSWEB.mapping, "LEARNERS": {}}, "E002"),
    ({**PICSWEB.mapping, "TIME_ZONE": "Europe/Mars"}, "E003"),
    ({**PICSWEB.mapping, "DAILY_AT": "2am"}, "E003"),
    ({**PICSWEB.mapping, "CALLS_PER_MINUTE": 0}, "E003"),
    ({**PICSWEB.mapping, "CA_BUNDLE": "/nowhere/authority.pem"}, "E003"),
    ({**PICSWEB.mapping, "PROXY": "proxy.example:3128"}, "E003"),
    ({**PICSWEB.mapping, "REVIEW": "picsweb.Review"}, "E003"),
    ({key: value for key, value in PICSWEB.mapping.items() if key != "OFFICER"}, "E004"),
    ({**PICSWEB.mapping, "BASE_URL": "http://wsapi.onefile.co.uk/api/v2.1"}, "E016"),
    ({**PICSWEB.mapping, "BASE_URL": "http://10.0.0.1/api/v2.1"}, "E016"),
    ({**PICSWEB.mapping, "BASE_URL": "http://127.0.0.1@example.com/api/v2.1"}, "E016"),
    ({**PICSWEB.mapping, "AIM_NAMES": {"elements": "UnitCount"}}, "E017"),
    ({**PICSWEB.mapping, "USER_NAMES": {"surname": "LastName"}}, "E017"),
    ({**PICSWEB.mapping, "STANDARD_NAMES": {"reference": "Code"}}, "E017"),
    ({**PICSWEB.mapping, "PLACEMENT_NAMES": {"address": "Address"}}, "E017"),
    ({**PICSWEB.mapping, "ARCHIVED": {"role": [2]}}, "E003"),
    ({**PICSWEB.mapping, "CODES": {"surname": {"a": "b"}}}, "E017"),
    ({**PICSWEB.mapping, "CODES": {"sex": "F"}}, "E003"),
    ({**PICSWEB.mapping, "CODES": {"sex": {"F": None}}}, "E003"),
    ({**PICSWEB.mapping, "CODES": {"sex": {True: "F"}}}, "E003"),
    ({**PICSWEB.mapping, "ENROL_QUIET_SECONDS": 0}, "E003"),
    ({**PICSWEB.mapping, "PLACEMENT": "picsweb.Placement"}, "E003"),
    ({**PICSWEB.mapping, "CALLS_PER_MINUTE": 301}, "W001"),
]
RIGHT_KEYS = [
    {**PICSWEB.mapping, "BASE_URL": "http://localhost:8765/api/v2.1"},
    {**PICSWEB.mapping, "BASE_URL": "http://[::1]:8765/api/v2.1"},
    {**PICSWEB.mapping, "BASE_URL": "https://wsapi.onefile.co.uk/api/v2.1"},
    {**PICSWEB.mapping, "CALLS_PER_MINUTE": 300},
    {**PICSWEB.mapping, "AIM_NAMES": {"elements_done": "UnitsDone"}},
    {**PICSWEB.mapping, "USER_NAMES": {"last_name": "Surname"}},
    {**PICSWEB.mapping, "STANDARD_NAMES": {"code": "Code"}},
    {**PICSWEB.mapping, "PLACEMENT_NAMES": {"name": "Employer"}},
    {**PICSWEB.mapping, "CODES": {"ethnicity": {"Welsh": 31, 4: "34"}, "sex": {}}, "ENROL_QUIET_SECONDS": 20},
    {**PICSWEB.mapping, "ARCHIVED": {"property": "Archived"}, "ASSESSOR_ROLES": [5]},
]
VALUES = {"blank": "", "yes": "yes", "no": "no", "unknown": "unknown"}
WRONG_ROLES = [
    ("LEARNER", {"model": MISSING}, "E004"),
    ("LEARNER", {"model": 5}, "E004"),
    ("LEARNER", {"model": "picsweb.Pupil"}, "E005"),
    ("LEARNER", {"model": "Learner"}, "E005"),
    ("REVIEW", {"reviewer": "officer"}, "E007"),
    ("REVIEW", {"onefile_id": "onefile_id"}, "E007"),
    ("LEARNER", {"main_officer": "assessor"}, "E008"),
    ("LEARNER", {"main_officer": ["main_officer"]}, "E008"),
    ("LEARNER", {"ended_on": None}, "E008"),
    ("QUALIFICATION", {"registration_number": "units"}, "E008"),
    ("QUALIFICATION", {"registration_date": "title"}, "E009"),
    ("QUALIFICATION", {"total_elements": "title"}, "E009"),
    ("QUALIFICATION", {"registration_number": "assessor"}, "E009"),
    ("REVIEW", {"officer": "type"}, "E009"),
    ("REVIEW", {"proposed_time": "proposed_date"}, "E009"),
    ("REVIEW", {"attended": "proposed_time"}, "E009"),
    ("REVIEW", {"proposed_time": None}, "E009"),
    ("REVIEW", {"officer": "learner"}, "E010"),
    ("QUALIFICATION", {"learner": "assessor"}, "E010"),
    ("REVIEW", {"attended_values": {"yes": "yes", "no": "no"}}, "E012"),
    ("REVIEW", {"attended_values": ["yes", "no"]}, "E012"),
    ("REVIEW", {"attended_values": {**VALUES, "late": "late"}}, "E012"),
    ("REVIEW", {"attended_values": {**VALUES, "yes": "attended"}}, "E012"),
    ("REVIEW", {"attended_values": {**VALUES, "blank": None}}, "E012"),
    ("REVIEW", {"attended_values": {**VALUES, "yes": "no"}}, "E012"),
    ("REVIEW", {"attended_values": {**VALUES, "unknown": "no"}}, "E012"),
    ("REVIEW", {"created_type": "Progress"}, "E013"),
    ("REVIEW", {"created_type": None}, "E013"),
    ("REVIEW", {"normal_types": "Normal"}, "E013"),
    ("REVIEW", {"normal_types": []}, "E013"),
    ("REVIEW", {"normal_types": ["Normal", "Progress"]}, "E013"),
    ("LEARNER", {"live": "tests.nowhere.is_live"}, "E014"),
    ("LEARNER", {"live": "tests.checks.test_checks.nothing_here"}, "E014"),
    ("LEARNER", {"live": "tests.checks.test_checks.not_callable"}, "E014"),
    ("LEARNER", {"live": "tests.checks.test_checks.NotAFunction"}, "E014"),
    ("LEARNER", {"visible_to": "tests.checks.test_checks.NotAFunction"}, "E030"),
    ("LEARNER", {"visible_to": "tests.nowhere.visible_learners"}, "E030"),
    ("LEARNER", {"visible_to": ["visible_learners"]}, "E030"),
    ("LEARNER", {"live": {"status__in": ["live"]}}, "E015"),
    ("LEARNER", {"live": {"status__nonsense": "live"}}, "E015"),
    ("LEARNER", {"live": "tests.broken_on_purpose.is_live"}, "E014"),
    ("LEARNER", {"live": "enrolled"}, "E015"),
    ("LEARNER", {"live": "status"}, "E015"),
    ("LEARNER", {"live": MISSING}, "E015"),
    ("LEARNER", {"live": {}}, "E015"),
    ("LEARNER", {"live": None}, "E015"),
    ("LEARNER", {"live": {"state": "live"}}, "E015"),
    ("LEARNER", {"live": {"status": "Live"}}, "E015"),
    ("LEARNER", {"live": {"status": []}}, "E015"),
    ("LEARNER", {"live": {"qualifications": 1}}, "E015"),
    ("LEARNER", {"in_learning": {"actual_end_date": "never"}}, "E015"),
    ("QUALIFICATION", {"has_units": "unit_set"}, "E015"),
    ("QUALIFICATION", {"certificate_received_date": "registration_date"}, "E018"),
    ("LEARNER", {"ident": "number"}, "E008"),
    ("LEARNER", {"ident": 5}, "E008"),
    ("LEARNER", {"email": "main_officer__mail"}, "E008"),
    ("LEARNER", {"uln": "date_of_birth"}, "E009"),
    ("LEARNER", {"uln": "main_officer"}, "E009"),
    ("LEARNER", {"date_of_birth": "surname"}, "E009"),
    ("QUALIFICATION", {"reference": "units"}, "E008"),
    ("OFFICER", {"surname": "tests.nowhere.surname_of"}, "E014"),
    ("OFFICER", {"uln": "ident"}, "E007"),
    ("ORGANISATION", {"name": "onefile_id"}, "E009"),
    ("REVIEW", {"reference": "type"}, "E007"),
    ("LEARNER", {"telephone": "phone"}, "E008"),
    ("LEARNER", {"ethnicity": "main_officer"}, "E009"),
    ("LEARNER", {"ethnicity": "main_officer__onefile"}, "E008"),
    ("LEARNER", {"sex": "date_of_birth"}, "E009"),
    ("LEARNER", {"additional_officers": "main_officer"}, "E014"),
    ("LEARNER", {"additional_officers": ["main_officer"]}, "E014"),
    ("LEARNER", {"additional_officers": "tests.nowhere.officers_of"}, "E014"),
    ("QUALIFICATION", {"assessor": "learner"}, "E010"),
    ("QUALIFICATION", {"assessor": "title"}, "E009"),
    ("QUALIFICATION", {"assessor": "tests.nowhere.assessor_of"}, "E014"),
    ("QUALIFICATION", {"planned_end_date": "title"}, "E009"),
    ("QUALIFICATION", {"uploaded": {"sent": True}}, "E015"),
    ("QUALIFICATION", {"uploaded": {}}, "E015"),
    ("QUALIFICATION", {"uploaded": "tests.nowhere.is_uploaded"}, "E014"),
    ("PLACEMENT", {"model": MISSING, "type": "type"}, "E004"),
    ("PLACEMENT", {"model": "picsweb.Job"}, "E005"),
    ("PLACEMENT", {"employer": "organisation"}, "E007"),
    ("PLACEMENT", {"organisation": "employer"}, "E008"),
    ("PLACEMENT", {"organisation": "type"}, "E009"),
    ("PLACEMENT", {"organisation": "learner"}, "E010"),
    ("PLACEMENT", {"learner": "organisation"}, "E010"),
    ("PLACEMENT", {"type": "kind"}, "E008"),
    ("PLACEMENT", {"type": "start_date"}, "E009"),
    ("PLACEMENT", {"start_date": "type"}, "E009"),
    ("PLACEMENT", {"placement_types": "P"}, "E071"),
    ("PLACEMENT", {"placement_types": []}, "E071"),
    ("PLACEMENT", {"placement_types": ["longer than the type"]}, "E071"),
]
RIGHT_ROLES = [
    ("LEARNER", dict.fromkeys(set(LEARNER.optional_roles) - {"first_name", "surname", "email"})),
    ("LEARNER", {"ethnicity": "main_officer__onefile_id", "sex": "tests.checks.test_checks.not_a_model"}),
    ("LEARNER", {"additional_officers": "tests.checks.test_checks.not_a_model"}),
    ("QUALIFICATION", {"uploaded": {"title": ["a", "b"]}, "planned_end_date": None, "assessor": None}),
    ("QUALIFICATION", {"assessor": "learner__main_officer", "uploaded": "units"}),
    ("PLACEMENT", {"type": None, "start_date": None}),
    ("PLACEMENT", {"type": "tests.checks.test_checks.not_a_model", "placement_types": [True]}),
    ("PLACEMENT", {"placement_types": ["P", "W"], "start_date": "learner__start_date"}),
    ("LEARNER", {"email": "main_officer__email", "first_name": "tests.checks.test_checks.not_a_model"}),
    (
        "LEARNER",
        {"start_date": "actual_end_date", "ident": "uln"},
    ),  # read only, so a field may play two roles
    ("OFFICER", {"surname": "tests.college.mapping.surname_of"}),
    ("QUALIFICATION", {"start_date": "registration_date"}),
    ("ORGANISATION", {"ident": None}),
    ("LEARNER", {"live": "tests.checks.test_checks.not_a_model"}),
    ("LEARNER", {"live": {"status": ["live", "dormant"], "email": ""}}),
    ("REVIEW", {"attended_values": {**VALUES, "unknown": ""}}),
    ("REVIEW", {"normal_types": ["Normal", "Welfare"], "created_type": "Welfare"}),
    ("QUALIFICATION", {"has_units": "assessor"}),
]


@pytest.fixture(autouse=True)
def a_module_that_breaks_on_import(monkeypatch, tmp_path):
    import tests

    (tmp_path / "broken_on_purpose.py").write_text("1 / 0")
    monkeypatch.setattr(tests, "__path__", [*tests.__path__, str(tmp_path)])


class TestTheMapping:
    @pytest.mark.parametrize(("written", "expected"), WRONG_KEYS)
    def test_a_wrong_key(self, settings, written, expected):
        settings.ONEFILE_SYNC = written
        messages = checks.check_mapping()
        assert ids(messages) == [expected]
        assert all(message.hint for message in messages)

    @pytest.mark.parametrize("written", RIGHT_KEYS)
    def test_a_right_key(self, settings, written):
        settings.ONEFILE_SYNC = written
        assert checks.check_mapping() == []

    @pytest.mark.filterwarnings("ignore:ONEFILE_SYNC:DeprecationWarning")
    @pytest.mark.parametrize(
        ("key", "value", "expected", "hint"),
        [
            ("STUDENT", PICSWEB.mapping["LEARNER"], "W005", "Write 'LEARNER'"),
            ("FAST", True, "E002", "Just remove it."),
        ],
    )
    def test_a_key_of_an_earlier_release(self, settings, monkeypatch, key, value, expected, hint):
        monkeypatch.setattr(conf, "FORMER_KEYS", {"STUDENT": "LEARNER", "FAST": "Just remove it."})
        others = {each: spec for each, spec in PICSWEB.mapping.items() if each != "LEARNER"}
        settings.ONEFILE_SYNC = {**others, key: value}
        (message,) = checks.check_mapping()
        assert ids([message]) == [expected]
        assert message.hint.startswith(hint)
        assert checks.mapping_errors() == ([message] if expected == "E002" else [])

    @pytest.mark.parametrize(("part", "values", "expected"), WRONG_ROLES)
    def test_a_wrong_role(self, settings, part, values, expected):
        settings.ONEFILE_SYNC = changed(PICSWEB.mapping, part, **values)
        messages = checks.check_mapping()
        assert ids(messages) == [expected]
        assert all(message.hint for message in messages)
        assert checks.mapping_errors() == messages

    @pytest.mark.parametrize(("part", "values"), RIGHT_ROLES)
    def test_a_right_role(self, settings, part, values):
        settings.ONEFILE_SYNC = changed(PICSWEB.mapping, part, **values)
        assert checks.check_mapping() == []

    def test_an_organisation_without_the_mixin(self, settings):
        others = {key: spec for key, spec in PICSWEB.mapping.items() if key != "PLACEMENT"}
        settings.ONEFILE_SYNC = changed(others, "ORGANISATION", model="picsweb.Placement")
        assert ids(checks.check_mapping()) == ["E006"]

    def test_placements_need_organisations(self, settings):
        settings.ONEFILE_SYNC = {key: spec for key, spec in PICSWEB.mapping.items() if key != "ORGANISATION"}
        (message,) = checks.check_mapping()
        assert (ids([message]), "leave PLACEMENT out" in message.hint) == (["E004"], True)

    def test_a_warning_is_no_reason_to_refuse_work(self, settings):
        settings.ONEFILE_SYNC = {**PICSWEB.mapping, "CALLS_PER_MINUTE": 301}
        assert checks.mapping_errors() == []

    def test_the_type_of_another_review_must_exist_as_a_key(self, settings):
        settings.ONEFILE_SYNC = changed(SECOND_HOST.mapping, "REVIEW", created_type="longer than the key")
        assert ids(checks.check_mapping()) == ["E013"]

    @pytest.mark.parametrize("name", ["actual_date", "proposed_time", "officer", "trainee_signed_date"])
    def test_what_a_review_may_lack_must_be_able_to_be_null(self, monkeypatch, name):
        monkeypatch.setattr(Review._meta.get_field(name), "null", False)
        assert ids(checks.check_mapping()) == ["E011"]

    @pytest.mark.parametrize("itself", ["auto_now", "auto_now_add"])
    @pytest.mark.parametrize(
        ("model", "name"), [(Review, "actual_date"), (Qualification, "registration_date")]
    )
    def test_a_field_that_fills_itself_keeps_nothing_of_onefiles(self, monkeypatch, model, name, itself):
        monkeypatch.setattr(model._meta.get_field(name), itself, True)
        messages = checks.check_mapping()
        assert ids(messages) == ["E070"]
        assert f"fills {name!r} itself" in messages[0].msg
        assert name not in messages[0].hint

    @pytest.mark.parametrize(
        ("part", "values", "hint"),
        [
            (
                "QUALIFICATION",
                {"total_elements": "title"},
                "Name an IntegerField. picsweb.Qualification has: total_elements, elements_done.",
            ),
            (
                "QUALIFICATION",
                {"registration_number": "number"},
                "a TextField. picsweb.Qualification has: reference, title, registration_number.",
            ),
            (
                "REVIEW",
                {"proposed_time": "proposed_date"},
                "Name a TimeField, or None where the date-time of",
            ),
            ("REVIEW", {"proposed_time": "at"}, "the name of a TimeField, or None where the date-time of"),
        ],
    )
    def test_a_hint_names_what_could_be_written(self, settings, part, values, hint):
        settings.ONEFILE_SYNC = changed(PICSWEB.mapping, part, **values)
        (message,) = checks.check_mapping()
        assert hint in message.hint

    @pytest.mark.parametrize(
        ("part", "values", "named"),
        [
            ("LEARNER", {"live": {"state": "live"}}, "status"),
            ("LEARNER", {"in_learning": {"actual_end_dates": None}}, "actual_end_date"),
            ("QUALIFICATION", {"has_units": "unit_set"}, "units"),
        ],
    )
    def test_a_condition_of_what_is_not_there_names_what_there_is(self, settings, part, values, named):
        settings.ONEFILE_SYNC = changed(PICSWEB.mapping, part, **values)
        (message,) = checks.check_mapping()
        _what, _separator, there = message.msg.partition("; it has ")
        assert named in there.rstrip(".").split(", ")

    def test_no_message_points_at_a_file_that_is_not_installed(self):
        sources = (Path(checks.__file__).parent).glob("*.py")
        assert not [source.name for source in sources if "docs/" in source.read_text("utf-8")]

    @isolate_apps("tests.college")
    def test_a_base_of_the_hosts_own_keeps_its_meta(self):
        class Dated(models.Model):
            class Meta:
                abstract = True
                ordering = ["pk"]

        class MixinFirst(OneFileLearnerMixin, Dated):
            __module__ = "tests.college.models"

        class BaseFirst(Dated, OneFileLearnerMixin):
            __module__ = "tests.college.models"

        class OwnMeta(OneFileLearnerMixin, Dated):
            __module__ = "tests.college.models"

            class Meta:
                verbose_name = "trainee"

        def told(model):
            return list(picsweb._meta_of_bases(model, OneFileLearnerMixin))

        assert BaseFirst._meta.ordering == ["pk"]
        assert told(BaseFirst) == told(OwnMeta) == []
        (message,) = told(MixinFirst)
        assert message.id == "onefile_sync.W070"
        assert message.hint == "Write class MixinFirst(Dated, OneFileLearnerMixin): your own base first."
        assert message.msg.endswith("Meta of Dated says: ordering.")

    def test_a_foreign_key_must_lead_to_the_primary_key(self, monkeypatch):
        monkeypatch.setattr(Officer._meta.pk, "primary_key", False)
        assert set(ids(checks.check_mapping())) == {"E010"}

    def test_a_foreign_key_to_an_unknown_model_is_reported_once(self, settings):
        settings.ONEFILE_SYNC = changed(PICSWEB.mapping, "OFFICER", model="picsweb.Nobody")
        assert ids(checks.check_mapping()) == ["E005"]

    @pytest.mark.parametrize(
        ("made_so", "expected"),
        [
            ({"null": False}, ["W002"]),
            ({"null": False, "default": "2026-01-01"}, []),
            ({"null": False, "auto_now": True}, []),
            ({"null": False, "auto_now_add": True}, []),
            ({"null": True}, []),
        ],
    )
    def test_a_field_that_a_downloaded_review_does_not_fill(self, monkeypatch, settings, made_so, expected):
        settings.ONEFILE_SYNC = SECOND_HOST.mapping
        stamp = Meeting._meta.get_field("edited_at")
        for name, value in {"auto_now": False, **made_so}.items():
            monkeypatch.setattr(stamp, name, value)
        assert ids(checks.check_mapping()) == expected


SAFE = {
    "name": "picsweb",
    "orm": "default",
    "workers": 1,
    "timeout": 300,
    "retry": 660,
    "max_attempts": 3,
    "catch_up": False,
}
CLUSTERS = [
    ({}, []),
    ({"timeout": 300, "retry": 300}, ["E021"]),
    ({"timeout": 300, "retry": MISSING}, ["E021"]),
    ({"timeout": 300, "retry": 400}, ["W021"]),
    ({"timeout": 100}, ["E022"]),
    ({"timeout": 200}, ["E022"]),
    ({"timeout": 240}, []),
    ({"timeout": None}, ["W020"]),
    ({"timeout": "300"}, ["W020"]),
    ({"timeout": None, "retry": 100}, ["E022", "W020"]),
    ({"max_attempts": 0}, ["W022"]),
    ({"max_attempts": 0, "ack_failures": True}, []),
    ({"catch_up": True}, ["W023"]),
    ({"catch_up": MISSING}, ["W023"]),
    ({"name": MISSING}, ["W024"]),
    ({"orm": MISSING}, ["E024"]),
    ({"orm": MISSING, "redis": {"host": "127.0.0.1"}}, []),
    ({"orm": MISSING, "broker_class": "mis.brokers.Queue"}, []),
    ({"bulk": 10}, ["W025"]),
    ({"workers": 2}, []),
    ({"sync": True}, ["W027"]),
    ({"time_zone": "UTC"}, ["W029"]),
    ({"time_zone": "Europe/London"}, []),
]


class TestTheCluster:
    @pytest.fixture(autouse=True)
    def queue(self, settings, monkeypatch):
        """The queue's database: correctly configured SQLite, regardless of the tests' own database."""
        queue = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"transaction_mode": "IMMEDIATE"}}
        monkeypatch.setitem(settings.DATABASES, "default", queue)
        return queue

    @pytest.mark.parametrize(("values", "expected"), CLUSTERS)
    def test_its_settings(self, settings, values, expected):
        settings.Q_CLUSTER = {key: value for key, value in {**SAFE, **values}.items() if value is not MISSING}
        messages = checks.check_cluster()
        assert ids(messages) == expected
        assert all(message.hint for message in messages)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, ["W026"]),
            (None, ["W026"]),
            ({"timeout": 20}, ["W026"]),
            ({"transaction_mode": None}, ["W026"]),
            ({"transaction_mode": "DEFERRED"}, ["W026"]),
            ({"transaction_mode": "exclusive"}, []),
            ({"transaction_mode": "IMMEDIATE"}, []),
        ],
    )
    @pytest.mark.parametrize(
        "values", [{"workers": 1}, {"workers": 2}, {"orm": MISSING, "redis": "redis://127.0.0.1"}], ids=str
    )
    def test_transactions_in_sqlite_must_begin_by_writing(self, settings, queue, values, options, expected):
        queue["OPTIONS"] = options
        settings.Q_CLUSTER = {key: value for key, value in {**SAFE, **values}.items() if value is not MISSING}
        assert ids(checks.check_cluster()) == expected

    def test_a_queue_in_a_database_of_its_own_counts_too(self, settings, monkeypatch):
        monkeypatch.setitem(settings.DATABASES, "queue", {"ENGINE": "django.db.backends.sqlite3"})
        settings.Q_CLUSTER = {**SAFE, "orm": "queue"}
        assert ids(checks.check_cluster()) == ["W026"]

    def test_postgresql_needs_no_options(self, settings, queue):
        queue.update(ENGINE="django.db.backends.postgresql", OPTIONS={})
        settings.Q_CLUSTER = {**SAFE, "workers": 2}
        assert checks.check_cluster() == []

    def test_one_worker_makes_clicks_wait_where_two_would_be_possible(self, settings, queue):
        settings.Q_CLUSTER = {**SAFE, "workers": 1}
        assert checks.check_cluster() == []
        queue.update(ENGINE="django.db.backends.postgresql", OPTIONS={})
        assert ids(checks.check_cluster()) == ["W060"]

    @pytest.mark.parametrize(
        ("site", "queue_zone", "ours", "expected"),
        [
            ("UTC", MISSING, "Europe/London", ["W029"]),
            ("UTC", None, "Europe/London", ["W029"]),
            ("UTC", "Europe/London", "Europe/London", []),
            ("Europe/London", MISSING, "Europe/London", []),
            ("Europe/London", MISSING, "Europe/Dublin", ["W029"]),
            ("UTC", MISSING, "UTC", []),
        ],
    )
    def test_the_schedule_keeps_its_hour_when_the_clocks_change(
        self, settings, site, queue_zone, ours, expected
    ):
        settings.TIME_ZONE = site
        settings.ONEFILE_SYNC = {**PICSWEB.mapping, "TIME_ZONE": ours}
        zone = {} if queue_zone is MISSING else {"time_zone": queue_zone}
        settings.Q_CLUSTER = {**SAFE, **zone}
        assert ids(checks.check_cluster()) == expected

    @pytest.mark.parametrize("written", [None, {}, []])
    def test_it_is_missing(self, settings, written):
        settings.Q_CLUSTER = written
        assert ids(checks.check_cluster()) == ["E020"]

    def test_django_q2_is_not_installed(self, settings):
        settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_q"]
        assert ids(checks.check_cluster()) == ["E020"]

    @pytest.mark.parametrize(
        ("cluster", "expected"),
        [
            ({}, ["E023"]),
            ({"ALT_CLUSTERS": ["onefile"]}, ["E023"]),
            ({"ALT_CLUSTERS": {"onefile": {}}}, []),
            ({"ALT_CLUSTERS": {"onefile": {"timeout": 300, "retry": 200}}}, ["E021"]),
            ({"name": "onefile"}, []),
        ],
    )
    def test_a_cluster_of_our_own_counts_with_its_own_settings(self, settings, cluster, expected):
        settings.ONEFILE_SYNC = {**PICSWEB.mapping, "CLUSTER": "onefile"}
        settings.Q_CLUSTER = {**SAFE, **cluster}
        assert ids(checks.check_cluster()) == expected

    def test_wrong_deployment_settings_are_reported_elsewhere(self, settings):
        settings.ONEFILE_SYNC = {"CLUSTER": 5}
        assert checks.check_cluster() == []


class QueueElsewhere:
    """A database router that keeps django-q2's tables in a separate database."""

    def db_for_read(self, model, **hints):
        return "queue" if model is Schedule else None


def have_scheduled(scheduled, **values):
    return Schedule.objects.create(
        **{
            "name": scheduled.name,
            "func": scheduled.task,
            "schedule_type": Schedule.DAILY,
            "repeats": -1,
            **values,
        }
    )


def both_scheduled():
    for scheduled in SCHEDULED_TASKS:
        have_scheduled(scheduled)


def the_other(scheduled):
    return SWEEP if scheduled is DAILY else DAILY


def messages_of(databases):
    """The messages of the database checks, in the order in which Django runs them."""
    return [*checks.check_database(databases=databases), *check_schedules(databases=databases)]


@pytest.mark.django_db
class TestTheDatabase:
    def found(self):
        return ids(messages_of(["default"]))

    def test_two_that_run_are_fine(self):
        OneFileSettings(enabled=True).save()
        both_scheduled()
        assert self.found() == []

    def test_they_are_missing_once_the_integration_is_on(self):
        assert self.found() == []
        OneFileSettings(enabled=True).save()
        assert self.found() == ["W030", "W030"]

    @pytest.mark.parametrize(("scheduled", "says"), [(DAILY, "the daily sync"), (SWEEP, "the sweep")])
    def test_one_is_missing_once_the_integration_is_on(self, scheduled, says):
        OneFileSettings(enabled=True).save()
        have_scheduled(the_other(scheduled))
        (message,) = messages_of(["default"])
        assert message.id == "onefile_sync.W030"
        assert f"nothing starts {says}" in message.msg

    @pytest.mark.parametrize("scheduled", SCHEDULED_TASKS, ids=lambda scheduled: scheduled.name)
    def test_it_is_doubled(self, scheduled):
        both_scheduled()
        have_scheduled(scheduled)
        (message,) = messages_of(["default"])
        assert message.id == "onefile_sync.W031"
        assert scheduled.name in message.msg

    @pytest.mark.parametrize("scheduled", SCHEDULED_TASKS, ids=lambda scheduled: scheduled.name)
    @pytest.mark.parametrize(
        "values",
        [
            {"func": "onefile_sync.tasks.nightly"},
            {"repeats": 0},
            {"cluster": "gone"},
            {"cluster": ""},
        ],
        ids=str,
    )
    def test_it_cannot_run(self, scheduled, values):
        have_scheduled(the_other(scheduled))
        have_scheduled(scheduled, **values)
        (message,) = messages_of(["default"])
        assert message.id == "onefile_sync.W032"
        assert scheduled.name in message.msg

    def test_each_needs_a_task_of_its_own(self):
        have_scheduled(DAILY, func=SWEEP.task)
        have_scheduled(SWEEP, func=DAILY.task)
        assert self.found() == ["W032", "W032"]

    @pytest.mark.parametrize("cluster", ["picsweb", "onefile"])
    def test_an_operator_may_give_it_to_another_cluster(self, settings, cluster):
        settings.Q_CLUSTER = {**SAFE, "ALT_CLUSTERS": {"onefile": {}}}
        for scheduled in SCHEDULED_TASKS:
            have_scheduled(scheduled, cluster=cluster)
        assert self.found() == []

    def test_a_broken_schedule_that_stops_all_schedules(self):
        both_scheduled()
        have_scheduled(DAILY, name="somebody else's", args="not, python")
        assert self.found() == ["W033"]

    def test_readable_args_are_fine(self):
        have_scheduled(DAILY, name="somebody else's", args="'a', 2")
        assert self.found() == []

    @pytest.mark.parametrize("databases", [None, [], ["other"]])
    def test_the_database_is_not_touched_unless_asked_for(self, django_assert_num_queries, databases):
        with django_assert_num_queries(0):
            assert messages_of(databases) == []

    @pytest.mark.parametrize(
        ("manager", "method"), [(OneFileSettings.objects, "select_related"), (Schedule.objects, "order_by")]
    )
    def test_tables_that_are_not_there_yet_are_named_and_no_error(self, monkeypatch, manager, method):
        def no_such_table(*args, **kwargs):
            raise DatabaseError

        have_scheduled(DAILY, repeats=0)
        monkeypatch.setattr(manager, method, no_such_table)
        assert self.found() == ["W035"]

    def test_a_schedule_in_a_database_that_is_not_checked_is_left_alone(self, settings):
        settings.DATABASE_ROUTERS = ["tests.checks.test_checks.QueueElsewhere"]
        OneFileSettings(enabled=True).save()
        assert self.found() == []

    def test_without_django_q2_there_is_no_schedule_to_check(self, settings):
        OneFileSettings(enabled=True).save()
        settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_q"]
        assert self.found() == []

    @pytest.mark.parametrize(("is_there", "expected"), [(True, []), (False, ["W034"])])
    def test_the_type_of_new_reviews_must_be_there(self, settings, is_there, expected):
        settings.ONEFILE_SYNC = SECOND_HOST.mapping
        OneFileSettings(enabled=True).save()
        both_scheduled()
        if is_there:
            MeetingKindFactory(code="PROG")
        assert self.found() == expected

    def test_every_type_that_is_named_must_be_there(self, settings):
        settings.ONEFILE_SYNC = changed(SECOND_HOST.mapping, "REVIEW", normal_types=["PROG", "WELF"])
        OneFileSettings(enabled=True).save()
        both_scheduled()
        MeetingKindFactory(code="PROG")
        (message,) = messages_of(["default"])
        assert message.id == "onefile_sync.W034"
        assert "no college.MeetingKind 'WELF'" in message.msg
        assert "(PROG)" in message.hint

    def test_rows_are_not_looked_for_by_a_wrong_mapping(self, settings):
        settings.ONEFILE_SYNC = changed(SECOND_HOST.mapping, "REVIEW", type="sort")
        OneFileSettings(enabled=True).save()
        both_scheduled()
        assert self.found() == []

    def test_it_is_part_of_djangos_database_checks(self, capsys):
        OneFileSettings(enabled=True).save()
        call_command("check", databases=["default"])
        assert "onefile_sync.W030" in capsys.readouterr().err
