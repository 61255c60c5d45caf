"""Deployment settings: the one dict ``settings.ONEFILE_SYNC``, read lazily through :data:`deployment`.

Settings that staff can edit are in :class:`onefile_sync.models.OneFileSettings`.
Each key has one line in :class:`Deployment`: its default, how it is read, and what it should be. Errors and system
checks quote the last.
"""

from __future__ import annotations

import re
import ssl
import warnings
from collections.abc import Callable, Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, overload
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from .secret import Secret

#: The addresses of OneFile's REST API v2.1 by environment, used where ``BASE_URL`` is not given.
ADDRESSES: Mapping[str, str] = {
    "live": "https://wsapi.onefile.co.uk/api/v2.1",
    "beta": "https://wsapibeta.onefile.co.uk/api/v2.1",
    "practice": "https://wsapi2.onefile.co.uk/api/v2.1",
    "sandbox": "http://127.0.0.1:8765/api/v2.1",
}

#: Keys of earlier releases: the key that has the value now, or a sentence that says what to do. A key that was replaced
#: works for one release, with a warning; one that was removed is refused.
FORMER_KEYS: Mapping[str, str] = {}

API_PATH = "/api/v2.1"

T = TypeVar("T")


class Archived(NamedTuple):
    """How a user in OneFile shows that they are archived: by a property, or by their role."""

    property: str | None
    roles: tuple[int, ...]


class Setting(Generic[T]):
    """One key of ``ONEFILE_SYNC``: the attribute's name in upper case.

    ``read`` turns what is written there into the value to use, or raises ``ValueError``.
    """

    def __init__(self, default: object, read: Callable[[Any], T], should_be: str) -> None:
        self.default = default
        self.read = read
        self.should_be = should_be
        self.key = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = name.upper()

    @overload
    def __get__(self, deployment: None, owner: type) -> Setting[T]: ...

    @overload
    def __get__(self, deployment: Deployment, owner: type) -> T: ...

    def __get__(self, deployment: Deployment | None, owner: type) -> Setting[T] | T:
        if deployment is None:
            return self
        written = deployment.written().get(self.key, self.default)
        try:
            return self.read(written)
        except (ValueError, TypeError, OSError):
            # The value may be a secret: the message names the key and not what is written there.
            raise ImproperlyConfigured(f"ONEFILE_SYNC[{self.key!r}] should be {self.should_be}.") from None


def _part(written: Any) -> Mapping[str, Any]:
    if not isinstance(written, Mapping):
        raise ValueError
    return written


def _text(written: Any) -> str:
    if not isinstance(written, str) or not written.strip():
        raise ValueError
    return written.strip()


def _address(written: Any) -> str:
    address = _text(written).rstrip("/")
    if not re.match(r"https?://[^/\s]+", address):
        raise ValueError
    # People may enter only the server's address: the path of the API is the same everywhere.
    return address if urlsplit(address).path else address + API_PATH


def _secret(written: Any) -> Secret:
    return Secret(_text(written))


def _certificates(written: Any) -> str:
    """The path must be absolute, as the web site and the workers may start in different directories."""
    path = Path(written)
    if not path.is_absolute():
        raise ValueError
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    return str(path)


def _proxy(written: Any) -> Secret:
    proxy = _secret(written)
    parts = urlsplit(proxy)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.path.strip("/")
        or parts.port == 0
    ):
        raise ValueError
    return proxy


def _whole_number(least: int) -> Callable[[Any], int]:
    def read(written: Any) -> int:
        if not isinstance(written, int) or isinstance(written, bool) or written < least:
            raise ValueError
        return written

    return read


def _seconds(written: Any) -> float:
    if not isinstance(written, int | float) or isinstance(written, bool) or not 0 < written < float("inf"):
        raise ValueError
    return written


