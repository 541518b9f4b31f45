"""The charts of a collection: one exhibit of each kind, and the strips of many records at once.

Asks the collection and hands its results to `embedex.charts`; knows no file format and no maths.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from embedex import processors
from embedex.collection import Collection, Progress
from embedex.errors import CollectionError, EmbedexError, InputError, MissingExtraError, NothingToCompareError
from embedex.files import file_name
from embedex.results import (
    Answers,
    By,
    Clusters,
    Comparison,
    Disagreement,
    Map,
    Pairs,
    Probe,
    Quality,
    Result,
    Similar,
    TokenReport,
    Tuned,
    Unusual,
    Why,
    counted,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STRIPS: tuple[By, ...] = ("text", "image", "map")
"""What a record's strips compare."""

STRIP_K = 3
"""Neighbours in each group of a strip."""

PLAIN_K = 10
"""Neighbours in a collection without groups."""


MAP_SEEDS = 5
"""Seeds of the map that is fitted where there is none, so that it shows which places hold."""

MANY = 5_000
"""Beyond so many records one seed has to do: each takes its time."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One result worth showing.

    Attributes:
        name: of the chart's file, without its ending.
        title: a heading.
        text: a sentence on what it shows.
        result: what to draw.
    """

    name: str
    title: str
    text: str
    result: Result


def figure(result: Result, date: datetime.date, *, highlight: Sequence[str] = ()) -> Figure:
    """Draw any result.

    Args:
        result: what to draw.
        date: stated in the caption.
        highlight: names of records that a map points out.
    """
    from embedex import charts

    if isinstance(result, TokenReport):
        return charts.token_histogram(result, date=date)
    if isinstance(result, Similar):
        return charts.similar_strip(result, date=date)
    if isinstance(result, Unusual):
        return charts.unusual_chart(result, date=date)
    if isinstance(result, Answers):
        return charts.answers_chart(result, date=date)
    if isinstance(result, Pairs):
        return charts.heatmap(result, date=date)
    if isinstance(result, Disagreement):
        return charts.disagreement_chart(result, date=date)
    if isinstance(result, Quality):
        return charts.quality_chart(result, date=date)
    if isinstance(result, Why):
        return charts.why_chart(result, date=date)
    if isinstance(result, Comparison):
        return charts.compare_chart(result, date=date)
    if isinstance(result, Tuned):
        return charts.tune_chart(result, date=date)
    if isinstance(result, Clusters):
        return charts.cluster_chart(result, date=date)
    if isinstance(result, Probe):
        return charts.probe_chart(result, date=date)
    return charts.map_chart(result, date=date, highlight=highlight)


def exhibits(collection: Collection, *, record: str, question: str, say: Callable[[str], None]) -> Iterator[Exhibit]:
    """One exhibit of each kind that the collection's embeddings allow; fits the default map where there is none.

    Args:
        collection: embedded.
        record: id or name of the record whose likenesses are shown.
        question: in words; none is asked when empty.
        say: is told of an exhibit that cannot be, because the record has no picture, or records are too few.

    Raises:
        UnknownRecordError: there is no such record.
    """
    name = collection.item(record).name
    grouped = collection.grouped
    per = f"the top {STRIP_K} in each group" if grouped else f"the top {PLAIN_K}"
    k = STRIP_K if grouped else PLAIN_K
    where = " in each group" if grouped else ""
    embedded: tuple[By, ...] = ("text", "image") if collection.has("image") else ("text",)
    a_map: Map | None = None

    def attempt(title: str, text: str, file: str, ask: Callable[[], Result]) -> Iterator[Exhibit]:
        """An exhibit, unless there are too few records for it or it needs an extra: that is said, and others go on."""
        try:
            result = ask()
        except (InputError, MissingExtraError) as error:
            say(f"No chart of «{title}»: {error.seen}")
        else:
            yield Exhibit(file, title, text, result)

    try:
        a_map = default_map(collection)
    except InputError as error:
        say(f"No map: {error.seen}")
    for by in sides(collection):
        if by == "map" and a_map is None:
            continue
        map_name = a_map.name if a_map and by == "map" else ""
        title, text = f"Similar to {name}, {_TOLD[by]}", f"Most similar to {name}, {per}."
        similar = partial(collection.similar, record, k=k, per_group=grouped, by=by, map_name=map_name)
        yield from attempt(title, text, f"similar-{by}", similar)
    if _keeps_fields(collection):
        yield from attempt(
            f"Why {name} and its nearest are alike",
            "What each field adds to their score, and each pair of fields.",
            "why",
            lambda: collection.why(record, collection.similar(record, k=1).hits[0].item.id),
        )
    for by in embedded:
        text = "Every pair of records; bright is alike."
        yield from attempt(f"All pairs, {_TOLD[by]}", text, f"heatmap-{by}", partial(collection.pairs, by=by))
    for by in embedded:
        title, text = f"Most unusual{where}, {_TOLD[by]}", f"The lowest median similarity to all others{where}."
        unusual = partial(collection.unusual, k=1 if grouped else PLAIN_K, per_group=grouped, by=by)
        yield from attempt(title, text, f"unusual-{by}", unusual)
    if collection.has("image"):
        text = "Pairs close in text and far in picture, and the reverse."
        yield from attempt("Text against picture", text, "disagreement", collection.disagreement)
    text = "How alike records are, beside how much data each has."
    yield from attempt("Amount of data", text, "quality", collection.quality)
    title, text = "Clusters", "Groups that records form by themselves, each with the fields that set it apart."
    yield from attempt(title, text, "clusters", collection.clusters)
    if grouped:
        title = f"How much of {collection.manifest.group} can be read"
        text = "On records held out, by neighbours and linearly, from text, pictures and both."
        yield from attempt(title, text, "probe", partial(collection.probe, collection.manifest.group))
    if question:
        yield from attempt(question, "A question in words.", "answers", partial(collection.ask, question))
    if a_map:
        yield Exhibit("map", "Map", f"{counted(len(a_map.items))} placed by {a_map.basis.encoder}.", a_map)


