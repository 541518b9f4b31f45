"""What `nomic_speed` times: nomic's architecture at full size on random weights, run by embedex and by others.

Each peer lives in a process of its own, so that no runtime's threads or memory stand in another's way; only one of them
works at a time. Every peer is given the same token ids, or pixels, and must give the same vectors.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import multiprocessing
import multiprocessing.connection
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedex.encoders import nomic_text, nomic_vision
from embedex.encoders.nomic_weights import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    TextConfig,
    VisionConfig,
    read_checkpoint,
    text_config,
    vision_config,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats = Any
Work = Any
"""A list of lists of token ids, or pixels (n, 224, 224, 3)."""

TEXT_CONFIG = {
    "architectures": ["NomicBertModel"],
    "model_type": "nomic_bert",
    "activation_function": "swiglu",
    "layer_norm_epsilon": 1e-12,
    "max_trained_positions": 2048,
    "n_embd": 768,
    "n_head": 12,
    "n_inner": 3072,
    "n_layer": 12,
    "n_positions": 8192,
    "rotary_emb_base": 1000,
    "type_vocab_size": 2,
    "vocab_size": 30528,
}
VISION_CONFIG = {
    "activation_function": "swiglu",
    "img_size": 224,
    "layer_norm_epsilon": 1e-6,
    "n_embd": 768,
    "n_head": 12,
    "n_inner": 2048,
    "n_layer": 12,
    "patch_size": 16,
    "ref_feat_shape": [14, 14],
}
"""The sizes of nomic-embed-text-v1.5 and nomic-embed-vision-v1.5."""

SCALES = ((r".*norm\d?\.bias|emb_ln\.bias|.*word_embeddings.*|.*Wqkv.*|.*Wkv.*|.*pos_embed", 0.05), (r".*", 0.025))
"""Standard deviations by name; small enough that rounding does not grow from layer to layer."""

CLS, SEP, PAD, UNKNOWN = 101, 102, 0, 100
FIRST_WORD, LAST_WORD = 1000, 30000
ROOF_TOKENS = 3800
ROOF_LAYERS = 2


def write_models(folder: Path, *, onnx: bool) -> None:
    """Write what is not yet there: both checkpoints, a tokeniser whose words are ids, and, with `onnx`, both graphs."""
    for kind, config in (("text", TEXT_CONFIG), ("vision", VISION_CONFIG)):
        home = folder / kind
        home.mkdir(parents=True, exist_ok=True)
        (home / CONFIG_FILE).write_text(json.dumps(config), encoding="utf-8")
        if not (home / WEIGHTS_FILE).exists():
            _write_weights(home, kind)
        if kind == "text":
            _write_tokenizer(home)
        if onnx and not (home / "model.onnx").exists():
            part = home / "model.onnx.part"
            (text_graph if kind == "text" else vision_graph)(home, part)
            part.rename(home / "model.onnx")


def random_ids(lengths: Sequence[int], seed: int) -> list[list[int]]:
    """A document of random tokens for each length."""
    generator = np.random.default_rng(seed)
    return [[CLS, *generator.integers(FIRST_WORD, LAST_WORD, length - 2).tolist(), SEP] for length in lengths]


def random_pixels(count: int, seed: int) -> NDArray[np.float32]:
    """Pictures of noise."""
    return np.random.default_rng(seed).standard_normal((count, 224, 224, 3)).astype(np.float32)


def text_flops(lengths: Sequence[int]) -> float:
    """What documents of these lengths need without padding: linear layers, and attention's two products."""
    width, inner, layers = (int(str(TEXT_CONFIG[name])) for name in ("n_embd", "n_inner", "n_layer"))
    linear = 2 * layers * (4 * width * width + 3 * width * inner)
    return float(sum(length * (linear + 4 * width * layers * length) for length in lengths))