def _or_none(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda written: None if written is None else read(written)


def _zone(written: Any) -> ZoneInfo:
    try:
        return ZoneInfo(_text(written))
    except KeyError:  # ZoneInfoNotFoundError is one
        raise ValueError from None


def _wall_time(written: Any) -> time:
    if not re.fullmatch(r"\d\d:\d\d", _text(written)):
        raise ValueError
    return time.fromisoformat(written)


def _names(written: Any) -> Mapping[str, str]:
    return {_text(name): _text(value) for name, value in _part(written).items()}


def _roles(written: Any) -> tuple[int, ...]:
    if not isinstance(written, list | tuple):
        raise ValueError
    role = _whole_number(0)
    return tuple(role(each) for each in written)


def _archived(written: Any) -> Archived:
    part = _part(written)
    if not part.keys() <= {"property", "roles"}:
        raise ValueError
    return Archived(_or_none(_text)(part.get("property")), _roles(part.get("roles", [2])))


def _codes(written: Any) -> Mapping[str, Mapping[str, str]]:
    """PICSWeb's values and OneFile's codes may be written as numbers."""
    return {
        _text(field): {_text_or_number(value): _text_or_number(code) for value, code in _part(codes).items()}
        for field, codes in _part(written).items()
    }


def _text_or_number(written: Any) -> str:
    if isinstance(written, int) and not isinstance(written, bool):
        return str(written)
    return _text(written)


def _token(written: Any) -> str | Mapping[str, str]:
    if not isinstance(written, Mapping):
        return _secret(written)
    tokens = {environment: Secret(token) for environment, token in _names(written).items()}
    if not tokens or not tokens.keys() <= ADDRESSES.keys():
        raise ValueError
    return tokens


def _visit_types(written: Any) -> Mapping[str, int]:
    number = _whole_number(0)
    visit_types = {name: number(value) for name, value in _part(written).items()}
    if visit_types.keys() != {"not_specified", "remote_session", "face_to_face"}:
        raise ValueError
    return visit_types


class Deployment:
    """``settings.ONEFILE_SYNC`` with defaults, typed. Read it as :data:`deployment`.

    Every attribute raises :class:`~django.core.exceptions.ImproperlyConfigured` when its key is wrong, or when the
    dict has a key that nobody knows (a typing error would otherwise look like a default).
    """

    learner = Setting({}, _part, "a dict that says which model is the learner")
    qualification = Setting({}, _part, "a dict that says which model is a learner's qualification")
    review = Setting({}, _part, "a dict that says which model is a learner's review")
    officer = Setting({}, _part, "a dict that says which model is the officer")
    organisation = Setting({}, _part, "a dict that says which model is the organisation")
    placement = Setting({}, _part, "a dict that says which model is a learner's placement")
    base_url = Setting(None, _or_none(_address), "an http(s) address, or None to use the environment's")
    customer_token = Setting(
        None,
        _or_none(_token),
        "a text, a dict of texts by environment, or None to use the token that staff entered",
    )
    time_zone = Setting("Europe/London", _zone, 'the name of a time zone, such as "Europe/London"')
    calls_per_minute = Setting(
        300, _or_none(_whole_number(1)), "a whole number from 1, or None for no rate limit"
    )
    aim_names = Setting({}, _names, "a dict of texts: the JSON names of values on a learning aim")
    user_names = Setting({}, _names, "a dict of texts: the JSON names of values on a user")
    standard_names = Setting({}, _names, "a dict of texts: the JSON names of values on a standard")
    placement_names = Setting({}, _names, "a dict of texts: the JSON names of values on a placement")
    assessor_roles = Setting([5, 4], _roles, "a list of whole numbers: the roles of users who are assessors")
    archived = Setting(
        {"property": None, "roles": [2]},
        _archived,
        'a dict with "property" (a JSON name or None) and "roles" (a list of whole numbers)',
    )
    codes = Setting(
        {}, _codes, "a dict of dicts by field: OneFile's code for each of PICSWeb's values, texts or numbers"
    )
    visit_types = Setting(
        {"not_specified": 0, "remote_session": 1, "face_to_face": 2},
        _visit_types,
        'a dict with the numbers of "not_specified", "remote_session" and "face_to_face"',
    )
    page_size = Setting(100, _whole_number(1), "a whole number from 1: records asked for at a time")
    ended_within_days = Setting(31, _whole_number(0), "a whole number of days from 0")
    daily_at = Setting("02:00", _wall_time, 'a time of day in TIME_ZONE such as "02:00"')
    cluster = Setting(None, _or_none(_text), "the name of a django-q2 cluster, or None for the default one")
    tasks_per_run = Setting(1, _whole_number(1), "a whole number from 1: tasks of one run at a time")
    task_seconds = Setting(120, _whole_number(1), "a whole number of seconds from 1")
    calls_at_once = Setting(4, _whole_number(1), "a whole number from 1: calls of one task at a time")
    night_hours = Setting(6, _seconds, "a number of hours above 0")
    lease_seconds = Setting(300, _whole_number(1), "a whole number of seconds from 1")
    enrol_quiet_seconds = Setting(
        None, _or_none(_whole_number(1)), "a whole number of seconds from 1, or None for LEASE_SECONDS"
    )
    timeout_seconds = Setting(30, _seconds, "a number of seconds above 0")
    ca_bundle = Setting(
        None,
        _or_none(_certificates),
        "the full path of a file of certificates (PEM), or None for those that come with requests",
    )
    proxy = Setting(
        None, _or_none(_proxy), 'an address such as "http://proxy.example:3128", or None to call directly'
    )

    def __init__(self) -> None:
        self._written: Mapping[str, Any] | None = None

    def written(self) -> Mapping[str, Any]:
        """The dict as written in the settings, without the defaults; raises ``ImproperlyConfigured``."""
        if self._written is None:
            written = getattr(settings, "ONEFILE_SYNC", None)
            if not isinstance(written, Mapping):
                raise ImproperlyConfigured("ONEFILE_SYNC is missing from the settings, or is not a dict.")
            if isinstance(written, dict) and isinstance(written.get("PROXY"), str):
                # Django's error reports print the settings. They hide what is called a token, but not a proxy, whose
                # address may have a password.
                written["PROXY"] = Secret(written["PROXY"])
            for key, instead in former_keys(written).items():
                if instead not in KEYS:
                    raise ImproperlyConfigured(f"ONEFILE_SYNC[{key!r}] was removed. {instead}")
                text = f"ONEFILE_SYNC[{key!r}] has been renamed to {instead!r}."
                warnings.warn(text, DeprecationWarning, stacklevel=2)
            written = under_present_keys(written)
            if unknown := sorted(str(key) for key in written if key not in KEYS):
                raise ImproperlyConfigured(f"ONEFILE_SYNC has unknown keys: {', '.join(unknown)}.")
            self._written = written
        return self._written

    def address(self, environment: str) -> str:
        """Where OneFile's API is: ``BASE_URL``, or else the address of an environment (``KeyError`` if unknown)."""
        return self.base_url or ADDRESSES[environment]

    def token_for(self, environment: str) -> str:
        """The installation's own token for an environment, or ``""``: a token belongs to one environment.

        A text alone belongs to ``BASE_URL``, or else to Live.
        """
        given = self.customer_token
        if isinstance(given, Mapping):
            return given.get(environment, "")
        return given if given and (self.base_url or environment == "live") else ""

    @property
    def lease(self) -> timedelta:
        """How long a claim on a learner holds, and how long a create whose answer is lost may still be on its way."""
        return timedelta(seconds=self.lease_seconds)

    @property
    def enrol_quiet(self) -> timedelta:
        """How long after a create without an answer nobody creates the same thing again."""
        seconds = self.enrol_quiet_seconds
        return self.lease if seconds is None else timedelta(seconds=seconds)

    def reload(self) -> None:
        self._written = None


#: Every key by name, from the class above.
KEYS: Mapping[str, Setting[Any]] = {
    setting.key: setting for setting in vars(Deployment).values() if isinstance(setting, Setting)
}

deployment = Deployment()


def former_keys(written: Mapping[str, Any]) -> dict[str, str]:
    """Those rows of :data:`FORMER_KEYS` whose key is written."""
    return {key: instead for key, instead in FORMER_KEYS.items() if key in written}


def under_present_keys(written: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is written, by the keys of today. Where a key is written under both names, the present one counts."""
    former = former_keys(written)
    if not former:
        return written
    return {former[key]: written[key] for key in former} | {
        key: value for key, value in written.items() if key not in former
    }


def _reload(*, setting: str, **_kwargs: object) -> None:
    if setting == "ONEFILE_SYNC":
        deployment.reload()


setting_changed.connect(_reload, dispatch_uid="onefile_sync.conf")
