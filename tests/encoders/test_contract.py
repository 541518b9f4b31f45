"""What every encoder promises, held against every encoder that can be used here.

Those that need a file, an extra's model or a service are there with stand-ins: small models with random weights, word
vectors of a few words, a library and servers that behave like the real ones.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embedex.documents import PADDED, read_picture
from embedex.encoders import registry
from embedex.encoders.base import Encoder, QueryEncoder

# Those that need a file named have stand-ins; no test asks a service that is paid by the call.
NAMED = {
    f"{entry.name}-{entry.modality}": entry
    for entry in registry.ENTRIES
    if not entry.name.endswith(":") and "paid" not in entry.source
}

Make = Callable[[], Encoder]
"""Makes an encoder, and the same again."""


def small_nomic(folder: Path, request: pytest.FixtureRequest) -> tuple[Make, Make]:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'embedex[nomic]'")
    from embedex.encoders.nomic import NomicTextEncoder, NomicVisionEncoder

    from .nomic_small import write_model, write_tokenizer

    text, vision = folder / "text", folder / "vision"
    text.mkdir()
    vision.mkdir()
    write_model(text, "text")
    write_tokenizer(text)
    write_model(vision, "vision", img_size=224, ref_feat_shape=[14, 14], n_layer=1)
    return (
        lambda: NomicTextEncoder.from_folder(text, precision="f32", backend="openvino", threads=2),
        lambda: NomicVisionEncoder.from_folder(vision, precision="f32", backend="openvino", threads=2),
    )


def tiny_clip(folder: Path, request: pytest.FixtureRequest) -> tuple[Make, Make]:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from embedex.encoders.clip import ClipImage, ClipText

    from .test_clip import LAYOUTS, make

    made = make(folder / "clip", LAYOUTS["two files"])
    return lambda: ClipText(made), lambda: ClipImage(made)


def few_words(folder: Path, request: pytest.FixtureRequest) -> tuple[Make, None]:
    from embedex.encoders.word_vectors import WordVectorMean

    path = folder / "words.vec"
    numbers = np.random.default_rng(4).normal(size=(6, 5)).round(3).tolist()
    words = ("name", "glimfin", "mossback", "a", "reeds", "hums")
    path.write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, numbers, strict=True)))
    return lambda: WordVectorMean(path), None


def library(folder: Path, request: pytest.FixtureRequest) -> tuple[Make, None]:
    from types import ModuleType

    from embedex.encoders.sentence_transformers import SentenceTransformers

    from .test_sentence_transformers import Library, fill

    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = Library  # type: ignore[attr-defined]
    request.getfixturevalue("monkeypatch").setitem(sys.modules, "sentence_transformers", module)
    made = fill(folder / "model")
    return lambda: SentenceTransformers(made), None


def openai_service(folder: Path, request: pytest.FixtureRequest) -> tuple[Make, None]:
    from sources.support import LocalServer

    from .test_openai import KEY, after, encoder

    request.getfixturevalue("monkeypatch").setenv("OPENAI_API_KEY", KEY)
    server = LocalServer(after())
    request.addfinalizer(server.close)
    return lambda: encoder(server, overflow="window", context=500), None


def google_service(folder: Path, request: pytest.FixtureRequest) -> tuple[Make, Make]:
    from sources.support import LocalServer

    from .test_google import TOKEN, good, image, text

    monkeypatch = request.getfixturevalue("monkeypatch")
    monkeypatch.setenv("GOOGLE_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    server = LocalServer(good)
    request.addfinalizer(server.close)
    return lambda: text(server, overflow="window"), lambda: image(server)


STAND_INS: dict[str, Callable[[Path, pytest.FixtureRequest], tuple[Make | None, Make | None]]] = {
    "small nomic-text": small_nomic,
    "small nomic-image": small_nomic,
    "tiny clip-text": tiny_clip,
    "tiny clip-image": tiny_clip,
    "few words-text": few_words,
    "library-text": library,
    "openai service-text": openai_service,
    "google service-text": google_service,
    "google service-image": google_service,
}
KNOWN = {"tiny clip-text": {"plain": "w1 w2", "other": "w3 w4 w5"}}
"""Texts in words that a stand-in knows."""

BY_MODALITY = {
    modality: [name for name in (*NAMED, *STAND_INS) if name.endswith(modality)] for modality in ("text", "image")
}

TEXTS = {
    "plain": '{"name":"glimfin","size":3}',
    "other": '{"name":"mossback","size":30,"hums":"by night"}',
    "empty": "",
    "one token": "a",
    "spaces": " \t\n\u00a0\u2028 ",
    "a megabyte of words": "it hums softly in the reeds " * (1_000_000 // 28),
    "a megabyte of one letter": "a" * 1_000_000,
    "a long word": "ab" * 5_000,
    "scripts": "進化 Эволюция تطوّر 진화 วิวัฒนาการ",
    "emoji": "🦊👩‍👩‍👧🏽‍♀️🇮🇹",
    "lone combining marks": "\u0301\u0308\u20e3\ufe0f",
    "not a character": "\x00\ufffd\ufffe\u200d",
    "special tokens": "<unk><s></s>[CLS]<|endoftext|>",
    "odd lower case": "İIıß",
}


def picture(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:  # noqa: A002
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def drawn(mode: str, size: tuple[int, int] = (60, 40), seed: int = 0) -> Image.Image:
    """A picture with something in it, that the seed decides."""
    shape = (size[1], size[0], 3)
    noise = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return Image.fromarray(noise).convert(mode)


def palette_with_transparency() -> bytes:
    image = drawn("RGB").quantize(16)
    return picture(image, transparency=3)


def sixteen_bits() -> bytes:
    ramp = np.linspace(0, 65535, 50 * 50).astype(np.uint16).reshape(50, 50)
    return picture(Image.fromarray(ramp))


PICTURES: dict[str, Callable[[], bytes]] = {
    "noise": lambda: picture(drawn("RGB")),
    "other noise": lambda: picture(drawn("RGB", seed=1)),
    "one pixel": lambda: picture(Image.new("RGB", (1, 1), "teal")),
    "10,000 x 10": lambda: picture(drawn("RGB", (10_000, 10))),
    "10 x 10,000": lambda: picture(drawn("RGB", (10, 10_000))),
    "grey": lambda: picture(drawn("L")),
    "black and white": lambda: picture(drawn("1")),
    "palette with transparency": palette_with_transparency,
    "transparent": lambda: picture(Image.new("RGBA", (30, 30), (255, 0, 0, 0))),
    "CMYK": lambda: picture(drawn("CMYK"), "JPEG"),
    "animated": lambda: picture(drawn("P"), "GIF", save_all=True, append_images=[drawn("P", seed=n) for n in (1, 2)]),
    "16 bits": sixteen_bits,
    "white": lambda: picture(Image.new("RGB", (224, 224), "white")),
    "black": lambda: picture(Image.new("RGB", (224, 224), "black")),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    for name, make in PICTURES.items():
        (folder / f"{name}.png").write_bytes(make())
    return {name: folder / f"{name}.png" for name in PICTURES}


@cache
def encoder_of(name: str, modality: str) -> Encoder:
    return registry.load(name, "text" if modality == "text" else "image")


@pytest.fixture(params=[*NAMED, *STAND_INS])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes the encoder; the first time, where it is one by name, it may come from an earlier test."""
    name: str = request.param
    if name in STAND_INS:
        made = STAND_INS[name](tmp_path, request)[name.endswith("image")]
        assert made is not None
        return made
    entry = NAMED[name]
    if missing := entry.missing():
        pytest.skip(f"{entry.name} cannot be used here: {missing}")
    return partial(registry.load, entry.name, entry.modality)


