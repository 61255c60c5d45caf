"""Finds PICSWeb's admin of learners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.contrib import admin
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.sites import all_sites
from django.db.models import Model
from django.urls import get_resolver, get_urlconf


class LearnerAdmin(NamedTuple):
    """An admin site, and the admin of learners registered on it."""

    site: AdminSite
    model_admin: ModelAdmin[Any]


def learner_admin(model: type[Model]) -> LearnerAdmin | None:
    """PICSWeb's admin for the learner ``model``; ``None`` if there is none.

    Learners may be registered on several admin sites: as the model itself, as a proxy or as its parent model. The
    order of preference is: a site with URLs, an admin with our buttons, the model itself (then a proxy, then the
    parent), the default site (then the others by name).
    """
    found = sorted(_registered(model), key=lambda one: one[0])
    return found[0][1] if found else None


def is_served(site: AdminSite) -> bool:
    """Whether the project's URLs include this site.

    Reversing a URL cannot answer this: if no site has the name, Django uses another site.
    """
    return site.name in get_resolver(get_urlconf()).namespace_dict


def _registered(model: type[Model]) -> Iterator[tuple[tuple[Any, ...], LearnerAdmin]]:
    """Every admin of learners, each with its key for sorting by preference."""
    for site in all_sites:
        for place, (registered, model_admin) in enumerate(site._registry.items()):
            kinship = _kinship(registered, model)
            if kinship is not None:
                has_our_buttons = hasattr(model_admin, "onefile_refresh_view")
                yield (
                    (not is_served(site), not has_our_buttons, kinship, site != admin.site, site.name, place),
                    LearnerAdmin(site, model_admin),
                )


def _kinship(registered: type[Model], model: type[Model]) -> int | None:
    """How close a registered model is to the learner's; ``None`` if its rows are not learners with the same keys."""
    if registered is model:
        return 0
    if registered._meta.concrete_model is model._meta.concrete_model:
        return 1
    link = model._meta.get_ancestor_link(registered)
    return 2 if link is not None and link.primary_key else None
