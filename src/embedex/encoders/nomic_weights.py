"""The nomic checkpoints: their configs, their tensors by name and shape, and a safetensors file mapped into memory.

A checkpoint is a folder with ``config.json`` and ``model.safetensors`` as on the hub. The file is hashed once, checked
against what the config makes due, and mapped, not read: tensors are views of the file. No pickle is loaded and no code
of the model's authors is run. Where the folder comes from (hub, cache, a person) is not this module's affair.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from embedex.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"

Shapes = dict[str, tuple[int, ...]]

_UNUSED = ("cls.", "pooler.")
"""How the names of tensors start that take no part in an embedding: heads of the pretraining."""

_TEXT_TRAITS = {
    "activation_function": "swiglu",
    "causal": False,
    "mlp_fc1_bias": False,
    "mlp_fc2_bias": False,
    "parallel_block": False,
    "prenorm": False,
    "qkv_proj_bias": False,
    "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False,
    "rotary_emb_scale_base": None,
    "scale_attn_by_inverse_layer_idx": False,
    "use_rms_norm": False,
}
_VISION_TRAITS = {
    "activation_function": "swiglu",
    "global_pool": None,
    "layer_scale": False,
    "mlp_fc1_bias": True,
    "mlp_fc2_bias": True,
    "no_cls_token": False,
    "no_embed_class": False,
    "no_last_ln": True,
    "norm_mlp": True,
    "num_channels": 3,
    "patch_embed_bias": True,
    "prenorm": True,
    "prepre_layernom": False,
    "qkv_proj_bias": True,
    "register_tokens": 0,
    "rotary_emb_fraction": 0,
    "use_pos_embed": True,
    "use_rms_norm": False,
    "use_rotary_pos_emb": True,
}
"""What the graphs take for granted. A config that says otherwise is another architecture; one that is silent agrees."""


@dataclass(frozen=True, slots=True)
class TextConfig:
    """The sizes of a NomicBert text model.

    Attributes:
        width: numbers a token, and length of a vector.
        heads: attention heads; each takes ``width / heads`` numbers.
        layers: how many.
        inner: width of the gated MLP.
        vocabulary: rows of the word embeddings, with padding.
        token_types: rows of the token type embeddings; only the first is used.
        epsilon: of every layer norm.
        rotary_base: base of the rotary frequencies.
        trained_positions: tokens of the longest document it was trained on; NTK scaling starts beyond.
        positions: tokens of the longest document it takes.
    """

    width: int
    heads: int
    layers: int
    inner: int
    vocabulary: int
    token_types: int
    epsilon: float
    rotary_base: float
    trained_positions: int
    positions: int

    @property
    def head_width(self) -> int:
        """Numbers a head."""
        return self.width // self.heads

    def shapes(self) -> Shapes:
        """Every tensor of the checkpoint, by name."""
        width = self.width
        shapes: Shapes = {
            "embeddings.word_embeddings.weight": (self.vocabulary, width),
            "embeddings.token_type_embeddings.weight": (self.token_types, width),
            **_norm("emb_ln", width),
        }
        for layer in range(self.layers):
            name = f"encoder.layers.{layer}"
            shapes |= {
                f"{name}.attn.Wqkv.weight": (3 * width, width),
                f"{name}.attn.out_proj.weight": (width, width),
                f"{name}.mlp.fc11.weight": (self.inner, width),
                f"{name}.mlp.fc12.weight": (self.inner, width),
                f"{name}.mlp.fc2.weight": (width, self.inner),
                **_norm(f"{name}.norm1", width),
                **_norm(f"{name}.norm2", width),
            }
        return shapes


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """The sizes of a NomicVision model.

    Attributes:
        width: numbers a patch, and length of a vector.
        heads: attention heads; each takes ``width / heads`` numbers.
        layers: how many.
        inner: width of the gated MLP.
        side: of the square picture in pixels.
        patch: side of a patch in pixels.
        rotary_grid: patches a side that the rotary positions were made for.
        epsilon: of the layer norms, that inside the MLP excepted.
    """

    width: int
    heads: int
    layers: int
    inner: int
    side: int
    patch: int
    rotary_grid: int
    epsilon: float

    @property
    def head_width(self) -> int:
        """Numbers a head."""
        return self.width // self.heads

    @property
    def grid(self) -> int:
        """Patches a side."""
        return self.side // self.patch

    def shapes(self) -> Shapes:
        """Every tensor of the checkpoint, by name."""
        width, inner = self.width, self.inner
        shapes: Shapes = {
            "embeddings.cls_token": (1, 1, width),
            "embeddings.pos_embed": (1, 1 + self.grid**2, width),
            **_linear("embeddings.proj", width, 3 * self.patch**2),
        }
        for layer in range(self.layers):
            name = f"layers.{layer}"
            shapes |= {
                **_norm(f"{name}.norm1", width),
                **_linear(f"{name}.attn.Wqkv", 3 * width, width),
                **_linear(f"{name}.attn.out_proj", width, width),
                **_norm(f"{name}.norm2", width),
                **_linear(f"{name}.mlp.fc11", inner, width),
                **_linear(f"{name}.mlp.fc12", inner, width),
                **_norm(f"{name}.mlp.norm", inner),
                **_linear(f"{name}.mlp.fc2", width, inner),
            }
        return shapes | {
            "selector.attn.latent": (1, 1, width),
            **_linear("selector.attn.Wq", width, width),
            **_linear("selector.attn.Wkv", 2 * width, width),
            **_linear("selector.attn.out_proj", width, width),
            **_norm("selector.norm1", width),
            **_linear("selector.mlp.fc11", inner, width),
            **_linear("selector.mlp.fc12", inner, width),
            **_linear("selector.mlp.fc2", width, inner),
        }


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A safetensors file, hashed, checked and mapped.

    Attributes:
        path: the file.
        sha256: of the whole file, as hex digits.
        tensors: float32 views of the file by name. Not to be written to: a write would stay in this process.
    """

    path: Path
    sha256: str
    tensors: Mapping[str, NDArray[np.float32]]


