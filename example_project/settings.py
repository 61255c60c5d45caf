"""Settings of the example PICSWeb for development and the demo; see ``settings_production.py`` for real use.

What differs from machine to machine comes from the environment: ``DATABASE_URL``, ``SECRET_KEY``, ``DEBUG``,
``ALLOWED_HOSTS``, ``REDIS_URL`` (then the queue's broker is Redis), ``ONEFILE_BASE_URL``,
``ONEFILE_CUSTOMER_TOKEN`` and ``ONEFILE_CALLS_PER_MINUTE``.
"""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent


def required(name: str) -> str:
    """A required environment variable. Raises ``ImproperlyConfigured`` if it is not set."""
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"Set the environment variable {name}.")
    return value


def whole_number(name: str, default: int) -> int:
    """An optional environment variable with a whole number. Raises ``ImproperlyConfigured`` for anything else."""
    value = os.environ.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"Write a whole number into the environment variable {name}.") from None


DEBUG = os.environ.get("DEBUG", "1") == "1"
SECRET_KEY = (
    os.environ.get("SECRET_KEY", "for-development-only-never-in-production")
    if DEBUG
    else required("SECRET_KEY")
)
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")

INSTALLED_APPS = [
    "example_project.picsweb",
    "onefile_sync",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "example_project.urls"
WSGI_APPLICATION = "example_project.wsgi.application"
ASGI_APPLICATION = "example_project.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


def database() -> dict[str, Any]:
    """The database of ``DATABASE_URL``; SQLite is set up so that web site and workers can share it."""
    chosen: dict[str, Any] = dict(
        dj_database_url.config(default=f"sqlite:///{BASE_DIR / 'var' / 'picsweb.sqlite3'}")
    )
    if chosen["ENGINE"] == "django.db.backends.sqlite3":
        # Without these, a transaction that reads before it writes may fail with "database is locked".
        chosen["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        Path(chosen["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    return chosen


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "learners"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", _("British English"))]
TIME_ZONE = "Europe/London"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.BasicAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {"TITLE": "PICSWeb", "VERSION": "1.0.0", "SERVE_INCLUDE_SCHEMA": False}

# A task may take `timeout` seconds. `retry` also includes the time that a task waits in a worker's queue, so it is more
# than twice as long; otherwise django-q2 would deliver a task again while it is running.
Q_CLUSTER: dict[str, Any] = {
    "name": "picsweb",
    "workers": 2,
    "timeout": 300,
    "retry": 660,
    "max_attempts": 3,
    "ack_failures": False,
    "catch_up": False,
    "bulk": 1,
    "queue_limit": 2,
    "save_limit": 250,
    "save_limit_per": "func",
    "time_zone": TIME_ZONE,
    "poll": 0.5,
}
if REDIS_URL := os.environ.get("REDIS_URL", ""):
    Q_CLUSTER["redis"] = REDIS_URL
else:
    Q_CLUSTER["orm"] = "default"

# The mapping of PICSWeb's models and fields. A field with the same name as its role need not be listed.
# By default this example connects to the sandbox, whatever environment staff choose.
ONEFILE_SYNC: dict[str, Any] = {
    "LEARNER": {
        "model": "picsweb.Learner",
        "main_officer": "main_officer",
        "live": {"status": "live"},
        "in_learning": {"actual_end_date": None},
        "ended_on": "actual_end_date",
    },
    "QUALIFICATION": {"model": "picsweb.Qualification", "learner": "learner", "has_units": "units"},
    "REVIEW": {
        "model": "picsweb.Review",
        "learner": "learner",
        "type": "type",
        "normal_types": ["Normal"],
        "created_type": "Normal",
        "attended_values": {"blank": "", "yes": "yes", "no": "no", "unknown": "unknown"},
    },
    "OFFICER": {"model": "picsweb.Officer"},
    "ORGANISATION": {"model": "picsweb.Organisation"},
    "PLACEMENT": {"model": "picsweb.Placement"},
    "BASE_URL": os.environ.get("ONEFILE_BASE_URL", "http://127.0.0.1:8765/api/v2.1"),
    "CUSTOMER_TOKEN": os.environ.get("ONEFILE_CUSTOMER_TOKEN") or None,  # None: the token entered by staff
    "CALLS_PER_MINUTE": whole_number("ONEFILE_CALLS_PER_MINUTE", 300),
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
