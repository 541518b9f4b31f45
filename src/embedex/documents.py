"""From a record to what an encoder reads: a text, or a square RGB image. Pure: nothing here touches a network.

The text is the record itself, minified, with the redundant key prefix stripped and nothing else changed. The picture
is laid on white and resized to a square, padded unless the encoder wants it stretched. Every document knows the hash
of its content, so that what has not changed is not embedded again.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import threading
import warnings
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from embedex.errors import InputError
from embedex.records import JSON, Record, is_prose, minify, strip_prefix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

IMAGE_SIDE = 224
"""Side of an image document in pixels."""


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """How a picture becomes a square; an encoder chooses.

    Attributes:
        fit: ``pad`` keeps its aspect and pads with white; ``stretch`` does not keep it.
        filter: what it is resized with.
    """

    fit: Literal["pad", "stretch"] = "pad"
    filter: Literal["Lanczos", "bicubic"] = "Lanczos"

    @property
    def preprocessing(self) -> str:
        """Names this for an encoder's description. The last number counts up with every change of the pixels."""
        fitted = {"pad": "padded", "stretch": "stretched"}[self.fit]
        return f"white ground, {fitted} to a square, {self.filter} to {IMAGE_SIDE} px; 1"


PADDED = PictureSettings()
"""What encoders get that do not choose."""

IMAGE_PREPROCESSING = PADDED.preprocessing
"""Names how a picture becomes an image document, unless the encoder chooses otherwise."""

MAX_PIXELS = 50_000_000
"""A picture with more pixels is refused before it is decoded."""

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
"""The endings that a picture's file may have, in the order in which one is chosen where several match."""


_SOFT_HYPHEN = re.compile("\N{SOFT HYPHEN}\\s?")


@dataclass(frozen=True, slots=True)
class TextSettings:
    r"""How a collection's records become text; kept in its manifest.

    Attributes:
        strip_prefix: removed from every key, or ``""``.
        ascii: whether characters beyond ASCII are written as ``\uXXXX``, as they came from many an API.
    """

    strip_prefix: str = ""
    ascii: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """Where one field stands in a document's text: ``text[start:end]``, in characters."""

    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TextDocument:
    """A record as text."""

    id: str
    text: str

    @property
    def content_hash(self) -> str:
        """sha256 of the text in UTF-8, as hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def content(self) -> str:
        """What an encoder reads."""
        return self.text


@dataclass(frozen=True, slots=True)
class ImageDocument:
    """A record's picture: its file, decoded only when an encoder asks for the pixels.

    Attributes:
        id: the record's.
        path: the file.
        settings: how the encoder wants it made square.
    """

    id: str
    path: Path
    settings: PictureSettings = PADDED

    @property
    def content_hash(self) -> str:
        """sha256 of the file's bytes, as hex digits.

        Raises:
            InputError: the file cannot be opened or read, as where it is a folder.
        """
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{self.path}: not a picture that can be read ({error.strerror}).") from error

    def content(self) -> NDArray[np.uint8]:
        """What an encoder reads: the picture as an RGB square, uint8, shape (224, 224, 3).

        Raises:
            InputError: the file is no picture that can be read, or a forbiddingly large one.
        """
        return read_picture(self.path, self.settings)


@dataclass(frozen=True, slots=True)
class Passage:
    """A longer string value of a record, such as a flavour text, with its white space made plain.

    Attributes:
        id: the record's.
        path: the value's JSON path, without list positions.
        text: the value.
    """

    id: str
    path: str
    text: str


def text_document(record: Record, settings: TextSettings) -> TextDocument:
    """The record as minified JSON."""
    return TextDocument(record.id, minify(strip_prefix(record.data, settings.strip_prefix), ascii=settings.ascii))


def settings_key(settings: TextSettings) -> str:
    """The settings as one canonical text, for an identity."""
    return json.dumps(asdict(settings), sort_keys=True)


def field_spans(data: JSON, settings: TextSettings, *, depth: int | None = 1) -> list[Span]:
    """Where the fields of a record stand in its document.

    Args:
        data: the record's data, as it came.
        settings: the settings that `text_document` was given.
        depth: how many levels of objects to look into; None looks into lists as well, down to each single value.

    Returns:
        Spans in the order of the text. They touch one another and cover the whole text: brackets, commas and a
        field's own key belong to the field they lead to. List positions are not part of a path: ``types.type.name``.
    """
    spans: list[Span] = []
    position = 0
    start = 0

    def close(path: str) -> None:
        nonlocal start
        if position > start:
            spans.append(Span(path, start, position))
            start = position

    def walk(value: JSON, path: str, level: int) -> None:
        nonlocal position
        deeper = depth is None or level < depth
        if isinstance(value, dict) and value and deeper:
            for number, (key, each) in enumerate(value.items()):
                position += 1 if number else 0  # the comma, which belongs to the field it leads to
                position += (0 if number else 1) + len(minify(key, ascii=settings.ascii)) + 1
                walk(each, f"{path}.{key}" if path else key, level + 1)
            position += 1
        elif isinstance(value, list) and value and depth is None:
            position += 1
            for number, each in enumerate(value):
                position += 1 if number else 0
                walk(each, path, level + 1)
            position += 1
        else:
            position += len(minify(value, ascii=settings.ascii))
            close(path)

    walk(strip_prefix(data, settings.strip_prefix), "", 0)
    if spans and start < position:  # the closing brackets belong to the last field
        spans[-1] = Span(spans[-1].path, spans[-1].start, position)
    return spans


def text_spans(text: str, settings: TextSettings, *, depth: int = 1) -> list[Span]:
    """Where the fields stand in a document's text, found in the text itself; see `field_spans`."""
    return field_spans(json.loads(text), TextSettings("", settings.ascii), depth=depth)


