"""The nomic encoders: tokeniser, prefixes, documents beyond the context, descriptions, and which files they take.

Small models with random weights stand for the published ones; `text_vector` is numpy's answer.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from embedex import embedding
from embedex.documents import TextDocument, read_picture
from embedex.encoders import hub_files, nomic
from embedex.encoders.base import Encoder, EncoderDescription, QueryEncoder, TokenEncoder
from embedex.encoders.nomic import NomicTextEncoder, NomicVisionEncoder
from embedex.errors import InputError, MissingExtraError, WeightsError
from embedex.store import Store

from .nomic_small import REFERENCE, pins, text_vector, write_model, write_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TEXTS = ["it hums", "", "a", "İIı [SEP] 進化", "reeds " * 20, "a document" * 3, "it hums"]
"""Of which one is beyond 32 tokens, where NTK scaling starts, and none beyond 128."""

LONG = " ".join("abcdefghijklmnopqrstuvwxyz"[number * 7 % 26] for number in range(300))
"""Three windows of the small model."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The folders of a text and a vision model, the text's tensors, and both as pinned models of one space."""
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'embedex[nomic]'")
    text, vision = tmp_path_factory.mktemp("text"), tmp_path_factory.mktemp("vision")
    tensors = write_model(text, "text")
    write_tokenizer(text)
    write_model(vision, "vision", img_size=224, ref_feat_shape=[14, 14], n_layer=1)
    hub = hub_files.HubModel("nobody/small-text", "5" * 40, pins(text), "1 MB")
    pictures = hub_files.HubModel("nobody/small-vision", "6" * 40, pins(vision), "1 MB")
    return {
        "text": text,
        "vision": vision,
        "tensors": tensors,
        "text model": nomic.Model("small", hub, "small-text", "small", (64, 32, 16)),
        "vision model": nomic.Model("small", pictures, "small", "small"),
    }


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty caches, and no hub."""
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("EMBEDEX_CACHE", str(tmp_path / "embedex"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def text_encoder(small: dict[str, Any], **settings: Any) -> NomicTextEncoder:
    defaults = {"precision": "f32", "backend": "openvino", "threads": 2}
    return NomicTextEncoder(small["text model"], small["text"], **{**defaults, **settings})


def vision_encoder(small: dict[str, Any], **settings: Any) -> NomicVisionEncoder:
    defaults = {"precision": "f32", "backend": "openvino", "threads": 2}
    return NomicVisionEncoder(small["vision model"], small["vision"], **{**defaults, **settings})


def token_ids(small: dict[str, Any], text: str) -> list[int]:
    """What the tokeniser gives for a whole text, prefix and all, neither cut nor padded."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(small["text"] / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    ids: list[int] = tokenizer.encode(text).ids
    return ids


def squares(count: int) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(3).integers(0, 256, (count, 224, 224, 3), np.uint8))


# ── texts ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("task", "document", "query"),
    [
        ("search", "search_document: ", "search_query: "),
        ("clustering", "clustering: ", "clustering: "),
        ("classification", "classification: ", "classification: "),
    ],
)
def test_documents_and_questions_get_their_prefixes(
    small: dict[str, Any], task: str, document: str, query: str
) -> None:
    encoder = text_encoder(small, task=task)
    for vectors, prefix in ((encoder.encode_documents(TEXTS), document), (encoder.encode_queries(TEXTS), query)):
        want = [text_vector(small["tensors"], token_ids(small, prefix + text), 2.0) for text in TEXTS]
        np.testing.assert_allclose(vectors, want, rtol=0, atol=2e-6)
        assert vectors.dtype == np.float32
    assert (encoder.description.document_prefix, encoder.description.query_prefix) == (document, query)


@pytest.mark.parametrize(("context", "factor"), [("plain", None), ("ntk", 2.0)])
@pytest.mark.parametrize("dimensions", [None, 64, 16])
def test_context_and_dimensions_are_those_asked_for(
    small: dict[str, Any], context: str, factor: float | None, dimensions: int | None
) -> None:
    encoder = text_encoder(small, context=context, dimensions=dimensions)
    want = [
        text_vector(small["tensors"], token_ids(small, f"search_document: {text}"), factor, dimensions)
        for text in TEXTS
    ]
    np.testing.assert_allclose(encoder.encode_documents(TEXTS), want, rtol=0, atol=2e-6)
    assert encoder.description.dimension == (dimensions or 64)


