"""nomic-embed-text v1 and v1.5 on a CPU: token ids in, unit vectors out, on OpenVINO.

NomicBert: word embeddings, layers of rotary attention and a gated MLP, each with its norm after the addition, and the
mean over a document's tokens. Rotary tables are made for each document from its own length, and documents share a
batch only with others of the same length, without padding, so that no vector depends on its neighbours or on what was
embedded before. Tokenising, task prefixes and documents beyond the context are not this module's affair; a document
that is too long is refused here, never cut.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from embedex.encoders import field_parts
from embedex.encoders.nomic_graph import Graph, Precision, best_precision, compile_model
from embedex.encoders.nomic_weights import Checkpoint, TextConfig, read_model, text_config
from embedex.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Context = Literal["ntk", "plain"]
"""What documents beyond the trained positions get: NTK scaling of the rotary base, or nothing."""

NTK_FACTOR = 2.0
"""``rotary_scaling_factor`` in the model card's use with 8,192 tokens."""

SHORTEST = 2
"""Tokens of the shortest document the graph is given. Where the first has one token, OpenVINO 2026.4 specialises
attention for that and gives wrong vectors for every longer document after it."""

BATCH_TOKENS = 2048
"""Tokens that documents of one length may have together in a batch."""

PACK_TOKENS = 2 * BATCH_TOKENS
"""Tokens of documents of about one length to bring at once, so that some share a batch, and a kill costs little."""


