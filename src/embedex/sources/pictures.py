"""Which picture of a folder belongs to which record, and whether it can be read.

Nothing here follows a link or a path out of the folder it was given, and nothing is downloaded; what becomes
of a picture is `embedex.documents`.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import quote

from embedex.documents import PICTURE_SUFFIXES, read_picture
from embedex.errors import InputError
from embedex.files import file_name
from embedex.records import Strictness
from embedex.sources.excerpts import shorten


def find_pictures(
    record_ids: Iterable[str], folder: Path, *, strictness: Strictness
) -> tuple[dict[str, Path], list[Path]]:
    """Match the pictures of a folder to records by file name: ``25.png`` is the picture of record ``25``.

    An id that cannot be a file name is percent-encoded: ``a/b`` has ``a%2Fb.png``, and other characters may be so as
    well. The names that `embedex.files.file_name` gives in a collection are found. Folders below are not looked into.

    Args:
        record_ids: the records' ids.
        folder: holds the pictures, with endings of `PICTURE_SUFFIXES` in any case.
        strictness: takes second pictures of one record and links that leave the folder.

    Returns:
        The picture of each record that has one, in the order of `record_ids`; and the pictures of no record.

    Raises:
        InputError: the folder is none, or holds no picture.
    """
    home = _resolved_folder(folder)
    by_stem: dict[str, list[Path]] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES):
        if path.is_symlink() and (fault := _link_fault(path, home)):
            strictness.add(str(path), fault)
        elif path.is_file():
            by_stem.setdefault(_composed(path.stem), []).append(path)
    if not by_stem:
        raise InputError(
            f"{folder}: holds no picture.",
            allowed=f"A picture's file ends in {', '.join(PICTURE_SUFFIXES)}.",
            cure="Name the folder that holds the pictures themselves; folders below it are not looked into.",
        )
    pictures = {}
    for id_ in record_ids:
        matches: list[Path] = []
        for stem in dict.fromkeys((_composed(id_), file_name(id_), quote(id_, safe=""))):
            matches += by_stem.pop(stem, [])
        matches.sort(key=lambda path: PICTURE_SUFFIXES.index(path.suffix.lower()))
        if matches:
            pictures[id_] = matches[0]
        for other in matches[1:]:
            strictness.add(str(other), f"a second picture of record {shorten(id_)}, which has {matches[0].name}")
    return pictures, sorted(path for left in by_stem.values() for path in left)


def pictures_by_path(named: Iterable[tuple[str, str, str]], folder: Path, *, strictness: Strictness) -> dict[str, Path]:
    """Find the pictures that records name in a field.

    Args:
        named: of each record its id, the field's value (a path from the folder), and the record's place.
        folder: holds the pictures, and is not left.
        strictness: takes values that lead to no picture there.

    Returns:
        The picture of each record whose value is good, in the order given.

    Raises:
        InputError: the folder is none.
    """
    home = _resolved_folder(folder)
    pictures = {}
    for id_, value, where in named:
        if fault := _path_fault(value, folder, home):
            strictness.add(where, f"its picture {shorten(value)} {fault}")
        else:
            pictures[id_] = folder / value
    return pictures


def check_pictures(
    pictures: Mapping[str, Path],
    strictness: Strictness,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Path]:
    """Decode every picture once, and keep those that can be read.

    Args:
        pictures: record id to file.
        strictness: takes the files that are no pictures, are broken, or are too large.
        progress: is told how many of how many files are done, in the calling thread.

    Returns:
        The good ones, in the same order.
    """
    paths = list(dict.fromkeys(pictures.values()))
    good = set()
    # A picture at the limit takes some 600 MB while it is decoded, so there are not many threads.
    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
    try:
        for done, (path, fault) in enumerate(zip(paths, pool.map(_picture_fault, paths), strict=True), 1):
            if fault:
                strictness.add(str(path), fault)
            else:
                good.add(path)
            if progress:
                progress(done, len(paths))
    finally:
        pool.shutdown(cancel_futures=True)
    return {id_: path for id_, path in pictures.items() if path in good}


def _resolved_folder(folder: Path) -> Path:
    if not folder.is_dir():
        seen = "a file, not a folder of pictures" if folder.exists() else "there is no such folder"
        raise InputError(f"{folder}: {seen}.")
    return folder.resolve()


def _composed(text: str) -> str:
    """One form for é: file names that came by way of a Mac hold it as two characters."""
    return unicodedata.normalize("NFC", text)


def _link_fault(path: Path, home: Path) -> str:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: links in a circle, before Python 3.13
        return "a link that leads nowhere"
    return "" if target.is_relative_to(home) else "a link that leaves the folder, not followed"


def _path_fault(value: str, folder: Path, home: Path) -> str:
    """Why a value cannot be a picture's path, or ``""``."""
    if re.match(r"[a-z][a-z0-9+.-]+://|data:", value, re.IGNORECASE):
        return "is a URL; only files in the folder are used"
    if PurePosixPath(value).is_absolute() or PureWindowsPath(value).anchor:
        return "is an absolute path; it must start from the folder"
    if ".." in re.split(r"[\\/]", value):
        return "leaves the folder by '..'"
    if PurePosixPath(value).suffix.lower() not in PICTURE_SUFFIXES:
        return f"does not end in {', '.join(PICTURE_SUFFIXES)}"
    path = folder / value
    try:
        if not path.is_file():
            return "is not in the folder"
        return "" if path.resolve().is_relative_to(home) else "leaves the folder by a link"
    except OSError as error:  # such as a name that is too long
        return f"cannot be a file's path ({error.strerror})"
    except ValueError as error:  # a zero byte
        return f"cannot be a file's path ({error})"


def _picture_fault(path: Path) -> str:
    try:
        read_picture(path)
    except InputError as error:
        return " ".join(filter(None, (error.seen.removeprefix(f"{path}: "), error.allowed)))
    return ""
