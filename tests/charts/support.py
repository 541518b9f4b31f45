"""Small results of every kind, with pictures painted on the spot."""

from __future__ import annotations

import datetime
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.text import Text
from PIL import Image, ImageDraw

from embedex.results import (
    Answers,
    Basis,
    By,
    Change,
    Cluster,
    Clusters,
    Comparison,
    Disagreement,
    Estimate,
    Fidelity,
    GroupQuality,
    Hit,
    Item,
    Map,
    Measure,
    PairHit,
    Pairs,
    Probe,
    Quality,
    Readout,
    Similar,
    Term,
    TokenCounts,
    TokenReport,
    Trait,
    Tuned,
    Unusual,
    Why,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

DATE = datetime.date(2024, 2, 29)

NAMES = ("crabominable", "roaring-moon", "pikachu", "mr-mime", "fletchinder", "type-null", "iron-treads")

AWKWARD = (
    "$x_1^2$", "a $ alone", "line\nbreak\ttab\ffeed", "日本語", "🙂👩‍👩‍👧 family", "", "  ", "W" * 80,
    "<b>&amp;</b>", r"\frac{1}", "مرحبا", "naïve ﬁ ① Ａ", "bad \ud800 half", "-- comment -->", "́",
)  # fmt: skip


def basis(by: By = "text", measure: Measure = "cosine", *, count: int = 1025, note: str = "") -> Basis:
    return Basis("Pokédex", by, "tiny-encoder", measure, count, note)


def paint(folder: Path, number: int) -> Path:
    """A disc in a wide transparent margin."""
    path = folder / f"{number}.png"
    if not path.exists():
        picture = Image.new("RGBA", (60, 60))
        colour = (40 * number % 256, 90, 200 - 30 * number % 200, 255)
        ImageDraw.Draw(picture).ellipse((20, 10, 40, 50), fill=colour)
        picture.save(path)
    return path


def items(count: int, *, groups: int = 3, pictures: Path | None = None, names: Sequence[str] = NAMES) -> list[Item]:
    return [
        Item(
            id=str(number),
            name=names[number % len(names)],
            group=f"generation-{number * groups // count + 1}" if groups else None,
            picture=paint(pictures, number % 5) if pictures else None,
        )
        for number in range(count)
    ]


def hits(records: Sequence[Item], scores: Sequence[float], *, passage: str | None = None) -> list[Hit]:
    return [
        Hit(record, score, rank, passage, "texts[0]" if passage else None)
        for rank, (record, score) in enumerate(zip(records, scores, strict=True), 1)
    ]


def similar(records: Sequence[Item], *, per_group: bool = True, by: By = "text") -> Similar:
    scores = [0.9 - 0.6 * number / max(len(records), 1) for number in range(len(records))]
    return Similar(Item("q", "eevee", "generation-1"), hits(records, scores), per_group, basis(by))


def a_sum(records: Sequence[Item]) -> Similar:
    terms = [Term(-1 if number % 2 else 1, record) for number, record in enumerate(records[:7])]
    words = [Term(1, None, "words " * 30)]
    return Similar(Item("a + b", "a + b"), hits(records, [0.5] * len(records)), False, basis(), None, [*terms, *words])


def disagreement(records: Sequence[Item]) -> Disagreement:
    couples = [
        PairHit(first, second, rank, 0.9, 0.1, 100 - 7.0 * rank, 3.0 * rank)
        for rank, (first, second) in enumerate(pairwise(records), 1)
    ]
    return Disagreement(couples, couples[:2], [], 0.12, 0.01, 10, 0.02, basis("fused"))


def quality(records: Sequence[Item]) -> Quality:
    random = np.random.default_rng(8)
    labels = list(dict.fromkeys(record.group for record in records))
    groups = [
        GroupQuality(label, 3, 900.0, 1.0, 0.9, -0.02 + 0.01 * number, None if number == 1 else -0.01)
        for number, label in enumerate(labels)
    ]
    lengths = random.integers(300, 30_000, len(records))
    medians = random.normal(0.9, 0.02, len(records)).astype(np.float32)
    return Quality(records, lengths, lengths % 5, medians, ["a", "b"], -0.3, 0.2, 0.26, groups, basis())


def unusual(records: Sequence[Item]) -> Unusual:
    return Unusual(hits(records, [0.61 + 0.003 * n for n in range(len(records))]), True, basis())


def answers(records: Sequence[Item]) -> Answers:
    scores = [0.08 - 0.001 * n for n in range(len(records))]
    passage = "When several of these gather,\ntheir electricity could build\fand cause lightning storms. " * 3
    return Answers("Which $one$ is it?", hits(records, scores, passage=passage), "passages", basis("image"))


def pairs(count: int, *, groups: Sequence[tuple[str, int]] = (), by: By = "text") -> Pairs:
    vectors = np.random.default_rng(5).normal(size=(count, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    means = np.zeros((len(groups), len(groups)), dtype=np.float32)
    return Pairs((vectors @ vectors.T).astype(np.float32), count, groups, basis(by, count=count), means)


def a_map(records: Sequence[Item], *, dimensions: int = 2, missing: int = 0) -> Map:
    places = np.random.default_rng(6).normal(size=(len(records), dimensions)).astype(np.float32)
    return Map("umap-text", records, places, {"method": "umap", "seed": 7}, missing, basis("map", "distance"))


def in_doubt(count: int) -> Fidelity:
    """Half of the places kept, half not."""
    kept = np.arange(count, dtype=np.float32) % 2
    return Fidelity(10, kept, kept, 0.944, 0.893, count, 5, 0.5)


def why(records: Sequence[Item], *, sign: float = 1.0) -> Why:
    """A field for each record, called by its name; with one record the two are the same."""
    count = len(records)
    matrix = np.random.default_rng(8).normal(size=(count, count)) * 0.02 + sign * np.diag(0.5 / (np.arange(count) + 1))
    one, other = (records[0], records[-1]) if records else (Item("q", "eevee"), Item("r", "espeon"))
    return Why(one, other, [f"a.{record.name}" for record in records], matrix, basis("text", "centred cosine"))


def comparison(records: Sequence[Item]) -> Comparison:
    scores = [0.5 + 0.01 * number for number in range(len(records))]
    changes = [Change(record, 0.5, [record], [record]) for record in records]
    labels = dict.fromkeys(record.group for record in records)
    groups = [(label, 12, 0.9 - 0.05 * number) for number, label in enumerate(labels)]
    before, after = hits(records, scores), hits(records[::-1][:-1], scores[:-1])
    return Comparison(10, 0.42, groups, changes, before, after, basis(note="without moves"), "without moves")


def tuned(records: Sequence[Item], *, gain: float = 0.1) -> Tuned:
    weights = {f"{number} {record.name}": (0.0, 0.25, 1.0, 8.0)[number % 4] for number, record in enumerate(records)}
    ranges = {path: (min(weight, 1.0), weight) for path, weight in weights.items()}
    interval = (gain - 0.05, gain + 0.05)
    return Tuned(
        "kinds", "types[0].name", weights, ranges, "types", 10, 5, 0.5, 0.5 + gain, interval, 900, 18, False, basis()
    )  # fmt: skip


def tokens(count: int = 200) -> TokenReport:
    random = np.random.default_rng(7)
    long = random.normal(3781, 900, count).clip(2).astype(np.int64)
    paths = [(f"moves[{n}].name", 10 * (20 - n)) for n in range(14)]
    return TokenReport(
        "Pokédex",
        [str(n) for n in range(count)],
        [TokenCounts("bert-base-uncased", "WordPiece", long), TokenCounts("o200k_base", "BPE", long // 2)],
        paths if count else [],
    )


def probe(names: Sequence[str] = ("text", "image"), *, number: bool = False, blind: bool = False) -> Probe:
    metrics = ("R2", "MAE") if number else ("balanced accuracy", "macro-F1", "accuracy")
    readouts = [Readout("baseline", "", "baseline", [Estimate(0.1, 0.1, 0.1)] * len(metrics), [])]
    for row, name in enumerate(names):
        for shift, method in ((0.0, "neighbours"), (0.1, "linear")):
            value = 40.0 - row if number else 0.3 + 0.05 * row + shift
            score = Estimate(value, 0.9 * value, 1.1 * value)
            gain = Estimate(0.2, -0.1 if row else 0.1, 0.3)
            how: Literal["neighbours", "linear"] = "neighbours" if method == "neighbours" else "linear"
            readouts.append(Readout(name, "tiny-encoder", how, [score] * len(metrics), [gain] * len(metrics)))
    kind: Literal["number", "category"] = "number" if number else "category"
    classes = [] if number else [("fire", 600), ("ice", 425)]
    return Probe("Pokédex", "types[0].name", kind, metrics, readouts, 1025, classes, 5, 5, blind, ["2 records without"])


def clusters(records: Sequence[Item], count: int = 3, *, places: bool = True) -> Clusters:
    traits = [Trait("types.type.name", "fire", 0.9, 0.1, 4.4, 9.0), Trait("size", None, 90, 10, -1.5, -6.0)]
    found = [
        Cluster(number + 1, records[number::count], 0.5, 0.1, traits if number else [])
        for number in range(count)
        if records[number::count]
    ]
    alone = [Item("alone", "missingno")] if records else []
    everyone = [*records, *alone]
    return Clusters(found, alone, {"method": "kmeans", "seed": 0}, basis(), a_map(everyone) if places else None)


def texts(figure: Figure) -> Iterator[Text]:
    """Every text of a figure that shows something."""
    for artist in figure.findobj(Text):
        if isinstance(artist, Text) and artist.get_visible() and artist.get_text().strip():
            yield artist


def boxes(figure: Figure) -> list[tuple[Text, Bbox]]:
    """Every text and the pixels it takes. Drawn once before: only then do labels of axes have their places."""
    figure.draw_without_rendering()
    return [(text, text.get_window_extent()) for text in texts(figure)]


def collisions(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of upright texts that touch."""
    upright = [(text.get_text(), box) for text, box in boxes(figure) if text.get_rotation() != 45]
    return [(one, other) for (one, box), (other, second) in combinations(upright, 2) if box.overlaps(second)]


def outside(figure: Figure) -> list[str]:
    """Texts that leave the figure."""
    right, top = figure.bbox.max
    return [
        text.get_text()
        for text, box in boxes(figure)
        if box.x0 < -1 or box.y0 < -1 or box.x1 > right + 1 or box.y1 > top + 1
    ]


def words(figure: Figure) -> str:
    """All that a figure says, its lines joined."""
    return " ".join(text.get_text().replace("\n", " ") for text in texts(figure))
