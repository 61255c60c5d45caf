"""The figures as a table, as bars that are met or missed, and as a plot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .runs import LIMIT, Measured

HEAD = (
    "Learners",
    "Searches give",
    "Run",
    "Calls",
    "Calls a learner",
    "Time at 300 a minute (scaled)",
    "Share of the rate",
    "429",
    "Queries a learner",
    "Writes",
    "… to PICSWeb",
    "Memory (MB)",
)


@dataclass(frozen=True)
class Bar:
    """A target, the measured figure, and whether the target is met; ``None`` if there is none for this measurement."""

    what: str
    figure: str
    met: bool | None

    def __str__(self) -> str:
        verdict = {True: "met   ", False: "MISSED", None: "not set for this size"}[self.met]
        return f"{verdict}  {self.what}: {self.figure}"


def table(measured: Iterable[Measured]) -> str:
    """In Markdown. The time is what the clock showed, scaled back to OneFile's own limit."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(_cells(each)) + " |" for each in measured]
    return "\n".join(lines) + "\n"


def _cells(each: Measured) -> Sequence[str]:
    worker = each.worker
    costs = ("–",) * 4
    if worker:
        costs = (
            f"{worker['queries'] / each.learners:.2f}",
            f"{worker['writes']:,}",
            f"{worker['writes_to_picsweb']:,}",
            f"{worker['memory_mb']:.0f}",
        )
    return (
        f"{each.learners:,}",
        "whole records" if each.items == "rich" else "a few properties",
        each.what,
        f"{each.calls:,}",
        f"{each.calls / each.learners:.2f}",
        f"{_time(each.real_seconds)} ({each.scale} ×)",
        f"{each.share:.0%}",
        f"{each.refused}",
        *costs,
    )


def _time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def plot(measured: Iterable[Measured], file: Path) -> None:
    """Calls of an ordinary day by the number of learners, ours and the peers' way, and what a night allows."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "onefile_sync"
    from matplotlib import pyplot

    lines: dict[str, list[tuple[int, int]]] = {}
    names = {"rich": "ours, whole records in lists", "thin": "ours, a few properties in lists"}
    for each in measured:
        if not each.worker:
            lines.setdefault("learner by learner", []).append((each.learners, each.calls))
        elif each.what.startswith("ordinary"):
            lines.setdefault(names[each.items], []).append((each.learners, each.calls))
    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    for name, points in lines.items():
        found = sorted(dict(points).items())
        axes.plot([x for x, _y in found], [y for _x, y in found], marker="o", label=name)
    axes.axhline(LIMIT * 60 * 6, color="grey", linestyle=":", label="what six hours allow")
    axes.set(xscale="log", yscale="log", xlabel="learners in scope", ylabel="calls of an ordinary day")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
