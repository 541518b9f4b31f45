"""The two nomic models on PyTorch, for a GPU: documents packed end to end, without padding.

The same functions of the same checkpoints as `nomic_text` and `nomic_vision`. Attention takes the fastest kernel there
is: PyTorch's varlen attention, flash-attn, or, as on a CPU, scaled dot product attention one document at a time. The
residual stream and the norms stay float32; the products are bfloat16 where the precision says so.

On a GPU a product's kernel is chosen by how many tokens are packed, so that a vector may differ in its last bits with
what it was packed with. On a CPU documents run one at a time, and it does not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from embedex.encoders import nomic_text
from embedex.encoders.nomic_text import Context, check_context, check_ids, rotary_tables, unit_vectors
from embedex.encoders.nomic_vision import MLP_NORM_EPSILON, cut_patches, rotary_rows
from embedex.encoders.nomic_vision import rotary_tables as patch_rotary_tables
from embedex.encoders.nomic_weights import Checkpoint, TextConfig, VisionConfig, read_model, text_config, vision_config
from embedex.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from torch import device as Device  # noqa: N812
    from torch import dtype as DType  # noqa: N812

Precision = Literal["f32", "bf16"]

PACK_TOKENS = {"cuda": 32768, "cpu": 1}
"""Tokens packed together, by device; a document that is longer stands alone."""

Attention = Callable[["Tensor", "Tensor", "Tensor", Sequence[int]], "Tensor"]
"""Query, key and value of shape (tokens, heads, head width), and the documents' lengths, to the same shape."""


