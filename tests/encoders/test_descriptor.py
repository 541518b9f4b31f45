"""The descriptor of pictures: colours, the layout of edges, and what makes no difference to it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from embedex.documents import IMAGE_SIDE, square
from embedex.encoders.descriptor import DIMENSION, Descriptor, describe

Picture = NDArray[np.uint8]


def blob(colour: str, *, ground: str = "white", box: tuple[int, int, int, int] = (60, 70, 120, 180)) -> Picture:
    image = Image.new("RGB", (IMAGE_SIDE, IMAGE_SIDE), ground)
    ImageDraw.Draw(image).ellipse(box, fill=colour, outline="black", width=4)
    return np.asarray(image)


def noise(seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (IMAGE_SIDE, IMAGE_SIDE, 3), np.uint8)


def similarity(one: Picture, other: Picture) -> float:
    return float(describe(one) @ describe(other))


def test_the_vector_is_colours_and_edges() -> None:
    assert DIMENSION == 8**3 + 4 * 2 * 8 == 576
    vector = describe(blob("red"))
    assert vector.shape == (576,)
    assert vector.dtype == np.float32
    assert (vector >= 0).all()
    colours, edges = np.linalg.norm(vector[:512]), np.linalg.norm(vector[512:])
    assert 0.3 < edges / colours < 0.5, "edges count, and count for less than colours"


@pytest.mark.parametrize("picture", [blob("red"), blob("teal", box=(10, 10, 60, 200)), noise()])
def test_a_mirror_image_is_the_same(picture: Picture) -> None:
    np.testing.assert_allclose(describe(picture[:, ::-1]), describe(picture), atol=1e-4)


def test_a_picture_upside_down_is_not_the_same() -> None:
    high = blob("red", box=(60, 10, 160, 60))
    assert similarity(high, high[::-1]) < 0.98


def test_colour_counts_more_than_place() -> None:
    red = blob("red")
    moved, green = blob("red", box=(90, 30, 150, 140)), blob("green")
    assert similarity(red, moved) > similarity(red, green)


def test_close_colours_are_closer_than_distant_ones() -> None:
    orange = blob("#ff8000")
    close, less, far = (similarity(orange, blob(colour)) for colour in ("#ff9010", "#ffb000", "#0040ff"))
    assert close > less > far


def test_the_ground_counts_for_little() -> None:
    """Small and large on one ground are alike in colour, though most pixels are ground."""
    small, large = blob("red", box=(100, 100, 124, 124)), blob("red", box=(20, 20, 200, 200))
    colours = [describe(each)[:512] / np.linalg.norm(describe(each)[:512]) for each in (small, large)]
    assert colours[0] @ colours[1] > 0.8
    white = Image.new("RGB", (IMAGE_SIDE, IMAGE_SIDE), "white")
    assert similarity(small, np.asarray(white)) < similarity(small, large)


@pytest.mark.parametrize("colour", ["white", "black", "#808080", "#0c0d0e"])
def test_a_blank_picture_has_no_edges_and_its_own_colour(colour: str) -> None:
    blank = np.asarray(Image.new("RGB", (IMAGE_SIDE, IMAGE_SIDE), colour))
    vector = describe(blank)
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-6
    np.testing.assert_array_equal(vector[512:], 0)
    assert similarity(blank, np.asarray(Image.new("RGB", (IMAGE_SIDE, IMAGE_SIDE), "red"))) < 0.5


def test_faint_noise_in_a_blank_picture_is_no_shape() -> None:
    faint = (250 + np.random.default_rng(0).integers(0, 2, (IMAGE_SIDE, IMAGE_SIDE, 3))).astype(np.uint8)
    assert np.linalg.norm(describe(faint)[512:]) < 0.3 * np.linalg.norm(describe(blob("red"))[512:])


def test_what_is_transparent_is_as_on_white() -> None:
    cut_out = Image.fromarray(blob("red")).convert("RGBA")
    pixels = np.array(cut_out)
    pixels[(pixels[..., :3] == 255).all(axis=2)] = (0, 90, 0, 0)
    np.testing.assert_array_equal(describe(np.asarray(square(Image.fromarray(pixels)))), describe(blob("red")))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((IMAGE_SIDE, IMAGE_SIDE), np.uint8),
        np.zeros((IMAGE_SIDE, IMAGE_SIDE, 4), np.uint8),
        np.zeros((100, 100, 3), np.uint8),
        np.zeros((IMAGE_SIDE, IMAGE_SIDE, 3), np.float32),
    ],
)
def test_what_is_no_image_document_is_refused(wrong: Picture) -> None:
    with pytest.raises(ValueError, match=r"expected \(224, 224, 3\) uint8, got"):
        describe(wrong)
    with pytest.raises(ValueError, match="expected"):
        Descriptor().encode_documents([noise(), wrong])


def test_rows_are_pictures_in_order() -> None:
    pictures = [noise(1), blob("red"), noise(2)]
    vectors = Descriptor().encode_documents(pictures)
    for picture, vector in zip(pictures, vectors, strict=True):
        np.testing.assert_array_equal(describe(picture), vector)
