"""Which of PICSWeb's admins is the learner's: the one place that says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.contrib import admin
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.sites import all_sites
from django.db.models import Model
from django.urls import get_resolver, get_urlconf


class LearnerAdmin(NamedTuple):
    """An admin site, and the admin of learners that is registered with it."""

    site: AdminSite
    model_admin: ModelAdmin[Any]


def learner_admin(model: type[Model]) -> LearnerAdmin | None:
    """The admin in which PICSWeb keeps its learners, whose model this is; ``None`` where there is none.

    A learner may be registered with any admin site, as the model itself, as a proxy of it or as the parent model that
    it extends, and more than once. Preferred are, in this order: a site that has addresses, an admin with our buttons,
    the model itself (then a proxy, then the parent), the default site (then the others by name).
    """
    found = sorted(_registered(model), key=lambda one: one[0])
    return found[0][1] if found else None


def is_served(site: AdminSite) -> bool:
    """Whether the project's addresses lead to this site.

    Reversing an address does not tell: where there is no site of a name, Django takes another one's.
    """
    return site.name in get_resolver(get_urlconf()).namespace_dict


def _registered(model: type[Model]) -> Iterator[tuple[tuple[Any, ...], LearnerAdmin]]:
    """Every admin of learners, each with its place among them."""
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
    """How near a registered model is to the learner; ``None`` where its rows are not learners with the same keys."""
    if registered is model:
        return 0
    if registered._meta.concrete_model is model._meta.concrete_model:
        return 1
    link = model._meta.get_ancestor_link(registered)
    return 2 if link is not None and link.primary_key else None
