"""URLs of the HTML pages: ``path("onefile/", include("onefile_sync.urls"))``, under a path of the host's choice."""

from django.urls import path

from .web import (
    centre_defaults_page,
    enrolment_window,
    learner_linking,
    list_pages,
    look_up_page,
    match_pages,
    reviews_page,
    run_actions,
    unmatched_page,
    views,
)

app_name = "onefile_sync"

urlpatterns = [
    path("learner/<str:pk>/refresh/", views.refresh, name="refresh"),
    path("learner/<str:pk>/link/", learner_linking.link, name="link"),
    path("learner/<str:pk>/unlink/", learner_linking.unlink, name="unlink"),
    path("learner/<str:pk>/enrol/", enrolment_window.enrol, name="enrol"),
    path("run/<uuid:pk>/", views.run, name="run"),
    path("run/<uuid:pk>/progress/", views.progress, name="progress"),
    path("run/<uuid:pk>/cancel/", run_actions.cancel, name="cancel"),
    path("run/<uuid:pk>/apply/", run_actions.apply_held, name="apply"),
    path("run/<uuid:pk>/discard/", run_actions.discard_held, name="discard"),
    path("look-up/<str:kind>/<str:pk>/", look_up_page.look_up, name="look-up"),
    path(
        "look-up/<str:kind>/<str:pk>/unlink/<int:onefile_id>/",
        look_up_page.unlink,
        name="look-up-unlink",
    ),
    path("unmatched/", unmatched_page.unmatched, name="unmatched"),
    path("unmatched/csv/", unmatched_page.unmatched_csv, name="unmatched-csv"),
    path("reviews/", reviews_page.reviews, name="reviews"),
    path("match/", match_pages.start, name="match"),
    path("match/found/", match_pages.found, name="matches"),
    path("match/found.csv", match_pages.found_csv, name="matches_csv"),
    path("match/link/", match_pages.link, name="link_matches"),
    path("match/<int:pk>/", match_pages.pair, name="match_pair"),
    path("health/", views.health, name="health"),
    path("qualification-links/", list_pages.qualification_links, name="qualification-links"),
    path("qualification-links/csv/", list_pages.qualification_links_csv, name="qualification-links-csv"),
    path("qualification-links/refresh/", list_pages.refresh_links, name="refresh-links"),
    path("centre-defaults/", centre_defaults_page.centre_defaults, name="centre-defaults"),
    path("lists/", list_pages.kept_lists, name="lists"),
    path("lists/read/", list_pages.read_lists, name="read-lists"),
    path("outcome/<int:pk>/", views.outcome, name="outcome"),
]