def picture_flops(count: int) -> float:
    """What so many pictures need: linear layers, and attention's two products."""
    width, inner, layers = (int(str(VISION_CONFIG[name])) for name in ("n_embd", "n_inner", "n_layer"))
    tokens = 197
    linear = 2 * layers * tokens * (4 * width * width + 3 * width * inner)
    patches, selector = 2 * (tokens - 1) * width * width, 2 * tokens * 2 * width * width
    return float(count * (linear + 4 * width * layers * tokens * tokens + patches + selector))


# --- the peers ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to compute vectors.

    Attributes:
        name: as shown.
        needs: modules that it imports.
        precision: whose roof it is held against.
        load: from a folder and a number of threads to a function from documents, or pixels, to unit vectors.
    """

    name: str
    needs: tuple[str, ...]
    precision: str
    load: Callable[[Path, int], Callable[[Work], Floats]]

    @property
    def missing(self) -> list[str]:
        """The needed modules that are not installed."""
        return [module for module in self.needs if importlib.util.find_spec(module) is None]


def embedex_text(precision: Any) -> Callable[[Path, int], Callable[[Work], Floats]]:
    def load(folder: Path, threads: int) -> Callable[[Work], Floats]:
        model = nomic_text.NomicText.from_folder(folder / "text", "plain", precision, threads=threads)
        return model.encode_ids

    return load


def embedex_vision(precision: Any) -> Callable[[Path, int], Callable[[Work], Floats]]:
    def load(folder: Path, threads: int) -> Callable[[Work], Floats]:
        return nomic_vision.NomicVision.from_folder(folder / "vision", precision, threads=threads).encode_pixels

    return load


def transformers_text(folder: Path, threads: int) -> Callable[[Work], Floats]:
    """The NomicBert of transformers itself: float32, one document at a time, and no mask, which is its fastest way."""
    torch = _torch(threads)
    logging = importlib.import_module("transformers.utils.logging")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = importlib.import_module("transformers").NomicBertModel.from_pretrained(folder / "text").eval()

    def encode(documents: Work) -> Floats:
        with torch.inference_mode():
            return _units(
                [model(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(dim=0).numpy() for ids in documents]
            )

    return encode


def sentence_transformers_text(folder: Path, threads: int) -> Callable[[Work], Floats]:
    """Sentence Transformers' `encode` as it comes: float32, sorted by length, batches of 32 with padding."""
    _torch(threads)
    library = importlib.import_module("sentence_transformers")
    importlib.import_module("transformers.utils.logging").disable_progress_bar()
    modules = importlib.import_module("sentence_transformers.models")
    body = modules.Transformer(str(folder / "text"), max_seq_length=8192)
    model = library.SentenceTransformer(
        modules=[body, modules.Pooling(768, pooling_mode="mean"), modules.Normalize()], device="cpu"
    )

    def encode(documents: Work) -> Floats:
        texts = [" ".join(f"{token:05d}" for token in ids[1:-1]) for ids in documents]
        return model.encode(texts, show_progress_bar=False)

    return encode


