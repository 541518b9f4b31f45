"""From a record to a text and its fields, and from any picture file to an RGB square."""

from __future__ import annotations

import hashlib
import io
import json
import random
import threading
import warnings
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from embedex.documents import (
    IMAGE_PREPROCESSING,
    IMAGE_SIDE,
    ImageDocument,
    PictureSettings,
    Span,
    TextSettings,
    field_spans,
    passages,
    read_picture,
    settings_key,
    square,
    text_document,
)
from embedex.errors import InputError
from embedex.records import Record, minify

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# ── texts ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_text_is_the_record_minified() -> None:
    record = Record("1", {"p_id": 1, "p_name": "é", "p_list": [{"p_x": None}]})
    assert text_document(record, TextSettings()).text == '{"p_id":1,"p_name":"é","p_list":[{"p_x":null}]}'
    document = text_document(record, TextSettings("p_", ascii=True))
    assert document.text == '{"id":1,"name":"\\u00e9","list":[{"x":null}]}'
    assert document.id == "1"
    assert document.content() == document.text
    assert document.content_hash == hashlib.sha256(document.text.encode()).hexdigest()


def test_settings_have_one_key() -> None:
    assert settings_key(TextSettings("p_")) == '{"ascii": false, "strip_prefix": "p_"}'


def spans_by_text(data: Any, depth: int | None) -> list[tuple[str, str]]:
    text = minify(data)
    return [(span.path, text[span.start : span.end]) for span in field_spans(data, TextSettings(), depth=depth)]


def test_fields_at_each_depth() -> None:
    data = {"id": 1, "type": {"name": "fire", "slots": [{"n": 1}, {"n": 2}]}, "empty": {}}
    assert spans_by_text(data, 1) == [
        ("id", '{"id":1'),
        ("type", ',"type":{"name":"fire","slots":[{"n":1},{"n":2}]}'),
        ("empty", ',"empty":{}}'),
    ]
    assert spans_by_text(data, 2) == [
        ("id", '{"id":1'),
        ("type.name", ',"type":{"name":"fire"'),
        ("type.slots", ',"slots":[{"n":1},{"n":2}]'),
        ("empty", '},"empty":{}}'),
    ]
    assert spans_by_text(data, None) == [
        ("id", '{"id":1'),
        ("type.name", ',"type":{"name":"fire"'),
        ("type.slots.n", ',"slots":[{"n":1'),
        ("type.slots.n", '},{"n":2'),
        ("empty", '}]},"empty":{}}'),
    ]


def test_fields_of_an_empty_record() -> None:
    assert field_spans({}, TextSettings()) == [Span("", 0, 2)]


