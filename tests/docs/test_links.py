"""Nothing that the documentation points to is missing."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from django.core.management import get_commands

from .pages import PAGES, ROOT, commands, links

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


def test_on_a_package_index_every_link_of_the_readme_is_whole() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    readme = (ROOT / "README.md").read_text("utf-8")
    for rule in project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        assert re.search(rule["pattern"], readme), "a rule that nothing needs"
        readme = re.sub(rule["pattern"], rule["replacement"], readme)
    assert links(readme) == []
    assert "https://onefile-sync.readthedocs.io/en/latest/operations.html#the-safety-stop" in readme


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
