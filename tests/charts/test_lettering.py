from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from embedex.charts.lettering import drawable, font, has_shape, shorten, width, wrap


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