class NomicText:
    """A text model, compiled.

    Args:
        checkpoint: its tensors, of `TextConfig.shapes`.
        config: its sizes.
        context: ``"ntk"``, as its authors use it with 8,192 tokens, or ``"plain"``.
        precision: how it computes; None for bfloat16 where the processor has it.
        threads: how many; None for one a core.

    Several threads may call it; they wait for one another.
    """

    pack_tokens = PACK_TOKENS

    def __init__(
        self,
        checkpoint: Checkpoint,
        config: TextConfig,
        *,
        context: Context = "ntk",
        precision: Precision | None = None,
        threads: int | None = None,
    ) -> None:
        check_context(context)
        self.config = config
        self.context = context
        self.precision: Precision = precision or best_precision()
        self.sha256 = checkpoint.sha256
        self._words = checkpoint.tensors["embeddings.word_embeddings.weight"]
        self._type = checkpoint.tensors["embeddings.token_type_embeddings.weight"][0]
        self._request = _compile(checkpoint, config, self.precision, threads).create_infer_request()
        self._lock = threading.Lock()

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        context: Context = "ntk",
        precision: Precision | None = None,
        *,
        threads: int | None = None,
    ) -> Self:
        """Load a folder that holds ``config.json`` and ``model.safetensors``.

        Raises:
            WeightsError: a file is absent, damaged, or of another model.
            InputError: context or precision is unknown, or the processor lacks it.
            MissingExtraError: OpenVINO is not installed.
        """
        return cls(*read_model(path, text_config), context=context, precision=precision, threads=threads)

    def encode_ids(self, ids: Sequence[Sequence[int]], dimensions: int | None = None) -> NDArray[np.float32]:
        """Unit vectors of documents.

        Args:
            ids: the token ids of n documents, each with ``[CLS]`` and ``[SEP]``.
            dimensions: None for the mean as it is; else layer norm, then the first so many numbers, then unit length.
                The full width meets pictures.

        Returns:
            float32, shape (n, width or dimensions).

        Raises:
            InputError: a document is empty, too long, or has an id that is no token; or `dimensions` is too large.
        """
        return unit_vectors(self.means(ids), dimensions)

    def means(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Mean of each document's last hidden states, not normed: float64, shape (n, width).

        Means of a document's windows, weighted by their tokens, are the mean of the document.
        """
        import numpy as np

        means = np.empty((len(ids), self.config.width))
        for row, hidden in self._hidden_states(ids):
            means[row] = hidden.mean(axis=0, dtype=np.float64)
        return means

    def sums(
        self, ids: Sequence[Sequence[int]], owners: Sequence[Sequence[int]], counts: Sequence[int]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """Means as `means` gives them, and the sums of the hidden states of each owner's tokens.

        Args:
            ids: the token ids of n documents.
            owners: of each token the number of its owner, below the document's count.
            counts: how many owners each document has.

        Returns:
            float64, shape (n, width), and of each document float64, shape (owners, width).
        """
        import numpy as np

        means = np.empty((len(ids), self.config.width))
        parts: list[NDArray[np.float64]] = [np.empty(0)] * len(ids)
        for row, hidden in self._hidden_states(ids):
            means[row] = hidden.mean(axis=0, dtype=np.float64)
            # A document of one token comes back as two alike; see SHORTEST.
            own = hidden[: len(owners[row])]
            parts[row] = field_parts.sums(own, np.asarray(owners[row], np.int64), counts[row])
        return means, parts

    def _hidden_states(self, ids: Sequence[Sequence[int]]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Each document's place among `ids` and its last hidden states, shape (tokens, width); good until the next."""
        import numpy as np

        documents = check_ids(ids, self.config)
        # With 8-bit weights the compiler's kernel depends on the batch, and with it the last bits.
        tokens = 1 if self.precision == "w8" else BATCH_TOKENS
        for rows in same_length_batches([len(document) for document in documents], tokens):
            with self._lock:
                yield from zip(
                    rows, self._states_of_one_length(np.stack([documents[row] for row in rows])), strict=True
                )

    def _states_of_one_length(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Hidden states of documents of one length, good until the next call; ids of shape (batch, tokens)."""
        import numpy as np

        cosine, sine = rotary_tables(ids.shape[1], self.config, self.context)
        if ids.shape[1] == 1:  # the same token twice in the same place has the same mean; see SHORTEST
            ids = np.repeat(ids, SHORTEST, axis=1)
            cosine, sine = np.repeat(cosine, SHORTEST, axis=0), np.repeat(sine, SHORTEST, axis=0)
        inputs = [self._words[ids] + self._type, cosine[None, None], sine[None, None]]
        self._request.infer(inputs, share_inputs=True)
        hidden: NDArray[np.float32] = self._request.get_output_tensor().data
        return hidden


def check_context(context: str) -> None:
    """Raise InputError for a context policy that does not exist."""
    if context not in ("ntk", "plain"):
        raise InputError(f"There is no context {context!r}.", allowed="There are: ntk, plain")


def check_ids(ids: Sequence[Sequence[int]], config: TextConfig) -> list[NDArray[np.int64]]:
    """Documents' token ids as arrays.

    Raises:
        InputError: a document is empty, longer than the context, or has an id that is no token.
    """
    import numpy as np

    documents = [np.asarray(document, np.int64) for document in ids]
    for number, document in enumerate(documents):
        if not 1 <= document.size <= config.positions:
            raise InputError(
                f"Document {number} has {document.size:,} tokens.",
                allowed=f"This model takes 1 to {config.positions:,}.",
                cure="Truncate it or split it into windows first.",
            )
        if document.min() < 0 or document.max() >= config.vocabulary:
            raise InputError(
                f"Document {number} has the token ids {document.min()} to {document.max()}.",
                allowed=f"This model knows 0 to {config.vocabulary - 1}.",
            )
    return documents


def same_length_batches(lengths: Sequence[int], tokens: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Positions of documents to run together: of one length, up to `tokens` in all; the longest first."""
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for position, length in enumerate(lengths):
        by_length[length].append(position)
    for length in sorted(by_length, reverse=True):
        size = max(1, tokens // length)
        for start in range(0, len(by_length[length]), size):
            yield by_length[length][start : start + size]


def rotary_tables(length: int, config: TextConfig, context: Context) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines and sines for a document of `length` tokens; each float32 of shape (length, head width).

    Computed in float64. Both halves of a row are equal: element j of a head turns with element j + half.
    """
    import numpy as np

    width = config.head_width
    base = config.rotary_base
    if context == "ntk" and length > config.trained_positions:
        base *= (NTK_FACTOR * length / config.trained_positions - (NTK_FACTOR - 1)) ** (width / (width - 2))
    frequencies = base ** (-np.arange(0, width, 2) / width)
    angles = np.tile(np.outer(np.arange(length), frequencies), 2)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def unit_vectors(means: NDArray[np.float64], dimensions: int | None = None) -> NDArray[np.float32]:
    """Unit vectors of means, shape (n, width): plain, or layer norm without weights, then cut, then unit length.

    Raises:
        InputError: `dimensions` is below 1 or beyond the width.
    """
    import numpy as np

    if dimensions is not None:
        if not 1 <= dimensions <= means.shape[1]:
            raise InputError(f"{dimensions} dimensions.", allowed=f"This model gives 1 to {means.shape[1]}.")
        deviations = means - means.mean(axis=1, keepdims=True)
        means = (deviations / np.sqrt(means.var(axis=1, keepdims=True) + 1e-5))[:, :dimensions]
    units: NDArray[np.float64] = means / np.linalg.norm(means, axis=1, keepdims=True)
    return units.astype(np.float32)


def windows(body: Sequence[int], head: Sequence[int], tail: Sequence[int], context: int) -> list[list[int]]:
    """Split a document that is too long, leaving out nothing.

    Args:
        body: its token ids without special tokens and task prefix.
        head: put before each window: ``[CLS]`` and the prefix.
        tail: put after each window: ``[SEP]``.
        context: the most tokens of a window, all in all.

    Returns:
        As few windows as will do, their bodies of equal length or one apart. Weigh each window's mean by its length.
    """
    room = context - len(head) - len(tail)
    count = max(1, -(-len(body) // room))
    cuts = [len(body) * number // count for number in range(count + 1)]
    return [[*head, *body[start:end], *tail] for start, end in itertools.pairwise(cuts)]


def _compile(checkpoint: Checkpoint, config: TextConfig, precision: Precision, threads: int | None) -> Any:
    """The graph from word embeddings (batch, tokens, width) and rotary tables to the last hidden states."""
    import numpy as np

    graph = Graph(checkpoint.tensors, config.heads, precision)
    ops, epsilon = graph.ops, config.epsilon
    words = ops.parameter([-1, -1, config.width], np.float32, name="words")
    cosine, sine = (ops.parameter([1, 1, -1, config.head_width], np.float32, name=name) for name in ("cosine", "sine"))
    x = graph.layer_norm(words, "emb_ln", epsilon)
    for layer in range(config.layers):
        name = f"encoder.layers.{layer}"
        query, key, value = graph.split_heads(graph.linear(x, f"{name}.attn.Wqkv"), 3)
        query, key = (graph.rotate(each, cosine, sine, config.head_width) for each in (query, key))
        attended = graph.linear(graph.attention(query, key, value), f"{name}.attn.out_proj")
        x = graph.layer_norm(ops.add(x, attended), f"{name}.norm1", epsilon)
        mlp = graph.linear(graph.gate(x, f"{name}.mlp"), f"{name}.mlp.fc2")
        x = graph.layer_norm(ops.add(x, mlp), f"{name}.norm2", epsilon)
    return compile_model(x, [words, cosine, sine], precision, threads)
