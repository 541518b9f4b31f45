"""CLIP from a folder: tiny two-tower models of every layout, whose vectors are known from their tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from PIL import Image

from embedex.encoders.base import Encoder, Overflow, QueryEncoder
from embedex.encoders.clip import ClipImage, ClipText
from embedex.errors import InputError, MissingExtraError, WeightsError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

WORDS = [f"w{number}" for number in range(20)]
START, END = len(WORDS) + 1, len(WORDS) + 2
VOCABULARY = {word: number for number, word in enumerate(["<unk>", *WORDS, "<start>", "<end>"])}
SIDE = 8
CONTEXT = 6  # with <start> and <end>: four words
DIMENSION = 5

_random = np.random.default_rng(3)
TABLE = _random.normal(size=(len(VOCABULARY), 4)).astype(np.float32)
TEXT_HEAD = _random.normal(size=(4, DIMENSION)).astype(np.float32)
IMAGE_HEAD = _random.normal(size=(3 * 4, DIMENSION)).astype(np.float32)
MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)


@dataclass(frozen=True)
class Layout:
    """How a folder's model is built."""

    files: Literal["two", "two in onnx", "one"] = "two"
    ids: str = "input_ids"
    ids_type: str = "INT64"
    mask: str = "attention_mask"
    length: int | str = "sequence"
    pixels: str = "pixel_values"
    pixels_type: str = "FLOAT"
    outputs: tuple[str, str] = ("text_embeds", "image_embeds")
    more: bool = True  # outputs that are not the vector


LAYOUTS = {
    "two files": Layout(),
    "two files in onnx": Layout("two in onnx"),
    "one file": Layout("one"),
    "other names": Layout(ids="tokens", mask="", pixels="image", outputs=("output", "output"), more=False),
    "embeddings by another name": Layout(outputs=("sentence_embedding", "image_embedding")),
    "a fixed length": Layout(length=CONTEXT, ids_type="INT32"),
    "one file of a fixed length without a mask": Layout("one", mask="", length=CONTEXT),
    "half precision": Layout(pixels_type="FLOAT16"),
}


def text_side(layout: Layout) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """As CLIP does: each token sees those before it, and the vector is that of the first <end>, the highest token."""
    helper, kinds = onnx.helper, onnx.TensorProto
    constants = {"table": TABLE, "text_head": TEXT_HEAD, "one": np.array([1]), "first": np.array(1)}
    nodes = [
        helper.make_node("Gather", ["table", layout.ids], ["rows"]),
        helper.make_node("CumSum", ["rows", "first"], ["last_hidden_state"]),
        helper.make_node("ArgMax", [layout.ids], ["end"], axis=1, keepdims=0),
        helper.make_node("Gather", ["last_hidden_state", "end"], ["at_end"], axis=1),
        helper.make_node("Squeeze", ["at_end", "one"], ["pooled"]),
        helper.make_node("MatMul", ["pooled", "text_head"], [layout.outputs[0]]),
    ]
    shape = ["batch", layout.length]
    inputs = [helper.make_tensor_value_info(layout.ids, getattr(kinds, layout.ids_type), shape)]
    if layout.mask:
        inputs.append(helper.make_tensor_value_info(layout.mask, getattr(kinds, layout.ids_type), shape))
    outputs = [helper.make_tensor_value_info(layout.outputs[0], kinds.FLOAT, ["batch", DIMENSION])]
    if layout.more:
        outputs.insert(0, helper.make_tensor_value_info("last_hidden_state", kinds.FLOAT, ["batch", layout.length, 4]))
    initializers = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    return nodes, inputs, outputs, initializers