def random_json(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(8 if depth else 5)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.choice([0, -17, 10**25, 1.5, -0.0, 1e-7, 1e300])
    if kind < 5:
        return "".join(rng.choices('ab \\"\n\t\x00é😀\u2028{}[],:', k=rng.randrange(8)))
    if kind == 5:
        return [random_json(rng, depth - 1) for _ in range(rng.randrange(4))]
    return random_object(rng, depth)


def random_object(rng: random.Random, depth: int) -> dict[str, Any]:
    keys = ["p_a", "p_é", 'q"', "", "a.b", "p_", "😀", "n\n"]
    return {key: random_json(rng, depth - 1) for key in rng.sample(keys, rng.randrange(5))}


@pytest.mark.parametrize("depth", [1, 2, None])
@pytest.mark.parametrize("settings", [TextSettings(), TextSettings("p_"), TextSettings(ascii=True)])
def test_fields_partition_the_text(depth: int | None, settings: TextSettings) -> None:
    rng = random.Random(7)
    for _ in range(300):
        data = random_object(rng, 5)
        text = text_document(Record("x", data), settings).text
        spans = field_spans(data, settings, depth=depth)
        assert "".join(text[span.start : span.end] for span in spans) == text
        assert spans[0].start == 0
        assert spans[-1].end == len(text)
        assert all(first.end == second.start for first, second in pairwise(spans))
        assert all(span.end > span.start for span in spans)
        if depth == 1 and data:
            assert [span.path for span in spans] == list(json.loads(text))


# ── passages ────────────────────────────────────────────────────────────────────────────────────────


def test_passages_are_prose() -> None:
    prose = "It rolls downhill\n and\fcannot   be stopped."
    data = {
        "p_name": "a-very-long-identifier-without-any-space",
        "p_words": "one two three",
        "p_three": "a b c dddddddddddddd",
        "p_notes": [{"p_note": prose}, {"p_note": 3}, [prose.replace("\n", " ")]],
        "p_again": "It rolls downhill and cannot be stopped.",
    }
    found = passages(Record("7", data), TextSettings("p_"))
    assert [(each.id, each.path, each.text) for each in found] == [
        ("7", "three", "a b c dddddddddddddd"),
        ("7", "notes.note", "It rolls downhill and cannot be stopped."),
    ]


# ── pictures ────────────────────────────────────────────────────────────────────────────────────────

MIDDLE = (IMAGE_SIDE // 2, IMAGE_SIDE // 2)


def saved(path: Path, picture: Image.Image, **options: Any) -> NDArray[np.uint8]:
    picture.save(path, **options)
    pixels = read_picture(path)
    assert pixels.shape == (IMAGE_SIDE, IMAGE_SIDE, 3)
    assert pixels.dtype == np.uint8
    return pixels


def near(pixels: NDArray[np.uint8], colour: tuple[int, int, int], *, by: int = 2) -> bool:
    return bool((np.abs(pixels[MIDDLE].astype(int) - colour) <= by).all())


@pytest.mark.parametrize(
    ("mode", "fill", "ending", "expected", "by"),
    [
        ("RGB", (200, 30, 60), "png", (200, 30, 60), 0),
        ("RGB", (200, 30, 60), "bmp", (200, 30, 60), 0),
        ("RGB", (200, 30, 60), "jpg", (200, 30, 60), 3),
        ("RGB", (200, 30, 60), "tif", (200, 30, 60), 0),
        ("RGB", (200, 30, 60), "webp", (200, 30, 60), 6),
        ("RGBA", (200, 30, 60, 0), "png", (255, 255, 255), 0),
        ("RGBA", (200, 0, 100, 51), "png", (244, 204, 224), 1),
        ("LA", (100, 0), "png", (255, 255, 255), 0),
        ("LA", (100, 255), "png", (100, 100, 100), 0),
        ("L", 77, "jpg", (77, 77, 77), 1),
        ("1", 0, "png", (0, 0, 0), 0),
        ("1", 1, "png", (255, 255, 255), 0),
        ("CMYK", (0, 255, 255, 0), "jpg", (255, 0, 0), 3),
        ("CMYK", (0, 255, 255, 0), "tif", (255, 0, 0), 0),
        ("I;16", 32768, "png", (128, 128, 128), 0),
        ("I;16", 200, "png", (1, 1, 1), 0),  # nearly black in 16 bits
        ("I;16", 65535, "tif", (255, 255, 255), 0),
        ("F", 0.5, "tif", (128, 128, 128), 0),
        ("F", 128.0, "tif", (128, 128, 128), 0),
        ("I", 65535, "tif", (255, 255, 255), 0),
        ("I", 1_000_000, "tif", (255, 255, 255), 0),
    ],
)
def test_every_colour_mode(
    tmp_path: Path, mode: str, fill: Any, ending: str, expected: tuple[int, int, int], by: int
) -> None:
    pixels = saved(tmp_path / f"x.{ending}", Image.new(mode, (30, 20), fill))
    assert near(pixels, expected, by=by), pixels[MIDDLE]


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, 10, 200, 30])
    assert near(saved(tmp_path / "a.png", picture), (10, 200, 30))
    assert near(saved(tmp_path / "b.png", picture, transparency=1), (255, 255, 255))
    assert near(saved(tmp_path / "c.png", picture, transparency=b"\xff\x00"), (255, 255, 255))
    assert near(saved(tmp_path / "d.gif", picture, transparency=1), (255, 255, 255))


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "lime", "blue")]
    for ending in ("gif", "png", "webp"):
        pixels = saved(tmp_path / f"x.{ending}", frames[0], save_all=True, append_images=frames[1:])
        assert near(pixels, (255, 0, 0), by=6), ending


def test_premultiplied_modes_lie_on_white() -> None:
    for mode in ("La", "RGBa"):
        assert square(Image.new(mode, (4, 4))).getpixel((9, 9)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("size", "inside", "outside"),
    [
        ((1, 1), (0, 0), None),
        ((10_000, 10), (112, 111), (112, 113)),
        ((10, 10_000), (111, 112), (113, 112)),
        ((100, 50), (5, 60), (5, 50)),
        ((224, 224), (0, 223), None),
    ],
)
def test_any_shape_is_fitted_and_padded(
    tmp_path: Path, size: tuple[int, int], inside: tuple[int, int], outside: tuple[int, int] | None
) -> None:
    pixels = saved(tmp_path / "x.png", Image.new("RGB", size, "black"))
    x, y = inside
    assert pixels[y, x].tolist() == [0, 0, 0]
    if outside:
        x, y = outside
        assert pixels[y, x].tolist() == [255, 255, 255]


