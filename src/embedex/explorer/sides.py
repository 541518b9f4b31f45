"""What a browser needs to compare records by itself: vectors in half precision, and the numbers that go with them.

A vector is carried as its *difference* from the mean of those that are compared, in float16. Records in one JSON shape
hardly differ from their mean, so that cosines are off by far less than if the vectors themselves were rounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from embedex import attribution, similarity
from embedex import parts as field_parts
from embedex.holdings import IMAGE_WEIGHT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.explorer.questions import Questions
    from embedex.results import Fidelity
    from embedex.store import Parts


@dataclass(frozen=True)
class Side:
    """Texts' or pictures' vectors.

    Attributes:
        rows: uint32, shape (m,), ascending: the records that have one.
        mean: float32, shape (d,): what centring subtracts.
        differences: float16, shape (m, d): the vectors without that mean.
    """

    rows: NDArray[np.uint32]
    mean: NDArray[np.float32]
    differences: NDArray[np.float16]


@dataclass(frozen=True)
class FieldParts:
    """What the fields of records add to their texts' vectors.

    Attributes:
        paths: the fields.
        mean: float32, shape (f, d): the mean part of each, over the records that are compared by default.
        starts: uint32, shape (n + 1,): record r has the parts from ``starts[r]`` to ``starts[r + 1]``.
        fields: uint16, shape (p,): the field of each part.
        differences: float16, shape (p, d): each part without its field's mean.
    """

    paths: list[str]
    mean: NDArray[np.float32]
    starts: NDArray[np.uint32]
    fields: NDArray[np.uint16]
    differences: NDArray[np.float16]


MOST_FIELDS = 65_535
"""How many fields uint16 can tell apart."""


def side(questions: Questions, by: Literal["text", "image"]) -> Side:
    """The vectors of one side. Raises what `Collection.vectors` raises."""
    import numpy as np

    rows, vectors, _ = questions.collection.vectors(by=by)
    mean = np.zeros(vectors.shape[1], np.float32)
    if len(rows):
        main = questions.index.main[rows]  # as `embedex.holdings.Holdings.compared` centres
        usual = vectors[main if main.any() else slice(None)]
        mean = usual.mean(axis=0, dtype=np.float64).astype(np.float32)
    return Side(rows.astype("<u4"), mean.astype("<f4"), (vectors - mean).astype("<f2"))


def fused(questions: Questions) -> dict[str, Any]:
    """What weighs texts and pictures together.

    Returns:
        ``weight``, the picture's usual share; ``spreads`` of both sides' centred scores, by which any share is evened
        out; ``plain_share``, what that share comes to for vectors that are not centred.
    """
    text, image = (questions.collection.vectors(by=side)[1] for side in ("text", "image"))
    in_text, in_image = questions.usual_sides()
    share = similarity.standard_weight(text[in_text], image[in_image], IMAGE_WEIGHT)
    return {"weight": IMAGE_WEIGHT, "spreads": list(questions.spreads()), "plain_share": share}


def field_parts_of(questions: Questions, most_bytes: int) -> FieldParts | int:
    """What the fields add, of every record with text that has such parts; or how many bytes that is, beyond the most.

    Raises:
        CollectionError: none have been kept, or they are another encoder's.
    """
    import numpy as np

    collection, index, store = questions.collection, questions.index, questions.store
    paths = collection.fields
    text_rows, vectors, _ = collection.vectors(by="text")
    has_text = np.zeros(len(index.ids), bool)
    has_text[text_rows] = True
    counts = np.zeros(len(index.ids), np.int64)

    def counted() -> Iterator[Parts]:
        for block in store.read_parts():
            for record_id, count in zip(block.ids, np.diff(block.starts).tolist(), strict=True):
                row = questions.rows.get(record_id, -1)
                if row >= 0 and has_text[row]:
                    counts[row] = count
            yield block

    main = {record_id for record_id, kept in zip(index.ids, index.main, strict=True) if kept}
    mean = field_parts.mean(counted(), paths, main)
    usual = index.main[text_rows]
    if usual.any():  # as `embedex.questions.reasons.why`
        mean = attribution.settled(mean, vectors[usual].mean(axis=0, dtype=np.float64))
    starts = np.cumsum([0, *counts.tolist()])
    size: int = int(starts[-1]) * mean.shape[1] * 2
    if size > most_bytes or len(paths) > MOST_FIELDS:
        return size
    number = {path: place for place, path in enumerate(paths)}
    fields = np.zeros(int(starts[-1]), "<u2")
    differences = np.zeros((int(starts[-1]), mean.shape[1]), "<f2")
    for block in store.read_parts():
        of_block = np.asarray([number[path] for path in block.paths], np.int64)
        moved = block.vectors - mean[of_block]
        for place, record_id in enumerate(block.ids):
            row = questions.rows.get(record_id, -1)
            if row >= 0 and counts[row]:
                here, there = slice(*block.starts[place : place + 2]), slice(*starts[row : row + 2])
                fields[there], differences[there] = of_block[here], moved[here]
    return FieldParts(paths, mean.astype("<f4"), starts.astype("<u4"), fields, differences)


def kept_places(measured: Fidelity) -> dict[str, NDArray[np.uint8] | NDArray[np.uint16]]:
    """What `Fidelity.told` says of each place, in whole numbers.

    Returns:
        ``kept``, uint16: how many of its nearest are near it; and, where maps of several seeds were compared,
        ``stable``, uint8: how many in a hundred stay so.
    """
    import numpy as np

    found: dict[str, NDArray[np.uint8] | NDArray[np.uint16]] = {
        "kept": np.rint(measured.nearest * measured.kept.astype(np.float64)).astype("<u2")
    }
    if measured.stable is not None:
        found["stable"] = np.rint(100 * np.asarray(measured.stable, np.float64)).astype(np.uint8)
    return found
