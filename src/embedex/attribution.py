"""Why two records are close: their cosine, split exactly into what pairs of their fields add to it.

A record's vector is the sum of its fields' parts, so a dot product of two of them is a sum over pairs of fields;
centring and unit length change the parts by a difference and a factor. Pure maths: where parts come from is
`embedex.parts`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from embedex.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN_PATHS = 40
"""The most paths that an error names."""


def contributions(
    one: NDArray[np.floating], other: NDArray[np.floating], mean: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """What each pair of fields adds to the cosine of two records.

    Args:
        one, other: the records' parts, shape (f, d); zeros where a record lacks a field.
        mean: the mean part of each field, shape (f, d), for centred cosines: a field counts by how it differs from
            that mean, also where a record lacks it.

    Returns:
        float64, shape (f, f): cell (i, j) is of field i of `one` and field j of `other`; the sum is the cosine. Zeros
        where a record is nothing but the mean, as its score is.
    """
    import numpy as np

    sides = []
    for parts in (one, other):
        wide = np.asarray(parts, np.float64)
        if mean is not None:
            wide = wide - mean
        length = float(np.linalg.norm(wide.sum(axis=0)))
        sides.append(wide / length if length > 1e-6 else np.zeros_like(wide))
    matrix: NDArray[np.float64] = sides[0] @ sides[1].T
    return matrix


def settled(parts: NDArray[np.floating], vector: NDArray[np.floating]) -> NDArray[np.float64]:
    """Parts whose sum is a vector to the last bit: what rounding to float32 left, below 1e-6, goes to the largest one.

    Where a centred vector is short, rounding would else be many times as much of its cosines.

    Args:
        parts: shape (f, d).
        vector: shape (d,).
    """
    import numpy as np

    exact = np.array(parts, np.float64)
    exact[np.linalg.norm(exact, axis=1).argmax()] += np.asarray(vector, np.float64) - exact.sum(axis=0)
    return exact


def ranked(matrix: NDArray[np.float64]) -> NDArray[np.int64]:
    """The fields that say anything about two records, by what they add to the cosine, most first."""
    import numpy as np

    said = np.flatnonzero(matrix.any(axis=0) | matrix.any(axis=1))
    return said[np.argsort(-(matrix.sum(axis=0) + matrix.sum(axis=1))[said], kind="stable")]


def fields_called(name: str, paths: Sequence[str], prefix: str = "") -> list[str]:
    """The fields that a person means: a path; one that paths begin with; or what stands in one path only.

    Args:
        name: ``pokemonspecy.capture_rate``, ``pokemonspecy`` for all below it, or ``capture``.
        paths: every field there is.
        prefix: the collection's redundant key prefix, which may be typed or left out.

    Raises:
        InputError: no field or several are called so; they are listed.
    """
    asked = ".".join(key.removeprefix(prefix) for key in name.split(".")) if prefix else name
    if asked in paths:
        return [asked]
    if below := [path for path in paths if asked and path.startswith(f"{asked}.")]:
        return below
    within = [path for path in paths if asked and asked.casefold() in path.casefold()]
    if len(within) == 1:
        return within
    shown = ", ".join((within or paths)[:SHOWN_PATHS])
    more = len(within or paths) - SHOWN_PATHS
    raise InputError(
        f"{len(within)} fields have {name!r} in their paths." if within else f"There is no field {name!r}.",
        allowed=f"There are: {shown}{f', and {more:,} more' if more > 0 else ''}",
        cure="Name one of these." if within else "A path, the beginning of paths, or what stands in one path only.",
    )


def field_weights(weights: Mapping[str, float], paths: Sequence[str], prefix: str = "") -> dict[str, float]:
    """The weight of each field that people gave one to; a later name wins over an earlier one.

    Raises:
        InputError: a name means no field or several, or a weight is negative or no number, or nothing is left.
    """
    found: dict[str, float] = {}
    for name, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise InputError(f"The weight of {name!r} is {weight}.", allowed="It is a number from 0 up.")
        found |= dict.fromkeys(fields_called(name, paths, prefix), float(weight))
    if all(found.get(path, 1.0) == 0 for path in paths):
        raise InputError("No field is left: all of them weigh nothing.", cure="Leave one in.")
    return found


def told(weights: Mapping[str, float]) -> str:
    """Weights in words, for a caption."""
    without = [path for path, weight in weights.items() if weight == 0]
    others = [f"{path} x {weight:g}" for path, weight in weights.items() if weight not in (0, 1)]
    parts = [f"without {_few(without)}"] * bool(without) + [f"weights: {_few(others)}"] * bool(others)
    return ", ".join(parts)


def _few(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + f" and {len(names) - most} more" * (len(names) > most)


def overlaps(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each row the share of its neighbours that are the same; both of shape (n, k), float64 of shape (n,)."""
    import numpy as np

    same = (before[:, :, None] == after[:, None, :]).any(axis=2)
    shares: NDArray[np.float64] = np.asarray(same.mean(axis=1), np.float64)
    return shares