@pytest.fixture
def encoder(make: Make) -> Encoder:
    return encoder_of(*make.args) if isinstance(make, partial) else make()


@pytest.fixture
def documents(encoder: Encoder, files: dict[str, Path], request: pytest.FixtureRequest) -> dict[str, Any]:
    if encoder.description.modality == "image":
        settings = getattr(encoder, "picture", PADDED)
        return {name: read_picture(path, settings) for name, path in files.items()}
    name = request.node.callspec.params["make"]
    # A stand-in takes a request, or much time, for each of its small windows.
    most = 3_000 if name in STAND_INS else None
    return {**{each: text[:most] for each, text in TEXTS.items()}, **KNOWN.get(name, {})}


def test_every_document_gets_a_unit_vector(encoder: Encoder, documents: dict[str, Any]) -> None:
    vectors = encoder.encode_documents(list(documents.values()))
    assert vectors.shape == (len(documents), encoder.description.dimension)
    assert vectors.dtype == np.float32
    for name, vector in zip(documents, vectors, strict=True):
        assert np.isfinite(vector).all(), name
        assert abs(float(np.linalg.norm(vector.astype(np.float64))) - 1) < 1e-5, name


def test_a_vector_depends_on_its_own_document_alone(encoder: Encoder, documents: dict[str, Any]) -> None:
    every = [each for name, each in documents.items() if name != "a megabyte of one letter"]  # once is enough
    together = encoder.encode_documents(every)
    for row, document in enumerate(every):
        np.testing.assert_array_equal(encoder.encode_documents([document])[0], together[row])
    short = [row for row, each in enumerate(every) if not isinstance(each, str) or len(each) < 100_000][::-1]
    np.testing.assert_array_equal(encoder.encode_documents([every[row] for row in short]), together[short])
    few = [every[1], every[0], every[1]]
    np.testing.assert_array_equal(encoder.encode_documents(few), together[[1, 0, 1]])


