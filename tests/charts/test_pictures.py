from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from embedex.charts.pictures import Picture, draw_portrait, portrait
from embedex.charts.style import save, sheet
from embedex.results import Item

from .support import DATE, paint

if TYPE_CHECKING:
    from pathlib import Path


def test_the_transparent_margin_is_trimmed(tmp_path: Path) -> None:
    pixels = portrait(paint(tmp_path, 1), 80)
    assert pixels.shape == (80, 41, 4)
    assert pixels[40, 20, 3] == 255
    assert not pixels.flags.writeable


def test_a_picture_without_transparency_keeps_its_ground(tmp_path: Path) -> None:
    path = tmp_path / "wide.jpg"
    Image.new("RGB", (200, 50), "white").save(path)
    assert portrait(path, 40).shape == (10, 40, 4)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for number, colour in enumerate(("red", "blue")):
        Image.new("RGB", (8, 8), colour).save(path)
        os.utime(path, (number, number))
        pixel = portrait(path, 8)[0, 0]
    assert pixel.tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut short"])
def test_what_is_no_picture_gets_a_placeholder(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    figure = sheet(3, 2, "", "", "", DATE)
    assert draw_portrait(figure, Item("1", "eevee", None, path), 1, 1, 0.5) == 0.5
    assert "E" in [text.get_text() for text in figure.texts]


def test_an_invisible_picture_gets_a_placeholder(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (9, 9)).save(path)
    with pytest.raises(ValueError, match="nothing can be seen"):
        portrait(path, 20)


def test_pixels_are_drawn_one_to_one_and_upright(tmp_path: Path) -> None:
    size = 50
    pixels = np.random.default_rng(0).integers(0, 256, (size, size, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    figure = sheet(3, 2, "", "", "", DATE, dpi=100)
    figure.add_artist(Picture((1, 1, 0.5, 0.5), lambda side_px: pixels[:side_px, :side_px]))
    (file,) = save(figure, tmp_path / "chart", ["png"])
    with Image.open(file) as image:
        drawn = np.asarray(image.convert("RGBA"))
    bottom = drawn.shape[0] - 100
    assert np.array_equal(drawn[bottom - size : bottom, 100 : 100 + size], pixels)
