"""Writing a file so that a reader sees it whole or not at all: written beside, synced, then renamed.

Nothing here knows what a file holds. A process that is killed leaves at most a hidden ``.name.random.part``
behind, which `sweep_parts` removes.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import unicodedata
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PART_SUFFIX = ".part"
"""How the name of an unfinished file ends."""


def atomic_write(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file by a function: `path` holds the old content or all of the new, even after a power cut.

    Args:
        path: the file to write or replace; its folder exists.
        write: is given the open file and writes the content. It may seek, but not close the file.

    Raises:
        OSError: the file cannot be written. Whatever `write` raises comes through as well. In both cases
            `path` is as it was, and no unfinished file is left.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}{PART_SUFFIX}")
    try:
        with part.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def atomic_bytes(path: Path, data: bytes) -> None:
    """Write bytes so that `path` holds the old content or all of `data`.

    Raises:
        OSError: the file cannot be written; `path` is as it was.
    """
    atomic_write(path, lambda file: file.write(data))


def sweep_parts(folder: Path) -> int:
    """Remove what killed runs left unfinished in a folder; folders below it are not looked into.

    Call it only where no other process is writing: its unfinished files would go as well.

    Returns:
        How many files were removed. A folder that does not exist holds none.
    """
    parts = list(folder.glob(f".*{PART_SUFFIX}"))
    for part in parts:
        part.unlink(missing_ok=True)
    return len(parts)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last through a power cut. Windows cannot open a folder, and does not need it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


NAME_BYTES = 200
"""The longest name that `file_name` gives. File systems allow 255 bytes; an ending and the name of a part need some."""


def file_name(text: str) -> str:
    """A text as the name of a file that stays in its folder, without its ending; another text is another name.

    Percent-encoded is what could lead elsewhere or what a common file system forbids; letters of every script stay,
    each as one character. What that would make alike, or what is too long, ends in a hash of the whole text.

    Example:
        >>> file_name("a/é")
        'a%2Fé'
    """
    composed = unicodedata.normalize("NFC", text)
    name = _FORBIDDEN.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), composed)
    if composed == text and len(name.encode()) <= NAME_BYTES:
        return name
    mark = f"-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return name.encode()[: NAME_BYTES - len(mark)].decode(errors="ignore") + mark


_FORBIDDEN = re.compile(r'[/\\:*?"<>|%\x00-\x1f\x7f-\x9f]|\A\.|[. ]\Z')
"""In file names of Windows, macOS or Linux; a dot at the start hides a file, and Windows drops one at the end."""