def onnx_text(*, batches: bool) -> Callable[[Path, int], Callable[[Work], Floats]]:
    """ONNX Runtime in float32 on the plain graph: one document at a time, or all in one batch with padding."""

    def load(folder: Path, threads: int) -> Callable[[Work], Floats]:
        session = _session(folder / "text" / "model.onnx", threads)

        def run(documents: Work) -> list[Any]:
            longest = max(map(len, documents))
            ids = np.array([[*each, *[PAD] * (longest - len(each))] for each in documents], np.int64)
            mask = np.array([[1] * len(each) + [0] * (longest - len(each)) for each in documents], np.int64)
            (hidden,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
            return [
                row[: len(each)].mean(axis=0, dtype=np.float64) for row, each in zip(hidden, documents, strict=True)
            ]

        def encode(documents: Work) -> Floats:
            groups = [documents] if batches else [[each] for each in documents]
            return _units([mean for group in groups for mean in run(group)])

        return encode

    return load


def torch_vision(folder: Path, threads: int) -> Callable[[Work], Floats]:
    """Our own PyTorch path in float32: there is no other PyTorch class of this model without remote code."""
    _torch(threads)
    model = importlib.import_module("embedex.encoders.nomic_torch").TorchVision
    return model.from_folder(folder / "vision", precision="f32", device="cpu").encode_pixels  # type: ignore[no-any-return]


def onnx_vision(folder: Path, threads: int) -> Callable[[Work], Floats]:
    """ONNX Runtime in float32 on the plain graph, all pictures in one batch."""
    session = _session(folder / "vision" / "model.onnx", threads)
    config = vision_config(folder / "vision")

    def encode(pixels: Work) -> Floats:
        (vectors,) = session.run(None, {"patches": nomic_vision.cut_patches(pixels, config)})
        return _units(vectors)

    return encode


OURS, EXACT = "embedex bf16", "embedex f32"
ONE_BY_ONE, SENTENCES = "transformers f32, one by one", "Sentence Transformers f32, its batches"
ONNX_ONE, ONNX_BATCH = "ONNX Runtime f32, one by one", "ONNX Runtime f32, padded batch"

TEXT_PEERS = (
    Peer(OURS, ("openvino",), "bf16", embedex_text("bf16")),
    Peer(EXACT, ("openvino",), "f32", embedex_text("f32")),
    Peer(ONE_BY_ONE, ("torch", "transformers"), "f32", transformers_text),
    Peer(SENTENCES, ("torch", "transformers", "sentence_transformers"), "f32", sentence_transformers_text),
    Peer(ONNX_ONE, ("onnx", "onnxruntime"), "f32", onnx_text(batches=False)),
    Peer(ONNX_BATCH, ("onnx", "onnxruntime"), "f32", onnx_text(batches=True)),
)
PICTURE_PEERS = (
    Peer(OURS, ("openvino",), "bf16", embedex_vision("bf16")),
    Peer(EXACT, ("openvino",), "f32", embedex_vision("f32")),
    Peer("PyTorch f32 (embedex's own)", ("torch",), "f32", torch_vision),
    Peer("ONNX Runtime f32, one batch", ("onnx", "onnxruntime"), "f32", onnx_vision),
)


def roof(precision: str) -> Callable[[Path, int], Callable[[Work], Floats]]:
    """The machine's GEMM roof: the linear layers of the text model, nothing between them, on OpenVINO.

    Four of the five products in a row have the model's shapes; the fifth leads from Wqkv's 2,304 columns back to 768.
    """

    def load(_: Path, threads: int) -> Callable[[Work], Floats]:
        from embedex.encoders.nomic_graph import compile_model, operations

        ops, generator = operations(), np.random.default_rng(0)
        x = rows = ops.parameter([1, ROOF_TOKENS, 768], np.float32)
        flops = 0
        for width, into in ((2304, 768), (768, 2304), (768, 768), (3072, 768), (768, 3072)) * ROOF_LAYERS:
            weight = (generator.standard_normal((width, into)) * into**-0.5).astype(np.float32)
            x = ops.matmul(x, ops.constant(weight), transpose_a=False, transpose_b=True)
            flops += 2 * ROOF_TOKENS * width * into
        request = compile_model(x, [rows], precision, threads).create_infer_request()  # type: ignore[arg-type]
        values = generator.standard_normal((1, ROOF_TOKENS, 768)).astype(np.float32)

        def measure(_: Work) -> Floats:
            seconds = []
            for _run in range(3):
                begun = time.perf_counter()
                request.infer([values], share_inputs=True)
                seconds.append(time.perf_counter() - begun)
            return flops / min(seconds)

        return measure

    return load


ROOFS = tuple(Peer(f"GEMM roof {name}", ("openvino",), name, roof(name)) for name in ("bf16", "f32"))


# --- a process for each -----------------------------------------------------------------------------------------


class Worker:
    """A peer in a process of its own."""

    def __init__(self, peer: Peer, folder: Path, threads: int) -> None:
        self.peer = peer
        self.fault = f"not installed: {', '.join(peer.missing)}" if peer.missing else ""
        if self.fault:
            return
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other, peer.name, _kind(peer), folder, threads), daemon=True
        )
        self._process.start()
        other.close()
        self._answer()

    def encode(self, work: Work) -> tuple[float, Floats]:
        """Seconds, and vectors; None where the peer failed, and `fault` says why."""
        return self._ask(("encode", work)) or (0.0, None)

    def peak(self) -> float:
        """The most memory that the process has held, in bytes."""
        return float(self._ask(("peak", None)) or 0)

    def close(self) -> None:
        """End the process."""
        if hasattr(self, "_process"):
            self._pipe.close()  # which it takes as the end
            self._process.join(timeout=20)
            self._process.kill()

    def _ask(self, what: tuple[str, Work]) -> Any:
        if self.fault:
            return None
        try:
            self._pipe.send(what)
        except OSError:
            self.fault = "its process ended; out of memory?"
            return None
        return self._answer()

    def _answer(self) -> Any:
        try:
            self.fault, result = self._pipe.recv()
        except EOFError:
            self.fault, result = "its process ended; out of memory?", None
        return result


