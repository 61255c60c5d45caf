"""The deployment's settings: defaults, what is accepted, and how a mistake is told."""

import re
from datetime import time, timedelta
from pathlib import Path

import certifi
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.views.debug import ExceptionReporter

from onefile_sync import conf
from onefile_sync.conf import KEYS, Deployment, deployment

DEFAULTS = {
    "learner": {},
    "base_url": None,
    "customer_token": None,
    "calls_per_minute": 300,
    "aim_names": {},
    "user_names": {},
    "standard_names": {},
    "placement_names": {},
    "assessor_roles": (5, 4),
    "archived": (None, (2,)),
    "visit_types": {"not_specified": 0, "remote_session": 1, "face_to_face": 2},
    "codes": {},
    "enrol_quiet_seconds": None,
    "page_size": 100,
    "ended_within_days": 31,
    "daily_at": time(2),
    "cluster": None,
    "tasks_per_run": 1,
    "task_seconds": 120,
    "lease_seconds": 300,
    "timeout_seconds": 30,
    "ca_bundle": None,
    "proxy": None,
}


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_what_is_not_written_has_a_default(settings, name, value):
    settings.ONEFILE_SYNC = {}
    assert getattr(deployment, name) == value


def test_the_time_zone_is_the_providers(settings):
    settings.ONEFILE_SYNC = {}
    assert deployment.time_zone.key == "Europe/London"


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("BASE_URL", "https://onefile.example/api/v2.1/", "https://onefile.example/api/v2.1"),
        ("BASE_URL", "http://127.0.0.1:9000", "http://127.0.0.1:9000/api/v2.1"),
        ("PROXY", "http://proxy.example:3128", "http://proxy.example:3128"),
        ("PROXY", "https://name:password@[::1]:3128/", "https://name:password@[::1]:3128/"),
        ("CA_BUNDLE", certifi.where(), certifi.where()),
        ("CA_BUNDLE", Path(certifi.where()), certifi.where()),
        ("CUSTOMER_TOKEN", " a token ", "a token"),
        ("CUSTOMER_TOKEN", {"live": " a token "}, {"live": "a token"}),
        ("CALLS_PER_MINUTE", None, None),
        ("CALLS_PER_MINUTE", 60, 60),
        ("AIM_NAMES", {"total_elements": "UnitCount"}, {"total_elements": "UnitCount"}),
        ("USER_NAMES", {"ni_number": "NI"}, {"ni_number": "NI"}),
        ("STANDARD_NAMES", {"code": " Code "}, {"code": "Code"}),
        ("PLACEMENT_NAMES", {"name": "Employer"}, {"name": "Employer"}),
        ("ASSESSOR_ROLES", [5], (5,)),
        ("ASSESSOR_ROLES", (), ()),
        ("ARCHIVED", {"property": "Archived"}, ("Archived", (2,))),
        ("ARCHIVED", {"roles": []}, (None, ())),
        ("ARCHIVED", {}, (None, (2,))),
        (
            "VISIT_TYPES",
            {"not_specified": 3, "remote_session": 4, "face_to_face": 5},
            {"not_specified": 3, "remote_session": 4, "face_to_face": 5},
        ),
        ("DAILY_AT", "23:45", time(23, 45)),
        ("CLUSTER", "onefile", "onefile"),
        ("ENDED_WITHIN_DAYS", 0, 0),
        ("LEASE_SECONDS", 900, 900),
        ("TIMEOUT_SECONDS", 60, 60),
        ("TIMEOUT_SECONDS", 2.5, 2.5),
        ("LEARNER", {"model": "picsweb.Learner"}, {"model": "picsweb.Learner"}),
    ],
)
def test_what_is_written_counts(settings, key, written, value):
    settings.ONEFILE_SYNC = {key: written}
    assert getattr(deployment, key.lower()) == value


