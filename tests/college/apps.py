from django.apps import AppConfig


class CollegeConfig(AppConfig):
    name = "tests.college"
    label = "college"
