"""Charts: results in, matplotlib figures out. Pure: nothing is computed, printed or opened in a window here.

Importing this package loads matplotlib, so import it only where something is drawn. pyplot is never used:
figures are plain objects that any thread or process may draw.
"""

from __future__ import annotations

from embedex.charts.answers import answers_chart
from embedex.charts.clusters import cluster_chart
from embedex.charts.compare import compare_chart
from embedex.charts.disagreement import disagreement_chart
from embedex.charts.heatmap import heatmap
from embedex.charts.map import map_chart
from embedex.charts.page import Section, write_index
from embedex.charts.pictures import portrait
from embedex.charts.probe import probe_chart
from embedex.charts.quality import quality_chart
from embedex.charts.similar import similar_strip
from embedex.charts.style import caption, save
from embedex.charts.tokens import token_histogram
from embedex.charts.tune import tune_chart
from embedex.charts.unusual import unusual_chart
from embedex.charts.why import why_chart

__all__ = [
    "Section",
    "answers_chart",
    "caption",
    "cluster_chart",
    "compare_chart",
    "disagreement_chart",
    "heatmap",
    "map_chart",
    "portrait",
    "probe_chart",
    "quality_chart",
    "save",
    "similar_strip",
    "token_histogram",
    "tune_chart",
    "unusual_chart",
    "why_chart",
    "write_index",
]