WRONG = [
    ("LEARNER", "picsweb.Learner"),
    ("BASE_URL", "onefile.example"),
    ("BASE_URL", "ftp://onefile.example"),
    ("BASE_URL", ""),
    ("CUSTOMER_TOKEN", 12345),
    ("CUSTOMER_TOKEN", "  "),
    ("CUSTOMER_TOKEN", {}),
    ("CUSTOMER_TOKEN", {"elsewhere": "12345"}),
    ("CUSTOMER_TOKEN", {"live": ""}),
    ("TIME_ZONE", "Europe/Mars"),
    ("TIME_ZONE", None),
    ("TIME_ZONE", "../etc/passwd"),
    ("CALLS_PER_MINUTE", 0),
    ("CALLS_PER_MINUTE", "300"),
    ("CALLS_PER_MINUTE", True),
    ("AIM_NAMES", ["UnitCount"]),
    ("AIM_NAMES", {"total_elements": 5}),
    ("USER_NAMES", ["NI"]),
    ("USER_NAMES", {"ni_number": None}),
    ("STANDARD_NAMES", {"code": ""}),
    ("PLACEMENT_NAMES", "Name"),
    ("ASSESSOR_ROLES", 5),
    ("ASSESSOR_ROLES", "54"),
    ("ASSESSOR_ROLES", ["5"]),
    ("ASSESSOR_ROLES", [True]),
    ("ARCHIVED", None),
    ("ARCHIVED", {"property": ""}),
    ("ARCHIVED", {"roles": 2}),
    ("ARCHIVED", {"roles": [-1]}),
    ("ARCHIVED", {"role": [2]}),
    ("VISIT_TYPES", {"not_specified": 0}),
    ("VISIT_TYPES", {"not_specified": 0, "remote_session": 1, "face_to_face": "2"}),
    ("PAGE_SIZE", 0),
    ("ENDED_WITHIN_DAYS", -1),
    ("DAILY_AT", "2am"),
    ("DAILY_AT", "24:00"),
    ("DAILY_AT", None),
    ("TASKS_PER_RUN", 1.5),
    ("TASK_SECONDS", None),
    ("LEASE_SECONDS", 0),
    ("LEASE_SECONDS", 90.5),
    ("LEASE_SECONDS", None),
    ("TIMEOUT_SECONDS", 0),
    ("TIMEOUT_SECONDS", -1),
    ("TIMEOUT_SECONDS", "30"),
    ("TIMEOUT_SECONDS", True),
    ("TIMEOUT_SECONDS", float("inf")),
    ("TIMEOUT_SECONDS", float("nan")),
    ("TIMEOUT_SECONDS", None),
]


@pytest.mark.parametrize(("key", "written"), WRONG)
def test_a_wrong_value_is_reported_by_its_key_and_never_quoted(settings, key, written):
    settings.ONEFILE_SYNC = {key: written}
    with pytest.raises(ImproperlyConfigured) as caught:
        getattr(deployment, key.lower())
    assert str(caught.value).startswith(f"ONEFILE_SYNC['{key}'] should be ")
    assert caught.value.__suppress_context__
    if key == "CUSTOMER_TOKEN":
        assert "12345" not in str(caught.value)


def test_an_unknown_key_is_always_reported(settings):
    settings.ONEFILE_SYNC = {"CALLS_PER_MINUT": 60}
    with pytest.raises(ImproperlyConfigured, match="CALLS_PER_MINUT"):
        _ = deployment.page_size


@pytest.fixture
def former_keys(monkeypatch):
    rows = {"RESULTS_PER_PAGE": "PAGE_SIZE", "FAST": "Remove it: calls are as fast as OneFile allows."}
    monkeypatch.setattr(conf, "FORMER_KEYS", rows)


class TestKeysOfEarlierReleases:
    """A key is renamed or removed by a row; there may be none at present, so these bring their own."""

    def test_one_that_was_replaced_works_and_warns(self, settings, former_keys):
        settings.ONEFILE_SYNC = {"RESULTS_PER_PAGE": 50}
        with pytest.warns(
            DeprecationWarning, match=r"\['RESULTS_PER_PAGE'\] has been renamed to 'PAGE_SIZE'"
        ):
            assert deployment.page_size == 50
        assert deployment.calls_per_minute == 300

    def test_the_present_key_counts_where_both_are_written(self, settings, former_keys):
        settings.ONEFILE_SYNC = {"PAGE_SIZE": 20, "RESULTS_PER_PAGE": 50}
        with pytest.warns(DeprecationWarning, match="RESULTS_PER_PAGE"):
            assert deployment.page_size == 20

    def test_one_that_was_removed_is_refused_with_what_to_do(self, settings, former_keys):
        settings.ONEFILE_SYNC = {"FAST": True}
        with pytest.raises(
            ImproperlyConfigured, match=r"\['FAST'\] was removed. Remove it: calls are as fast"
        ):
            _ = deployment.page_size

    def test_each_row_leads_to_a_key_or_says_what_to_do(self):
        assert not conf.FORMER_KEYS.keys() & KEYS.keys()
        assert all(instead in KEYS or instead.endswith(".") for instead in conf.FORMER_KEYS.values())


@pytest.mark.parametrize("written", [None, [], "LEARNER"])
def test_settings_that_are_missing_or_not_a_dict_are_reported(settings, written):
    settings.ONEFILE_SYNC = written
    with pytest.raises(ImproperlyConfigured, match="ONEFILE_SYNC is missing"):
        _ = deployment.page_size


