"""Reads the documentation's pages: their tables, their code blocks, their links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A code block that a page says to put into a file. ``appended``: to what is there already."""

    file: str
    appended: bool
    code: str


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def table(name: str, marked: str) -> list[list[str]]:
    """The rows of the table below ``<!-- table: marked -->``, cells stripped, without the head."""
    below = page(name).partition(f"<!-- table: {marked} -->\n")[2]
    lines = []
    for line in below.splitlines():
        if not line.startswith("|"):
            break
        lines.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    assert len(lines) > 2, f"{name} has no table {marked}"
    return lines[2:]


def block(name: str, marked: str) -> str:
    """The code block below ``<!-- marked -->``."""
    found = re.search(
        rf"<!-- {re.escape(marked)} -->\n```\w+\n(.*?)^```$", page(name), re.DOTALL | re.MULTILINE
    )
    assert found, f"{name} has no block {marked}"
    return found[1]


def code(cell: str) -> str:
    """What stands between the backticks of a cell that is nothing but code."""
    found = re.fullmatch(r"`([^`]+)`", cell)
    assert found, f"{cell} is not code"
    return found[1]


def blocks(text: str) -> list[Block]:
    """The code blocks below ``<!-- file: … -->`` and ``<!-- append to: … -->``, in the order of the page."""
    marked = re.finditer(
        r"^<!-- (file|append to): (\S+) -->\n```\w+\n(.*?)^```$", text, re.DOTALL | re.MULTILINE
    )
    return [Block(found[2], found[1] == "append to", found[3]) for found in marked]


def steps(text: str) -> list[Block | list[str]]:
    """The code blocks that go into files and, between them, the arguments of each ``manage.py`` command."""
    found: list[Block | list[str]] = []
    for part in re.split(r"^(?=<!-- (?:file|append to): |```sh$)", text, flags=re.MULTILINE):
        if part.startswith("<!-- "):
            found += blocks(part)
        elif part.startswith("```sh\n"):
            lines = part.partition("\n```")[0].splitlines()[1:]
            found += [line.split()[2:] for line in lines if line.startswith("python manage.py ")]
    return found


def links(text: str) -> list[str]:
    """Where a page's links and pictures lead, those to other sites left out."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose) if not re.match(r"[a-z]+:", target)]


def commands(text: str) -> set[str]:
    """The names of the management commands that a page speaks of."""
    return set(re.findall(r"manage\.py ([a-z_]+)", text))
