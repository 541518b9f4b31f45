"""The lines of a text file with their numbers; a file with ``.gz`` after its ending is unpacked.

Text is UTF-8, with or without a byte order mark. What the lines hold is for the readers of each format.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from embedex.errors import InputError

_SAVE = "Save the file as UTF-8."


def byte_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The file's lines with their numbers, without a byte order mark.

    Raises:
        InputError: the file cannot be read or unpacked, or is UTF-16.
    """
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise InputError(f"{path}: is UTF-16, but text is read as UTF-8.", cure=_SAVE)
            yield number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The same as text.

    Raises:
        InputError: as above, or a line is not UTF-8.
    """
    for number, line in byte_lines(path):
        try:
            yield number, line.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{path}:{number}: {not_utf8(error)}.", cure=_SAVE) from error


def not_utf8(error: UnicodeDecodeError) -> str:
    """What is told of a line that is not UTF-8."""
    return f"not UTF-8 (byte 0x{error.object[error.start]:02x} at byte {error.start + 1} of the line)"


def is_packed(path: Path) -> bool:
    """Whether the file's name says that it is packed with gzip."""
    return path.suffix.lower() == ".gz"


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with gzip.open(path, "rb") if is_packed(path) else path.open("rb") as file:
            yield file  # type: ignore[misc]  # a GzipFile is read like any other
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {error}.", cure="Get or pack the file anew.") from error
