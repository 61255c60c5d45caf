from django.apps import AppConfig


class AcademyConfig(AppConfig):
    name = "tests.academy"
    label = "academy"