def test_different_documents_get_different_vectors(encoder: Encoder, documents: dict[str, Any]) -> None:
    one, other = encoder.encode_documents(list(documents.values())[:2])
    assert float(one @ other) < 0.9995


def test_an_encoder_made_again_gives_the_same_vectors(make: Make, encoder: Encoder, documents: dict[str, Any]) -> None:
    again = make()
    assert again.description == encoder.description
    few = list(documents.values())[:5]
    np.testing.assert_array_equal(again.encode_documents(few), encoder.encode_documents(few))


def test_no_documents_give_no_vectors(encoder: Encoder) -> None:
    vectors = encoder.encode_documents([])
    assert vectors.shape == (0, encoder.description.dimension)
    assert vectors.dtype == np.float32


@pytest.mark.parametrize("make", BY_MODALITY["image"], indirect=True)
def test_pictures_are_left_as_they_are(encoder: Encoder, documents: dict[str, Any]) -> None:
    before = {name: document.copy() for name, document in documents.items()}
    for document in documents.values():
        document.setflags(write=False)
    encoder.encode_documents(list(documents.values()))
    for name, document in documents.items():
        np.testing.assert_array_equal(document, before[name])


@pytest.mark.parametrize("make", BY_MODALITY["text"], indirect=True)
def test_questions_get_unit_vectors_in_the_same_space(encoder: Encoder, request: pytest.FixtureRequest) -> None:
    assert isinstance(encoder, QueryEncoder)
    questions = ["who hums in the reeds?", "", "🦊"]
    vectors = encoder.encode_queries(questions)
    assert vectors.shape == (3, encoder.description.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(encoder.encode_queries(questions[::-1])[::-1], vectors)
    assert encoder.encode_queries([]).shape == (0, encoder.description.dimension)
    if any(name in request.node.name for name in STAND_INS):
        return  # random weights know no answer
    answers = encoder.encode_documents(["It hums softly in the reeds.", "The price of steel rose."])
    assert answers[0] @ vectors[0] > answers[1] @ vectors[0]
