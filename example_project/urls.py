"""URLs of the example PICSWeb."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from example_project.picsweb import views


def no_icon(_request: HttpRequest) -> HttpResponse:
    """Browsers request an icon from every site. PICSWeb has none; answer so that no error is logged."""
    return HttpResponse(status=204)


urlpatterns = [
    path("", views.LearnerList.as_view(), name="learners"),
    path("learners/<int:pk>/delivery-plan/", views.DeliveryPlan.as_view(), name="delivery_plan"),
    path("accounts/login/", auth_views.LoginView.as_view(), name="login"),
    path("accounts/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("onefile/", include("onefile_sync.urls")),
    path("api/onefile/", include("onefile_sync.rest.urls")),
    path("admin/", admin.site.urls),
    path("favicon.ico", no_icon),
]
