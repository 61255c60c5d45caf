"""Settings of the example PICSWeb behind a proxy that ends TLS; secrets and host names come from the environment."""

import os

# Set before the import, so that a site without its own SECRET_KEY does not start.
os.environ["DEBUG"] = "0"

from .settings import *  # noqa: F403 - this module is that one, changed below
from .settings import BASE_DIR, MIDDLEWARE, ONEFILE_SYNC, required

DEBUG = False
SECRET_KEY = required("SECRET_KEY")
ALLOWED_HOSTS = required("ALLOWED_HOSTS").split(",")

# WhiteNoise serves the static files. It must come directly after the security middleware.
MIDDLEWARE = [MIDDLEWARE[0], "whitenoise.middleware.WhiteNoiseMiddleware", *MIDDLEWARE[1:]]
STATIC_ROOT = BASE_DIR / "var" / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# The proxy must set this header and drop one sent by a visitor.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
X_FRAME_OPTIONS = "DENY"

# Without an address, the environment chosen by staff decides which OneFile to connect to.
ONEFILE_SYNC = {**ONEFILE_SYNC, "BASE_URL": os.environ.get("ONEFILE_BASE_URL") or None}
