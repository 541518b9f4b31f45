"""A text's vector as the sum of its fields' parts: what encoders that pool tokens by their mean have in common.

A token belongs to the field in which it starts. A mean is a sum over tokens, and to bring it to unit length, to centre
its numbers and to cut it are linear once the length is known: so the parts add up to the vector, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from embedex.documents import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def owners(starts: Sequence[int], fields: Sequence[Span]) -> NDArray[np.int64]:
    """The number of the field in which each token starts, shape (tokens,); fields cover the text.

    Example:
        >>> owners([0, 3, 4], [Span("a", 0, 4), Span("b", 4, 9)]).tolist()
        [0, 0, 1]
    """
    import numpy as np

    ends = np.asarray([field.end for field in fields], np.int64)
    found = np.searchsorted(ends, np.asarray(starts, np.int64), side="right")
    return np.minimum(found, max(len(fields) - 1, 0)).astype(np.int64)


def lowered(text: str, fields: Sequence[Span]) -> tuple[str, Sequence[Span]]:
    """A text in lower case, and where its fields stand there: a few letters, such as İ, become two."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower, fields
    places = [0]
    for letter in text:
        places.append(places[-1] + len(letter.lower()))
    return lower, [Span(field.path, places[field.start], places[field.end]) for field in fields]


def sums(tokens: NDArray[np.floating], owner: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """The sum of the token vectors of each owner.

    Args:
        tokens: shape (t, d).
        owner: shape (t,): the owner's number, below `count`.
        count: how many owners there are.

    Returns:
        float64, shape (count, d); zeros where an owner has no token.
    """
    import numpy as np

    summed = np.zeros((count, tokens.shape[1]))
    for each in np.unique(owner):
        summed[each] = tokens[owner == each].sum(axis=0, dtype=np.float64)
    return summed


def to_unit(parts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Parts scaled so that their sum has unit length; shape (parts, d)."""
    import numpy as np

    scaled: NDArray[np.float32] = (parts / np.linalg.norm(parts.sum(axis=0))).astype(np.float32)
    return scaled
