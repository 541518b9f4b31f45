"""How fast the nomic models run on a CPU, against others who compute the same, in turn, on random weights of full size.

Text: transformers' own NomicBert in float32 one document at a time; Sentence Transformers' `encode` as it comes; ONNX
Runtime, which fastembed runs on, in float32 on a graph of plain operations, one by one and as one padded batch.
Pictures: ONNX Runtime, and embedex's own PyTorch path, since no library has a class of that model. No download: the
weights are random. Positions beyond 2,048 are not scaled, which is the others' default. A peer's vectors must be
embedex's, or it is not timed; a library that is not installed is named as such.

Each round visits every peer in turn, and the next one in the opposite order. `bf16 is faster` is the median of the
rounds' ratios, with the least and the most. `roof` is the share of what OpenVINO's matrix products alone reach in the
same minute, in the precision of the peer; the work counted is that of the linear layers and of attention's two
products, without padding. The mix of lengths is that of the 1,302 Pokémon of June 2024, or of a collection, a JSON
Lines file of records, or a file with a number a line: neighbours in length, evenly spaced over the collection sorted by
length, as Sentence Transformers sorts it before it cuts its batches. Memory is the most that a process held, from its
start, the mapped weights among it.

    python benchmarks/nomic_speed.py
    python benchmarks/nomic_speed.py --lengths 128 3800 --documents 0 --pictures 0 --rounds 5 --minutes 60
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import dex
from nomic_peers import (
    EXACT,
    ONE_BY_ONE,
    ONNX_BATCH,
    OURS,
    PICTURE_PEERS,
    ROOFS,
    SENTENCES,
    TEXT_PEERS,
    Peer,
    Worker,
    picture_flops,
    random_ids,
    random_pixels,
    text_flops,
    write_models,
)

CONTEXT = 8192
PICTURES_SHARE = 0.15
"""Of the time, for rounds of pictures after their first."""

TOKENS = 2048
"""Tokens of a case of short documents: so many of one length that they make this number."""

_MIX = (
    "744 1864 2070 2190 2331 2471 2611 2755 2898 3030 3141 3249 3358 3447 3612 3735 3840 3956 4085 4242 "
    "4368 4535 4709 4920 5050 5233 5355 5538 5712 6022 6529 7694"
)
MIX = [int(number) for number in _MIX.split()]
"""Tokens of 32 of the 1,302 records of June 2024, sorted and evenly spaced; bert-base-uncased, with ``[CLS]``,
``[SEP]`` and the prefix ``search_document: ``."""

RECORDS = 1302
PREFIX_TOKENS = 4
LIMITS = {"f32": 1e-6, "bf16": 2e-3}
"""The most 1 - cosine to embedex in float32 of a peer that computes the same."""


@dataclass
class Case:
    """Documents that every peer embeds in one call.

    Attributes:
        name: as shown.
        group: cases of one group are shown as one row.
        work: token ids, or pixels.
        size: tokens, or pictures.
        flops: that it takes.
        without: peers it is not given to, and why.
        seconds: by peer, one a round.
        roofs: FLOP/s by precision, one a round.
        distances: the most 1 - cosine by peer.
    """

    name: str
    group: str
    work: Any
    size: int
    flops: float
    without: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    roofs: dict[str, list[float]] = field(default_factory=dict)
    distances: dict[str, float] = field(default_factory=dict)
    cost: float = 0.0


@dataclass
class Findings:
    """What is not of one case.

    Attributes:
        memory: peak bytes at 8,192 tokens, by peer, each in a process of its own.
        peaks: peak bytes in the whole run, by kind and peer.
        faults: why a peer was not timed, or not to the end, by kind and peer.
    """

    memory: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def main() -> None:
    parser = dex.arguments(__doc__, folder=False)
    parser.add_argument("--lengths", type=int, nargs="*", default=[3800, 128, 512, 2048, 8192], help="tokens")
    parser.add_argument("--mix", type=Path, help="a collection, a JSON Lines file, or a file with a number a line")
    parser.add_argument("--documents", type=int, default=8, help="of the mix (8); 0 leaves it out")
    parser.add_argument("--neighbours", type=int, default=2, help="documents of the mix embedded in one call (2)")
    parser.add_argument("--pictures", type=int, default=8, help="pictures in one call (8); 0 leaves them out")
    parser.add_argument("--rounds", type=int, default=5, help="at most (5); the first is always run to its end")
    parser.add_argument(
        "--minutes", type=float, default=12, help="begin nothing after the first round beyond these (12)"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of every peer (one a core)")
    parser.add_argument("--peers", nargs="*", metavar="WORD", help="only those with one of these words in the name")
    parser.add_argument("--folder", type=Path, help="keeps the random models, 1.9 GB, for the next time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    with TemporaryDirectory() as passing:
        measure(options, options.folder or Path(passing))


def measure(options: Any, folder: Path) -> None:
    begun = time.monotonic()
    print(f"{_processor()}, {options.threads} threads; load before the run {os.getloadavg()[0]:.1f}", flush=True)
    cases = {
        "pictures": picture_cases(options.pictures),
        "text": [*mix_cases(options), *length_cases(options.lengths)],
    }
    peers = {
        kind: _chosen(some, options.peers)
        for kind, some in (("pictures", PICTURE_PEERS), ("text", TEXT_PEERS))
        if cases[kind]
    }
    onnx = any("onnx" in peer.needs and not peer.missing for some in peers.values() for peer in some)
    write_models(folder, onnx=onnx)
    found = Findings()
    if CONTEXT in options.lengths:
        found.memory = memory_at_the_context(folder, options.threads)
    roofs = [Worker(peer, folder, options.threads) for peer in ROOFS]
    for kind, some in peers.items():  # one after the other, as all processes together would take 20 GB
        workers = [Worker(peer, folder, options.threads) for peer in some]
        until = begun + 60 * options.minutes * (1 if kind == "text" else PICTURES_SHARE)
        try:
            warm_up(kind, workers)
            for number in range(options.rounds):
                for case in cases[kind]:
                    if number == 0 or time.monotonic() + case.cost < until:
                        visit(case, workers, roofs, backwards=number % 2 == 1)
            for worker in workers:
                name = f"{kind}, {worker.peer.name}"
                if worker.fault:
                    found.faults[name] = worker.fault
                else:
                    found.peaks[name] = worker.peak()
        finally:
            for worker in workers:
                worker.close()
    for worker in roofs:
        worker.close()
    report([*cases["text"], *cases["pictures"]], found, peers)
    print(f"\n{(time.monotonic() - begun) / 60:.0f} minutes in all; load at the end {os.getloadavg()[0]:.1f}")
    if options.json:
        write_json(options.json, [*cases["text"], *cases["pictures"]], found)


# --- what is measured -------------------------------------------------------------------------------------------


def length_cases(lengths: Sequence[int]) -> list[Case]:
    cases = []
    for length in lengths:
        count = max(1, TOKENS // length)
        name = f"{length:,} tokens" + (f" x {count}" if count > 1 else "")
        cases.append(text_case(name, name, [length] * count, seed=length))
    return cases


def mix_cases(options: Any) -> list[Case]:
    """Runs of neighbours in length, in the middles of equal parts of the sorted collection."""
    if not options.documents:
        return []
    lengths = sorted(read_lengths(options.mix))
    cut = sum(length > CONTEXT for length in lengths)
    lengths = [min(length, CONTEXT) for length in lengths]
    padded = sum(len(some) * max(some) for some in _batches(lengths[::-1], 32)) / sum(lengths)
    mean = statistics.mean(lengths)
    print(
        f"The mix: {len(lengths):,} documents of {min(lengths):,} to {max(lengths):,} tokens, mean {mean:,.0f} "
        f"({cut} longer than {CONTEXT:,} count as that). Sorted batches of 32 compute {padded:.2f} times the tokens, "
        "padding included."
    )
    groups = max(1, options.documents // options.neighbours)
    cases = []
    for number in range(groups):
        start = round((number + 0.5) / groups * len(lengths) - options.neighbours / 2)
        some = lengths[max(0, start) : max(0, start) + options.neighbours]
        cases.append(text_case(f"mix {some[0]:,} to {some[-1]:,}", "mix", some, seed=number))
        cases[-1].without[ONNX_BATCH] = _batch_memory(lengths)
    sample = statistics.mean(length for case in cases for length in map(len, case.work))
    print(
        f"Timed: {groups * options.neighbours} of them, {options.neighbours} in a call, mean {sample:,.0f} tokens.",
        flush=True,
    )
    return cases


def text_case(name: str, group: str, lengths: Sequence[int], seed: int) -> Case:
    case = Case(name, group, random_ids(lengths, seed), sum(lengths), text_flops(lengths))
    if len(lengths) == 1:
        case.without[ONNX_BATCH] = "one document is no batch"
    return case


def picture_cases(count: int) -> list[Case]:
    return (
        [Case(f"{count} pictures", "pictures", random_pixels(count, 0), count, picture_flops(count))] if count else []
    )


def read_lengths(path: Path | None) -> list[int]:
    """Tokens of each document: of a collection, of records, as numbers, or of the Pokémon of June 2024."""
    if path is None:
        places = (np.arange(len(MIX)) + 0.5) / len(MIX) * RECORDS
        return np.interp(np.arange(RECORDS) + 0.5, places, MIX).round().astype(int).tolist()  # type: ignore[no-any-return]
    from embedex import Collection
    from embedex.documents import TextSettings, text_document
    from embedex.records import Record, redundant_prefix
    from embedex.sources.files import escapes_ascii
    from embedex.tokens import WordPiece

    if path.is_dir():
        counts = Collection.open(path).tokens().tokenizers[0].counts.tolist()
        return [count + PREFIX_TOKENS for count in counts]
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines[0].strip().isdigit():
        return [int(line) for line in lines if line.strip()]
    values = [json.loads(line) for line in lines if line.strip()]
    settings = TextSettings(redundant_prefix(values), ascii=escapes_ascii([path]))
    texts = [text_document(Record(str(number), value), settings).text for number, value in enumerate(values)]
    return [count + PREFIX_TOKENS for count in WordPiece.load().count(texts)]


def memory_at_the_context(folder: Path, threads: int) -> dict[str, float]:
    """The most memory of a process that embeds one document of 8,192 tokens, in bytes, by precision."""
    found = {}
    for peer in TEXT_PEERS[:2]:
        worker = Worker(peer, folder, threads)
        if worker.encode(random_ids([CONTEXT], 1))[1] is not None:
            found[peer.name] = worker.peak()
        worker.close()
    return found


def warm_up(kind: str, workers: Sequence[Worker]) -> None:
    """Hold every peer's vectors of little work against embedex's; one that differs is out."""
    work = random_ids([5, 64, 33, 64], 7) if kind == "text" else random_pixels(2, 7)
    exact = next(each for each in workers if each.peer.name == EXACT).encode(work)[1]
    for worker in workers:
        _, vectors = worker.encode(work)
        if vectors is None or exact is None:
            continue
        far = _distance(vectors, exact)
        if far > LIMITS[worker.peer.precision]:
            worker.fault = f"computes something else: 1 - cos {far:.1e}"


def visit(case: Case, workers: Sequence[Worker], roofs: Sequence[Worker], *, backwards: bool) -> None:
    """One round of a case: every peer and both roofs, in turn."""
    begun = time.monotonic()
    vectors = {}
    for worker in [*roofs, *workers][:: -1 if backwards else 1]:
        name = worker.peer.name
        if worker.fault or name in case.without:
            continue
        seconds, result = worker.encode(case.work if worker not in roofs else None)
        if result is None:
            continue
        if worker in roofs:
            case.roofs.setdefault(worker.peer.precision, []).append(float(result))
            continue
        print(f"{case.name:>24}  {name:40} {seconds:7.2f} s", file=sys.stderr, flush=True)
        case.seconds.setdefault(name, []).append(seconds)
        vectors[name] = result
    for name, result in vectors.items():
        if EXACT in vectors:
            case.distances[name] = max(case.distances.get(name, 0.0), _distance(result, vectors[EXACT]))
    case.cost = time.monotonic() - begun


# --- what is shown ----------------------------------------------------------------------------------------------


def report(cases: Sequence[Case], found: Findings, peers: Mapping[str, Sequence[Peer]]) -> None:
    goals: dict[str, tuple[float, str]] = {}
    for group in dict.fromkeys(case.group for case in cases):
        some = [case for case in cases if case.group == group]
        kind = "pictures" if group == "pictures" else "text"
        rows: list[list[object]] = []
        for peer in peers[kind]:
            name, precision = peer.name, peer.precision
            reason = found.faults.get(f"{kind}, {name}") or some[0].without.get(name, "")
            if not all(case.seconds.get(name) for case in some):
                rows.append([name, *[""] * 5, reason or "not measured"])
                continue
            figures = summary(some, name, precision)
            rows.append(
                [
                    name,
                    f"{figures['rate']:,.1f}" if kind == "pictures" else f"{figures['rate']:,.0f}",
                    f"{figures['flops'] / 1e9:,.0f}",
                    f"{figures['roof']:.0%}" if figures["roof"] else "",
                    spread(figures["faster"]),
                    spread(figures["faster_f32"]),
                    f"{max(case.distances.get(name, 0.0) for case in some):.0e}",
                ]
            )
            if group == "mix" and name in (ONE_BY_ONE, SENTENCES) and figures["faster"]:
                goals[f"mix: bf16 against {name}"] = (
                    figures["faster"][0],
                    "at least " + ("3.5" if name == ONE_BY_ONE else "3"),
                )
            if some[0].name.startswith("3,800") and name == OURS and figures["roof"]:
                goals["3,800 tokens: share of the bf16 roof"] = (figures["roof"], "at least 0.70")
        rounds = sorted({len(times) for case in some for times in case.seconds.values()})
        title = f"The mix, {sum(len(case.work) for case in some)} documents" if group == "mix" else group
        per = "pictures/s" if kind == "pictures" else "tokens/s"
        columns = ("", per, "GFLOP/s", "roof", "bf16 is faster", "f32 is faster", "1 - cos")
        dex.show(f"{title}; rounds: {' to '.join(map(str, rounds))}", columns, rows)
    roofs = {name: [roof for case in cases for roof in case.roofs.get(name, [])] for name in ("bf16", "f32")}
    dex.show(
        "The GEMM roof, GFLOP/s",
        ("", "median", "least", "most"),
        [
            [name, *(f"{each / 1e9:,.0f}" for each in (statistics.median(some), min(some), max(some)))]
            for name, some in roofs.items()
            if some
        ],
    )
    if OURS in found.memory:
        rows = [[name, f"{value / 1e9:.2f}"] for name, value in found.memory.items()]
        dex.show("Peak memory of a fresh process, one document of 8,192 tokens, GB", ("", "GB"), rows)
        goals["8,192 tokens: peak memory, GB"] = (found.memory[OURS] / 1e9, "at most 3")
    rows = [[name, f"{value / 1e9:.2f}"] for name, value in found.peaks.items()]
    dex.show("Peak memory of each process in the whole run, GB", ("", "GB"), rows)
    for name, fault in found.faults.items():
        print(f"  {name}: {fault}")
    if goals:
        rows = [[name, f"{value:.2f}", goal] for name, (value, goal) in goals.items()]
        dex.show("Goals", ("", "measured", "goal"), rows)


def summary(cases: Sequence[Case], name: str, precision: str) -> dict[str, Any]:
    """Figures of a peer on cases that belong together: sums of the medians; ratios of each round."""
    seconds = sum(statistics.median(case.seconds[name]) for case in cases)
    needed = [statistics.median(case.roofs[precision]) for case in cases if case.roofs.get(precision)]
    # What the roof alone would take, held against the peer's time.
    least = (
        sum(case.flops / roof for case, roof in zip(cases, needed, strict=False)) if len(needed) == len(cases) else 0.0
    )
    return {
        "seconds": seconds,
        "rate": sum(case.size for case in cases) / seconds,
        "flops": sum(case.flops for case in cases) / seconds,
        "roof": least / seconds,
        "faster": ratios(cases, name, OURS),
        "faster_f32": ratios(cases, name, EXACT),
    }


def ratios(cases: Sequence[Case], name: str, to: str) -> tuple[float, float, float] | None:
    """How many times as long a peer takes: of sums over cases, or the median of rounds; least, most."""
    if name == to or not all(case.seconds.get(to) for case in cases):
        return None
    each = [a / b for case in cases for a, b in zip(case.seconds[name], case.seconds[to], strict=False)]
    if len(cases) == 1:
        return statistics.median(each), min(each), max(each)
    whole = sum(statistics.median(case.seconds[name]) for case in cases)
    return whole / sum(statistics.median(case.seconds[to]) for case in cases), min(each), max(each)


def spread(figures: tuple[float, float, float] | None) -> str:
    if not figures:
        return ""
    middle, least, most = figures
    return f"{middle:.2f} x" + (f" ({least:.2f} to {most:.2f})" if least < most else "")


def write_json(path: Path, cases: Sequence[Case], found: Findings) -> None:
    precisions = {peer.name: peer.precision for peer in (*TEXT_PEERS, *PICTURE_PEERS)}
    value = {
        "processor": _processor(),
        "cases": [
            {
                "case": case.name,
                "group": case.group,
                "size": case.size,
                "flops": case.flops,
                "seconds": case.seconds,
                "roofs": case.roofs,
                "distances": case.distances,
                "peers": {name: summary([case], name, precisions[name]) for name in case.seconds},
            }
            for case in cases
        ],
        "peak_bytes_at_8192": found.memory,
        "peak_bytes": found.peaks,
        "faults": found.faults,
    }
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def _chosen(peers: Sequence[Peer], words: Sequence[str] | None) -> list[Peer]:
    """embedex, and those whose names hold one of the words."""
    return [
        peer
        for peer in peers
        if not words or peer.name in (OURS, EXACT) or any(word.lower() in peer.name.lower() for word in words)
    ]


def _distance(a: Any, b: Any) -> float:
    """The most 1 - cosine of two sets of unit vectors, row by row."""
    return float(max(0.0, 1 - (np.asarray(a, np.float64) * np.asarray(b, np.float64)).sum(axis=1).min()))


def _batches(lengths: Sequence[int], size: int) -> list[Sequence[int]]:
    return [lengths[start : start + size] for start in range(0, len(lengths), size)]


def _batch_memory(lengths: Sequence[int]) -> str:
    """Why fastembed's default batch, 256 documents in the order they come, is left out."""
    scores = 256 * 12 * max(lengths) ** 2 * 4
    return f"not timed: 256 together have up to {scores / 1e9:,.0f} GB of scores"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
