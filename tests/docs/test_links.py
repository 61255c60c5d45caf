"""Nothing that the documentation points to is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import get_commands

from .pages import PAGES, commands, links

LINKS = [(page, link) for page in PAGES for link in links(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{page.name}: {link}" for page, link in LINKS])
def test_every_link_leads_somewhere(page: Path, link: str) -> None:
    path, _, heading = link.partition("#")
    target = (page.parent / path).resolve() if path else page

    assert target.is_file()
    if heading:
        assert heading in headings(target)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page: Path) -> None:
    assert commands(page.read_text(encoding="utf-8")) <= set(get_commands())


def headings(page: Path) -> set[str]:
    """The names that a page's headings have as the end of an address."""
    lines = [
        line.lstrip("#").strip().lower()
        for line in page.read_text(encoding="utf-8").splitlines()
        if line[:1] == "#"
    ]
    return {
        "".join(each for each in line.replace(" ", "-") if each.isalnum() or each in "-_") for line in lines
    }
