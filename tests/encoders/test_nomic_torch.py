"""Both models on PyTorch's CPU kernels, against numpy, on small random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedex.encoders import nomic_torch
from embedex.errors import InputError

from .nomic_small import LENGTHS, Tensors, documents, picture_vector, pictures, text_vector, write_model

Small = tuple[Path, Tensors]


def made(factory: pytest.TempPathFactory, kind: str) -> Small:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'embedex[torch]'")
    folder = factory.mktemp(kind)
    return folder, write_model(folder, kind)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return made(tmp_path_factory, "text")


@pytest.fixture(scope="module")
def vision(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return made(tmp_path_factory, "vision")


def load_text(folder: Path, **settings: Any) -> nomic_torch.TorchText:
    return nomic_torch.TorchText.from_folder(folder, device="cpu", **settings)


def load_vision(folder: Path, **settings: Any) -> nomic_torch.TorchVision:
    return nomic_torch.TorchVision.from_folder(folder, device="cpu", **settings)


@pytest.fixture(params=[1, 64, 10_000])
def packed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Tokens a pack: one document alone, a few, all. A CPU packs none by itself; a GPU does."""
    tokens: int = request.param
    monkeypatch.setitem(nomic_torch.PACK_TOKENS, "cpu", tokens)
    return tokens


@pytest.mark.parametrize(("context", "factor"), [("plain", None), ("ntk", 2.0)])
def test_texts_are_what_numpy_computes(text: Small, packed: int, context: str, factor: float | None) -> None:
    folder, tensors = text
    model = load_text(folder, context=context, precision="f32")
    for dimensions in (None, 16):
        got = model.encode_ids(documents(), dimensions)
        want = np.array([text_vector(tensors, ids, factor, dimensions) for ids in documents()])
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=0, atol=2e-6)


def test_pictures_are_what_numpy_computes(vision: Small, packed: int) -> None:
    folder, tensors = vision
    got = load_vision(folder, precision="f32").encode_pixels(pictures(3))
    want = np.array([picture_vector(tensors, picture) for picture in pictures(3)])
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=0, atol=2e-6)


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_document_alone_in_a_batch_and_after_a_longer_one_gets_the_same_bits(text: Small, precision: str) -> None:
    every = documents() * 3
    model = load_text(text[0], precision=precision)
    alone = [model.encode_ids([document])[0] for document in every]
    together = model.encode_ids(every)
    fresh = load_text(text[0], precision=precision)
    fresh.encode_ids([every[LENGTHS.index(128)]])
    after = [fresh.encode_ids([document])[0] for document in every]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(after, alone)


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_picture_alone_and_among_others_gets_the_same_bits(vision: Small, precision: str) -> None:
    model = load_vision(vision[0], precision=precision)
    together = model.encode_pixels(pictures(4))
    np.testing.assert_array_equal(together, [model.encode_pixels(each[None])[0] for each in pictures(4)])


def test_bfloat16_is_near(text: Small, vision: Small) -> None:
    for got, want in (
        (
            load_text(text[0], precision="bf16").encode_ids(documents()),
            [text_vector(text[1], ids, 2.0) for ids in documents()],
        ),
        (
            load_vision(vision[0], precision="bf16").encode_pixels(pictures(3)),
            [picture_vector(vision[1], picture) for picture in pictures(3)],
        ),
    ):
        assert 1e-12 < np.max(1 - np.sum(got * np.array(want), axis=1)) < 1e-3


def test_what_cannot_be_embedded_is_refused(text: Small, vision: Small) -> None:
    model = load_text(text[0], precision="f32")
    for wrong in ([], [120], [-1], [1] * 129):
        with pytest.raises(InputError, match="Document 1 has"):
            model.encode_ids([[1, 2], wrong])
    assert model.encode_ids([]).shape == (0, 64)
    with pytest.raises(InputError, match="float32 of shape"):
        load_vision(vision[0]).encode_pixels(np.zeros((1, 48, 47, 3), np.float32))
    assert load_vision(vision[0]).encode_pixels(pictures(0)).shape == (0, 64)


def test_unknown_settings_are_refused(text: Small) -> None:
    with pytest.raises(InputError, match="context"):
        load_text(text[0], context="long")
    with pytest.raises(InputError, match="precision"):
        load_text(text[0], precision="w8")


def test_packs_hold_each_document_once_and_the_longest_first() -> None:
    assert list(nomic_torch.packs([3, 9, 3, 3, 9, 50], 12)) == [[5], [1], [4, 0], [2, 3]]
    assert list(nomic_torch.packs([], 12)) == []