def image_side(layout: Layout) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """The mean colours of the four quarters, projected."""
    helper, kinds = onnx.helper, onnx.TensorProto
    half = [SIDE // 2, SIDE // 2]
    nodes = [
        helper.make_node("Cast", [layout.pixels], ["floats"], to=kinds.FLOAT),
        helper.make_node("AveragePool", ["floats"], ["quarters"], kernel_shape=half, strides=half),
        helper.make_node("Flatten", ["quarters"], ["flat"]),
        helper.make_node("MatMul", ["flat", "image_head"], [layout.outputs[1]]),
    ]
    shape = ["batch", 3, SIDE, SIDE] if layout.files == "one" else ["batch", "channels", "height", "width"]
    inputs = [helper.make_tensor_value_info(layout.pixels, getattr(kinds, layout.pixels_type), shape)]
    outputs = [helper.make_tensor_value_info(layout.outputs[1], kinds.FLOAT, ["batch", DIMENSION])]
    return nodes, inputs, outputs, [onnx.numpy_helper.from_array(IMAGE_HEAD, "image_head")]


def save(path: Path, *sides: tuple[list[Any], list[Any], list[Any], list[Any]]) -> None:
    nodes, inputs, outputs, initializers = ([*chain.from_iterable(parts)] for parts in zip(*sides, strict=True))
    graph = onnx.helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


def tokenizer_json() -> str:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["<start>", "<end>"])
    around = [("<start>", START), ("<end>", END)]
    tokenizer.post_processor = processors.TemplateProcessing("<start> $A <end>", None, around)
    tokenizer.enable_truncation(CONTEXT)
    tokenizer.enable_padding(length=CONTEXT)
    return str(tokenizer.to_str())


PREPROCESSOR = {
    "do_resize": True,
    "size": {"shortest_edge": 12},
    "do_center_crop": True,
    "crop_size": {"height": SIDE, "width": SIDE},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": MEAN,
    "image_std": STD,
}


def make(folder: Path, layout: Layout) -> Path:
    where = folder / "onnx" if layout.files == "two in onnx" else folder
    if layout.files == "one":
        save(where / "model.onnx", text_side(layout), image_side(layout))
    else:
        save(where / "text_model.onnx", text_side(layout))
        save(where / "vision_model.onnx", image_side(layout))
    (folder / "tokenizer.json").write_text(tokenizer_json(), "utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    (folder / "config.json").write_text(json.dumps({"text_config": {"max_position_embeddings": CONTEXT}}))
    return folder


@pytest.fixture(params=list(LAYOUTS.values()), ids=list(LAYOUTS))
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make(tmp_path / "tiny-clip", request.param)


@pytest.fixture
def one_folder(tmp_path: Path) -> Path:
    return make(tmp_path / "tiny-clip", LAYOUTS["two files"])


def unit(vector: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector), np.float64)


def text_vector(*words: str) -> NDArray[np.float64]:
    ids = [START, *(VOCABULARY.get(word, 0) for word in words), END]
    return unit(TABLE[ids].astype(np.float64).sum(axis=0) @ TEXT_HEAD.astype(np.float64))


