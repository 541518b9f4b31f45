"""The text model on OpenVINO: against numpy, on small random weights; and documents put together and cut."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex.encoders.nomic_text import NomicText, same_length_batches, unit_vectors, windows
from embedex.errors import InputError

from .nomic_small import LENGTHS, Tensors, documents, text_vector, write_model

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tensors]:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'embedex[nomic]'")
    folder = tmp_path_factory.mktemp("text")
    return folder, write_model(folder, "text")


def load(folder: Path, **settings: Any) -> NomicText:
    return NomicText.from_folder(folder, threads=2, **settings)


def precision_or_skip(folder: Path, precision: str) -> NomicText:
    try:
        return load(folder, precision=precision)
    except InputError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("context", "factor"), [("plain", None), ("ntk", 2.0)])
def test_vectors_are_what_numpy_computes(small: tuple[Path, Tensors], context: str, factor: float | None) -> None:
    folder, tensors = small
    model = load(folder, context=context, precision="f32")
    for dimensions in (None, 64, 16):
        got = model.encode_ids(documents(), dimensions)
        want = np.array([text_vector(tensors, ids, factor, dimensions) for ids in documents()])
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=0, atol=2e-6)


def test_contexts_differ_only_beyond_the_trained_positions(small: tuple[Path, Tensors]) -> None:
    plain, ntk = (load(small[0], context=each, precision="f32").encode_ids(documents()) for each in ("plain", "ntk"))
    same = [bool((a == b).all()) for a, b in zip(plain, ntk, strict=True)]
    assert same == [length <= 32 for length in LENGTHS]


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_document_alone_in_a_batch_and_after_a_longer_one_gets_the_same_bits(
    small: tuple[Path, Tensors], precision: str
) -> None:
    every = documents() * 3
    model = precision_or_skip(small[0], precision)
    alone = [model.encode_ids([document])[0] for document in every]
    together = model.encode_ids(every)
    fresh = load(small[0], precision=precision)
    fresh.encode_ids([every[LENGTHS.index(128)]])
    after = [fresh.encode_ids([document])[0] for document in every]
    assert np.isfinite(alone).all()
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(after, alone)


@pytest.mark.parametrize("precision", ["bf16", "w8"])
def test_low_precision_is_near(small: tuple[Path, Tensors], precision: str) -> None:
    folder, tensors = small
    got = precision_or_skip(folder, precision).encode_ids(documents())
    want = np.array([text_vector(tensors, ids, 2.0) for ids in documents()])
    assert 1e-12 < np.max(1 - np.sum(got * want, axis=1)) < 1e-3


def test_a_document_of_one_token_spoils_none_after_it(small: tuple[Path, Tensors]) -> None:
    folder, tensors = small
    model = load(folder, precision="f32")
    got = [model.encode_ids([document])[0] for document in documents()]
    np.testing.assert_allclose(got, [text_vector(tensors, each, 2.0) for each in documents()], rtol=0, atol=2e-6)


def test_what_is_no_document_is_refused(small: tuple[Path, Tensors]) -> None:
    model = load(small[0], precision="f32")
    for wrong in ([], [120], [-1], [1] * 129):
        with pytest.raises(InputError, match="Document 1 has"):
            model.encode_ids([[1, 2], wrong])
    for dimensions in (0, 65):
        with pytest.raises(InputError, match="dimensions"):
            model.encode_ids([[1, 2]], dimensions=dimensions)
    assert model.encode_ids([]).shape == (0, 64)


def test_unknown_settings_are_refused(small: tuple[Path, Tensors]) -> None:
    with pytest.raises(InputError, match="context"):
        load(small[0], context="long")
    with pytest.raises(InputError, match="precision"):
        load(small[0], precision="f16")


# ── what needs no OpenVINO ──────────────────────────────────────────────────────────────────────────


def test_batches_hold_documents_of_one_length_and_each_once() -> None:
    lengths = [3, 9, 3, 3, 9, 50]
    assert list(same_length_batches(lengths, 7)) == [[5], [1], [4], [0, 2], [3]]


def test_windows_leave_nothing_out() -> None:
    assert windows(range(10), [101, 7], [102], 7) == [
        [101, 7, 0, 1, 2, 102], [101, 7, 3, 4, 5, 102], [101, 7, 6, 7, 8, 9, 102],
    ]  # fmt: skip
    assert windows([], [101], [102], 8) == [[101, 102]]
    for length in range(1, 40):
        parts = windows(range(length), [101], [102], 10)
        assert [token for part in parts for token in part[1:-1]] == list(range(length))
        assert max(map(len, parts)) <= 10
        assert len(parts) == -(-length // 8)


def test_dimensions_take_the_layer_norm_first() -> None:
    means = np.random.default_rng(3).standard_normal((2, 8)) + 1

    def unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    normed = means - means.mean(axis=1, keepdims=True)
    assert np.allclose(unit_vectors(means, 8), unit(normed), atol=1e-6)
    assert np.allclose(unit_vectors(means, 3), unit(normed[:, :3]), atol=1e-6)
    assert np.allclose(unit_vectors(means), unit(means))
