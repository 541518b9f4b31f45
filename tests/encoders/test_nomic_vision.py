"""The vision model on OpenVINO, against numpy, on small random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedex.encoders.nomic_vision import NomicVision
from embedex.errors import InputError

from .nomic_small import Tensors, picture_vector, pictures, write_model


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tensors]:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'embedex[nomic]'")
    folder = tmp_path_factory.mktemp("vision")
    return folder, write_model(folder, "vision")


def load(folder: Path, precision: Any) -> NomicVision:
    try:
        return NomicVision.from_folder(folder, precision, threads=2)
    except InputError as error:
        if precision == "f32" or "bfloat16" not in str(error):
            raise
        pytest.skip(str(error))


def test_vectors_are_what_numpy_computes(small: tuple[Path, Tensors]) -> None:
    folder, tensors = small
    got = load(folder, "f32").encode_pixels(pictures(3))
    want = np.array([picture_vector(tensors, picture) for picture in pictures(3)])
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=0, atol=2e-6)


@pytest.mark.parametrize("precision", ["bf16", "w8"])
def test_low_precision_is_near(small: tuple[Path, Tensors], precision: str) -> None:
    folder, tensors = small
    got = load(folder, precision).encode_pixels(pictures(3))
    want = np.array([picture_vector(tensors, picture) for picture in pictures(3)])
    assert 1e-12 < np.max(1 - np.sum(got * want, axis=1)) < 1e-3


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_picture_alone_and_among_others_gets_the_same_bits(small: tuple[Path, Tensors], precision: str) -> None:
    model = load(small[0], precision)
    together = model.encode_pixels(pictures(4))
    np.testing.assert_array_equal(together, [model.encode_pixels(each[None])[0] for each in pictures(4)])


def test_what_is_no_picture_is_refused(small: tuple[Path, Tensors]) -> None:
    model = load(small[0], "f32")
    wrongs: list[Any] = [
        np.zeros((1, 48, 47, 3), np.float32),
        np.zeros((48, 48, 3), np.float32),
        np.zeros((1, 48, 48, 3)),
    ]
    for wrong in wrongs:
        with pytest.raises(InputError, match="float32 of shape"):
            model.encode_pixels(wrong)
    assert model.encode_pixels(pictures(0)).shape == (0, 64)


def test_an_unknown_precision_is_refused(small: tuple[Path, Tensors]) -> None:
    with pytest.raises(InputError, match="precision"):
        load(small[0], "f16")