def image_vector(picture: NDArray[np.uint8], resample: Image.Resampling = Image.Resampling.BICUBIC) -> NDArray[Any]:
    small = np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), resample), np.float64) / 255
    ready = (small - np.array(MEAN)) / np.array(STD)
    quarters = ready.reshape(2, SIDE // 2, 2, SIDE // 2, 3).mean(axis=(1, 3))
    return unit(quarters.transpose(2, 0, 1).ravel() @ IMAGE_HEAD.astype(np.float64))


def picture(seed: int) -> NDArray[np.uint8]:
    """A square whose edge matters as much as its middle."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (7, 7, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((224, 224), Image.Resampling.NEAREST))


# ── every layout ────────────────────────────────────────────────────────────────────────────────────

SHORT = ["w1 w2", "W3", "", "w4 w5 w6 w7", "what is this"]


def test_texts_are_embedded_as_the_model_defines_it(folder: Path) -> None:
    encoder = ClipText(folder)
    assert isinstance(encoder, QueryEncoder)
    vectors = encoder.encode_documents(SHORT)
    for text, vector in zip(SHORT, vectors, strict=True):
        np.testing.assert_allclose(vector, text_vector(*text.lower().split()), atol=1e-5)
    for row, text in enumerate(SHORT):
        np.testing.assert_array_equal(encoder.encode_documents([text])[0], vectors[row])
    np.testing.assert_array_equal(encoder.encode_queries(SHORT), vectors)
    assert vectors.dtype == np.float32
    assert encoder.encode_documents([]).shape == (0, DIMENSION)


def test_pictures_are_embedded_as_the_model_defines_it(folder: Path) -> None:
    encoder = ClipImage(folder)
    assert isinstance(encoder, Encoder)
    pictures = [picture(seed) for seed in range(3)]
    pictures += [np.full((224, 224, 3), value, np.uint8) for value in (0, 255)]
    for each in pictures:
        each.setflags(write=False)
    vectors = encoder.encode_documents(pictures)
    for each, vector in zip(pictures, vectors, strict=True):
        np.testing.assert_allclose(vector, image_vector(each), atol=1e-3)  # half precision is rounded at the input
    for row, each in enumerate(pictures):
        np.testing.assert_array_equal(encoder.encode_documents([each])[0], vectors[row])
    np.testing.assert_allclose(np.linalg.norm(vectors.astype(np.float64), axis=1), 1, atol=1e-6)
    assert vectors.dtype == np.float32
    assert encoder.encode_documents([]).shape == (0, DIMENSION)


def test_both_share_a_space_and_questions_meet_pictures(folder: Path) -> None:
    text, image = ClipText(folder), ClipImage(folder)
    assert text.description.space == image.description.space
    assert (text.description.modality, image.description.modality) == ("text", "image")
    assert text.description.name == image.description.name == "clip:tiny-clip"
    assert text.description.dimension == image.description.dimension == DIMENSION
    np.testing.assert_array_equal(image.encode_queries(SHORT), text.encode_queries(SHORT))


# ── longer texts ────────────────────────────────────────────────────────────────────────────────────

LONG = "w1 w2 w3 w4 w5 w6 w7 w8 w9 w10"


def test_a_long_text_is_averaged_over_its_windows(one_folder: Path) -> None:
    encoder = ClipText(one_folder, overflow="window")
    windows = [LONG.split()[start : start + 4] for start in (0, 4, 8)]
    mean = np.sum([len(window) * text_vector(*window) for window in windows], axis=0)
    np.testing.assert_allclose(encoder.encode_documents([LONG])[0], unit(mean), atol=1e-6)
    assert encoder.description.context is None


def test_a_long_text_is_cut_where_that_was_asked_for(one_folder: Path) -> None:
    encoder = ClipText(one_folder, overflow="truncate")
    np.testing.assert_allclose(encoder.encode_documents([LONG])[0], text_vector("w1", "w2", "w3", "w4"), atol=1e-6)
    assert encoder.description.context == CONTEXT
    assert "cut" in encoder.description.preprocessing


def test_a_long_text_is_refused_where_that_was_asked_for(one_folder: Path) -> None:
    encoder = ClipText(one_folder, overflow="error")
    assert encoder.encode_documents(["w1 w2 w3 w4"]).shape == (1, DIMENSION)
    with pytest.raises(InputError, match="A text of 10 tokens, which begins 'w1 w2") as raised:
        encoder.encode_documents(["w1", LONG])
    assert raised.value.allowed == "clip:tiny-clip reads 4 tokens of a text at a time."
    assert "overflow='window'" in raised.value.cure


def test_a_text_does_not_end_where_it_names_the_end(one_folder: Path) -> None:
    (vector,) = ClipText(one_folder).encode_documents(["w1 <end>"])
    np.testing.assert_allclose(vector, text_vector("w1", "<", "end", ">"), atol=1e-6)


def test_the_three_ways_are_three_identities(one_folder: Path) -> None:
    ways: tuple[Overflow, ...] = ("error", "truncate", "window")
    assert len({ClipText(one_folder, overflow=way).description.fingerprint for way in ways}) == 3
    wrong: Any = "ignore"
    with pytest.raises(InputError, match="overflow is 'ignore'"):
        ClipText(one_folder, overflow=wrong)


def test_the_context_is_the_models(one_folder: Path) -> None:
    (one_folder / "config.json").write_text("{}")
    assert ClipText(one_folder, overflow="error").description.context == 77
    (one_folder / "config.json").unlink()
    assert ClipText(one_folder, overflow="error").description.context == 77
    for broken in ("[]", "{", '{"text_config": {"max_position_embeddings": "x"}}'):
        (one_folder / "config.json").write_text(broken)
        with pytest.raises(InputError, match=r"config\.json cannot be used"):
            ClipText(one_folder)
    (one_folder / "config.json").write_text('{"max_position_embeddings": 2}')
    with pytest.raises(InputError, match="leaves no room"):
        ClipText(one_folder)


# ── settings ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "settings",
    [
        {"do_center_crop": False, "size": {"height": SIDE, "width": SIDE}},
        {"do_center_crop": False, "size": SIDE},
        {"crop_size": SIDE},
        {"resample": 2},
        {"rescale_factor": 1 / 255, "resample": 2, "size": 224},
    ],
)
def test_sizes_and_filters_come_from_the_settings(one_folder: Path, settings: dict[str, Any]) -> None:
    (one_folder / "preprocessor_config.json").write_text(json.dumps({**PREPROCESSOR, **settings}))
    resample = Image.Resampling(settings.get("resample", 3))
    (vector,) = ClipImage(one_folder).encode_documents([picture(0)])
    np.testing.assert_allclose(vector, image_vector(picture(0), resample), atol=1e-5)


def test_every_setting_of_the_pixels_is_part_of_the_identity(one_folder: Path) -> None:
    plain = ClipImage(one_folder).description
    seen = {plain.fingerprint}
    for settings in (
        {"resample": 2},
        {"rescale_factor": 1 / 127},
        {"do_rescale": False},
        {"do_normalize": False},
        {"image_mean": [0.5, 0.5, 0.5]},
        {"image_std": [0.5, 0.5, 0.5]},
    ):
        (one_folder / "preprocessor_config.json").write_text(json.dumps({**PREPROCESSOR, **settings}))
        description = ClipImage(one_folder).description
        assert description == replace(plain, preprocessing=description.preprocessing)
        seen.add(description.fingerprint)
    assert len(seen) == 7


def test_one_tower_changed_is_another_space(one_folder: Path) -> None:
    before = ClipText(one_folder).description
    save(one_folder / "vision_model.onnx", image_side(Layout(pixels="other")))
    after = ClipText(one_folder).description
    assert after.space != before.space
    assert after.weights_sha256 == before.weights_sha256


# ── what is missing or wrong ────────────────────────────────────────────────────────────────────────


def test_what_is_missing_or_of_another_kind_is_named(one_folder: Path) -> None:
    settings = one_folder / "preprocessor_config.json"
    for broken in ("{", "[]", "{}", json.dumps({**PREPROCESSOR, "image_mean": [1]}), '{"size": {"longest_edge": 3}}'):
        settings.write_text(broken)
        with pytest.raises(InputError, match=r"preprocessor_config\.json cannot be used"):
            ClipImage(one_folder)
    settings.unlink()
    with pytest.raises(InputError, match=r"has no preprocessor_config\.json"):
        ClipImage(one_folder)
    (one_folder / "tokenizer.json").write_text("{}")
    with pytest.raises(WeightsError, match="is not a tokenizer"):
        ClipText(one_folder)
    save(one_folder / "text_model.onnx", image_side(Layout()))
    with pytest.raises(InputError, match=r"text_model\.onnx takes pixel_values"):
        ClipText(one_folder)
    (one_folder / "text_model.onnx").write_bytes(b"cut short")
    with pytest.raises(WeightsError, match="cannot be opened by ONNX Runtime"):
        ClipText(one_folder)
    (one_folder / "vision_model.onnx").unlink()
    with pytest.raises(InputError, match=r"has no vision_model\.onnx and no model\.onnx"):
        ClipText(one_folder)


def test_a_picture_of_another_size_than_the_model_reads_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path, LAYOUTS["one file"])
    (folder / "preprocessor_config.json").write_text(json.dumps({**PREPROCESSOR, "crop_size": 16}))
    with pytest.raises(InputError, match="makes pictures of 16 x 16 px"):
        ClipImage(folder)


def test_outputs_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    folder = make(tmp_path, replace(LAYOUTS["one file"], outputs=("here", "there")))
    with pytest.raises(InputError, match="is the text's vector; it is called text_embeds"):
        ClipText(folder)


def test_a_tokenizer_without_an_end_is_refused(one_folder: Path) -> None:
    settings = json.loads((one_folder / "tokenizer.json").read_text("utf-8"))
    settings["post_processor"] = None
    (one_folder / "tokenizer.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match="adds no token at the end"):
        ClipText(one_folder)


def test_without_onnx_runtime_the_cure_is_named(one_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for make_encoder in (ClipText, ClipImage):
        with pytest.raises(MissingExtraError) as raised:
            make_encoder(one_folder)
        assert raised.value.cure == "Install it with: pip install 'embedex[onnx]'"
