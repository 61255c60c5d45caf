"""``make quick``: the rules, and the tests of what was changed since the branch left main."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: What everything stands on, and what takes next to no time.
CORE = ("tests/sync/planning", "tests/host", "tests/onefile/test_records.py", "tests/onefile/test_values.py")
CORE += (
    "tests/onefile/test_errors.py",
    "tests/test_conf.py",
    "tests/checks/test_checks.py",
    "tests/docs/test_tables.py",
)
#: Folders whose tests take long: of these a module has those of its name, and those that import it.
LONG = (Path("tests/sync/learner"), Path("tests/sync/bulk"))
#: A module that more test files than this import is one for ``make test``: here its own tests alone are run.
MANY = 4


def main() -> int:
    changed = changed_files()
    chosen = {path for path in changed if path.match("test_*.py")}
    imports = {path: set(imported(path)) for path in Path("tests").rglob("test_*.py")}
    for path in changed:
        if path.suffix != ".py" or path.parts[0] != "onefile_sync":
            continue
        users = {test for test, names in imports.items() if module_of(path) in names}
        if len(users) > MANY:
            say(f"{path} is used by {len(users)} test files: run make test as well.")
            users = set()
        chosen |= users | own_tests(path, set(imports))
    tests = sorted(str(path) for path in chosen if path.parts[1] not in ("services", "browser"))
    say(
        "Beside the rules: "
        + (", ".join(tests) or "nothing, as nothing was changed that has tests of its own")
    )
    command = [sys.executable, "-m", "pytest", "--numprocesses", "auto", "--dist", "worksteal", *CORE, *tests]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def own_tests(path: Path, tests: set[Path]) -> set[Path]:
    """The tests of a module of the package: of its name in the folder that mirrors its own, or else that folder's."""
    folder = Path("tests", *path.parent.parts[1:])
    if (named := folder / f"test_{path.stem}.py") in tests:
        return {named}
    if folder in (Path("tests"), *LONG):
        return set()
    return {test for test in tests if test.parent == folder}


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def changed_files() -> list[Path]:
    """Since this branch left main, committed or not, files that git does not know yet included."""
    base = git("merge-base", "HEAD", "main") or git("merge-base", "HEAD", "origin/main") or ["HEAD"]
    names = git("diff", "--name-only", "--diff-filter=d", base[0]) + git(
        "ls-files", "--others", "--exclude-standard"
    )
    return [Path(name) for name in names]


def git(*arguments: str) -> list[str]:
    ran = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.stdout.splitlines()


def imported(path: Path) -> Iterator[str]:
    """Each module, or name in a module, that a file imports."""
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


if __name__ == "__main__":
    sys.exit(main())
