"""The columns of a collection and of its maps as bytes: a value a record, in the collection's order, little-endian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from embedex.explorer.shelf import Held

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.store import Index, StoredMap

NONE = 65_535
"""Stands for no value among uint16."""

MOST_CODES = NONE
"""How many values uint16 can tell apart beside none."""


def lines(texts: Sequence[str]) -> Held:
    """Texts in UTF-8, one a line; what would break a line becomes a space."""
    joined = "".join(f"{text}\n" for text in texts)
    if joined.count("\n") != len(texts) or "\r" in joined:
        joined = "".join(" ".join(text.split("\n")).replace("\r", " ") + "\n" for text in texts)
    return Held(joined.encode(errors="replace"), "text/plain; charset=utf-8")


def groups(index: Index) -> Held:
    """uint16 a record: its group's place in `Index.group_names`; `NONE` without one, or beyond what uint16 can tell."""
    return Held(codes(index.groups, index.group_names))


def codes(values: Sequence[str | None], categories: Sequence[str]) -> bytes:
    """uint16 a value: its place among the categories; `NONE` for none of them."""
    import numpy as np

    places: dict[str | None, int] = {name: place for place, name in enumerate(categories[:MOST_CODES])}
    return np.fromiter((places.get(each, NONE) for each in values), "<u2", len(values)).tobytes()


def flags(values: Sequence[object] | NDArray[np.bool_]) -> Held:
    """uint8 a value: 1 for what is there or true."""
    import numpy as np

    if isinstance(values, np.ndarray):
        return Held(values.astype(np.uint8).tobytes())
    return Held(bytes(1 if value else 0 for value in values))


def map_rows(stored: StoredMap, index: Index, rows: Mapping[str, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which places of a map are of records that are still there, and their rows, both of shape (m,)."""
    import numpy as np

    if stored.ids == index.ids:
        every = np.arange(len(stored.ids))
        return every, every
    found = [(place, rows[each]) for place, each in enumerate(stored.ids) if each in rows]
    places, at = np.asarray(found, np.int64).reshape(-1, 2).T
    return places, at


def map_arrays(stored: StoredMap, index: Index, rows: Mapping[str, int]) -> dict[str, Held]:
    """A map's ``places`` (float32, shape (m, 2 or 3)), their ``rows`` (uint32) and which to ``doubt`` (uint8)."""
    import numpy as np

    kept, at = map_rows(stored, index, rows)
    coordinates = stored.coordinates[kept].astype("<f4")
    shape = {"X-Rows": str(len(kept)), "X-Dimensions": str(coordinates.shape[1])}
    doubted = stored.fidelity.doubted[kept] if stored.fidelity else np.zeros(len(kept), bool)
    return {
        "places": Held(coordinates.tobytes(), headers=shape),
        "rows": Held(at.astype("<u4").tobytes(), headers=shape),
        "doubt": Held(doubted.astype(np.uint8).tobytes(), headers=shape),
    }
