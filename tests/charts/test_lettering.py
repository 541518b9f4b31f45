from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from embedex.charts import lettering
from embedex.charts.lettering import drawable, font, has_shape, shorten, width, wrap


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_other_font: None) -> None:
    """A font with one character, 日: a black square one em wide."""
    pen = TTGlyphPen(None)
    for corner, at in enumerate([(0, 0), (0, 1000), (1000, 1000), (1000, 0)]):
        (pen.lineTo if corner else pen.moveTo)(at)
    pen.closePath()
    built = FontBuilder(1000, isTTF=True)
    built.setupGlyphOrder([".notdef", "sun"])
    built.setupCharacterMap({ord("日"): "sun"})
    built.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "sun": pen.glyph()})
    built.setupHorizontalMetrics({".notdef": (1000, 0), "sun": (1000, 0)})
    built.setupHorizontalHeader(ascent=1000, descent=-200)
    built.setupNameTable({"familyName": "One Sun", "styleName": "Regular"})
    built.setupOS2()
    built.setupPost()
    built.save(tmp_path / "sun.ttf")
    monkeypatch.setattr(lettering, "FALLBACKS", ("Not There", "One Sun"))
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    font_manager.fontManager.addfont(tmp_path / "sun.ttf")


@pytest.mark.usefixtures("installed")
def test_what_the_font_lacks_is_drawn_from_one_that_is_installed() -> None:
    assert drawable("日本 a") == "日□ a"
    assert width("日", 10) == pytest.approx(10 / 72)
    assert font(10, text="a").get_file()
    figure = Figure(figsize=(1, 1), dpi=72)
    FigureCanvasAgg(figure)
    figure.text(0.2, 0.2, drawable("日"), fontproperties=font(36, text="日"))
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=72)
    black = np.asarray(Image.open(drawn).convert("L")) < 128
    assert black.sum() == pytest.approx(36 * 36, rel=0.1), "the square, not a frame of a missing character"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n b\t\fc ", "a b c"),
        ("", ""),
        ("日本", "□□"),
        ("Ａ①", "A①"),
        ("e\u0301", "é"),
        ("🙂\ufe0f\u200d", "□"),
        ("\ud800", "□"),
        ("$x$", "$x$"),
    ],
)
def test_drawable(text: str, expected: str) -> None:
    assert drawable(text) == expected


def test_has_shape() -> None:
    assert has_shape("日 a")
    assert not has_shape("日本 ")


@pytest.mark.parametrize("bold", [False, True])
def test_width_is_what_is_drawn(bold: bool) -> None:
    figure = Figure(dpi=200)
    FigureCanvasAgg(figure)
    text = figure.text(0, 0, "crabominable-roaring-moon", fontproperties=font(12, bold=bold))
    drawn = text.get_window_extent().width / 200
    assert width("crabominable-roaring-moon", 12, bold=bold) == pytest.approx(drawn, rel=0.03)


def test_shorten_keeps_to_its_room() -> None:
    assert shorten("short", 2, 10) == "short"
    cut = shorten("W" * 80, 2, 10)
    assert cut.endswith("…")
    assert width(cut, 10) <= 2


def test_wrap_cuts_only_the_last_line() -> None:
    text = "one two three four five six seven eight nine ten"
    lines = wrap(text, 0.8, 8, lines=3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(width(line, 8) <= 0.8 for line in lines)
    assert wrap(text, 20, 8, lines=3) == [text]
    assert wrap("", 1, 8, lines=2) == []
