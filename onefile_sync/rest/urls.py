"""URLs of the REST interface. The host includes them under a path of its choice:
``path("api/onefile/", include("onefile_sync.rest.urls"))``.
"""

from django.db.transaction import non_atomic_requests
from django.urls import path

from . import learner_link, match_endpoints, views

app_name = "onefile_sync_rest"

urlpatterns = [
    path("learners/<str:learner_pk>/refresh/", views.RefreshLearner.as_view(), name="refresh-learner"),
    # Calls OneFile: a transaction would lock the rate limit of all processes.
    path(
        "learners/<str:learner_pk>/link/",
        non_atomic_requests(learner_link.LearnerLink.as_view()),
        name="learner-link",
    ),
    path("learners/<str:learner_pk>/status/", views.LearnerStatusView.as_view(), name="learner-status"),
    path("qualification-links/", views.QualificationLinksView.as_view(), name="qualification-links"),
    path(
        "qualification-links/refresh/",
        views.RefreshQualificationLinks.as_view(),
        name="refresh-qualification-links",
    ),
    path("unmatched/", views.UnmatchedView.as_view(), name="unmatched"),
    path("matches/", match_endpoints.Matching.as_view(), name="matching"),
    path("matches/suggestions/", match_endpoints.Suggestions.as_view(), name="suggestions"),
    path("matches/link/", match_endpoints.LinkSuggestions.as_view(), name="link-suggestions"),
    path("matches/not-same/", match_endpoints.NotSame.as_view(), name="not-same"),
    path("runs/<uuid:run_id>/", views.Run.as_view(), name="run"),
    path("runs/<uuid:run_id>/outcomes/", views.RunOutcomes.as_view(), name="run-outcomes"),
]