@pytest.mark.parametrize("precision", ["f32", "bf16", "w8"])
def test_a_vector_depends_on_its_own_text_alone(small: dict[str, Any], precision: str) -> None:
    try:
        encoder = text_encoder(small, precision=precision, dimensions=32)
    except InputError as error:
        pytest.skip(str(error))
    every = [*TEXTS, LONG]
    together = encoder.encode_documents(every)
    np.testing.assert_array_equal([encoder.encode_documents([text])[0] for text in every], together)
    np.testing.assert_array_equal(encoder.encode_documents(every[::-1])[::-1], together)
    fresh = text_encoder(small, precision=precision, dimensions=32)
    fresh.encode_documents([LONG])
    np.testing.assert_array_equal(fresh.encode_documents(TEXTS), together[:-1])
    np.testing.assert_array_equal(together[0], together[TEXTS.index("it hums", 1)])
    assert encoder.encode_documents([]).shape == (0, 32)
    assert encoder.encode_queries([]).dtype == np.float32


def test_a_text_beyond_the_context_is_refused_where_that_is_asked(small: dict[str, Any]) -> None:
    encoder = text_encoder(small, overflow="error")
    tokens = len(token_ids(small, f"search_document: {LONG}"))
    with pytest.raises(InputError, match=f"^Document 2 of 2 has {tokens} tokens, beginning 'a h o v") as caught:
        encoder.encode_documents(["a", LONG])
    assert "128" in caught.value.allowed
    assert "window" in caught.value.cure
    with pytest.raises(InputError, match="Question 1 of 1"):
        encoder.encode_queries([LONG])
    assert encoder.overlong == 0, "none of them was embedded"


def test_a_text_beyond_the_context_is_cut_only_where_that_is_asked(small: dict[str, Any]) -> None:
    encoder = text_encoder(small, overflow="truncate")
    ids = token_ids(small, f"search_document: {LONG}")
    want = text_vector(small["tensors"], [*ids[:127], ids[-1]], 2.0)
    np.testing.assert_allclose(encoder.encode_documents(["a", LONG])[1], want, rtol=0, atol=2e-6)
    assert encoder.overlong == 1


