"""Pages of small pictures: 32 x 32 cells of 64 pixels, made once and kept in the collection's folder.

A page's file is named by what it shows, so that a picture that was changed makes its page anew.
"""

from __future__ import annotations

import hashlib
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from embedex.documents import MAX_PIXELS, PICTURE_FORMATS
from embedex.explorer.shelf import Held
from embedex.files import atomic_bytes, sweep_parts

if TYPE_CHECKING:
    from PIL.Image import Image

    from embedex.store import Index

SIDE = 64
COLUMNS = 32
CELLS = COLUMNS * COLUMNS
FOLDER = ".explorer"

_EDITION = "1"
"""Changes when the same pictures give other pages."""

_FAINT = 12
"""Alpha up to this counts as empty, as in charts."""


def pages(index: Index) -> int:
    """How many pages there are: up to the last record that has a picture."""
    last = next((row for row in range(len(index.pictures) - 1, -1, -1) if index.pictures[row] is not None), -1)
    return -(-(last + 1) // CELLS)


class Atlas:
    """The pages of one collection.

    Args:
        index: the collection's.
        images: the folder of its pictures.
        folder: the collection's folder.
        keep: whether pages that are drawn are kept there.
    """

    def __init__(self, index: Index, images: Path, folder: Path, *, keep: bool = True) -> None:
        self._index, self._images, self._folder = index, images, folder / FOLDER
        self._keeps = keep
        self._drawing = threading.Lock()  # one page at a time: it takes 16 MiB
        self.count = pages(index)

    def digest(self, page: int) -> str:
        """Names what a page shows."""
        rows = slice(page * CELLS, (page + 1) * CELLS)
        shown = "\n".join(each or "" for each in self._index.picture_hashes[rows])
        return hashlib.sha256(f"{_EDITION}\n{SIDE}\n{COLUMNS}\n{shown}".encode()).hexdigest()[:24]

    def page(self, number: int) -> Held:
        """A page as WebP; from its file, or drawn now, and kept unless the folder may not be written.

        Args:
            number: from 0 to before `count`.
        """
        digest = self.digest(number)
        path = self._folder / f"thumbnails-{number}-{digest}.webp"
        with self._drawing:
            try:
                body = path.read_bytes()
            except OSError:
                body = self._drawn(number)
                if self._keeps:
                    self._keep(path, number, body)
        return Held(body, "image/webp", etag=f'"{digest}"')

    def _keep(self, path: Path, number: int, body: bytes) -> None:
        with suppress(OSError):  # a folder that may not be written: the page is drawn again next time
            self._folder.mkdir(exist_ok=True)
            sweep_parts(self._folder)
            atomic_bytes(path, body)
            for old in self._folder.glob(f"thumbnails-{number}-*.webp"):
                if old != path:
                    old.unlink()

    def _drawn(self, number: int) -> bytes:
        import io

        from PIL import Image

        sheet = Image.new("RGBA", (SIDE * COLUMNS, SIDE * COLUMNS))
        first = number * CELLS
        for cell, name in enumerate(self._index.pictures[first : first + CELLS]):
            small = thumbnail(self._images / name) if name else None
            if small is not None:
                left, top = cell % COLUMNS * SIDE, cell // COLUMNS * SIDE
                sheet.paste(small, (left + (SIDE - small.width) // 2, top + (SIDE - small.height) // 2))
        written = io.BytesIO()
        sheet.save(written, "WEBP", quality=82, method=3)
        return written.getvalue()


def thumbnail(path: Path) -> Image | None:
    """A picture without its transparent margin, fitted into a cell, RGBA; None where it cannot be read."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit is the stricter one, and its metadata is nobody's concern
            with Image.open(path, formats=PICTURE_FORMATS) as file:
                if file.width * file.height > MAX_PIXELS:
                    return None
                file.draft("RGB", (4 * SIDE, 4 * SIDE))
                turned = ImageOps.exif_transpose(file)
                picture = turned.convert("RGBA")
        alpha = picture.getchannel("A")
        box = alpha.point([255 * (level > _FAINT) for level in range(256)]).getbbox()
        if box is None:
            return None
        picture = picture.crop(box)
        scale = SIDE / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, MemoryError, Image.DecompressionBombError):
        return None  # a broken picture leaves its cell empty


_SIGNS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)


def media_type(path: Path) -> str | None:
    """A picture's media type by its first bytes; None for what is no picture, whatever it is called.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(16)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((media for sign, media in _SIGNS if head.startswith(sign)), None)