def test_exif_rotation_is_obeyed(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 40), "white")
    picture.paste("black", (0, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise: what is above comes to the right
    pixels = saved(tmp_path / "x.png", picture, exif=exif)
    assert pixels[112, 200].tolist() == [0, 0, 0]
    assert pixels[112, 20].tolist() == [255, 255, 255]


def test_a_large_jpeg_is_decoded_at_a_fraction(tmp_path: Path) -> None:
    ramp = Image.linear_gradient("L").resize((2400, 2400)).convert("RGB")
    pixels = saved(tmp_path / "x.jpg", ramp)
    column = pixels[:, 112, 0].astype(int)
    assert np.abs(column - np.linspace(0, 255, IMAGE_SIDE)).max() <= 4


STRETCHED = PictureSettings("stretch", "bicubic")


def test_a_picture_is_stretched_where_the_encoder_wants_it(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 700, 3), np.uint8))
    want = np.asarray(noise.resize((224, 224), Image.Resampling.BICUBIC))
    path = tmp_path / "wide.png"
    noise.save(path)
    np.testing.assert_array_equal(read_picture(path, STRETCHED), want)
    np.testing.assert_array_equal(ImageDocument("1", path, STRETCHED).content(), want)
    assert not np.array_equal(ImageDocument("1", path).content(), want)
    assert ImageDocument("1", path, STRETCHED).content_hash == ImageDocument("1", path).content_hash
    photo = tmp_path / "photo.jpg"
    noise.resize((2000, 1800)).save(photo)
    with Image.open(photo) as whole:
        want = np.asarray(whole.resize((224, 224), Image.Resampling.BICUBIC))
    # Decoded in full, not at a fraction.
    np.testing.assert_array_equal(read_picture(photo, STRETCHED), want)


@pytest.mark.parametrize("size", [(1, 1), (10_000, 10), (10, 10_000), (224, 224)])
def test_any_shape_can_be_stretched(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = Image.new("RGBA", size, (250, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    path = tmp_path / "a.png"
    picture.save(path)
    pixels = read_picture(path, STRETCHED)
    assert pixels.shape == (224, 224, 3)
    assert np.abs(pixels[112, 220].astype(int) - (250, 0, 0)).max() <= 2
    if size != (1, 1):
        assert np.abs(pixels[112, 4].astype(int) - 255).max() <= 2, "transparent is white"


def test_each_way_to_make_a_picture_square_has_its_name() -> None:
    assert IMAGE_PREPROCESSING == "white ground, padded to a square, Lanczos to 224 px; 1", (
        "it is in collections' files"
    )
    assert STRETCHED.preprocessing == "white ground, stretched to a square, bicubic to 224 px; 1"


def test_an_image_document(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    pixels = saved(path, Image.new("RGB", (3, 3), "teal"))
    document = ImageDocument("1", path)
    assert document.content_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.array_equal(document.content(), pixels)


def png_bytes() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "an empty file, not a picture."),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "not a picture that can be read.\nPictures are PNG, JPEG",
        ),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            "not a picture that can be read.\nPictures are",
        ),
        (png_bytes()[:2000], "not a picture that can be read (image file is truncated"),
        (png_bytes()[:20], "not a picture that can be read"),
    ],
)
def test_what_is_no_picture(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_picture(path)
    assert str(caught.value).startswith(f"{path}: {told}")


def test_a_picture_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_picture(tmp_path / "x.png")


def test_a_picture_without_pixels() -> None:
    with pytest.raises(ValueError, match="0 x 5 pixels"):
        square(Image.new("RGB", (0, 5)))


def test_damaged_files_raise_one_error_only(tmp_path: Path) -> None:
    """Bytes changed at random make InputError or a picture, never another error and never a warning."""
    rng = random.Random(3)
    picture = Image.effect_noise((24, 30), 60).convert("RGB")
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "described"
    path = tmp_path / "x"
    refused = 0
    for form in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"):
        file = io.BytesIO()
        picture.save(file, form, **({"exif": exif} if form in ("PNG", "JPEG", "WEBP", "TIFF") else {}))
        for _ in range(120):
            data = bytearray(file.getvalue())
            for _ in range(rng.choice((1, 3, 9))):
                data[rng.randrange(min(len(data), rng.choice((40, 400, 9000))))] = rng.randrange(256)
            path.write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.2 else data)
            try:
                read_picture(path)
            except InputError:
                refused += 1
    assert refused > 100


def test_threads_leave_the_warnings_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("RGB", (300, 300)).save(path)
    before = list(warnings.filters)
    threads = [threading.Thread(target=lambda: [read_picture(path) for _ in range(8)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before
