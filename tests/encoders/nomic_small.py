"""Small nomic checkpoints with random weights, and what they compute, in numpy float64, straight from SPEC.md.

Beside them a small tokeniser, and token ids and pictures to try them on.
"""

from __future__ import annotations

import hashlib
import json
import string
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedex.encoders.nomic_weights import text_config, vision_config

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"
"""What the models of full size give, where the project's shared files are at hand."""

Tensors = dict[str, NDArray[np.float32]]
Vector = NDArray[np.float64]

TEXT = {
    "activation_function": "swiglu",
    "layer_norm_epsilon": 1e-12,
    "max_trained_positions": 32,
    "n_embd": 64,
    "n_head": 2,
    "n_inner": 96,
    "n_layer": 2,
    "n_positions": 128,
    "rotary_emb_base": 1000,
    "type_vocab_size": 2,
    "vocab_size": 120,
}
LENGTHS = (1, 2, 7, 31, 32, 33, 128)
"""Tokens of the test documents: about the trained positions, and the most the model takes."""

PREFIX_WORDS = ("search", "document", "query", "clustering", "classification")

VISION = {
    "img_size": 48,
    "layer_norm_epsilon": 1e-6,
    "n_embd": 64,
    "n_head": 2,
    "n_inner": 96.0,
    "n_layer": 2,
    "patch_size": 16,
    "ref_feat_shape": [3, 3],
}


def write_model(folder: Path, kind: str, **changes: Any) -> Tensors:
    """Write config and random weights into `folder`; gives the weights."""
    from safetensors.numpy import save_file

    config = {**(TEXT if kind == "text" else VISION), **changes}
    (folder / "config.json").write_text(json.dumps(config))
    shapes = (text_config(folder) if kind == "text" else vision_config(folder)).shapes()
    generator = np.random.default_rng(5)
    tensors = {
        name: (generator.standard_normal(shape) * 0.1 + float("norm" in name and name.endswith("weight"))).astype(
            np.float32
        )
        for name, shape in shapes.items()
    }
    save_file(tensors, str(folder / "model.safetensors"))
    return tensors


def write_tokenizer(folder: Path) -> None:
    """Write a ``tokenizer.json`` like bert-base-uncased's, with few words: letters, and what the prefixes need.

    Like the published one it is set to cut and to pad, which an encoder has to undo.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        ":",
        "_",
        *string.ascii_lowercase,
        *PREFIX_WORDS,
        "it",
        "hums",
        "reeds",
    ]
    words += [f"##{letter}" for letter in string.ascii_lowercase]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16)
    tokenizer.save(str(folder / "tokenizer.json"))


def pins(folder: Path) -> dict[str, str]:
    """The sha256 of each file of a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def documents() -> list[list[int]]:
    """Token ids, one document for each of `LENGTHS`."""
    generator = np.random.default_rng(1)
    return [generator.integers(0, 120, length).tolist() for length in LENGTHS]


def pictures(count: int) -> NDArray[np.float32]:
    """Normalised pixels for the small vision model."""
    return np.random.default_rng(2).standard_normal((count, 48, 48, 3)).astype(np.float32)


