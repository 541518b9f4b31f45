"""Word vectors from files: every format, every way a file can be broken, means and analogies."""

from __future__ import annotations

import gzip
import hashlib
import re
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedex.encoders import word_vectors
from embedex.encoders.base import QueryEncoder
from embedex.encoders.word_vectors import WordVectorMean, WordVectors, read_word_vectors
from embedex.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

DIMENSION = 5
VOCABULARY = ["the", ",", "reeds", "élan", "進化", "25", "</s>", "at name@example.org", "a\u00a0b", "moss"]
VECTORS = np.random.default_rng(1).normal(size=(len(VOCABULARY), DIMENSION)).astype(np.float32)


def lines(end: str = "\n") -> str:
    return "".join(
        f"{word} {' '.join(repr(float(number)) for number in row)}{end}"
        for word, row in zip(VOCABULARY, VECTORS, strict=True)
    )


def binary(after: bytes) -> bytes:
    """The format has no word with a space: word2vec's program writes an underscore instead."""
    words = [word.replace(" ", "_").encode() for word in VOCABULARY]
    entries = [word + b" " + row.tobytes() for word, row in zip(words, VECTORS, strict=True)]
    return HEADER.encode() + after.join(entries) + after


def words_in(name: str) -> list[str]:
    return [word.replace(" ", "_") for word in VOCABULARY] if "binary" in name else VOCABULARY


