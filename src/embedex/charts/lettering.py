"""Text that is safe to draw and known in width: names and titles come from anybody's records.

Every chart is lettered in DejaVu Sans, which ships with matplotlib, so that a chart looks the same on every
machine. Widths are computed from the font itself, so that a chart can be laid out before it is drawn.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.ft2font import LoadFlags

_FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
_FILES = {False: _FONTS / "DejaVuSans.ttf", True: _FONTS / "DejaVuSans-Bold.ttf"}
_MISSING = "□"
_SILENT = ("Cc", "Cf", "Mn", "Me")
"""Categories that carry no shape of their own: controls, joiners, variation selectors, marks."""

LINE = 1.3 / 72
"""Height of a line of text in inches, for each point of its size."""


def font(size: float, *, bold: bool = False) -> FontProperties:
    """DejaVu Sans from matplotlib's own folder, whatever is installed or set elsewhere."""
    return FontProperties(fname=str(_FILES[bold]), size=size)


def drawable(text: str) -> str:
    """The text on one line, with only characters the font has.

    A character it lacks becomes its plain form where Unicode names one, such as ``A`` for a full-width one,
    else ``□``.

    Example:
        >>> drawable("a   b 龍")
        'a b □'
    """
    flat = " ".join(text.split())
    if flat.isascii() and flat.isprintable():
        return flat
    return " ".join("".join(map(_shape, unicodedata.normalize("NFC", flat))).split())


def has_shape(text: str) -> bool:
    """Whether anything of the text can be read once it is drawn."""
    return bool(drawable(text).strip(_MISSING + " "))


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line of text is, in inches."""
    return sum(_advance(each, bold) for each in drawable(text)) * size / 72


def shorten(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """The text, cut to `room` inches with an ellipsis where it is longer."""
    text = drawable(text)
    if width(text, size, bold=bold) <= room:
        return text
    room -= width("…", size, bold=bold)
    end = 0
    for character in text:
        room -= _advance(character, bold) * size / 72
        if room < 0:
            break
        end += 1
    return text[:end].rstrip(" -_,.;:") + "…"


def wrap(text: str, room: float, size: float, *, lines: int, bold: bool = False) -> list[str]:
    """The text in at most `lines` lines of `room` inches; what is left over is cut with an ellipsis."""
    words = drawable(text).split()
    wrapped: list[str] = []
    while words and len(wrapped) < lines - 1:
        count = 1
        while count < len(words) and width(" ".join(words[: count + 1]), size, bold=bold) <= room:
            count += 1
        wrapped.append(shorten(" ".join(words[:count]), room, size, bold=bold))
        words = words[count:]
    if words:
        wrapped.append(shorten(" ".join(words), room, size, bold=bold))
    return wrapped


@lru_cache(maxsize=8192)
def _shape(character: str) -> str:
    if unicodedata.category(character) in _SILENT:
        return ""
    if _has(character):
        return character
    plain = unicodedata.normalize("NFKD", character)
    kept = "".join(each for each in plain if _has(each))
    return kept if plain != character and kept.strip() else _MISSING


def _has(character: str) -> bool:
    return all(get_font(str(file)).get_char_index(ord(character)) for file in _FILES.values())


@lru_cache(maxsize=8192)
def _advance(character: str, bold: bool) -> float:
    """How far a character moves the pen, in ems."""
    face = get_font(str(_FILES[bold]))
    face.set_size(100, 72)
    return face.load_char(ord(character), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / 100
