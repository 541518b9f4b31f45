"""What the two nomic graphs share: OpenVINO's opset over a checkpoint's tensors, and compilation for the processor.

Constants are views of the mapped file, so that the float32 weights are in memory once, and that only until the
compiler has laid them out for its kernels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from embedex import processors
from embedex.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Precision = Literal["f32", "bf16", "w8"]
"""How the graph computes: float32; bfloat16 with float32 sums; or that with the weights rounded to 8 bits."""

PRECISIONS: tuple[Precision, ...] = ("f32", "bf16", "w8")


class Graph:
    """Builds one model; each method adds operations and returns the last one's node.

    Args:
        tensors: the checkpoint's, by name. They must outlive the graph.
        heads: attention heads.
        precision: ``"w8"`` rounds the weights of linear layers to 8 bits, row by row.
    """

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]], heads: int, precision: Precision) -> None:
        self.ops = operations()
        self._tensors = tensors
        self._heads = heads
        self._precision = precision

    def constant(self, values: NDArray[Any]) -> Any:
        """A constant that shares the array's memory."""
        return self.ops.constant(values, shared_memory=values.flags.writeable)

    def ints(self, *values: int) -> Any:
        """A constant vector of int64."""
        import numpy as np

        return self.ops.constant(np.array(values, np.int64))

    def linear(self, x: Any, name: str, *, rows: NDArray[np.int64] | None = None) -> Any:
        """``x Wᵀ``, and ``+ b`` where the checkpoint has a bias; `rows` puts the outputs in another order."""
        weight, bias = self._tensors[f"{name}.weight"], self._tensors.get(f"{name}.bias")
        if rows is not None:
            weight, bias = weight[rows], None if bias is None else bias[rows]
        y = self.ops.matmul(x, self._weight(weight), transpose_a=False, transpose_b=True)
        return y if bias is None else self.ops.add(y, self.constant(bias))

    def layer_norm(self, x: Any, name: str, epsilon: float) -> Any:
        """Layer norm over the last axis, biased variance."""
        y = self.ops.mvn(x, self.ints(-1), normalize_variance=True, eps=epsilon, eps_mode="inside_sqrt")
        y = self.ops.multiply(y, self.constant(self._tensors[f"{name}.weight"]))
        return self.ops.add(y, self.constant(self._tensors[f"{name}.bias"]))

    def split_heads(self, x: Any, parts: int) -> list[Any]:
        """(batch, tokens, parts * width) to `parts` nodes of (batch, heads, tokens, head width)."""
        ops = self.ops
        return [
            ops.transpose(ops.reshape(part, self.ints(0, 0, self._heads, -1), special_zero=True), self.ints(0, 2, 1, 3))
            for part in ops.split(x, self.ops.constant(2), parts).outputs()
        ]

    def rotate(self, x: Any, cosine: Any, sine: Any, head_width: int) -> Any:
        """Rotary position of each head; element j pairs with element j + half."""
        ops, half = self.ops, head_width // 2
        # In this form, with slices and a product by -1, the compiler sees one rotary operation.
        first = ops.slice(x, self.ints(0), self.ints(half), self.ints(1), self.ints(3))
        second = ops.slice(x, self.ints(half), self.ints(2**31 - 1), self.ints(1), self.ints(3))
        turned = ops.concat([ops.multiply(second, self.scalar(-1.0)), first], axis=-1)
        return ops.add(ops.multiply(x, cosine), ops.multiply(turned, sine))

    def scalar(self, value: float) -> Any:
        """A float32 constant."""
        import numpy as np

        return self.ops.constant(np.float32(value))

    def attention(self, query: Any, key: Any, value: Any) -> Any:
        """Softmax attention without a mask, its heads joined again: (batch, tokens, width)."""
        ops = self.ops
        attended = ops.scaled_dot_product_attention(query, key, value)
        joined = ops.transpose(attended, self.ints(0, 2, 1, 3))
        return ops.reshape(joined, self.ints(0, 0, -1), special_zero=True)

    def gate(self, x: Any, name: str) -> Any:
        """The first half of the gated MLP: ``fc11(x) * silu(fc12(x))``."""
        ops = self.ops
        return ops.multiply(self.linear(x, f"{name}.fc11"), ops.swish(self.linear(x, f"{name}.fc12")))

    def _weight(self, weight: NDArray[np.float32]) -> Any:
        if self._precision != "w8":
            return self.constant(weight)
        import numpy as np

        scale = np.maximum(np.abs(weight).max(axis=1, keepdims=True), np.float32(1e-30)) / np.float32(127)
        rounded = self.ops.constant(np.rint(weight / scale).astype(np.int8))
        return self.ops.multiply(self.ops.convert(rounded, "f32"), self.ops.constant(scale))


def operations() -> Any:
    """OpenVINO's opset.

    Raises:
        MissingExtraError: OpenVINO is not installed.
    """
    try:
        from openvino import opset15
    except ImportError as error:
        raise MissingExtraError("nomic-embed on a CPU", "nomic") from error
    return opset15


def best_precision() -> Precision:
    """``"bf16"`` where this processor multiplies bfloat16 by itself, else ``"f32"``."""
    operations()
    import openvino

    return "bf16" if openvino.Core().get_property("CPU", "INFERENCE_PRECISION_HINT") == openvino.Type.bf16 else "f32"


def compile_model(result: Any, inputs: Sequence[Any], precision: Precision, threads: int | None) -> Any:
    """Compile a graph for this processor.

    Args:
        result: the node whose values are wanted; they come out as float32.
        inputs: the parameters' nodes.
        precision: ``"w8"`` computes in bfloat16.
        threads: how many; None for one a core, or fewer where a container has a share of fewer.

    Raises:
        InputError: the precision is unknown, or this processor has no bfloat16.
    """
    import openvino

    core = openvino.Core()
    if threads is None and processors.available() < (os.cpu_count() or 1):
        threads = processors.available()  # what OpenVINO itself does not see
    if precision not in PRECISIONS:
        raise InputError(f"There is no precision {precision!r}.", allowed=f"There are: {', '.join(PRECISIONS)}")
    if precision != "f32" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise InputError(f"This processor has no bfloat16, which precision {precision!r} needs.", cure="Take 'f32'.")
    settings = {
        "INFERENCE_PRECISION_HINT": "f32" if precision == "f32" else "bf16",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,  # or the compiler rounds activations to 8 bits beside 8-bit weights
        "NUM_STREAMS": 1,
        **({"INFERENCE_NUM_THREADS": threads} if threads else {}),
    }
    return core.compile_model(openvino.Model([operations().result(result)], list(inputs), "nomic"), "CPU", settings)