def test_windows_are_weighted_by_their_tokens_before_the_last_steps(small: dict[str, Any]) -> None:
    encoder = text_encoder(small, overflow="window", dimensions=16)
    got = encoder.encode_documents(["a", LONG])[1]
    ids = token_ids(small, f"search_document: {LONG}")
    head, body, tail = ids[:5], ids[5:-1], ids[-1:]
    assert head == token_ids(small, "search_document: ")[:-1]
    cuts = [len(body) * part // 3 for part in range(4)]
    parts = [[*head, *body[cuts[part] : cuts[part + 1]], *tail] for part in range(3)]
    assert len({len(part) for part in parts}) > 1 or len(body) % 3 == 0
    means = encoder._model.means(parts)
    mean = sum(len(part) * row for part, row in zip(parts, means, strict=True)) / sum(map(len, parts))
    normed = (mean - mean.mean())[:16]
    np.testing.assert_allclose(got, normed / np.linalg.norm(normed), rtol=0, atol=1e-6)
    assert encoder.overlong == 1
    encoder.encode_documents([LONG])
    encoder.encode_queries([LONG])
    assert encoder.overlong == 2, "documents are counted, over all calls"


def test_a_document_that_just_fits_is_whole(small: dict[str, Any]) -> None:
    room = 128 - len(token_ids(small, "search_document: "))
    encoder = text_encoder(small, overflow="error")
    encoder.encode_documents(["a " * room])
    with pytest.raises(InputError, match="has 129 tokens"):
        encoder.encode_documents(["a " * (room + 1)])


# ── descriptions ────────────────────────────────────────────────────────────────────────────────────


def test_a_description_says_all_that_decides_a_vector(small: dict[str, Any]) -> None:
    files = small["text model"].hub.files
    assert text_encoder(small).description == EncoderDescription(
        name="small",
        modality="text",
        space="small-text",
        dimension=64,
        revision="small-text 555555555555",
        weights_sha256=files["model.safetensors"],
        preprocessing=f"WordPiece tokenizer {files['tokenizer.json'][:16]},"
        " windows of 128 tokens, NTK factor 2 beyond 32; 1",
        pooling="mean over tokens",
        context=None,
        document_prefix="search_document: ",
        query_prefix="search_query: ",
        precision="f32 on OpenVINO",
    )
    assert text_encoder(small, overflow="error").description.context == 128


def test_every_setting_changes_the_description(small: dict[str, Any]) -> None:
    settings: list[dict[str, Any]] = [
        {},
        {"context": "plain"},
        {"overflow": "error"},
        {"overflow": "truncate"},
        {"dimensions": 64},
        {"dimensions": 32},
        {"task": "clustering"},
        {"task": "classification"},
    ]
    if nomic.NomicText.from_folder(small["text"]).precision == "bf16":
        settings += [{"precision": "bf16"}, {"precision": "w8"}]
    descriptions = [text_encoder(small, **each).description for each in settings]
    assert len({each.fingerprint for each in descriptions}) == len(settings)
    assert text_encoder(small, precision=None).description.precision.split()[0] in ("f32", "bf16"), "resolved"


def test_a_description_holds_the_settings_that_are_not_the_defaults(small: dict[str, Any]) -> None:
    assert text_encoder(small, precision="f32", threads=1).description.settings == {}, "which decide no vector"
    chosen = {"context": "plain", "overflow": "truncate", "dimensions": 32, "task": "clustering"}
    assert text_encoder(small, **chosen).description.settings == chosen
    assert text_encoder(small, shared_space=True).description.settings == {"dimensions": 64}
    assert text_encoder(small, threads=1).description == text_encoder(small).description
    assert text_encoder(small).description.place == "", "a model of the hub is found by its name"


def test_8_bit_weights_are_another_encoder_and_bf16_is_rounding(small: dict[str, Any]) -> None:
    if nomic.NomicText.from_folder(small["text"]).precision != "bf16":
        pytest.skip("this processor has no bfloat16")
    for make in (text_encoder, vision_encoder):
        described = {each: make(small, precision=each).description for each in ("f32", "bf16", "w8")}
        assert described["w8"].settings == {"precision": "w8"}
        assert described["bf16"].agrees(described["f32"])
        assert not described["w8"].agrees(described["bf16"])


def test_questions_meet_pictures_only_after_the_layer_norm(small: dict[str, Any]) -> None:
    pictures = vision_encoder(small).description
    shared = text_encoder(small, shared_space=True)
    assert shared.description.space == pictures.space
    assert shared.description.dimension == pictures.dimension
    assert "layer norm" in shared.description.pooling
    assert text_encoder(small, dimensions=64).description == shared.description, "the same vectors"
    others = [text_encoder(small, **each).description.space for each in ({}, {"dimensions": 32}, {"dimensions": 16})]
    assert len({*others, pictures.space}) == 4
    want = text_vector(small["tensors"], token_ids(small, "search_query: it hums"), 2.0, 64)
    np.testing.assert_allclose(shared.encode_queries(["it hums"])[0], want, rtol=0, atol=2e-6)
    with pytest.raises(InputError, match="space of pictures"):
        text_encoder(small, shared_space=True, dimensions=32)


def test_the_encoders_fit_the_protocols(small: dict[str, Any]) -> None:
    assert isinstance(text_encoder(small), QueryEncoder)
    pictures = vision_encoder(small)
    assert isinstance(pictures, Encoder)
    assert not isinstance(pictures, QueryEncoder)


# ── pictures ────────────────────────────────────────────────────────────────────────────────────────


def test_pictures_are_normalised_as_the_model_was_trained(small: dict[str, Any]) -> None:
    encoder = vision_encoder(small)
    mean, std = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    pixels = ((np.array(squares(3)) / 255 - mean) / std).astype(np.float32)
    want = nomic.NomicVision.from_folder(small["vision"], "f32", threads=2).encode_pixels(pixels)
    got = encoder.encode_documents(squares(3))
    assert got.shape == (3, 64)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=0, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-6)
    assert "white ground, stretched to a square, bicubic to 224 px; 1" in encoder.description.preprocessing
    assert encoder.description.space == "small"


