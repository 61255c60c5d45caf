"""Addresses of the HTML pages: ``path("onefile/", include("onefile_sync.urls"))`` wherever the host likes."""

from django.urls import path

from . import views

app_name = "onefile_sync"

urlpatterns = [
    path("learner/<str:pk>/refresh/", views.refresh, name="refresh"),
    path("run/<uuid:pk>/", views.run, name="run"),
    path("run/<uuid:pk>/progress/", views.progress, name="progress"),
    path("outcome/<int:pk>/", views.outcome, name="outcome"),
]
