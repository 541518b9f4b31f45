"""Token ids of a text that is longer than a model reads, cut into windows, and the windows' vectors put together again.

For encoders that run a model here. Nothing of the text is left out and windows do not overlap, so every token counts
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from embedex.errors import EmbedexError, InputError, WeightsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer


def read_tokenizer(data: bytes, place: str) -> Tokenizer:
    """A ``tokenizer.json`` that neither cuts nor pads, whatever the file says.

    Raises:
        WeightsError: it is none.
    """
    import json

    from tokenizers import Tokenizer

    try:
        json.loads(data)  # for what is no JSON at all, tokenizers raises a bare Exception
        tokenizer = Tokenizer.from_buffer(data)
    except ValueError as error:
        raise WeightsError(f"{place} is not a tokenizer that can be read: {error}.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def frame(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The tokens that a tokenizer puts before and after every text by itself: ``[CLS]`` and ``[SEP]``, for one.

    Raises:
        InputError: the tokenizer does not know so plain a text as ``a``.
    """
    encoding = tokenizer.encode("a")
    added = encoding.special_tokens_mask
    if all(added):
        raise InputError("The tokenizer finds nothing in the text 'a'.", cure="Use the tokenizer.json of this model.")
    first, last = added.index(0), len(added) - 1 - added[::-1].index(0)
    return encoding.ids[:first], encoding.ids[last + 1 :]


def cut(tokens: int, room: int) -> list[slice]:
    """Windows of `room` tokens, the last one shorter; a text without tokens has one empty window.

    Example:
        >>> cut(5, 2)
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(start, min(start + room, tokens)) for start in range(0, max(tokens, 1), room)]


def mean(vectors: Sequence[NDArray[np.float32]], counts: Sequence[int]) -> NDArray[np.float64]:
    """The mean of a text's window vectors, each weighted by its window's tokens; an empty window counts as one.

    Summed by numpy in float64 and in the order of the text, so that no thread decides the last bits.

    Args:
        vectors: one a window, shape (d,).
        counts: tokens of each window.

    Returns:
        float64, shape (d,).
    """
    import numpy as np

    shares = np.maximum(np.asarray(counts, np.float64), 1.0)
    weighted: NDArray[np.float64] = (shares[:, None] * np.asarray(vectors, np.float64)).sum(axis=0) / shares.sum()
    return weighted


def unit(vector: NDArray[np.floating], name: str) -> NDArray[np.float32]:
    """A vector scaled to unit length.

    Raises:
        EmbedexError: it is zero or not finite, so that it has no direction.
    """
    import numpy as np

    wide = np.asarray(vector, np.float64)
    length = float(np.linalg.norm(wide))
    if not 0 < length < float("inf"):
        raise EmbedexError(
            f"The encoder '{name}' gave a vector of length {length}.",
            cure="Its model file may be damaged.",
        )
    return (wide / length).astype(np.float32)