def test_an_embedding_run_packs_by_tokens_and_gives_the_same_vectors(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nomic.NomicText, "pack_tokens", 40)
    packs: list[int] = []

    class Watched(NomicTextEncoder):
        def encode_tokenized(self, tokenized: Sequence[nomic.Windows]) -> NDArray[np.float32]:
            packs.append(sum(each.tokens for each in tokenized))
            return super().encode_tokenized(tokenized)

    encoder = Watched(small["text model"], small["text"], precision="f32", backend="openvino", threads=2)
    assert isinstance(encoder, TokenEncoder)
    texts = [*TEXTS, LONG]
    documents = [TextDocument(str(row), text) for row, text in enumerate(texts)]
    run = embedding.run(documents, encoder, Store(tmp_path), "text")
    assert packs[0] > 300, "the text in windows stands alone"
    assert max(packs[1:]) <= 40
    np.testing.assert_array_equal(run.vectors, text_encoder(small).encode_documents(texts))


def test_a_picture_depends_on_itself_alone(small: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = vision_encoder(small)
    together = encoder.encode_documents(squares(5))
    np.testing.assert_array_equal([encoder.encode_documents([each])[0] for each in squares(5)], together)
    monkeypatch.setattr(nomic, "PICTURES_AT_ONCE", 2)
    np.testing.assert_array_equal(encoder.encode_documents(squares(5)), together)
    assert encoder.encode_documents([]).shape == (0, 64)


def test_a_wide_picture_is_made_ready_as_the_reference_does(small: dict[str, Any], tmp_path: Path) -> None:
    if not REFERENCE.exists():
        pytest.skip("the reference is not beside the repository")
    spec = importlib.util.spec_from_file_location("rules", REFERENCE / "rules.py")
    assert spec is not None
    assert spec.loader is not None
    rules: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rules)
    golden = np.load(REFERENCE / "vision" / "public" / "golden.npz")["photo_squash_pixels_16"]
    Image.fromarray(rules.photo_u8(rules.SEEDS["public"])).save(tmp_path / "photo.png")
    encoder = vision_encoder(small)
    pixels = encoder._pixels(read_picture(tmp_path / "photo.png", encoder.picture))
    np.testing.assert_allclose(pixels[::16, ::16], golden, rtol=0, atol=1e-6)


def test_what_is_no_square_is_refused(small: dict[str, Any]) -> None:
    encoder = vision_encoder(small)
    wrongs: list[Any] = [np.zeros((48, 48, 3), np.uint8), np.zeros((224, 224, 3)), np.zeros((224, 224), np.uint8)]
    for wrong in wrongs:
        with pytest.raises(InputError, match=r"uint8 of shape \(224, 224, 3\)"):
            encoder.encode_documents([squares(1)[0], wrong])


def test_a_model_for_other_squares_is_refused(small: dict[str, Any], tmp_path: Path) -> None:
    write_model(tmp_path, "vision")
    with pytest.raises(WeightsError, match="48 px"):
        NomicVisionEncoder.from_folder(tmp_path, backend="openvino")


PREPROCESSOR = {
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 224, "width": 224},
}


def own_vision(small: dict[str, Any], folder: Path, settings: dict[str, Any] | str) -> NomicVisionEncoder:
    """An encoder of a folder of one's own, with those settings besides the published ones."""
    shutil.copytree(small["vision"], folder)
    text = settings if isinstance(settings, str) else json.dumps({**PREPROCESSOR, **settings})
    (folder / "preprocessor_config.json").write_text(text)
    return NomicVisionEncoder.from_folder(folder, precision="f32", backend="openvino", threads=2)


