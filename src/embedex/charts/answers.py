"""The records that answer a question in words, with their scores and the passages that answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedex.charts.rows import draw_rows, finite
from embedex.charts.scale import scale

if TYPE_CHECKING:
    import datetime

    from matplotlib.figure import Figure

    from embedex.results import Answers

_MOST = 10


def answers_chart(result: Answers, *, date: datetime.date) -> Figure:
    """Draw the ten best answers to a question.

    Args:
        result: the answer, best first; more than ten hits are left out.
        date: the day for the caption.

    Returns:
        A figure with the question as its title and one row an answer; passages stand beside their rows.
    """
    hits = finite(result.hits)[:_MOST]
    count = "The best answer" if len(hits) == 1 else f"The {len(hits)} best answers" if hits else "No answer"
    noun = "score: mean of best and middle passage" if result.against == "passages" else ""
    axis = scale((hit.value for hit in hits), result.basis.measure, noun=noun, from_zero=True)
    return draw_rows(
        hits,
        axis,
        title=result.question.strip() or "(no question)",
        subtitle=f"{count} among {result.against}",
        basis=result.basis,
        date=date,
        per_group=False,
        accent=axis.best(hit.value for hit in hits),
        nothing="No record answers this.",
    )