def _kind(peer: Peer) -> str:
    return next(kind for kind, peers in _PEERS.items() if peer in peers)


_PEERS: Mapping[str, Sequence[Peer]] = {"text": TEXT_PEERS, "pictures": PICTURE_PEERS, "roof": ROOFS}


def _serve(pipe: multiprocessing.connection.Connection, name: str, kind: str, folder: Path, threads: int) -> None:
    """Load a peer, and answer until the pipe closes: (fault or "", result)."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair
    peer = next(each for each in _PEERS[kind] if each.name == name)
    try:
        encode = peer.load(folder, threads)
        pipe.send(("", None))
        while True:
            what, work = pipe.recv()
            if what == "peak":
                pipe.send(("", peak_memory()))
                continue
            begun = time.perf_counter()
            vectors = encode(work)
            pipe.send(("", (time.perf_counter() - begun, vectors)))
    except (EOFError, BrokenPipeError):  # the benchmark has ended
        return
    except Exception as error:  # noqa: BLE001 - the runtimes' exceptions have no common base
        first = (str(error).splitlines() or [""])[0]
        pipe.send((f"{type(error).__name__}: {first[:120]}", None))


def peak_memory() -> float:
    """The most memory that this process has held, in bytes; the mapped file's pages among it."""
    try:  # ru_maxrss would also tell of the process that started this one
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return float(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024
    except (OSError, IndexError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)


def _torch(threads: int) -> Any:
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    return torch


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _units(vectors: Any) -> Floats:
    rows = np.asarray(vectors, np.float64)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


# --- checkpoints and graphs -------------------------------------------------------------------------------------


def _write_weights(home: Path, kind: str) -> None:
    from safetensors.numpy import save_file

    config: TextConfig | VisionConfig = text_config(home) if kind == "text" else vision_config(home)
    generator = np.random.default_rng(5)
    tensors = {}
    for name, shape in config.shapes().items():
        scale = next(scale for pattern, scale in SCALES if re.fullmatch(pattern, name))
        values = generator.standard_normal(shape, np.float32) * np.float32(scale)
        if re.fullmatch(r".*(norm\d?|emb_ln)\.weight", name):
            values += np.float32(1)
        tensors[name] = values
    save_file(tensors, str(home / "model.safetensors.part"), metadata={"format": "pt"})
    (home / "model.safetensors.part").rename(home / WEIGHTS_FILE)


def _write_tokenizer(home: Path) -> None:
    """A tokeniser whose words are the ids themselves, for a library that takes only texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = {"[PAD]": PAD, "[UNK]": UNKNOWN, "[CLS]": CLS, "[SEP]": SEP}
    words |= {f"{token:05d}": token for token in range(FIRST_WORD, LAST_WORD)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", SEP), ("[CLS]", CLS))
    tokenizer.save(str(home / "tokenizer.json"))
    named = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep")}
    named |= {"tokenizer_class": "PreTrainedTokenizerFast"}
    (home / "tokenizer_config.json").write_text(json.dumps({**named, "model_max_length": 8192}), encoding="utf-8")


class _Onnx:
    """Builds a graph of plain operations, such as an export of the model is made of; each method gives a name."""

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy_helper = helper, numpy_helper
        self._tensors = tensors
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{kind}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(self._helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, values: Any, name: str = "") -> str:
        name = name or f"constant_{len(self.constants)}"
        if name not in self.constants:
            self.constants[name] = self._numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64), "ints_" + "_".join(map(str, values)))

    def tensor(self, name: str) -> str:
        return self.constant(self._tensors[name], name)

    def first_row(self, name: str) -> str:
        """The first row of a tensor as a constant."""
        row: NDArray[np.float32] = self._tensors[name][0]
        return self.constant(row)

    def linear(self, x: str, name: str, *, rows: NDArray[np.int64] | None = None) -> str:
        weight, bias = self._tensors[f"{name}.weight"], self._tensors.get(f"{name}.bias")
        if rows is not None:
            weight, bias = weight[rows], None if bias is None else bias[rows]
        y: str = self.op("MatMul", x, self.constant(weight.T, f"{name}.weight"))
        return y if bias is None else self.op("Add", y, self.constant(bias, f"{name}.bias"))

    def norm(self, x: str, name: str, epsilon: float) -> str:
        weight, bias = self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias")
        return self.op("LayerNormalization", x, weight, bias, axis=-1, epsilon=epsilon)  # type: ignore[no-any-return]

    def heads(self, x: str) -> str:
        """(batch, tokens, 768) to (batch, 12, tokens, 64)."""
        return self.op("Transpose", self.op("Reshape", x, self.ints(0, 0, 12, 64)), perm=[0, 2, 1, 3])  # type: ignore[no-any-return]

    def rotate(self, x: str, cosine: str, sine: str) -> str:
        first, second = self.op("Split", x, self.ints(32, 32), outputs=2, axis=-1)
        turned = self.op("Concat", self.op("Neg", second), first, axis=-1)
        return self.op("Add", self.op("Mul", x, cosine), self.op("Mul", turned, sine))  # type: ignore[no-any-return]

    def attention(self, query: str, key: str, value: str, bias: str = "") -> str:
        scaled = self.op("Mul", query, self.constant(np.float32(0.125), "eighth"))
        scores = self.op("MatMul", scaled, self.op("Transpose", key, perm=[0, 1, 3, 2]))
        if bias:
            scores = self.op("Add", scores, bias)
        attended = self.op("MatMul", self.op("Softmax", scores, axis=-1), value)
        return self.op("Reshape", self.op("Transpose", attended, perm=[0, 2, 1, 3]), self.ints(0, 0, 768))  # type: ignore[no-any-return]

    def gate(self, x: str, name: str) -> str:
        gated = self.linear(x, f"{name}.fc12")
        gated = self.op("Mul", gated, self.op("Sigmoid", gated))
        return self.op("Mul", self.linear(x, f"{name}.fc11"), gated)  # type: ignore[no-any-return]

    def save(self, path: Path, inputs: Sequence[tuple[str, Any, Sequence[str | int]]], result: str) -> None:
        import onnx

        values = [self._helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs]
        out = self._helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, None)
        graph = self._helper.make_graph(self.nodes, "nomic", values, [out], list(self.constants.values()))
        model = self._helper.make_model(graph, opset_imports=[self._helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, str(path))


def text_graph(home: Path, path: Path) -> None:
    """Write the text model: input_ids and attention_mask to the last hidden states."""
    import onnx

    config = text_config(home)
    g = _Onnx(read_checkpoint(home / WEIGHTS_FILE, config.shapes()).tensors)
    length = g.op("Slice", g.op("Shape", "input_ids"), g.ints(1), g.ints(2), g.ints(0))
    cosine, sine = (
        g.op("Slice", g.constant(table), g.ints(0), length, g.ints(0))
        for table in nomic_text.rotary_tables(config.positions, config, "plain")
    )
    seen = g.op("Cast", "attention_mask", to=onnx.TensorProto.FLOAT)
    hidden = g.op("Sub", g.constant(np.float32(1)), seen)
    hidden = g.op("Mul", hidden, g.constant(np.finfo(np.float32).min))
    bias = g.op("Unsqueeze", hidden, g.ints(1, 2))
    words = g.op("Gather", g.tensor("embeddings.word_embeddings.weight"), "input_ids")
    kind = g.first_row("embeddings.token_type_embeddings.weight")
    x = g.norm(g.op("Add", words, kind), "emb_ln", config.epsilon)
    for layer in range(config.layers):
        name = f"encoder.layers.{layer}"
        parts = g.op("Split", g.linear(x, f"{name}.attn.Wqkv"), g.ints(768, 768, 768), outputs=3, axis=-1)
        query, key, value = map(g.heads, parts)
        attended = g.attention(g.rotate(query, cosine, sine), g.rotate(key, cosine, sine), value, bias)
        x = g.norm(g.op("Add", x, g.linear(attended, f"{name}.attn.out_proj")), f"{name}.norm1", config.epsilon)
        mlp = g.linear(g.gate(x, f"{name}.mlp"), f"{name}.mlp.fc2")
        x = g.norm(g.op("Add", x, mlp), f"{name}.norm2", config.epsilon)
    ints = onnx.TensorProto.INT64
    g.save(path, [("input_ids", ints, ["n", "l"]), ("attention_mask", ints, ["n", "l"])], x)


def vision_graph(home: Path, path: Path) -> None:
    """Write the vision model: patches to vectors, not yet of unit length."""
    import onnx

    config = vision_config(home)
    epsilon = config.epsilon
    g = _Onnx(read_checkpoint(home / WEIGHTS_FILE, config.shapes()).tensors)
    cosine, sine = map(g.constant, nomic_vision.rotary_tables(config))
    rows = nomic_vision.rotary_rows(config)
    count = g.op("Slice", g.op("Shape", "patches"), g.ints(0), g.ints(1), g.ints(0))
    many = g.op("Concat", count, g.ints(1, 768), axis=0)
    x = g.op(
        "Concat", g.op("Expand", g.tensor("embeddings.cls_token"), many), g.linear("patches", "embeddings.proj"), axis=1
    )
    x = g.op("Add", x, g.tensor("embeddings.pos_embed"))
    for layer in range(config.layers):
        name = f"layers.{layer}"
        qkv = g.linear(g.norm(x, f"{name}.norm1", epsilon), f"{name}.attn.Wqkv", rows=rows)
        query, key, value = map(g.heads, g.op("Split", qkv, g.ints(768, 768, 768), outputs=3, axis=-1))
        attended = g.attention(g.rotate(query, cosine, sine), g.rotate(key, cosine, sine), value)
        x = g.op("Add", x, g.linear(attended, f"{name}.attn.out_proj"))
        gated = g.gate(g.norm(x, f"{name}.norm2", epsilon), f"{name}.mlp")
        gated = g.norm(gated, f"{name}.mlp.norm", nomic_vision.MLP_NORM_EPSILON)
        x = g.op("Add", x, g.linear(gated, f"{name}.mlp.fc2"))
    query = g.heads(g.op("Expand", g.linear(g.tensor("selector.attn.latent"), "selector.attn.Wq"), many))
    key, value = map(g.heads, g.op("Split", g.linear(x, "selector.attn.Wkv"), g.ints(768, 768), outputs=2, axis=-1))
    found = g.linear(g.attention(query, key, value), "selector.attn.out_proj")
    found = g.linear(g.gate(g.norm(found, "selector.norm1", epsilon), "selector.mlp"), "selector.mlp.fc2")
    first = g.op("Slice", x, g.ints(0), g.ints(1), g.ints(1))
    vector = g.op("Squeeze", g.op("Add", first, found), g.ints(1))
    g.save(path, [("patches", onnx.TensorProto.FLOAT, ["n", 196, 768])], vector)