def test_a_folder_of_ones_own_may_have_its_own_mean_and_std(small: dict[str, Any], tmp_path: Path) -> None:
    published = own_vision(small, tmp_path / "published", {"rescale_factor": 0.0039215687})
    plain = NomicVisionEncoder.from_folder(small["vision"], precision="f32", backend="openvino", threads=2)
    assert published.description.identity == plain.description.identity
    mean, std = [0.5, 0.25, 0.4], [0.5, 0.3, 0.2]
    encoder = own_vision(small, tmp_path / "own", {"image_mean": mean, "image_std": std})
    assert encoder.description.preprocessing.endswith(", mean 0.5 0.25 0.4, std 0.5 0.3 0.2; 1")
    pixels = ((np.array(squares(2)) / 255 - mean) / std).astype(np.float32)
    want = nomic.NomicVision.from_folder(small["vision"], "f32", threads=2).encode_pixels(pixels)
    np.testing.assert_allclose(encoder.encode_documents(squares(2)), want, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": {"shortest_edge": 224}}, "in another way: size {'shortest_edge': 224}"),
        ({"size": {"height": 384, "width": 384}}, "size {'height': 384, 'width': 384}"),
        ({"crop_size": {"height": 200, "width": 200}}, "crop_size"),
        ({"resample": 2, "do_rescale": False}, "resample 2, do_rescale False"),
        ({"rescale_factor": 1 / 127}, "rescale_factor 0.007"),
        ({"do_normalize": False}, "do_normalize False"),
        ({"image_mean": [0.5]}, "cannot be read"),
        ({"image_std": [0, 1, 1]}, "cannot be read: image_std 0 1 1"),
        ("[]", "cannot be read"),
        ("{", "cannot be read"),
    ],
)
def test_a_folder_that_wants_other_squares_is_refused(
    small: dict[str, Any], tmp_path: Path, settings: dict[str, Any] | str, message: str
) -> None:
    with pytest.raises(WeightsError, match=re.escape(message)) as raised:
        own_vision(small, tmp_path / "own", settings)
    assert "preprocessor_config.json" in raised.value.seen


# ── files ───────────────────────────────────────────────────────────────────────────────────────────


def copied(small: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for path in small["text"].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_files_are_found_in_both_caches(small: dict[str, Any], tmp_path: Path) -> None:
    model = small["text model"]
    want = text_encoder(small).encode_documents(TEXTS)
    for place in (tmp_path / "hf/hub/models--nobody--small-text/snapshots" / ("5" * 40), model.hub.cache):
        folder = copied(small, place)
        encoder = NomicTextEncoder(model, precision="f32", backend="openvino", threads=2)
        np.testing.assert_array_equal(encoder.encode_documents(TEXTS), want)
        for path in folder.iterdir():
            path.unlink()


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_tampered_file_is_refused_with_its_name_and_hash(small: dict[str, Any], tmp_path: Path, name: str) -> None:
    folder = copied(small, tmp_path / "copy")
    with (folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(WeightsError) as caught:
        NomicTextEncoder(small["text model"], folder, backend="openvino")
    assert str(folder / name) in caught.value.seen
    assert pins(folder)[name] in caught.value.seen
    assert small["text model"].hub.files[name] in caught.value.allowed
    assert caught.value.cure


def test_a_folder_of_ones_own_is_described_by_its_content(small: dict[str, Any], tmp_path: Path) -> None:
    folder = copied(small, tmp_path / "mine")
    encoder = NomicTextEncoder.from_folder(folder, dimensions=5, precision="f32", backend="openvino")
    description = encoder.description
    assert description.name == "nomic:mine"
    assert description.weights_sha256 == pins(folder)["model.safetensors"]
    assert description.space == f"nomic-{description.weights_sha256[:16]}, first 5"
    assert description.place == str(folder.resolve())
    assert encoder.encode_documents(["it hums"]).shape == (1, 5)
    with pytest.raises(InputError, match="65 dimensions"):
        NomicTextEncoder.from_folder(folder, dimensions=65, backend="openvino")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match=r"lacks tokenizer\.json") as caught:
        NomicTextEncoder.from_folder(folder, backend="openvino")
    assert caught.value.cure == f"Put the files into {folder}", "and no hub is named"
    pictures = NomicVisionEncoder.from_folder(small["vision"], precision="f32", backend="openvino").description
    assert pictures.space == f"nomic-{pictures.weights_sha256[:16]}"


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not a tokenizer that can be read"), ("{}", "not a tokenizer that can be read"), (None, "does not put")],
)
def test_what_is_no_tokenizer_is_refused(
    small: dict[str, Any], tmp_path: Path, content: str | None, message: str
) -> None:
    folder = copied(small, tmp_path / "copy")
    whole = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(content or json.dumps({**whole, "post_processor": None}))
    with pytest.raises(WeightsError, match=message):
        NomicTextEncoder.from_folder(folder, backend="openvino")


@pytest.mark.parametrize(("model", "make"), [(nomic.TEXT_V1_5, NomicTextEncoder), (nomic.TEXT_V1, nomic.text_v1),
                                             (nomic.VISION_V1_5, NomicVisionEncoder)])  # fmt: skip
