from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from example_project.picsweb.models import Learner


def delivery_plan(learner: Learner) -> str:
    return reverse("delivery_plan", args=[learner.pk])


def test_pages_ask_for_a_log_in(client: Client, learner: Learner) -> None:
    for address in (reverse("learners"), delivery_plan(learner)):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer["Location"] == f"{reverse('login')}?next={address}"


def test_pages_ask_for_the_permission_to_view_learners(client: Client, learner: Learner) -> None:
    client.force_login(User.objects.create_user("stranger"))
    for address in (reverse("learners"), delivery_plan(learner)):
        answer = client.get(address)
        assert answer.status_code == 403
        assert "Siân" not in answer.content.decode()
        assert "Ask your PICSWeb administrator" in answer.content.decode()


def test_an_unknown_learner_is_not_found(clerks_browser: Client) -> None:
    assert clerks_browser.get(reverse("delivery_plan", args=[999])).status_code == 404


def test_the_delivery_plan_shows_the_learner_with_all_details(
    clerks_browser: Client, learner: Learner
) -> None:
    page = " ".join(clerks_browser.get(delivery_plan(learner)).content.decode().split())
    for expected in (
        "0005Z",
        "Autumn start",
        "Gwen Ó Briain",
        "Tŷ Gwyn Care",
        "01/09/2025",
        "31/08/2027",
        "196AS</span> Business Administrator",
        'value="30"',
        "12 of 40 elements done",
        "CG-778812",
        "03/10/2025",
        "No elements recorded yet.",
        "12/03/2026 14:30",
        "13/03/2026",
        "20/03/2026",
        "1000042",
        "Welfare",
    ):
        assert expected in page


def test_names_are_escaped_everywhere(clerks_browser: Client, learner: Learner) -> None:
    for address in (reverse("learners"), delivery_plan(learner)):
        page = clerks_browser.get(address).content.decode()
        assert "Siân &lt;b&gt; O&#x27;Connor &amp; Daughter" in page
        assert "Siân <b>" not in page


def test_units_are_counted(clerks_browser: Client, learner: Learner) -> None:
    first = learner.qualifications.first()
    assert first is not None
    first.units.create(title="Unit 1")
    first.units.create(title="Unit 2")
    assert "2 units attached." in clerks_browser.get(delivery_plan(learner)).content.decode()


def test_a_user_without_onefile_permissions_sees_no_onefile_panel(
    clerks_browser: Client, learner: Learner
) -> None:
    assert "OneFile Integration" not in clerks_browser.get(delivery_plan(learner)).content.decode()


def test_who_may_refresh_finds_the_onefile_panel_beside_the_plan(
    clerk: User, clerks_browser: Client, learner: Learner
) -> None:
    clerk.user_permissions.add(Permission.objects.get(codename="refresh_learner"))
    page = clerks_browser.get(delivery_plan(learner)).content.decode()
    assert "OneFile Integration" in page
    assert "onefile-panel" in page


def test_only_staff_who_may_change_learners_find_the_way_to_the_form(
    clerk: User, clerks_browser: Client, learner: Learner
) -> None:
    to_the_form = reverse("admin:picsweb_learner_change", args=[learner.pk])
    assert to_the_form not in clerks_browser.get(delivery_plan(learner)).content.decode()
    clerk.user_permissions.add(Permission.objects.get(codename="change_learner"))
    User.objects.filter(pk=clerk.pk).update(is_staff=True)
    assert to_the_form in clerks_browser.get(delivery_plan(learner)).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_plan(
    clerks_browser: Client, learner: Learner, django_assert_num_queries: Any
) -> None:
    for number in range(10):
        learner.reviews.create()
        learner.qualifications.create(reference=str(number), title="More")
    with django_assert_num_queries(9):
        # Log-in and permissions 4, learner 1, placements with organisations 2, qualifications 1, reviews 1.
        clerks_browser.get(delivery_plan(learner))


@pytest.mark.parametrize("sought", ["0005Z", "o'connor", "siân connor", "sian@example", "  DAUGHTER "])
def test_the_list_finds_learners_by_every_word(clerks_browser: Client, learner: Learner, sought: str) -> None:
    Learner.objects.create(ident="0006Z", first_name="Ann", surname="Lee")
    assert list(clerks_browser.get(reverse("learners"), {"q": sought}).context["learners"]) == [learner]


@pytest.mark.parametrize("sought", ["nobody", "siân lee", "%", "\x00nobody"])
def test_the_list_says_when_no_learner_matches(clerks_browser: Client, learner: Learner, sought: str) -> None:
    Learner.objects.create(ident="0006Z", first_name="Ann", surname="Lee")
    page = clerks_browser.get(reverse("learners"), {"q": sought}).content.decode()
    assert "No learner matches." in page


def test_the_list_is_paged_and_keeps_the_search(clerks_browser: Client, learner: Learner) -> None:
    Learner.objects.bulk_create(
        Learner(ident=f"T{number:02}", first_name="Ann", surname="Lee") for number in range(30)
    )
    first = clerks_browser.get(reverse("learners"), {"q": "lee"})
    assert "30 learners" in first.content.decode()
    assert "?q=lee&amp;page=2" in first.content.decode()
    second = clerks_browser.get(reverse("learners"), {"q": "lee", "page": 2})
    assert len(second.context["learners"]) == 5


def test_the_list_leads_to_the_delivery_plan(clerks_browser: Client, learner: Learner) -> None:
    page = clerks_browser.get(reverse("learners")).content.decode()
    assert f'href="{delivery_plan(learner)}"' in page


def test_logging_in_leads_to_where_one_wanted_to_go(clerk: User, client: Client, learner: Learner) -> None:
    refused = client.post(reverse("login"), {"username": "clerk", "password": "wrong"})
    assert 'role="alert"' in refused.content.decode()
    page = client.get(f"{reverse('login')}?next={delivery_plan(learner)}").content.decode()
    assert f'name="next" value="{delivery_plan(learner)}"' in page
    arrived = client.post(
        reverse("login"),
        {"username": "clerk", "password": "clerk's own", "next": delivery_plan(learner)},
    )
    assert arrived["Location"] == delivery_plan(learner)


def test_the_administration_shows_the_learners_tables_with_the_onefile_system_id_read_only(
    admin_client: Client, learner: Learner
) -> None:
    page = admin_client.get(reverse("admin:picsweb_learner_change", args=[learner.pk])).content.decode()
    assert 'name="qualifications-0-onefile_id"' in page
    assert 'name="reviews-0-onefile_id"' not in page
    assert "1000042" in page


@pytest.mark.parametrize(
    "model", ["learner", "officer", "organisation", "qualification", "review", "placement"]
)
def test_the_administration_lists_and_searches_every_model(
    admin_client: Client, learner: Learner, model: str
) -> None:
    answer = admin_client.get(reverse(f"admin:picsweb_{model}_changelist"), {"q": "1"})
    assert answer.status_code == 200
