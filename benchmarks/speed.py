"""Whole commands as a person meets them: how long, and how much memory.

Cold starts are medians of subprocesses, taken in turn with what they cannot beat: an empty Python, and one that imports
numpy and pyarrow. The heatmap's memory is its process' peak above that after a heatmap of 4 x 4 cells. Embedding is
from nothing, on a copy. `--charts` also draws the strips of every featured record, which takes minutes.

    embedex pull pokemon --from npm --to dex && embedex embed dex
    python benchmarks/speed.py dex --charts
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import dex


def seconds_of(words: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def embedex(*words: object) -> list[str]:
    return ["-m", "embedex", *map(str, words)]


def cold_starts(folder: Path, runs: int) -> None:
    commands = {
        "python -c pass": ["-c", "pass"],
        "embedex --help": embedex("--help"),
        'python -c "import numpy, pyarrow.parquet"': ["-c", "import numpy, pyarrow.parquet"],
        "embedex similar DIR pikachu -k 3": embedex("similar", folder, "pikachu", "-k", 3),
        "embedex unusual DIR": embedex("unusual", folder),
        'embedex ask DIR "What looks like …?"': embedex("ask", folder, "What looks like an ice cream cone?"),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, words in commands.items():
            taken = seconds_of(words)
            if number:  # the first round warms the disk's cache
                times[name].append(taken)
    rows: list[list[object]] = []
    for name, taken_all in times.items():
        walls, processor = zip(*taken_all, strict=True)
        rows.append([name, statistics.median(walls), min(walls), statistics.median(processor)])
    columns = ("command", "s, median", "s, least", "processor s")
    dex.show(f"Cold starts, {runs} runs each", columns, rows)


def heatmap_drawn(folder: Path, to: Path) -> tuple[int, float, float, float, float]:
    """Records, seconds, MiB of the matrix, and peak MiB before and after; runs in a process of its own."""
    import datetime

    from embedex import Collection, charts

    collection = Collection.open(folder)
    small = collection.pairs(side=4)  # reads the vectors; its chart imports matplotlib and is as large on paper
    charts.save(charts.heatmap(small, date=datetime.date(2026, 1, 1)), to, ("png",))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    pairs = collection.pairs()
    charts.save(charts.heatmap(pairs, date=datetime.date(2026, 1, 1)), to, ("png",))
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pairs.count, seconds, pairs.matrix.nbytes / 2**20, before, peak


def heatmap(folder: Path, runs: int) -> None:
    with TemporaryDirectory() as place:
        whole = [seconds_of(embedex("heatmap", folder, "--chart", Path(place) / "h.png")) for _ in range(runs)]
        drawn = []
        for _ in range(runs):
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                drawn.append(pool.submit(heatmap_drawn, folder, Path(place) / "h").result())
    count, _, matrix, before, _ = drawn[0]
    peak = statistics.median(row[4] for row in drawn)
    rows = [
        ["embedex heatmap DIR --chart, s, median", f"{statistics.median(wall for wall, _ in whole):.2f}"],
        ["in processor seconds", f"{statistics.median(processor for _, processor in whole):.2f}"],
        ["of it pairs, drawing and saving, s", f"{statistics.median(row[1] for row in drawn):.2f}"],
        ["matrix, MiB", f"{matrix:.1f}"],
        ["peak memory, MiB", f"{peak:.0f}"],
        ["above the peak after 4 x 4 cells, MiB", f"{peak - before:.0f}"],
        ["in matrices", f"{(peak - before) / matrix:.1f}"],
    ]
    dex.show(f"All pairs of {count:,} records, {runs} runs", ("what", ""), rows)


def embedding(folder: Path, runs: int) -> None:
    """Time from nothing: the command, and the parts of it in one process."""
    from embedex import Collection

    whole: list[tuple[float, float]] = []
    parts: dict[str, list[tuple[float, float]]] = {}
    counts: dict[str, int] = {}
    with TemporaryDirectory(dir=folder.resolve().parent, prefix=".embedex-speed-") as place:
        for number in range(runs):
            copies = [Path(place) / f"{kind}{number}" for kind in ("command", "parts")]
            for copied in copies:
                unwanted = shutil.ignore_patterns("embeddings", "maps", "charts")
                shutil.copytree(folder, copied, ignore=unwanted, copy_function=os.link)
            whole.append(seconds_of(embedex("embed", copies[0])))
            last: dict[str, tuple[float, float]] = {}

            def note(what: str, _done: int, _total: int, *_: object) -> None:
                last[what] = time.perf_counter(), time.process_time()  # noqa: B023 - called before the next round

            wall, processor = time.perf_counter(), time.process_time()
            reports = Collection.open(copies[1]).embed(progress=note)
            for report, (wall_then, processor_then) in zip(reports, last.values(), strict=True):
                parts.setdefault(report.name, []).append((wall_then - wall, processor_then - processor))
                counts[report.name] = report.rows - report.missing
                wall, processor = wall_then, processor_then
    walls, processors = zip(*whole, strict=True)
    total = len(Collection.open(folder))
    rows: list[list[object]] = [["embedex embed DIR", total, statistics.median(walls), statistics.median(processors)]]
    for name, taken in parts.items():
        walls, processors = zip(*taken, strict=True)
        rows.append([f"of it {name}", counts[name], statistics.median(walls), statistics.median(processors)])
    for row, name in zip(rows, ["", *parts], strict=True):
        count = counts.get(name, total)
        row += [f"{count / float(str(row[2])):,.0f}", f"{count / float(str(row[3])):,.0f}"]
    columns = ("what", "count", "s, median", "processor s", "a second", "a processor second")
    dex.show(f"Embedding from nothing, {runs} runs", columns, rows)


def strips(folder: Path) -> None:
    with TemporaryDirectory() as place:
        wall, processor = seconds_of(embedex("charts", folder, "--to", place, "--all", "--jobs", 2))
        drawn = len(list(Path(place).rglob("*.png")))
    rows = [[drawn, f"{wall:.0f}", f"{processor:.0f}", f"{drawn / wall:.1f}"]]
    dex.show("embedex charts DIR --all --jobs 2, once", ("charts", "s", "processor s", "a second"), rows)


def main() -> None:
    parser = dex.arguments(__doc__)
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="of each cold start (%(default)s)")
    parser.add_argument("--charts", action="store_true", help="also `embedex charts DIR --all`")
    parsed = parser.parse_args()
    dex.open_dex(parsed.dir)
    load = f"; load before the start {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{os.cpu_count()} processors{load}. Where others share them, times are upper limits.")
    cold_starts(parsed.dir, parsed.runs)
    heatmap(parsed.dir, 3)
    embedding(parsed.dir, 3)
    if parsed.charts:
        strips(parsed.dir)


if __name__ == "__main__":
    main()
