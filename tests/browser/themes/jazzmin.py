"""The example PICSWeb with django-jazzmin."""

from example_project import settings as plain
from example_project.settings import *  # noqa: F403 - all of them, but for the theme

INSTALLED_APPS = ["jazzmin", *plain.INSTALLED_APPS]
JAZZMIN_SETTINGS = {"use_google_fonts_cdn": False}  # pages call no other host