HEADER = f"{len(VOCABULARY)} {DIMENSION}\n"
FORMATS: dict[str, Callable[[], bytes]] = {
    "GloVe": lambda: lines().encode(),
    "GloVe without a last line feed": lambda: lines().rstrip("\n").encode(),
    "GloVe with empty lines at its end": lambda: (lines() + "\n \n").encode(),
    "GloVe from Windows": lambda: lines("\r\n").encode(),
    "GloVe with a header": lambda: (HEADER + lines()).encode(),
    "word2vec text": lambda: (HEADER + lines(" \n")).encode(),
    "fastText": lambda: (HEADER + lines(" \n")).encode(),
    "word2vec binary": lambda: binary(b"\n"),
    "word2vec binary without line feeds": lambda: binary(b""),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read(name: str, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "what-it-is.is-seen-in-it"
    path.write_bytes(gzip.compress(FORMATS[name]()) if zipped else FORMATS[name]())
    read = read_word_vectors(path)
    assert list(read.words) == words_in(name)
    assert read.vectors.dtype == np.float32
    np.testing.assert_array_equal(read.vectors, VECTORS)


@pytest.mark.parametrize("name", ["GloVe", "word2vec text", "word2vec binary"])
def test_a_limit_leaves_the_rest_unread(name: str, tmp_path: Path) -> None:
    data = FORMATS[name]()
    path = tmp_path / "vectors"
    path.write_bytes(data[: len(data) * 3 // 4])
    read = read_word_vectors(path, limit=4)
    assert list(read.words) == VOCABULARY[:4]
    np.testing.assert_array_equal(read.vectors, VECTORS[:4])
    with pytest.raises(InputError, match="The limit is 0 words"):
        read_word_vectors(path, limit=0)


@pytest.mark.parametrize("name", FORMATS)
def test_blocks_and_buffers_leave_no_seam(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "_BLOCK", 3 * 4 * DIMENSION)
    monkeypatch.setattr(word_vectors, "_BUFFER", 200)
    path = tmp_path / "vectors"
    path.write_bytes(FORMATS[name]())
    read = read_word_vectors(path)
    assert list(read.words) == words_in(name)
    np.testing.assert_array_equal(read.vectors, VECTORS)


def test_memory_is_the_matrix_whatever_the_header_promises(tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(b"99999999999999 3\na 1 2 3\nb 1 2 4\n")
    with pytest.raises(InputError, match=r"cut short: it has 2 of the 99,999,999,999,999 words"):
        read_word_vectors(path)
    assert read_word_vectors(path, limit=2).vectors.base is None


def test_the_first_of_two_equal_words_counts(tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(b"3 2\na 1 2\nb 3 4\na 5 6\n")
    read = read_word_vectors(path)
    assert list(read.words) == ["a", "b"]
    np.testing.assert_array_equal(read.vectors, [[1, 2], [3, 4]])


def test_bytes_that_are_not_utf8_are_no_reason_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(b"caf\xc3 1 2\nb 3 4\n")
    assert list(read_word_vectors(path).words) == ["caf\ufffd", "b"]


BROKEN = {
    "a number too few": (b"a 1 2 3\nb 1 2\n", r":2: not a line of word vectors: 'b 1 2'"),
    "a number too many": (b"a 1 2\nb 1 2 3\n", r":2: not a line of word vectors: 'b 1 2 3'"),
    "no number": (b"a 1 2\nb 1 x\n", r":2: not a line"),
    "not finite": (b"a 1 2\nb 1 nan\n", r":2: not a line"),
    "too large": (b"a 1 2\nb 1 1e99\n", r":2: not a line"),
    "no word": (b"a 1 2\n 1 2\n", r":2: not a line"),
    "an empty line": (b"a 1 2\n\nb 1 2\n", r":2: not a line"),
    "a header that promises more": (b"3 2\na 1 2\nb 1 2\n", r"cut short: it has 2 of the 3 words that line 1"),
    "a header that promises less": (b"1 2\na 1 2\nb 1 2\n", r":3: not a line.*'b 1 2'"),
    "a header of nothing": (b"0 0\n", r":1: promises 0 words of 0 numbers"),
    "a header of too much": (b"9 999999999\n" + b"a \x00" * 99, r":1: promises 9 words of 999,999,999 numbers"),
    "a second line of another length": (b"2 3\na 1 2\nb 1 2\n", r":2: not a line"),
    "one word a line": (b"hello\nthere\n", r":1: not a line of word vectors: 'hello'"),
    "prose": (b"It hums softly in the reeds.\n", r":1: not a line"),
    "JSON": (b'{"id": 1, "name": "moss"}\n', r":1: not a line"),
    "nothing": (b"", r"holds no word vectors"),
    "noise": (b"\x00\x01 \x02 3\n" * 9, r":1: not a line"),
    "binary, cut short": (b"2 2\na " + struct.pack("<2f", 1, 2) + b"\nb \x00\x00", r"is cut short.*word 2 of the 2"),
    "binary, not finite": (b"1 2\na " + struct.pack("<2f", 1, np.nan), r"word 1, 'a', has .* not finite"),
    "binary, no end of a word": (b"1 2\n" + b"a\x00" * 20_000, r"has no word that ends, at word 1"),
    "zip": (b"PK\x03\x04...", r"is a zip archive"),
    "fastText's program": (struct.pack("<2i", 793712314, 12), r"is fastText's own \.bin format"),
    "a pickle": (b"\x80\x04\x95", r"is a pickle"),
    "a gzip that is cut short": (gzip.compress(b"a 1 2\n" * 100)[:-12], r"cannot be read"),
    "a damaged gzip": (gzip.compress(b"a 1 2\n")[:12] + b"garbage", r"cannot be read"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_with_its_line(name: str, tmp_path: Path) -> None:
    content, message = BROKEN[name]
    path = tmp_path / "vectors.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as raised:
        read_word_vectors(path)
    assert raised.value.seen.startswith(str(path))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_word_vectors(tmp_path / "vectors.txt")


# ── analogies ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def royal() -> WordVectors:
    """Directions: person, female, royal, city, noise. Lengths differ, and should not matter."""
    table = {
        "man": (1, 0, 0, 0, 0),
        "woman": (1, 1, 0, 0, 0),
        "king": (1, 0, 1, 0, 0.1),
        "queen": (1, 1, 1, 0, 0),
        "prince": (1, 0, 0.7, 0, 0.5),
        "paris": (0, 0, 0.2, 1, 0),
        "Kings": (0, 0, 0, 0.1, 1),
    }
    vectors = np.array(list(table.values()), np.float32) * np.arange(1, len(table) + 1, dtype=np.float32)[:, None]
    return WordVectors(list(table), vectors)


def test_king_without_man_with_woman_is_queen(royal: WordVectors) -> None:
    (best, score), *rest = royal.analogy(["woman", "king"], ["man"])
    assert best == "queen"
    assert {word for word, _ in rest} == {"prince", "paris", "Kings"}, "the query's own words are left out"
    unit = royal.vectors / np.linalg.norm(royal.vectors, axis=1, keepdims=True)
    target = unit[1] - unit[0] + unit[2]
    assert score == pytest.approx(float(unit[3] @ target / np.linalg.norm(target)), abs=1e-6)
    assert [score for _, score in rest] == sorted((score for _, score in rest), reverse=True)


def test_k_words_are_given_as_far_as_there_are(royal: WordVectors) -> None:
    every = royal.analogy(["woman", "king"], ["man"], 99)
    assert len(every) == 4
    assert royal.analogy(["woman", "king"], ["man"], 2) == every[:2]
    assert royal.analogy(list(royal.words), []) == []


def test_equal_scores_stand_in_the_order_of_the_file() -> None:
    same = WordVectors(["a", "b", "c", "d", "zero"], np.array([[1, 0], [1, 1], [2, 2], [4, 4], [0, 0]], np.float32))
    assert [word for word, _ in same.analogy(["a"], [], 2)] == ["b", "c"]
    assert same.analogy(["a"], [], 4)[-1] == ("zero", 0.0)


def test_an_unknown_word_is_answered_by_close_ones(royal: WordVectors) -> None:
    with pytest.raises(InputError, match="There is no word 'quen'") as raised:
        royal.analogy(["quen"], [])
    assert raised.value.allowed == "Close to it: queen"
    with pytest.raises(InputError) as raised:
        royal.analogy(["kings"], [])
    assert raised.value.allowed.startswith("Close to it: Kings, king")
    with pytest.raises(InputError) as raised:
        royal.analogy(["zzz"], [])
    assert raised.value.allowed == ""


def test_an_analogy_that_means_nothing_is_refused(royal: WordVectors) -> None:
    with pytest.raises(InputError, match="k is 0"):
        royal.analogy(["man"], [], 0)
    with pytest.raises(InputError, match="needs words"):
        royal.analogy([], [])
    with pytest.raises(InputError, match="cancel each other out"):
        royal.analogy(["man"], ["man"])


# ── texts ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.vec"
    file.write_bytes(FORMATS["fastText"]())
    return file


TEXTS = ["Reeds, reeds; MOSS!", '{"élan":25}', "the", "", " \t", "nothing known", "🦊\x00", "moss reeds " * 5000]


def unit(vector: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector), np.float64)


def test_a_vector_is_the_mean_of_the_words_that_are_known(path: Path) -> None:
    encoder = WordVectorMean(path)
    vectors = encoder.encode_documents(TEXTS)
    table = dict(zip(VOCABULARY, VECTORS.astype(np.float64), strict=True))
    np.testing.assert_allclose(vectors[0], unit(2 * table["reeds"] + table["moss"]), atol=1e-6)
    np.testing.assert_allclose(vectors[1], unit(table["élan"] + table["25"]), atol=1e-6)
    np.testing.assert_allclose(vectors[7], unit(table["reeds"] + table["moss"]), atol=1e-6)


def test_a_text_without_a_known_word_is_the_mean_of_all(path: Path) -> None:
    vectors = WordVectorMean(path).encode_documents(TEXTS)
    for row in (3, 4, 5, 6):
        np.testing.assert_allclose(vectors[row], unit(VECTORS.astype(np.float64).mean(axis=0)), atol=1e-6)


def test_words_that_cancel_out_still_give_a_vector(tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(b"a 1 0\nb -1 0\nc 0 0\n")
    vectors = WordVectorMean(path).encode_documents(["a b", "c", "", "a"])
    np.testing.assert_allclose(vectors, [[0.5**0.5, 0.5**0.5]] * 3 + [[1, 0]], atol=1e-6)


def test_a_vector_depends_on_its_own_text_alone(path: Path) -> None:
    encoder = WordVectorMean(path)
    assert isinstance(encoder, QueryEncoder)
    together = encoder.encode_documents(TEXTS)
    assert together.shape == (len(TEXTS), DIMENSION)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together.astype(np.float64), axis=1), 1, atol=1e-6)
    for row, text in enumerate(TEXTS):
        np.testing.assert_array_equal(encoder.encode_documents([text])[0], together[row])
    np.testing.assert_array_equal(encoder.encode_queries(TEXTS), together)
    assert encoder.encode_documents([]).shape == (0, DIMENSION)


def test_case_counts_where_the_file_has_capitals(tmp_path: Path, path: Path) -> None:
    cased = tmp_path / "cased.txt"
    cased.write_bytes(b"reeds 1 0\nReeds 0 1\n")
    np.testing.assert_array_equal(WordVectorMean(cased).encode_documents(["reeds", "Reeds"]), [[1, 0], [0, 1]])
    assert "lower-cased" not in WordVectorMean(cased).description.preprocessing
    assert "lower-cased" in WordVectorMean(path).description.preprocessing


def test_the_description_is_resolved(path: Path, tmp_path: Path) -> None:
    description = WordVectorMean(path).description
    assert description.name == "word-vectors:small.vec"
    assert description.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (description.dimension, description.context) == (DIMENSION, None)
    assert re.escape(r"\w+") in re.escape(description.preprocessing)
    assert WordVectorMean(path, limit=3).description != description
    other = tmp_path / "elsewhere" / "small.vec"
    other.parent.mkdir()
    other.write_bytes(path.read_bytes())
    assert WordVectorMean(other).description == description
