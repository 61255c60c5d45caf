"""Checks the package's rules for names, sizes and staff-facing texts; part of ``make check``.

- No two modules share a file name, and no two classes a name, unless they are the same thing on two sides.
- No name that was replaced by a standard term comes back.
- No module has more than 400 lines.
- No template, page of the docs or translatable text has a phrase that sounds translated.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "onefile_sync"
LONGEST_MODULE = 400

#: File names that Django, Django REST framework or a command prescribe.
PRESCRIBED_MODULES = {"__init__", "urls", "views", "onefile_sync"}
#: Class names that Django prescribes.
PRESCRIBED_CLASSES = {"Command", "Media", "Meta"}

#: Module names that were replaced, and by what.
REPLACED_MODULES = {
    "claims": "leases",
    "connect": "session",
    "contact": "connection_test",
    "decisions": "run_actions",
    "drive": "daily",
    "due": "selection",
    "forgotten": "stalled_runs",
    "intents": "uploads",
    "panel": "learner_panel",
    "pace": "rate_limit",
    "parts": "types",
    "patience": "retry",
    "pieces": "steps",
    "refusals": "eligibility",
    "rows": "snapshot",
    "safety": "safety_stop or tokens",
    "shapes": "redaction",
    "stories": "demo_data",
    "survey": "compare",
    "wording": "text",
    "work": "worker",
}
#: Names of functions and classes that were replaced, and by what.
REPLACED_NAMES = {
    "Errand": "RetryState or ScheduledTask",
    "Kept": "RecordCodec or KeptValue",
    "Pace": "RateLimiter",
    "Patience": "RetryPolicy",
    "_Hand": "WorkerThread",
    "_bring_on": "_advance",
    "forgotten": "stalled_runs",
    "settle": "advance",
    "sort_out": "partition",
    "take_place": "reserve",
    "told": "values, or what it is",
}


#: Phrases that sound translated. Staff must not meet them; say who does what instead.
TRANSLATED = re.compile(r"\b(whoever|so many|by itself|by themselves|through with|at it)\b", re.IGNORECASE)


def modules() -> Iterator[Path]:
    return (path for path in sorted(PACKAGE.rglob("*.py")) if "migrations" not in path.parts)


def staff_texts() -> Iterator[tuple[str, str]]:
    """Every text that people read, with its place: pages of the docs, templates, and strings in the code."""
    root = PACKAGE.parent
    pages = [root / "README.md", root / "CONTRIBUTING.md", *root.glob("docs/*.md"), *PACKAGE.rglob("*.html")]
    for page in sorted(pages):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            yield f"{page.relative_to(root)}:{number}", line
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
                yield f"{path.relative_to(root)}:{node.lineno}", node.value


def findings() -> Iterator[str]:
    files: defaultdict[str, list[str]] = defaultdict(list)
    classes: defaultdict[str, list[str]] = defaultdict(list)
    for path in modules():
        name = str(path.relative_to(PACKAGE.parent))
        source = path.read_text(encoding="utf-8")
        files[path.stem].append(name)
        if (lines := source.count("\n")) > LONGEST_MODULE:
            yield f"{name}: {lines} lines, more than {LONGEST_MODULE}"
        if path.stem in REPLACED_MODULES:
            yield f"{name}: call it {REPLACED_MODULES[path.stem]}"
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                classes[node.name].append(f"{name}:{node.lineno}")
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name in REPLACED_NAMES:
                yield f"{name}:{node.lineno}: {node.name}: call it {REPLACED_NAMES[node.name]}"
    for stem, where in files.items():
        if len(where) > 1 and stem not in PRESCRIBED_MODULES:
            yield f"module {stem}: {', '.join(where)}"
    for name, where in classes.items():
        if len(where) > 1 and name not in PRESCRIBED_CLASSES:
            yield f"class {name}: {', '.join(where)}"
    for place, text in staff_texts():
        if phrase := TRANSLATED.search(text):
            yield f"{place}: “{phrase[0]}” sounds translated: say who does what"


if __name__ == "__main__":
    found = list(findings())
    sys.stdout.writelines(f"{line}\n" for line in found)
    sys.exit(bool(found))
