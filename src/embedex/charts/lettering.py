"""Text that is safe to draw and known in width: names and titles come from anybody's records.

Every chart is lettered in DejaVu Sans, which ships with matplotlib, so that a chart looks the same on every
machine. Only what DejaVu Sans lacks, such as Chinese, Japanese and Korean, is taken from a font that is installed.
Widths are computed from the fonts themselves, so that a chart can be laid out before it is drawn.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.ft2font import LoadFlags

_FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
_FILES = {False: _FONTS / "DejaVuSans.ttf", True: _FONTS / "DejaVuSans-Bold.ttf"}
_FAMILY, _BOLD = "DejaVu Sans", 600
_MISSING = "□"
_SILENT = ("Cc", "Cf", "Mn", "Me")
"""Categories that carry no shape of their own: controls, joiners, variation selectors, marks."""

FALLBACKS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR",
    "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Yu Gothic", "Microsoft YaHei", "Malgun Gothic",
    "IPAGothic", "IPAexGothic", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Source Han Sans", "NanumGothic",
    "Arial Unicode MS", "Noto Sans Devanagari", "Nirmala UI", "Noto Sans Thai", "Leelawadee UI",
)  # fmt: skip
"""Fonts for what DejaVu Sans lacks, those that come with systems first; of these the ones that are installed serve."""

LINE = 1.3 / 72
"""Height of a line of text in inches, for each point of its size."""


def font(size: float, *, bold: bool = False, text: str = "") -> FontProperties:
    """DejaVu Sans from matplotlib's own folder, whatever is installed or set elsewhere.

    For a text with characters that it lacks, the fonts that are installed for these come after it; bold, where all of
    them have a bold one.
    """
    shown = drawable(text)
    if all(map(_own, shown)):
        return FontProperties(fname=str(_FILES[bold]), size=size)
    others = list(dict.fromkeys(name for each in shown if not _own(each) for name, _ in [_fallback(each)] if name))
    bold = bold and all(any(weight >= _BOLD for weight, _ in _faces(name)) for name in others)
    return FontProperties(family=[_FAMILY, *others], size=size, weight="bold" if bold else "normal")


def drawable(text: str) -> str:
    """The text on one line, with only characters that some font here has.

    A character they lack becomes its plain form where Unicode names one, such as ``A`` for a full-width one,
    else ``□``.

    Example:
        >>> drawable("a   b \U0010fffd")
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
    return _own(character) or bool(_fallback(character)[0])


@lru_cache(maxsize=8192)
def _own(character: str) -> bool:
    return all(get_font(str(file)).get_char_index(ord(character)) for file in _FILES.values())


@lru_cache(maxsize=8192)
def _fallback(character: str) -> tuple[str, str]:
    """The first installed font with a character that DejaVu Sans lacks, its name and its file; each ``""`` for none."""
    for name in FALLBACKS:
        for _, file in _faces(name)[:1]:
            if get_font(file).get_char_index(ord(character)):
                return name, file
    return "", ""


def _faces(name: str) -> list[tuple[int, str]]:
    """The upright fonts of a family that are installed, each with its weight and file, the regular one first."""
    weights = font_manager.weight_dict
    family = [each for each in font_manager.fontManager.ttflist if each.name == name and each.style == "normal"]
    found = [
        (weights.get(each.weight, 400) if isinstance(each.weight, str) else each.weight, each.fname) for each in family
    ]
    return sorted(found, key=lambda face: abs(face[0] - 400))


@lru_cache(maxsize=8192)
def _advance(character: str, bold: bool) -> float:
    """How far a character moves the pen, in ems."""
    own = _own(character) or not _has(character)
    face = get_font(str(_FILES[bold]) if own else _fallback(character)[1])
    face.set_size(100, 72)
    return face.load_char(ord(character), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / 100