def _keeps_fields(collection: Collection) -> bool:
    """Whether a score can be told field by field: the parts are kept, and by the encoder of the texts."""
    try:
        return bool(collection.fields)
    except CollectionError:
        return False


def sides(collection: Collection) -> Sequence[By]:
    """What a record of this collection can be compared by in strips."""
    return [by for by in STRIPS if by != "image" or collection.has("image")]


def default_map(collection: Collection) -> Map:
    """The collection's map, fitted anew where there is none or the embeddings have changed since.

    UMAP where it is installed and the records suffice for it; PCA elsewhere.
    """
    for name in ("umap", "pca"):
        if name in collection.maps and not (kept := collection.read_map(name)).basis.note:
            return kept
    try:
        return collection.fit_map(seeds=MAP_SEEDS if len(collection) <= MANY else 1)
    except (MissingExtraError, InputError):
        return collection.fit_map(method="pca")


def showpiece(collection: Collection) -> str:
    """The id of the first record that can be compared by all there is; the first record where none can."""
    items = collection.items()
    return next((item.id for item in items if item.picture), items[0].id)


def strips(
    collection: Collection,
    folder: Path,
    *,
    where: str = "",
    jobs: int = 0,
    date: datetime.date,
    progress: Progress | None = None,
) -> tuple[int, int]:
    """Draw the strips by text, image and map of many records, side by side in several processes, as PNG.

    A strip that a record has nothing for (no picture, no place in the map) is left out, and counted.

    Args:
        collection: embedded.
        folder: for the charts, named ``{id}-{by}.png``.
        where: SQL condition for the records; the featured ones when empty.
        jobs: processes; one a core when 0.
        date: stated in the captions.
        progress: see `embedex.collection.Progress`.

    Returns:
        How many charts were drawn, and how many left out.

    Raises:
        EmbedexError: a drawing process ended by itself.
    """
    import multiprocessing

    folder.mkdir(parents=True, exist_ok=True)
    items = collection.items(where=where or collection.manifest.featured_where)
    jobs = jobs or processors.available()
    map_name = default_map(collection).name
    # Matrices are small here: a process each is faster than threads that wait for one another.
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    drawn = done = 0
    try:
        with ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), _open_worker, (collection.folder, folder, map_name, date)
        ) as pool:
            waiting = iter(items)
            running = {pool.submit(_draw_strips, item.id) for item in islice(waiting, 4 * jobs)}
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                drawn += sum(each.result() for each in finished)
                done += len(finished)
                running |= {pool.submit(_draw_strips, item.id) for item in islice(waiting, len(finished))}
                if progress:
                    progress("Drawing strips", done, len(items))
    except BrokenProcessPool as error:
        raise EmbedexError(
            "A drawing process ended by itself, perhaps for want of memory.", cure="Draw with fewer: --jobs 1"
        ) from error
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
    return drawn, len(items) * len(sides(collection)) - drawn


_TOLD: dict[By, str] = {
    "text": "by text",
    "image": "by picture",
    "fused": "by text and picture",
    "map": "by place in the map",
}

_draw_strips_of: Callable[[str], int]
"""What a worker process does; set once by `_open_worker`, so that each opens the collection once."""


def _open_worker(collection_folder: Path, folder: Path, map_name: str, date: datetime.date) -> None:
    global _draw_strips_of
    from embedex import charts

    collection = Collection.open(collection_folder)
    compared = sides(collection)

    def draw(record_id: str) -> int:
        drawn = 0
        for by in compared:
            try:
                result = collection.similar(
                    record_id,
                    k=STRIP_K if collection.grouped else PLAIN_K,
                    per_group=collection.grouped,
                    by=by,
                    map_name=map_name if by == "map" else "",
                )
            except NothingToCompareError:
                continue
            charts.save(figure(result, date), folder / f"{file_name(record_id)}-{by}", ("png",))
            drawn += 1
        return drawn

    _draw_strips_of = draw


def _draw_strips(record_id: str) -> int:
    return _draw_strips_of(record_id)
