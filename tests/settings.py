"""Settings of the test suite: the example PICSWeb, and beside it the second host of ``tests/college``.

SQLite in memory, or whatever ``DATABASE_URL`` says.
"""

import dj_database_url

SECRET_KEY = "tests-only"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
USE_TZ = True
TIME_ZONE = "Europe/London"
LANGUAGE_CODE = "en-gb"
STATIC_URL = "static/"
ROOT_URLCONF = "example_project.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

DATABASES = {"default": dj_database_url.config(default="sqlite://:memory:")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20}

# The other hosts have no migrations: their tables are made as their models stand.
MIGRATION_MODULES = {"academy": None, "college": None}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "onefile_sync",
    "example_project.picsweb",
    "tests.academy",
    "tests.college",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
}
SPECTACULAR_SETTINGS = {"TITLE": "PICSWeb", "VERSION": "1"}

Q_CLUSTER = {
    "name": "picsweb",
    "orm": "default",
    "workers": 1,
    "queue_limit": 2,
    "bulk": 1,
    "timeout": 300,
    "retry": 660,
    "max_attempts": 3,
    "ack_failures": False,
    "catch_up": False,
    "time_zone": "Europe/London",
}

ONEFILE_SYNC = {
    "CALLS_PER_MINUTE": None,
    "LEARNER": {
        "model": "picsweb.Learner",
        "live": {"status": "live"},
        "in_learning": {"actual_end_date": None},
        "ended_on": "actual_end_date",
    },
    "QUALIFICATION": {"model": "picsweb.Qualification", "has_units": "units"},
    "REVIEW": {"model": "picsweb.Review"},
    "OFFICER": {"model": "picsweb.Officer"},
    "ORGANISATION": {"model": "picsweb.Organisation"},
    "PLACEMENT": {"model": "picsweb.Placement"},
}
