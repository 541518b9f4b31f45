"""What every encoder that splits its vectors into fields has to hold: parts add up, vectors are the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex import attribution
from embedex.documents import Span, TextSettings, text_spans
from embedex.encoders import field_parts
from embedex.encoders.base import FieldEncoder
from embedex.encoders.word_vectors import WordVectorMean
from embedex.encoders.wordllama import WordLlama
from embedex.errors import WeightsError

from . import nomic_small

if TYPE_CHECKING:
    from pathlib import Path

Make = Callable[["Path"], FieldEncoder]

WORDS = [
    "reeds",
    "hums",
    "it",
    "search",
    "document",
    "query",
    "İstanbul",
    "straße",
    "lightning",
    "雷",
    "mouse",
    "tail",
    "static",
    "🦊",
    "cheek",
    "pouch",
]


def text(number: int) -> str:
    """A record of its own as minified JSON: nested, with lists, letters beyond ASCII and empty values, some long."""
    draw = np.random.default_rng(number)

    def words(most: int) -> str:
        return " ".join(draw.choice(WORDS, draw.integers(0, most)))

    record = {
        "id": number,
        "name": words(3),
        "moves": [{"name": words(3)} for _ in range(draw.integers(0, 12))],
        "species": {"texts": [words(30), words(30)], "shape": None, "empty": {}, "rate": float(draw.normal())},
        words(2) or "extra": words(20 if number % 5 else 120),
    }
    return json.dumps(record, ensure_ascii=bool(number % 2), separators=(",", ":"))


def spans(texts: list[str], depth: int) -> list[list[Span]]:
    return [text_spans(each, TextSettings("", bool(n % 2)), depth=depth) for n, each in enumerate(texts)]


def wordllama(folder: Path) -> FieldEncoder:
    try:
        return WordLlama()
    except WeightsError as error:
        pytest.skip(str(error))


def word_vectors(folder: Path) -> FieldEncoder:
    draw = np.random.default_rng(3)
    lines = [
        f"{word.lower()} {' '.join(map(str, draw.normal(size=8)))}\n" for word in ["name", "moves", "id", *WORDS[:9]]
    ]
    (folder / "glove.txt").write_text("".join(dict.fromkeys(lines)), "utf-8")
    return WordVectorMean(folder / "glove.txt")


def minilm(folder: Path) -> FieldEncoder:
    """The pinned model, whose windows of 256 tokens the longer documents fill several times."""
    pytest.importorskip("onnxruntime")
    from embedex.encoders.minilm import MiniLM

    try:
        return MiniLM()
    except WeightsError as error:
        pytest.skip(str(error))


def minilm_small(folder: Path) -> FieldEncoder:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from embedex.encoders.minilm import MiniLM

    from .test_minilm import save_model, tokenizer_json

    save_model(folder / "model.onnx")
    (folder / "tokenizer.json").write_text(tokenizer_json(), "utf-8")
    return MiniLM.from_folder(folder)


def nomic(folder: Path, **settings: Any) -> FieldEncoder:
    pytest.importorskip("openvino" if settings.get("backend") != "torch" else "torch")
    from embedex.encoders.nomic import NomicTextEncoder

    nomic_small.write_model(folder, "text")
    nomic_small.write_tokenizer(folder)
    return NomicTextEncoder.from_folder(folder, **{"backend": "openvino", "precision": "f32", **settings})


MAKES: dict[str, Make] = {
    "wordllama": wordllama,
    "word-vectors": word_vectors,
    "minilm": minilm,
    "minilm of a table": minilm_small,
    "nomic": nomic,
    "nomic cut": lambda folder: nomic(folder, dimensions=16),
    "nomic truncated": lambda folder: nomic(folder, overflow="truncate"),
    "nomic on torch": lambda folder: nomic(folder, backend="torch", dimensions=64),
}


@pytest.fixture(params=MAKES, ids=[name.replace(" ", "-") for name in MAKES])
def encoder(request: pytest.FixtureRequest, tmp_path: Path) -> FieldEncoder:
    made = MAKES[request.param](tmp_path)
    assert isinstance(made, FieldEncoder)
    return made


@pytest.mark.parametrize("depth", [1, 2])
def test_parts_add_up_and_vectors_are_the_same(encoder: FieldEncoder, depth: int) -> None:
    texts = [text(number) for number in range(12)]
    vectors, parts = encoder.encode_fields(texts, spans(texts, depth))
    np.testing.assert_array_equal(vectors, encoder.encode_documents(texts))
    for vector, part, each in zip(vectors, parts, spans(texts, depth), strict=True):
        assert part.dtype == np.float32
        assert part.shape == (len(each) + 1, encoder.description.dimension)
        assert np.abs(part.sum(axis=0, dtype=np.float64) - vector).max() < 1e-6


def test_the_parts_of_200_pairs_sum_to_their_cosines(encoder: FieldEncoder) -> None:
    texts = [text(number) for number in range(30)]
    fields = spans(texts, 1)
    vectors, parts = encoder.encode_fields(texts, fields)
    paths = [*dict.fromkeys(span.path for each in fields for span in each), "(prefix)"]
    dense = np.zeros((len(texts), len(paths), vectors.shape[1]))
    for row, (part, each) in enumerate(zip(parts, fields, strict=True)):
        dense[row, [*(paths.index(span.path) for span in each), -1]] = part
    wide = vectors.astype(np.float64)
    dense = np.asarray([attribution.settled(part, vector) for part, vector in zip(dense, wide, strict=True)])
    mean = wide.mean(axis=0)
    centred = (wide - mean) / np.linalg.norm(wide - mean, axis=1, keepdims=True)
    draw = np.random.default_rng(0)
    for one, other in (draw.choice(len(texts), 2, replace=False) for _ in range(200)):
        cosine = wide[one] @ wide[other] / (np.linalg.norm(wide[one]) * np.linalg.norm(wide[other]))
        assert abs(attribution.contributions(dense[one], dense[other]).sum() - cosine) < 1e-6
        split = attribution.contributions(dense[one], dense[other], dense.mean(axis=0))
        assert abs(split.sum() - centred[one] @ centred[other]) < 1e-6


def test_a_part_is_of_its_own_field(tmp_path: Path) -> None:
    """Static vectors know nothing of their neighbours: a part points where its own words do."""
    encoder = word_vectors(tmp_path)
    document = '{"name":"reeds","moves":"hums hums it"}'
    _, (part,) = encoder.encode_fields([document], spans([document], 1))
    alone = encoder.encode_documents(["name reeds", "moves hums hums it"])
    for row, direction in zip(part[:2], alone, strict=True):
        assert row @ direction / np.linalg.norm(row) == pytest.approx(1, abs=1e-6)
    assert not part[2].any()


def test_a_text_without_a_known_token_belongs_to_no_field(tmp_path: Path) -> None:
    encoder = word_vectors(tmp_path)
    vectors, (part,) = encoder.encode_fields(['{"zzz":1}'], [[Span("zzz", 0, 9)]])
    assert not part[0].any()
    np.testing.assert_allclose(part[1], vectors[0], atol=1e-7)


def test_no_documents(encoder: FieldEncoder) -> None:
    vectors, parts = encoder.encode_fields([], [])
    assert vectors.shape == (0, encoder.description.dimension)
    assert parts == []


def test_spans_move_with_letters_that_grow() -> None:
    document = '{"a":"İİ","b":"x"}'
    fields = text_spans(document, TextSettings(), depth=1)
    lower, moved = field_parts.lowered(document, fields)
    assert lower == document.lower()
    assert [lower[span.start : span.end] for span in moved] == [
        document[span.start : span.end].lower() for span in fields
    ]
    assert all(one.end == other.start for one, other in pairwise(moved))