class _Model:
    """What both models share: tensors on the device, linear layers and norms."""

    def __init__(self, checkpoint: Checkpoint, precision: Precision | None, device: str | None) -> None:
        torch = _torch()
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.precision: Precision = precision or ("bf16" if self.device.type == "cuda" else "f32")
        if self.precision not in ("f32", "bf16"):
            raise InputError(f"There is no precision {self.precision!r} on PyTorch.", allowed="There are: f32, bf16")
        self.sha256 = checkpoint.sha256
        self._dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        self._attention, self.kernel = attention_kernel(self.device, self._dtype)
        self._weights: dict[str, Tensor] = {}

    def _load(self, tensors: Mapping[str, NDArray[np.float32]], *, skip: str = "") -> None:
        """Move tensors to the device: linear layers in the precision, the rest in float32; fc11 and fc12 as one."""
        torch = _torch()
        for name, values in tensors.items():
            if name == skip:
                continue
            weight = tensors.get(f"{name.removesuffix('.bias')}.weight", values)  # a bias goes with its matrix
            dtype = self._dtype if weight.ndim == 2 else torch.float32
            self._weights[name] = torch.from_numpy(values).to(self.device, dtype, copy=True)
        for name in [name for name in self._weights if ".fc11." in name]:
            second = name.replace(".fc11.", ".fc12.")
            both = torch.cat([self._weights.pop(name), self._weights.pop(second)])
            self._weights[name.replace(".fc11.", ".gate.")] = both

    def _linear(self, x: Tensor, name: str) -> Tensor:
        bias = self._weights.get(f"{name}.bias")
        return _torch().nn.functional.linear(x.to(self._dtype), self._weights[f"{name}.weight"], bias)

    def _norm(self, x: Tensor, name: str, epsilon: float) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return _torch().nn.functional.layer_norm(x.float(), weight.shape, weight, bias, epsilon)

    def _gate(self, x: Tensor, name: str) -> Tensor:
        plain, gated = self._linear(x, f"{name}.gate").chunk(2, dim=-1)
        return plain * _torch().nn.functional.silu(gated)

    def _rotated(self, qkv: Tensor, heads: int, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query and key, turned, and value, from (tokens, 3 * width); each (tokens, heads, head width)."""
        torch = _torch()
        query, key, value = qkv.view(len(qkv), 3, heads, -1).unbind(1)

        def turn(x: Tensor) -> Tensor:
            first, second = x.float().chunk(2, dim=-1)
            turned = torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)
            return turned.to(self._dtype)

        return turn(query), turn(key), value

    def _half(self, tables: Sequence[NDArray[np.float32]]) -> Tensor:
        """The first halves of documents' rotary tables end to end, on the device: (tokens, 1, head width / 2)."""
        import numpy as np

        table = np.concatenate(tables)
        return _torch().from_numpy(np.ascontiguousarray(table[:, : table.shape[1] // 2])).to(self.device)[:, None]


class TorchText(_Model):
    """A text model on PyTorch; takes and gives what `nomic_text.NomicText` does.

    Args:
        checkpoint: its tensors, of `TextConfig.shapes`.
        config: its sizes.
        context: ``"ntk"``, as its authors use it with 8,192 tokens, or ``"plain"``.
        precision: ``"f32"`` or ``"bf16"``; None for bfloat16 on a GPU.
        device: ``"cuda"``, ``"cpu"``; None for a GPU where there is one.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        config: TextConfig,
        *,
        context: Context = "ntk",
        precision: Precision | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__(checkpoint, precision, device)
        check_context(context)
        self.config = config
        self.context = context
        self.pack_tokens = max(PACK_TOKENS[self.device.type], nomic_text.PACK_TOKENS)
        words = "embeddings.word_embeddings.weight"
        self._load(checkpoint.tensors, skip=words)
        self._words = checkpoint.tensors[words]  # stays in the mapped file: a look-up is cheap, the table is not
        self._type = checkpoint.tensors["embeddings.token_type_embeddings.weight"][0]

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        context: Context = "ntk",
        precision: Precision | None = None,
        *,
        device: str | None = None,
    ) -> Self:
        """Load a folder that holds ``config.json`` and ``model.safetensors``.

        Raises:
            WeightsError: a file is absent, damaged, or of another model.
            InputError: context or precision is unknown.
            MissingExtraError: PyTorch is not installed.
        """
        return cls(*read_model(path, text_config), context=context, precision=precision, device=device)

    def encode_ids(self, ids: Sequence[Sequence[int]], dimensions: int | None = None) -> NDArray[np.float32]:
        """Unit vectors of documents; see `nomic_text.NomicText.encode_ids`."""
        return unit_vectors(self.means(ids), dimensions)

    def means(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Mean of each document's last hidden states, not normed: float64, shape (n, width)."""
        import numpy as np

        means = np.empty((len(ids), self.config.width))
        for row, hidden in self._hidden_states(ids):
            means[row] = hidden.double().mean(dim=0).cpu().numpy()
        return means

    def sums(
        self, ids: Sequence[Sequence[int]], owners: Sequence[Sequence[int]], counts: Sequence[int]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """Means, and the sums of the hidden states of each owner's tokens; see `nomic_text.NomicText.sums`."""
        import numpy as np

        torch = _torch()
        means = np.empty((len(ids), self.config.width))
        parts: list[NDArray[np.float64]] = [np.empty(0)] * len(ids)
        for row, hidden in self._hidden_states(ids):
            states = hidden.double()
            means[row] = states.mean(dim=0).cpu().numpy()
            owner = torch.as_tensor(owners[row], device=states.device)
            summed = torch.zeros((counts[row], states.shape[1]), dtype=states.dtype, device=states.device)
            parts[row] = summed.index_add_(0, owner, states).cpu().numpy()
        return means, parts

    def _hidden_states(self, ids: Sequence[Sequence[int]]) -> Iterator[tuple[int, Tensor]]:
        """Each document's place among `ids` and its last hidden states, shape (tokens, width)."""
        documents = check_ids(ids, self.config)
        for rows in packs([document.size for document in documents], PACK_TOKENS[self.device.type]):
            yield from zip(rows, self._states_of_pack([documents[row] for row in rows]), strict=True)

    def _states_of_pack(self, documents: Sequence[NDArray[np.int64]]) -> Sequence[Tensor]:
        import numpy as np

        torch = _torch()
        lengths = [document.size for document in documents]
        tables = [rotary_tables(length, self.config, self.context) for length in lengths]
        cosine, sine = self._half([table[0] for table in tables]), self._half([table[1] for table in tables])
        epsilon = self.config.epsilon
        with torch.inference_mode():
            x = torch.from_numpy(self._words[np.concatenate(documents)] + self._type).to(self.device)
            x = self._norm(x, "emb_ln", epsilon)
            for layer in range(self.config.layers):
                name = f"encoder.layers.{layer}"
                qkv = self._linear(x, f"{name}.attn.Wqkv")
                attended = self._attention(*self._rotated(qkv, self.config.heads, cosine, sine), lengths).flatten(1)
                x = self._norm(x + self._linear(attended, f"{name}.attn.out_proj"), f"{name}.norm1", epsilon)
                mlp = self._linear(self._gate(x, f"{name}.mlp"), f"{name}.mlp.fc2")
                x = self._norm(x + mlp, f"{name}.norm2", epsilon)
            states: Sequence[Tensor] = x.split(lengths)
            return states


class TorchVision(_Model):
    """A vision model on PyTorch; takes and gives what `nomic_vision.NomicVision` does.

    Args:
        checkpoint: its tensors, of `VisionConfig.shapes`.
        config: its sizes.
        precision: ``"f32"`` or ``"bf16"``; None for bfloat16 on a GPU.
        device: ``"cuda"``, ``"cpu"``; None for a GPU where there is one.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        config: VisionConfig,
        *,
        precision: Precision | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__(checkpoint, precision, device)
        self.config = config
        rows = rotary_rows(config)
        self._load(
            {name: values[rows] if "layers." in name and ".Wqkv." in name else values
             for name, values in checkpoint.tensors.items()}
        )  # fmt: skip
        cosine, sine = patch_rotary_tables(config)
        self._cosine, self._sine = self._half([cosine]), self._half([sine])

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        precision: Precision | None = None,
        *,
        device: str | None = None,
    ) -> Self:
        """Load a folder that holds ``config.json`` and ``model.safetensors``.

        Raises:
            WeightsError: a file is absent, damaged, or of another model.
            InputError: the precision is unknown.
            MissingExtraError: PyTorch is not installed.
        """
        return cls(*read_model(path, vision_config), precision=precision, device=device)

    def encode_pixels(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit vectors of pictures; see `nomic_vision.NomicVision.encode_pixels`."""
        import numpy as np

        patches = cut_patches(pixels, self.config)
        tokens = 1 + patches.shape[1]
        vectors = np.empty((len(patches), self.config.width))
        for rows in packs([tokens] * len(patches), PACK_TOKENS[self.device.type]):
            vectors[rows] = self._vectors_of_pack(patches[rows])
        return unit_vectors(vectors)

    def _vectors_of_pack(self, patches: NDArray[np.float32]) -> NDArray[np.float64]:
        torch = _torch()
        weights, config = self._weights, self.config
        count, tokens, epsilon = len(patches), 1 + patches.shape[1], config.epsilon
        lengths = [tokens] * count
        cosine, sine = self._cosine.repeat(count, 1, 1), self._sine.repeat(count, 1, 1)
        with torch.inference_mode():
            x = self._linear(torch.from_numpy(patches).to(self.device), "embeddings.proj").float()
            class_tokens = weights["embeddings.cls_token"].expand(count, 1, -1)
            x = (torch.cat([class_tokens, x], dim=1) + weights["embeddings.pos_embed"]).flatten(0, 1)
            for layer in range(config.layers):
                name = f"layers.{layer}"
                qkv = self._linear(self._norm(x, f"{name}.norm1", epsilon), f"{name}.attn.Wqkv")
                attended = self._attention(*self._rotated(qkv, config.heads, cosine, sine), lengths).flatten(1)
                x = x + self._linear(attended, f"{name}.attn.out_proj")
                gated = self._gate(self._norm(x, f"{name}.norm2", epsilon), f"{name}.mlp")
                x = x + self._linear(self._norm(gated, f"{name}.mlp.norm", MLP_NORM_EPSILON), f"{name}.mlp.fc2")
            x = x.view(count, tokens, -1)
            vectors = x[:, 0] + self._selected(x)
            result: NDArray[np.float64] = vectors.double().cpu().numpy()
            return result

    def _selected(self, x: Tensor) -> Tensor:
        """What the selector's query finds among each picture's tokens: (n, tokens, width) to (n, width)."""
        torch = _torch()
        count, tokens, width = x.shape
        heads = self.config.heads
        query = self._linear(self._weights["selector.attn.latent"], "selector.attn.Wq")
        query = query.view(1, 1, heads, -1).transpose(1, 2).expand(count, -1, -1, -1)
        key, value = self._linear(x, "selector.attn.Wkv").view(count, tokens, 2, heads, -1).permute(2, 0, 3, 1, 4)
        found = torch.nn.functional.scaled_dot_product_attention(query, key, value).reshape(count, width)
        found = self._norm(self._linear(found, "selector.attn.out_proj"), "selector.norm1", self.config.epsilon)
        return self._linear(self._gate(found, "selector.mlp"), "selector.mlp.fc2").float()


def attention_kernel(device: Device, dtype: DType) -> tuple[Attention, str]:
    """The fastest attention over packed documents that this device and precision have, and its name."""
    torch = _torch()
    if device.type == "cuda" and dtype == torch.bfloat16:
        try:
            from torch.nn.attention.varlen import varlen_attn
        except ImportError:
            pass
        else:
            # One split of the keys for every length: a document's attention does not depend on the others'.
            fixed = {"num_splits": 1} if "num_splits" in inspect.signature(varlen_attn).parameters else {}

            def varlen(q: Tensor, k: Tensor, v: Tensor, lengths: Sequence[int]) -> Tensor:
                ends, longest = _ends(lengths, device), max(lengths)
                return varlen_attn(q, k, v.contiguous(), ends, ends, longest, longest, **fixed)

            return varlen, "torch varlen"
        try:
            from flash_attn import flash_attn_varlen_func
        except ImportError:
            pass
        else:

            def flash(q: Tensor, k: Tensor, v: Tensor, lengths: Sequence[int]) -> Tensor:
                ends, longest = _ends(lengths, device), max(lengths)
                attended: Tensor = flash_attn_varlen_func(q, k, v.contiguous(), ends, ends, longest, longest)
                return attended

            return flash, "flash-attn"
    return _one_by_one, "scaled dot product, one by one"


def packs(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Positions of documents to pack together: up to `tokens` in all, the longest first."""
    pack: list[int] = []
    packed = 0
    for position in sorted(range(len(lengths)), key=lambda position: -lengths[position]):
        if pack and packed + lengths[position] > tokens:
            yield pack
            pack, packed = [], 0
        pack.append(position)
        packed += lengths[position]
    if pack:
        yield pack


def _one_by_one(q: Tensor, k: Tensor, v: Tensor, lengths: Sequence[int]) -> Tensor:
    torch = _torch()
    documents = zip(*(each.split(list(lengths)) for each in (q, k, v)), strict=True)
    attended = [
        torch.nn.functional.scaled_dot_product_attention(*(each.transpose(0, 1)[None] for each in document))[0]
        for document in documents
    ]
    return torch.cat(attended, dim=1).transpose(0, 1)


def _ends(lengths: Sequence[int], device: Device) -> Tensor:
    """Where packed documents start and end: int32, shape (n + 1,)."""
    import numpy as np

    return _torch().from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)).to(device)


def _torch() -> Any:
    """PyTorch.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("nomic-embed on a GPU", "torch") from error
    return torch
