"""nomic-embed-vision v1 and v1.5 on a CPU: normalised pixels in, unit vectors out, on OpenVINO.

A transformer over 16 x 16 patches with rotary positions in two dimensions, and one query that attends over its tokens;
the vector is the class token plus what that query finds. Pictures run one at a time: 197 tokens fill the processor,
and no vector depends on its neighbours.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from embedex.encoders.nomic_graph import Graph, Precision, best_precision, compile_model
from embedex.encoders.nomic_weights import Checkpoint, VisionConfig, read_model, vision_config
from embedex.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MLP_NORM_EPSILON = 1e-5
"""Of the norm inside each MLP, which the config does not name."""

ROTARY_BASE = 10000.0


class NomicVision:
    """A vision model, compiled.

    Args:
        checkpoint: its tensors, of `VisionConfig.shapes`.
        config: its sizes.
        precision: how it computes; None for bfloat16 where the processor has it.
        threads: how many; None for one a core.

    Several threads may call it; they wait for one another.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        config: VisionConfig,
        *,
        precision: Precision | None = None,
        threads: int | None = None,
    ) -> None:
        self.config = config
        self.precision: Precision = precision or best_precision()
        self.sha256 = checkpoint.sha256
        self._request = _compile(checkpoint, config, self.precision, threads).create_infer_request()
        self._lock = threading.Lock()

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        precision: Precision | None = None,
        *,
        threads: int | None = None,
    ) -> Self:
        """Load a folder that holds ``config.json`` and ``model.safetensors``.

        Raises:
            WeightsError: a file is absent, damaged, or of another model.
            InputError: the precision is unknown, or the processor lacks it.
            MissingExtraError: OpenVINO is not installed.
        """
        return cls(*read_model(path, vision_config), precision=precision, threads=threads)

    def encode_pixels(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit vectors of pictures.

        Args:
            pixels: float32, shape (n, side, side, 3): rows, columns, RGB, normalised.

        Returns:
            float32, shape (n, width).

        Raises:
            InputError: the array has another shape.
        """
        import numpy as np

        patches = cut_patches(pixels, self.config)
        vectors = np.empty((len(patches), self.config.width))
        for row, picture in enumerate(patches):
            with self._lock:
                self._request.infer([picture[None]], share_inputs=True)
                vectors[row] = self._request.get_output_tensor().data[0]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors.astype(np.float32)


def cut_patches(pixels: NDArray[np.float32], config: VisionConfig) -> NDArray[np.float32]:
    """Pictures as rows of patches, each flattened channel first; float32, shape (n, patches, 3 * patch * patch).

    Raises:
        InputError: the array is not float32 of shape (n, side, side, 3).
    """
    import numpy as np

    pixels = np.asarray(pixels)
    side, patch, grid = config.side, config.patch, config.grid
    if pixels.ndim != 4 or pixels.shape[1:] != (side, side, 3) or pixels.dtype != np.float32:
        raise InputError(
            f"Pixels of {pixels.dtype}, shape {pixels.shape}.",
            allowed=f"float32 of shape (n, {side}, {side}, 3) is due.",
        )
    grid_of_patches = pixels.reshape(-1, grid, patch, grid, patch, 3).transpose(0, 1, 3, 5, 2, 4)
    return np.ascontiguousarray(grid_of_patches).reshape(-1, grid * grid, 3 * patch * patch)


def rotary_tables(config: VisionConfig) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines and sines for the class token, which stays as it is, and each patch; (1 + patches, head width), float32.

    The first quarter of a head turns with the row, the second with the column, and the other half repeats them:
    element j pairs with element j + half, once `rotary_rows` has put them so.
    """
    import numpy as np

    quarter = config.head_width // 4
    frequencies = ROTARY_BASE ** (-np.arange(quarter) / quarter)
    places = np.arange(config.grid) / config.grid * config.rotary_grid
    row, column = np.meshgrid(places, places, indexing="ij")
    angles = np.concatenate([np.outer(row.ravel(), frequencies), np.outer(column.ravel(), frequencies)], axis=1)
    angles = np.tile(np.concatenate([np.zeros((1, 2 * quarter)), angles]), 2)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def rotary_rows(config: VisionConfig) -> NDArray[np.int64]:
    """The order of Wqkv's outputs that puts the pairs (2m, 2m + 1) of queries and keys at (m, m + half).

    Queries and keys are put in the same order, so that their products stay what they were.
    """
    import numpy as np

    order = np.arange(config.head_width).reshape(-1, 2).T.ravel()
    heads = np.arange(2 * config.heads)[:, None] * config.head_width
    return np.concatenate([(heads + order).ravel(), np.arange(2 * config.width, 3 * config.width)])


def _compile(checkpoint: Checkpoint, config: VisionConfig, precision: Precision, threads: int | None) -> Any:
    """The graph from one picture's patches to its vector, not yet of unit length."""
    import numpy as np

    tensors = checkpoint.tensors
    graph = Graph(tensors, config.heads, precision)
    ops, epsilon = graph.ops, config.epsilon
    patches = ops.parameter([1, config.grid**2, 3 * config.patch**2], np.float32, name="patches")
    cosine, sine = (graph.constant(table[None, None]) for table in rotary_tables(config))
    rows = rotary_rows(config)
    x = ops.concat([graph.constant(tensors["embeddings.cls_token"]), graph.linear(patches, "embeddings.proj")], axis=1)
    x = ops.add(x, graph.constant(tensors["embeddings.pos_embed"]))
    for layer in range(config.layers):
        name = f"layers.{layer}"
        h = graph.layer_norm(x, f"{name}.norm1", epsilon)
        query, key, value = graph.split_heads(graph.linear(h, f"{name}.attn.Wqkv", rows=rows), 3)
        query, key = (graph.rotate(each, cosine, sine, config.head_width) for each in (query, key))
        x = ops.add(x, graph.linear(graph.attention(query, key, value), f"{name}.attn.out_proj"))
        gated = graph.gate(graph.layer_norm(x, f"{name}.norm2", epsilon), f"{name}.mlp")
        gated = graph.layer_norm(gated, f"{name}.mlp.norm", MLP_NORM_EPSILON)
        x = ops.add(x, graph.linear(gated, f"{name}.mlp.fc2"))
    # The selector's query does not depend on the picture.
    latent = tensors["selector.attn.latent"].astype(np.float64) @ tensors["selector.attn.Wq.weight"].T
    latent = (latent + tensors["selector.attn.Wq.bias"]).astype(np.float32)
    (query,) = graph.split_heads(graph.constant(latent), 1)
    key, value = graph.split_heads(graph.linear(x, "selector.attn.Wkv"), 2)
    found = graph.linear(graph.attention(query, key, value), "selector.attn.out_proj")
    found = graph.gate(graph.layer_norm(found, "selector.norm1", epsilon), "selector.mlp")
    found = graph.linear(found, "selector.mlp.fc2")
    class_token = ops.slice(x, graph.ints(0), graph.ints(1), graph.ints(1), graph.ints(1))
    vector = ops.squeeze(ops.add(class_token, found), graph.ints(1))
    return compile_model(vector, [patches], precision, threads)
