from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle, StepPatch

from embedex.charts import token_histogram
from embedex.results import TokenCounts, TokenReport

from .support import DATE, collisions, outside, tokens, words


def _report(*counts: list[int]) -> TokenReport:
    kinds = (("bert-base-uncased", "WordPiece"), ("o200k_base", "BPE"))
    tokenizers = [TokenCounts(*kind, np.array(each, dtype=np.int64)) for kind, each in zip(kinds, counts, strict=False)]
    return TokenReport("Cards", [str(n) for n in range(len(counts[0]))], tokenizers, [("name", 3), ("text", 9)])


def test_every_document_is_counted_once() -> None:
    figure = token_histogram(tokens(), date=DATE)
    steps = [patch for patch in figure.axes[0].patches if isinstance(patch, StepPatch)]
    assert [int(np.sum(patch.get_data()[0])) for patch in steps] == [200] * 4


def test_medians_and_limits_are_told() -> None:
    said = words(token_histogram(_report([100, 600, 3000, 9000], [50, 300, 1500, 4500]), date=DATE))
    assert "bert-base-uncased (WordPiece): median 1,800" in said
    assert "o200k_base (BPE): median 900" in said
    for part in ("512", "2,048", "8,192", "cuts 75%", "cuts 50%", "cuts 25%", "cuts 0%"):
        assert part.replace("%", "") in said.replace(".0%", "%").replace("%", "")


def test_limits_beyond_the_data_are_told_in_words() -> None:
    assert "512, 2,048, 8,192 cut none" in words(token_histogram(_report([10, 60, 70]), date=DATE))
    assert "8,192 cuts none" in words(token_histogram(_report([10, 60, 1900]), date=DATE))


@pytest.mark.parametrize("most", [9_000, 500_000])
def test_labels_do_not_touch(most: int) -> None:
    long = np.linspace(20, most, 300).astype(int).tolist()
    figure = token_histogram(_report(long, [each * 9 // 10 for each in long]), date=DATE)
    assert ("logarithmic" in words(figure)) == (most > 100_000)
    assert not collisions(figure)
    assert not outside(figure)


def test_paths_are_shares_of_all() -> None:
    figure = token_histogram(tokens(), date=DATE)
    bars = [bar for bar in figure.axes[1].patches if isinstance(bar, Rectangle)]
    assert len(bars) == 11
    assert sum(bar.get_width() for bar in bars) == pytest.approx(1)
    assert "4 other paths" in words(figure)


def test_no_paths_no_panel() -> None:
    report = _report([10, 20])
    bare = TokenReport(report.collection, report.ids, report.tokenizers)
    assert len(token_histogram(bare, date=DATE).axes) == 1