def text_config(folder: Path) -> TextConfig:
    """Read a text model's ``config.json``.

    Raises:
        WeightsError: it is absent, cannot be read, or is of another architecture.
    """
    path, config = _config(folder, _TEXT_TRAITS)
    try:
        return TextConfig(
            width=int(config["n_embd"]),
            heads=int(config["n_head"]),
            layers=int(config["n_layer"]),
            inner=int(config["n_inner"]),
            vocabulary=int(config["vocab_size"]),
            token_types=int(config["type_vocab_size"]),
            epsilon=float(config["layer_norm_epsilon"]),
            rotary_base=float(config["rotary_emb_base"]),
            trained_positions=int(config["max_trained_positions"]),
            positions=int(config["n_positions"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from error


def vision_config(folder: Path) -> VisionConfig:
    """Read a vision model's ``config.json``.

    Raises:
        WeightsError: it is absent, cannot be read, or is of another architecture.
    """
    path, config = _config(folder, _VISION_TRAITS)
    try:
        return VisionConfig(
            width=int(config["n_embd"]),
            heads=int(config["n_head"]),
            layers=int(config["n_layer"]),
            inner=int(config["n_inner"]),
            side=int(config["img_size"]),
            patch=int(config["patch_size"]),
            rotary_grid=int(config["ref_feat_shape"][0]),
            epsilon=float(config["layer_norm_epsilon"]),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _unreadable(path, error) from error


def read_checkpoint(path: Path, shapes: Shapes, sha256: str = "") -> Checkpoint:
    """Hash, check and map a safetensors file.

    Args:
        path: the file.
        shapes: the tensors it must hold, all float32. A prefix ``bert.`` is taken off its names; ``cls.*`` and
            ``pooler.*`` are passed over.
        sha256: the pinned hash, or ``""`` for a file that its owner vouches for.

    Raises:
        WeightsError: it is absent, is not the pinned one, is cut short or damaged, or holds other tensors. The
            message names the file and its hash.
    """
    import numpy as np

    try:
        with path.open("rb") as file:
            seen = hashlib.file_digest(file, "sha256").hexdigest()
            if sha256 and seen != sha256:
                raise WeightsError(
                    f"{path} is not the pinned file: its sha256 is {seen}.",
                    allowed=f"The pinned one is {sha256}.",
                    cure="It is cut short, changed, or another model's. Fetch it again.",
                )
            header, start, size = _header(path, seen)
            # Copy on write, because OpenVINO shares only what it could write to; nothing is ever written.
            data = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path} cannot be read: {error}.", cure="A model's folder holds config.json and model.safetensors."
        ) from error
    entries = {
        name.removeprefix("bert."): entry
        for name, entry in header.items()
        if not name.removeprefix("bert.").startswith(_UNUSED)
    }
    if wrong := _differences(entries, shapes):
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise WeightsError(
            f"{path} (sha256 {seen}) is of another model: {'; '.join(wrong[:3])}{more}.",
            allowed=f"The config beside it makes {len(shapes)} float32 tensors due.",
        )
    tensors = {
        name: np.frombuffer(data, "<f4", int(np.prod(shape)), start + entries[name]["data_offsets"][0]).reshape(shape)
        for name, shape in shapes.items()
    }
    return Checkpoint(path, seen, tensors)


_Config = TypeVar("_Config", TextConfig, VisionConfig)


def read_model(folder: str | Path, read_config: Callable[[Path], _Config]) -> tuple[Checkpoint, _Config]:
    """A model's checkpoint and its config, from a folder that holds ``config.json`` and ``model.safetensors``.

    Args:
        folder: whose owner vouches for it: no hash is checked.
        read_config: `text_config` or `vision_config`.

    Raises:
        WeightsError: a file is absent, damaged, or of another model.
    """
    config = read_config(Path(folder))
    return read_checkpoint(Path(folder) / WEIGHTS_FILE, config.shapes()), config


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _linear(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def _config(folder: Path, traits: Mapping[str, object]) -> tuple[Path, dict[str, Any]]:
    path = folder / CONFIG_FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(config, dict):
        raise _unreadable(path, "no JSON object")
    for name, due in traits.items():
        if config.get(name, due) != due:
            raise WeightsError(
                f"{path} is of another architecture: {name} is {json.dumps(config[name])}.",
                allowed=f"Here it must be {json.dumps(due)}.",
            )
    return path, config


def _unreadable(path: Path, why: object) -> WeightsError:
    return WeightsError(
        f"{path} is no config that can be read: {type(why).__name__ if isinstance(why, KeyError) else ''} {why}.",
        cure="A model's folder holds config.json and model.safetensors, as on the hub.",
    )


def _header(path: Path, sha256: str) -> tuple[dict[str, Any], int, int]:
    """The header of a safetensors file, where its data starts, and the file's size, all checked by the library."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):  # refuses holes, overlaps, and a size that does not fit
            pass
    except SafetensorError as error:
        raise WeightsError(f"{path} (sha256 {sha256}) is damaged or no safetensors file: {error}.") from error
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(length))
        header.pop("__metadata__", None)
        return header, 8 + length, path.stat().st_size


def _differences(entries: Mapping[str, Any], shapes: Shapes) -> list[str]:
    """How a file's tensors differ from those due, a phrase each."""
    wrong = [f"{name} is missing" for name in shapes if name not in entries]
    wrong += [f"{name} is not part of it" for name in entries if name not in shapes]
    for name, shape in shapes.items():
        if name in entries and (entries[name]["dtype"], tuple(entries[name]["shape"])) != ("F32", shape):
            entry = entries[name]
            wrong.append(f"{name} is {entry['dtype']} {tuple(entry['shape'])} for F32 {shape}")
    return wrong