def test_without_files_and_network_one_message_says_what_to_do(
    model: nomic.Model, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nomic, "_backend", lambda asked: "openvino")
    with pytest.raises(WeightsError) as caught:
        make()
    message = str(caught.value)
    assert "model.safetensors" in message
    assert model.hub.files["model.safetensors"] in message
    assert f"hf download {model.hub.repository} " in message
    assert f"--revision {model.hub.revision}" in message
    assert str(model.hub.cache) in message


def test_the_pins_are_whole() -> None:
    for model in (nomic.TEXT_V1_5, nomic.TEXT_V1, nomic.VISION_V1_5):
        assert len(model.hub.revision) == 40
        assert {len(sha256) for sha256 in model.hub.files.values()} <= {0, 64}
        assert model.hub.files["model.safetensors"]
    assert nomic.TEXT_V1_5.shared_space == nomic.VISION_V1_5.space


# ── settings and extras ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "settings",
    [
        {"task": "search_query"},
        {"overflow": "cut"},
        {"context": "long"},
        {"backend": "onnx"},
        {"dimensions": 65},
        {"dimensions": 0},
        {"precision": "f16"},
    ],
)
def test_a_setting_that_does_not_exist_is_refused(small: dict[str, Any], settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        text_encoder(small, **settings)


def test_dimensions_that_a_model_was_not_trained_for_are_refused_before_any_file_is_asked_for() -> None:
    with pytest.raises(InputError, match="300 dimensions") as caught:
        NomicTextEncoder(dimensions=300)
    assert caught.value.allowed == "nomic has 768, 512, 256, 128, 64."
    with pytest.raises(InputError, match="256 dimensions"):
        NomicTextEncoder(nomic.TEXT_V1, dimensions=256)
    with pytest.raises(InputError, match="nomic-v1 shares no space"):
        NomicTextEncoder(nomic.TEXT_V1, shared_space=True)


def test_a_missing_extra_names_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nomic, "_is_installed", lambda module: False)
    for make in (NomicTextEncoder, NomicVisionEncoder, nomic.text_v1):
        with pytest.raises(MissingExtraError, match=r"pip install 'embedex\[nomic\]'"):
            make()
    with pytest.raises(MissingExtraError, match=r"pip install 'embedex\[torch\]'"):
        NomicTextEncoder(backend="torch")
    assert nomic.missing(nomic.TEXT_V1_5) == "pip install 'embedex[nomic]'"


def test_what_is_missing_is_said_before_it_is_needed(small: dict[str, Any], tmp_path: Path) -> None:
    for model in (nomic.TEXT_V1_5, nomic.TEXT_V1, nomic.VISION_V1_5):
        assert nomic.missing(model) == f"{model.hub.size} from the Hugging Face hub, fetched at first use"
    folder = copied(small, small["text model"].hub.cache)
    assert nomic.missing(small["text model"]) == ""
    (folder / "tokenizer.json").unlink()
    assert nomic.missing(small["text model"])


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_pytorch_gives_the_same_vectors(tmp_path: Path) -> None:
    text, vision = tmp_path / "text", tmp_path / "vision"
    text.mkdir()
    vision.mkdir()
    tensors = write_model(text, "text")
    write_tokenizer(text)
    write_model(vision, "vision", img_size=224, ref_feat_shape=[14, 14], n_layer=1)
    encoder = NomicTextEncoder.from_folder(text, backend="torch", precision="f32")
    want = [text_vector(tensors, token_ids({"text": text}, f"search_document: {each}"), 2.0) for each in TEXTS]
    np.testing.assert_allclose(encoder.encode_documents(TEXTS), want, rtol=0, atol=2e-6)
    assert encoder.description.precision == "f32 on PyTorch"
    pictures = NomicVisionEncoder.from_folder(vision, backend="torch", precision="f32")
    assert pictures.encode_documents(squares(2)).shape == (2, 64)
    for make in (NomicTextEncoder, NomicVisionEncoder):
        with pytest.raises(InputError, match="'w8' on PyTorch"):
            make.from_folder(text if make is NomicTextEncoder else vision, backend="torch", precision="w8")


def test_importing_the_module_loads_nothing_heavy() -> None:
    code = (
        "import sys; import embedex.encoders.nomic; "
        "print({'numpy', 'openvino', 'torch', 'tokenizers', 'httpx', 'safetensors'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