def text_vector(tensors: Tensors, ids: list[int], factor: float | None = None, dimensions: int | None = None) -> Vector:
    """The vector of one document."""
    heads, width = 2, 32
    w = {name: values.astype(np.float64) for name, values in tensors.items()}
    base, trained = 1000.0, 32
    if factor and len(ids) > trained:
        base *= (factor * len(ids) / trained - (factor - 1)) ** (width / (width - 2))
    angles = np.arange(len(ids))[:, None] * base ** (-2 * np.arange(width // 2) / width)
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.token_type_embeddings.weight"][0]
    x = _norm(w, "emb_ln", x, 1e-12)
    for layer in range(2):
        name = f"encoder.layers.{layer}"
        q, k, v = np.split(x @ w[f"{name}.attn.Wqkv.weight"].T, 3, axis=1)
        attended = np.empty_like(x)
        for head in range(heads):
            at = slice(head * width, (head + 1) * width)
            attended[:, at] = _attend(_turn_halves(q[:, at], angles), _turn_halves(k[:, at], angles), v[:, at])
        x = _norm(w, f"{name}.norm1", x + attended @ w[f"{name}.attn.out_proj.weight"].T, 1e-12)
        x = _norm(w, f"{name}.norm2", x + _gate(w, f"{name}.mlp", x) @ w[f"{name}.mlp.fc2.weight"].T, 1e-12)
    vector: Vector = x.mean(axis=0)
    if dimensions:
        vector = ((vector - vector.mean()) / np.sqrt(vector.var() + 1e-5))[:dimensions]
    return np.asarray(vector / np.linalg.norm(vector))


def picture_vector(tensors: Tensors, pixels: NDArray[np.float32]) -> Vector:
    """The vector of one picture."""
    heads, width, grid, patch = 2, 32, 3, 16
    w = {name: values.astype(np.float64) for name, values in tensors.items()}
    squares = [
        pixels[16 * row : 16 * row + patch, 16 * column : 16 * column + patch].transpose(2, 0, 1).ravel()
        for row in range(grid)
        for column in range(grid)
    ]
    x = np.concatenate([w["embeddings.cls_token"][0], _linear(w, "embeddings.proj", np.array(squares, np.float64))])
    x = x + w["embeddings.pos_embed"][0]
    frequencies = 10000.0 ** (-np.arange(width // 4) / (width // 4))
    angles = np.array(
        [[*(row * frequencies), *(column * frequencies)] for row in range(grid) for column in range(grid)]
    )
    for layer in range(2):
        name = f"layers.{layer}"
        q, k, v = np.split(_linear(w, f"{name}.attn.Wqkv", _norm(w, f"{name}.norm1", x, 1e-6)), 3, axis=1)
        attended = np.empty_like(x)
        for head in range(heads):
            at = slice(head * width, (head + 1) * width)
            turned_q, turned_k = (np.concatenate([each[:1, at], _turn_pairs(each[1:, at], angles)]) for each in (q, k))
            attended[:, at] = _attend(turned_q, turned_k, v[:, at])
        x = x + _linear(w, f"{name}.attn.out_proj", attended)
        gated = _norm(w, f"{name}.mlp.norm", _gate(w, f"{name}.mlp", _norm(w, f"{name}.norm2", x, 1e-6)), 1e-5)
        x = x + _linear(w, f"{name}.mlp.fc2", gated)
    query = _linear(w, "selector.attn.Wq", w["selector.attn.latent"][0])
    k, v = np.split(_linear(w, "selector.attn.Wkv", x), 2, axis=1)
    at_heads = [slice(head * width, (head + 1) * width) for head in range(heads)]
    found = np.concatenate([_attend(query[:, at], k[:, at], v[:, at]) for at in at_heads], axis=1)
    found = _norm(w, "selector.norm1", _linear(w, "selector.attn.out_proj", found), 1e-6)
    vector = x[0] + _linear(w, "selector.mlp.fc2", _gate(w, "selector.mlp", found))[0]
    return np.asarray(vector / np.linalg.norm(vector))


def _linear(w: dict[str, Vector], name: str, x: Vector) -> Vector:
    return np.asarray(x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", np.zeros(1)))


def _norm(w: dict[str, Vector], name: str, x: Vector, epsilon: float) -> Vector:
    mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    return np.asarray((x - mean) / np.sqrt(variance + epsilon) * w[f"{name}.weight"] + w[f"{name}.bias"])


def _gate(w: dict[str, Vector], name: str, x: Vector) -> Vector:
    gate = _linear(w, f"{name}.fc12", x)
    return np.asarray(_linear(w, f"{name}.fc11", x) * gate / (1 + np.exp(-gate)))


def _attend(q: Vector, k: Vector, v: Vector) -> Vector:
    scores = np.exp(q @ k.T / np.sqrt(q.shape[1]))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True) @ v)


def _turn_halves(x: Vector, angles: Vector) -> Vector:
    a, b = np.split(x, 2, axis=1)
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], axis=1)


def _turn_pairs(x: Vector, angles: Vector) -> Vector:
    out = np.empty_like(x)
    out[:, 0::2] = x[:, 0::2] * np.cos(angles) - x[:, 1::2] * np.sin(angles)
    out[:, 1::2] = x[:, 1::2] * np.cos(angles) + x[:, 0::2] * np.sin(angles)
    return out
