"""``python -m benchmarks``: measure, print the table and the bars, draw the plot. Exit code 1: a bar is missed."""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from pathlib import Path

from . import report
from .matching import matching
from .provider import AIMS, REVIEWS
from .report import Bar
from .runs import LIMIT, NIGHT, Measured, Site, clicks, site

PAGE = 100
#: Of each learner.
RECORDS = AIMS + REVIEWS
#: How often a worker is killed, and how many calls it makes at a time (``CALLS_AT_ONCE``).
KILLS, THREADS = 3, 4
#: The factor by which OneFile's rate limit is raised: lists need few calls, individual records many.
SCALES = {"rich": 4, "thin": 40}
FIRST, QUIET, ORDINARY = "first run", "quiet day", "ordinary day"
#: Latency in seconds: for clicked refreshes, and for a worker far from OneFile.
NEAR, FAR = 0.1, 0.2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", default="100,1000,10000", help="numbers of learners")
    parser.add_argument(
        "--scale", type=int, default=60, help="times as many calls a minute as OneFile allows"
    )
    parser.add_argument("--only", default="flat,rate,clicks,days,matching", help="which measurements")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="where images/performance.svg goes")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    wanted, bars, measured = options.only.split(","), list[Bar](), list[Measured]()
    if "flat" in wanted:
        bars += flat_out(min(1000, sizes[-1] // 2), sizes[-1])
    if "rate" in wanted:
        bars.append(rate_used())
    if "clicks" in wanted:
        bars.append(clicked())
    if "days" in wanted:
        measured, more = days(sizes)
        bars += more
        print("\nOneFile allows so many times as many calls here; the times are scaled back.\n")
        print(report.table(measured))
        report.plot(measured, options.out / "images" / "performance.svg")
    if "matching" in wanted:
        bars += matching(sizes[-1])
    print(*bars, sep="\n")
    sys.exit(any(bar.met is False for bar in bars))


def days(sizes: list[int]) -> tuple[list[Measured], list[Bar]]:
    """First run, quiet day and ordinary day, and the peers' way, at each size."""
    found: list[Measured] = []
    bars: list[Bar] = []

    def three_days(there: Site) -> list[Measured]:
        first = say(there.sync(FIRST))
        there.settle()
        quiet = say(there.sync(QUIET))
        bars.append(calls_of_a_quiet_day(quiet))
        there.onefile.change_some()
        ordinary = say(there.sync(ORDINARY))
        if there.items == "rich":
            return [first, quiet, ordinary]
        return [first, quiet, ordinary, say(there.as_peers_do())]

    for size in sizes:
        for items, scale in SCALES.items():
            found += site(size, items, three_days, scale=scale)
    refused = sum(each.refused for each in found if each.worker)
    bars.append(Bar("answers of 429 in all of our runs, none", str(refused), refused == 0))
    bars += against_peers([each for each in found if each.learners == sizes[-1]])
    return found, bars


def calls_of_a_quiet_day(quiet: Measured) -> Bar:
    """One call per page and, if lists are thin, per record due; with a tolerance of 5 per cent and ten calls."""
    operations = quiet.by_operation
    pages = math.ceil(quiet.learners * AIMS / PAGE) + math.ceil(quiet.learners * REVIEWS / PAGE)
    due = 0 if quiet.items == "rich" else quiet.learners * RECORDS - quiet.worker["put_off"]
    most = 1.05 * (pages + due) + 10
    text = f"{quiet.calls:,} for {pages:,} pages and {due:,} records due, at most {most:,.0f} ({operations})"
    return Bar(f"calls of a quiet day, {quiet.learners:,} learners, {quiet.items}", text, quiet.calls <= most)


def against_peers(largest: list[Measured]) -> list[Bar]:
    peers = next(each for each in largest if not each.worker)
    bars = []
    for items, times in (("rich", 50), ("thin", 2)):
        ours = next(each for each in largest if each.items == items and each.what == ORDINARY)
        fewer, faster = peers.calls / ours.calls, peers.real_seconds / ours.real_seconds
        what = f"against the peers' way, {peers.learners:,} learners, ordinary day, {items}, at least {times} times"
        figure = f"{fewer:.1f} times fewer calls, {faster:.1f} times faster"
        is_set = items == "rich" or not fits_into_a_night(peers.learners)
        bars.append(Bar(what, figure, min(fewer, faster) >= times if is_set else None))
    return bars


def fits_into_a_night(learners: int) -> bool:
    """Whether each record can be read each night: then none is put off, and thin lists save the searches only."""
    return learners * RECORDS <= NIGHT * 60 * LIMIT


def flat_out(small: int, large: int) -> list[Bar]:
    """Without limit and latency: the cost of database, memory and processor; and a worker killed three times."""

    def quiet_days(there: Site) -> list[Measured]:
        there.sync(FIRST)
        there.settle()
        quiet = say(there.sync(QUIET))
        return (
            [quiet]
            if there.learners == small
            else [quiet, say(there.sync_with_kills("killed", quiet.calls, KILLS))]
        )

    (few,) = site(small, "rich", quiet_days, scale=0, in_step=True)
    many, disturbed = site(large, "rich", quiet_days, scale=0, in_step=True)
    pace = many.learners / many.worker["seconds"]
    queries = many.worker["queries"] / many.learners
    memory = many.worker["memory_mb"] / few.worker["memory_mb"]
    writes = many.worker["writes_to_picsweb"]
    return [
        Bar("learners a second, no limit, at least 150", f"{pace:.0f}", pace >= 150),
        Bar("queries a learner, at most 1.5", f"{queries:.2f}", queries <= 1.5),
        Bar(
            f"peak memory at {large:,} learners, at most 1.3 times that at {small:,}",
            f"{many.worker['memory_mb']:.0f} MB and {few.worker['memory_mb']:.0f} MB, {memory:.2f} times",
            memory <= 1.3,
        ),
        Bar("writes to PICSWeb's tables on a quiet day, none", str(writes), writes == 0),
        after_kills(many, disturbed),
    ]


def after_kills(quiet: Measured, disturbed: Measured) -> Bar:
    """A kill loses the call that each thread was making; in a short run that is more than 2 per cent of all."""
    most = max(0.02 * quiet.calls, KILLS * THREADS)
    more, ended = disturbed.calls - quiet.calls, disturbed.worker["states"]
    whole = (
        sum(ended.values()) == quiet.learners and not {"queued", "working", "aside", "failed"} & ended.keys()
    )
    text = f"{quiet.calls:,} calls, then {disturbed.calls:,}, {more / quiet.calls:+.1%}; {ended}"
    what = f"killed three times: finished, at most 2 % more calls, or {KILLS * THREADS} more in a short run"
    return Bar(what, text, more <= most and whole)


def rate_used() -> Bar:
    """One worker far from OneFile, with OneFile's own limit."""
    (run,) = site(75, "thin", lambda there: [say(there.sync(FIRST))], scale=1, latency=FAR)
    text = f"{run.share:.1%} of the allowed rate, {run.refused} answers of 429, {run.calls} calls"
    return Bar(
        f"rate used with {FAR * 1000:.0f} ms latency, at least 95 %",
        text,
        run.share >= 0.95 and not run.refused,
    )


def clicked(number: int = 30, between: float = 4.0) -> Bar:
    """Refreshes clicked during a daily run, with OneFile's own limit."""
    times: list[float] = []

    def click(there: Site) -> list[Measured]:
        took, counted = clicks(there, number, between)
        times.extend(took)
        assert not counted.refused, counted
        return []

    site(300, "thin", click, scale=1, latency=NEAR)
    half, most = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    return Bar(
        f"a refresh clicked during the run, {NEAR * 1000:.0f} ms latency, p95 at most 3 s",
        f"p50 {half:.2f} s, p95 {most:.2f} s, {len(times)} clicks of learners with 11 records",
        most <= 3,
    )


def say(measured: Measured) -> Measured:
    print(
        f"{measured.learners:,} {measured.items} {measured.what}: {measured.calls:,} calls, {measured.seconds:.1f} s,"
        f" {measured.share:.0%} of the rate, {measured.refused} × 429 {measured.worker}",
        flush=True,
    )
    return measured


if __name__ == "__main__":
    main()