@pytest.mark.parametrize(("written", "minutes"), [({}, 5), ({"LEASE_SECONDS": 90}, 1.5)])
def test_the_lease_is_a_length_of_time(settings, written, minutes):
    settings.ONEFILE_SYNC = written
    assert deployment.lease == timedelta(minutes=minutes)


def test_changed_settings_count_at_once(settings):
    settings.ONEFILE_SYNC = {"PAGE_SIZE": 7}
    assert deployment.page_size == 7
    settings.ONEFILE_SYNC = {"PAGE_SIZE": 8}
    assert deployment.page_size == 8


def test_other_settings_leave_it_alone(settings):
    settings.ONEFILE_SYNC = {"PAGE_SIZE": 7}
    written = deployment.written()
    settings.USE_TZ = True
    assert deployment.written() is written


class TestAddress:
    @pytest.mark.parametrize(
        ("environment", "address"),
        [
            ("live", "https://wsapi.onefile.co.uk/api/v2.1"),
            ("beta", "https://wsapibeta.onefile.co.uk/api/v2.1"),
            ("practice", "https://wsapi2.onefile.co.uk/api/v2.1"),
            ("sandbox", "http://127.0.0.1:8765/api/v2.1"),
        ],
    )
    def test_goes_by_the_environment(self, settings, environment, address):
        settings.ONEFILE_SYNC = {}
        assert deployment.address(environment) == address

    def test_is_what_the_deployment_says_where_it_says_one(self, settings):
        settings.ONEFILE_SYNC = {"BASE_URL": "http://127.0.0.1:9000/api/v2.1"}
        assert deployment.address("live") == "http://127.0.0.1:9000/api/v2.1"


def test_every_key_says_what_it_should_be():
    assert set(KEYS) >= {"LEARNER", "REVIEW", "TIME_ZONE", "TASK_SECONDS"}
    assert all(setting.should_be for setting in KEYS.values())
    assert Deployment.page_size is KEYS["PAGE_SIZE"]


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("PROXY", "socks5://proxy-canary:1080"),
        ("PROXY", "proxy-canary:3128"),
        ("PROXY", "http://"),
        ("PROXY", "http://proxy-canary:port"),
        ("PROXY", "http://proxy-canary:3128/path"),
        ("PROXY", {"https": "http://proxy-canary:3128"}),
        ("CA_BUNDLE", "canary.pem"),
        ("CA_BUNDLE", "/nowhere/canary.pem"),
        ("CA_BUNDLE", str(Path(__file__).parent)),
        ("CA_BUNDLE", str(Path(__file__))),
        ("CA_BUNDLE", True),
    ],
)
def test_an_invalid_network_setting_is_reported_without_quoting_it(settings, key, written):
    settings.ONEFILE_SYNC = {key: written}
    with pytest.raises(ImproperlyConfigured, match=re.escape(key)) as told:
        getattr(deployment, key.lower())
    assert "canary" not in str(told.value)


@pytest.mark.parametrize("written", [{}, {"GAP": 60}], ids=["present keys", "a former key"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_proxys_password_is_not_in_what_django_reports_of_the_settings(settings, rf, monkeypatch, written):
    monkeypatch.setattr(conf, "FORMER_KEYS", {"GAP": "TASK_SECONDS"})
    settings.ONEFILE_SYNC = {
        "PROXY": "http://name:canary@proxy.example:3128",
        "CUSTOMER_TOKEN": "canary",
        **written,
    }
    assert deployment.proxy == "http://name:canary@proxy.example:3128"
    report = ExceptionReporter(rf.get("/"), ValueError, ValueError(), None)
    told = report.get_traceback_html() + report.get_traceback_text()
    assert "ONEFILE_SYNC" in told
    assert "canary" not in told


def test_codes_may_be_written_as_numbers(settings):
    settings.ONEFILE_SYNC = {"CODES": {"ethnicity": {"Welsh": 31, 4: " 34 "}}}
    assert deployment.codes == {"ethnicity": {"Welsh": "31", "4": "34"}}


@pytest.mark.parametrize(
    ("written", "seconds"), [({}, 300), ({"LEASE_SECONDS": 200}, 200), ({"ENROL_QUIET_SECONDS": 20}, 20)]
)
def test_nothing_is_created_again_for_a_lease_or_as_long_as_is_written(settings, written, seconds):
    settings.ONEFILE_SYNC = written
    assert deployment.enrol_quiet.total_seconds() == seconds
