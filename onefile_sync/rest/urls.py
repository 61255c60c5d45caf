"""URLs of the REST interface. The host includes them under a path of its choice:
``path("api/onefile/", include("onefile_sync.rest.urls"))``.
"""

from django.urls import path

from . import views

app_name = "onefile_sync_rest"

urlpatterns = [
    path("learners/<str:learner_pk>/refresh/", views.RefreshLearner.as_view(), name="refresh-learner"),
    path("learners/<str:learner_pk>/status/", views.LearnerStatusView.as_view(), name="learner-status"),
    path("runs/<uuid:run_id>/", views.Run.as_view(), name="run"),
    path("runs/<uuid:run_id>/outcomes/", views.RunOutcomes.as_view(), name="run-outcomes"),
]
