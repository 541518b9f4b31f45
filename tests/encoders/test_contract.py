"""What every encoder promises, held against every encoder that can be used here."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from embedex.documents import read_picture
from embedex.encoders import registry
from embedex.encoders.base import QueryEncoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from embedex.encoders.base import Encoder

# Those that need a file named have tests of their own; no test asks a service that is paid by the call.
NAMED = [entry for entry in registry.ENTRIES if not entry.name.endswith(":") and "paid" not in entry.source]
BY_MODALITY = {modality: [entry for entry in NAMED if entry.modality == modality] for modality in ("text", "image")}

TEXTS = {
    "plain": '{"name":"glimfin","size":3}',
    "other": '{"name":"mossback","size":30}',
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
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NDArray[np.uint8]]:
    folder = tmp_path_factory.mktemp("pictures")
    read = {}
    for name, make in PICTURES.items():
        path = Path(folder / "picture.png")
        path.write_bytes(make())
        read[name] = read_picture(path)
    return read


@cache
def encoder_of(name: str, modality: str) -> Encoder:
    return registry.load(name, "text" if modality == "text" else "image")


@pytest.fixture(params=NAMED, ids=lambda entry: f"{entry.name}-{entry.modality}")
def encoder(request: pytest.FixtureRequest) -> Encoder:
    entry: registry.Entry = request.param
    if missing := entry.missing():
        pytest.skip(f"{entry.name} cannot be used here: {missing}")
    return encoder_of(entry.name, entry.modality)


@pytest.fixture
def documents(encoder: Encoder, pictures: dict[str, NDArray[np.uint8]]) -> dict[str, Any]:
    return dict(TEXTS) if encoder.description.modality == "text" else dict(pictures)


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
    assert float(one @ other) < 0.999


def test_an_encoder_made_again_gives_the_same_vectors(encoder: Encoder, documents: dict[str, Any]) -> None:
    again = registry.load(encoder.description.name, encoder.description.modality)
    assert again.description == encoder.description
    few = list(documents.values())[:5]
    np.testing.assert_array_equal(again.encode_documents(few), encoder.encode_documents(few))


def test_no_documents_give_no_vectors(encoder: Encoder) -> None:
    vectors = encoder.encode_documents([])
    assert vectors.shape == (0, encoder.description.dimension)
    assert vectors.dtype == np.float32


@pytest.mark.parametrize("encoder", BY_MODALITY["image"], indirect=True, ids=lambda entry: entry.name)
def test_pictures_are_left_as_they_are(encoder: Encoder, documents: dict[str, Any]) -> None:
    before = {name: document.copy() for name, document in documents.items()}
    for document in documents.values():
        document.setflags(write=False)
    encoder.encode_documents(list(documents.values()))
    for name, document in documents.items():
        np.testing.assert_array_equal(document, before[name])


@pytest.mark.parametrize("encoder", BY_MODALITY["text"], indirect=True, ids=lambda entry: entry.name)
def test_questions_get_unit_vectors_in_the_same_space(encoder: Encoder) -> None:
    assert isinstance(encoder, QueryEncoder)
    questions = ["who hums in the reeds?", "", "🦊"]
    vectors = encoder.encode_queries(questions)
    assert vectors.shape == (3, encoder.description.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(encoder.encode_queries(questions[::-1])[::-1], vectors)
    assert encoder.encode_queries([]).shape == (0, encoder.description.dimension)
    answers = encoder.encode_documents(["It hums softly in the reeds.", "The price of steel rose."])
    assert answers[0] @ vectors[0] > answers[1] @ vectors[0]
