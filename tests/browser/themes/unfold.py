"""The example PICSWeb with django-unfold."""

from example_project import settings as plain
from example_project.settings import *  # noqa: F403 - all of them, but for the theme

INSTALLED_APPS = ["unfold", *plain.INSTALLED_APPS]
