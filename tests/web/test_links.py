"""A learner's page outside the admin, where PICSWeb has one."""

from __future__ import annotations

import pytest
from django.urls import NoReverseMatch

from example_project.picsweb.models import Learner
from onefile_sync.web import links


def test_the_page_is_the_models_own(learner: Learner) -> None:
    assert links.own_page(learner) == learner.get_absolute_url()


def test_a_model_without_a_page_has_none(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Learner, "get_absolute_url")

    assert links.own_page(learner) == ""


def test_a_page_that_is_not_served_is_none(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_served(_learner: Learner) -> str:
        raise NoReverseMatch

    monkeypatch.setattr(Learner, "get_absolute_url", not_served)

    assert links.own_page(learner) == ""


def test_the_admins_page_is_shown_to_those_who_may_open_it(learner: Learner, staff, rf) -> None:
    request = rf.get("/")
    request.user = staff()
    assert links.learner_link(request, learner)
    request.user = staff(sees_learners=False)
    assert links._in_admin(request, learner) == ""