def without_fields(text: str, paths: Collection[str], settings: TextSettings, *, depth: int = 1) -> str:
    """A document's text as it is where some fields, by their paths as `text_spans` has them, are left out.

    An object that loses all of its fields goes with them, since its key belongs to the first of them.
    """

    def kept(value: JSON, path: str, level: int) -> JSON:
        if not isinstance(value, dict) or level == depth:
            return value
        left = {}
        for key, each in value.items():
            below = f"{path}.{key}" if path else key
            if below not in paths:
                left[key] = kept(each, below, level + 1)
                if each and left[key] == {}:
                    del left[key]
        return left

    return minify(kept(json.loads(text), "", 0), ascii=settings.ascii)


def passages(record: Record, settings: TextSettings) -> list[Passage]:
    """The record's longer string values, each once whatever its case, in the order of the record."""
    found: dict[str, Passage] = {}

    def walk(value: JSON, path: str) -> None:
        if isinstance(value, str):
            text = " ".join(_SOFT_HYPHEN.sub("", value).split())
            if is_prose(text):
                found.setdefault(text.casefold(), Passage(record.id, path, text))
        elif isinstance(value, dict):
            for key, each in value.items():
                walk(each, f"{path}.{key}" if path else key)
        elif isinstance(value, list):
            for each in value:
                walk(each, path)

    walk(strip_prefix(record.data, settings.strip_prefix), "")
    return list(found.values())


def read_picture(path: Path, settings: PictureSettings = PADDED) -> NDArray[np.uint8]:
    """A picture file as an RGB square: laid on white, padded or stretched to a square, resized to 224 pixels.

    Any colour mode is read (grey, palette, CMYK, 16 bit); of an animation the first frame; EXIF rotation is
    obeyed. Several threads may call this.

    Returns:
        uint8, shape (224, 224, 3).

    Raises:
        InputError: the file is empty, is no picture, is cut short, or has more than `MAX_PIXELS` pixels.
    """
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path}: an empty file, not a picture.")
        with _quiet, Image.open(path, formats=PICTURE_FORMATS) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise InputError(
                    f"{path}: {width:,} x {height:,} pixels, {width * height / 1e6:.0f} megapixels.",
                    allowed=f"A picture may have up to {MAX_PIXELS / 1e6:.0f} megapixels.",
                    cure="Make it smaller first: only 224 x 224 pixels are used.",
                )
            if settings.fit == "pad":  # a model that stretches was trained on pictures that were decoded in full
                picture.draft("RGB", (2 * IMAGE_SIDE, 2 * IMAGE_SIDE))  # lets JPEG decode at a fraction
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            return np.asarray(square(upright, settings))
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: {error}", cure="Leave such a picture out; it may be an attack.") from error
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path}: not a picture that can be read.", allowed=f"Pictures are {', '.join(PICTURE_FORMATS)}."
        ) from error
    except _DECODER_ERRORS as error:
        raise InputError(f"{path}: not a picture that can be read ({error}).") from error


def square(picture: Image, settings: PictureSettings = PADDED) -> Image:
    """Lay a picture on white and fit it into 224 x 224: keeping its aspect and padded with white, or stretched.

    Raises:
        ValueError: the picture has no pixels.
    """
    from PIL import Image

    if not all(picture.size):
        raise ValueError(f"{picture.width} x {picture.height} pixels")
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _eight_bits(picture)
    if picture.mode == "La":  # the one mode that Pillow does not turn into RGBA
        picture = picture.convert("LA")
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, "white")
        picture = Image.alpha_composite(ground, rgba)
    rgb = picture.convert("RGB")
    resampling = {"Lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}[settings.filter]
    if settings.fit == "stretch":
        return rgb.resize((IMAGE_SIDE, IMAGE_SIDE), resampling)
    scale = IMAGE_SIDE / max(rgb.size)
    width, height = (max(1, round(side * scale)) for side in rgb.size)
    fitted = rgb.resize((width, height), resampling)
    if fitted.size == (IMAGE_SIDE, IMAGE_SIDE):
        return fitted
    sheet = Image.new("RGB", (IMAGE_SIDE, IMAGE_SIDE), "white")
    sheet.paste(fitted, ((IMAGE_SIDE - width) // 2, (IMAGE_SIDE - height) // 2))
    return sheet


def _eight_bits(picture: Image) -> Image:
    """Grey of 16 bits or more as 8 bits. What is white tells the mode, or else the brightest pixel."""
    import numpy as np
    from PIL import Image

    grey = np.nan_to_num(np.asarray(picture, dtype=np.float32))
    whites = (65535.0,) if picture.mode.startswith("I;16") else (1.0, 255.0, 65535.0)
    top = float(grey.max())
    white = next((white for white in whites if top <= white), top)
    return Image.fromarray(np.rint(np.clip(grey * np.float32(255.0 / white), 0, 255)).astype(np.uint8))


class _Quiet:
    """Silences warnings while at least one picture is read.

    Pillow warns of much that does not matter here, such as a broken EXIF tag. `warnings.catch_warnings` alone
    would not do: it changes the whole process, and threads that leave it in another order than they entered
    leave the wrong filters behind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._readers == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                self._caught.__exit__(None, None, None)


_quiet = _Quiet()

PICTURE_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""What is decoded, whatever a file's ending says: for an EPS named ``.png`` Pillow would run a program."""

_DECODER_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
)
"""What Pillow's decoders raise when a file is damaged."""
