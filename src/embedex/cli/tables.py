"""From a result to the rows a person reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from embedex.cli.output import Cell, Table
from embedex.collection import EmbedReport
from embedex.encoders.features import Feature, Features
from embedex.results import (
    TOKEN_LIMITS,
    Answers,
    Basis,
    Calibration,
    Clusters,
    Comparison,
    Disagreement,
    Estimate,
    Hit,
    Item,
    Map,
    Pairs,
    Probe,
    Quality,
    Result,
    Similar,
    TokenReport,
    Tuned,
    Unusual,
    Why,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DOUBTED_SHOWN = 10
"""The most records whose places are not to be believed in a table for people."""

GROUPS_SHOWN = 20
"""The most groups that a table of pairs for people has."""


def of(result: Result) -> Table:
    """The table of any result; of a map, which has a row a record, its settings."""
    if isinstance(result, TokenReport):
        return token_summary(result)
    if isinstance(result, Similar):
        return similar(result)
    if isinstance(result, Unusual):
        return unusual(result)
    if isinstance(result, Answers):
        return answers(result)
    if isinstance(result, Pairs):
        return pairs(result)
    if isinstance(result, Disagreement):
        return disagreement(result)
    if isinstance(result, Quality):
        return quality(result)
    if isinstance(result, Why):
        return why(result)
    if isinstance(result, Comparison):
        return comparison(result)
    if isinstance(result, Tuned):
        return tuned(result)
    if isinstance(result, Probe):
        return probe(result)
    if isinstance(result, Clusters):
        return clusters(result)
    return map_summary(result)


def similar(result: Similar) -> Table:
    """Hits with their scores or distances."""
    return _ranked(result.hits, result.basis, result)


def unusual(result: Unusual) -> Table:
    """Hits with their medians."""
    return _ranked(result.hits, result.basis, result, "median ")


def answers(result: Answers) -> Table:
    """Answers with the passage that answered; in CSV with its path as well."""
    columns = ["rank", "name", "id", "group", _column(result.basis)]
    rows: list[list[Cell]] = [[hit.rank, hit.item.name, hit.item.id, hit.item.group, hit.value] for hit in result.hits]
    full = None
    if result.against == "passages":
        columns.append("passage")
        rows = [[*row, hit.passage] for row, hit in zip(rows, result.hits, strict=True)]
        pathed = [[*row, hit.passage_path] for row, hit in zip(rows, result.hits, strict=True)]
        full = Table([*columns, "path"], pathed)
    return Table(columns, rows, f"{result.basis.caption()} · against {result.against}", result, full)


def pairs(result: Pairs) -> Table:
    """The mean score of each pair of groups: of the largest groups for people, of all in JSON and CSV."""
    labels = [label or "–" for label, _ in result.groups] or ["all"]
    means = result.group_means.tolist()
    whole = {"groups": labels, "means": means, "count": result.count, "basis": result.basis}
    caption = result.basis.caption()
    if not means:
        return Table(["mean of pairs"], [], f"{caption} · {len(labels):,} groups are too many for a table", whole)
    every = range(len(labels))
    full = _means(labels, means, every)
    left_out = len(labels) - GROUPS_SHOWN
    if left_out <= 0:
        return replace(_means(labels, means, every, short=True), caption=caption, whole=whole, full=full)
    starts = [start for _, start in result.groups]
    sizes = [end - start for start, end in pairwise([*starts, len(result.matrix)])]
    largest = sorted(sorted(range(len(labels)), key=lambda group: -sizes[group])[:GROUPS_SHOWN])
    caption += f" · the {GROUPS_SHOWN} largest groups; --format csv has the other {left_out:,} as well"
    return replace(_means(labels, means, largest, short=True), caption=caption, whole=whole, full=full)


def _means(
    labels: Sequence[str], means: Sequence[Sequence[float]], chosen: Sequence[int], *, short: bool = False
) -> Table:
    """The mean scores of some groups, in a row and a column each; `short` leaves out of columns how all names begin."""
    common = _common_start([labels[group] for group in chosen]) if short else ""
    columns = ["mean of pairs", *(labels[group].removeprefix(common) for group in chosen)]
    return Table(columns, [[labels[row], *(means[row][column] for column in chosen)] for row in chosen])


def map_summary(result: Map) -> Table:
    """How a map was fitted, and how far it can be believed."""
    rows: list[list[Cell]] = [[key.replace("_", " "), value] for key, value in result.parameters.items()]
    if told := result.fidelity:
        rows += [["trustworthiness", told.trustworthiness], ["continuity", told.continuity]]
        if told.measured < len(result.items):
            rows.append(["these two measured on", told.measured])
        rows.append([f"of {told.nearest} nearest kept", f"{_mean(told.kept):.0%}"])
        if told.stable is not None and told.arrangement is not None:
            rows.append(["maps fitted", told.seeds])
            rows.append(["neighbours that stay with another seed", f"{_mean(told.stable):.0%}"])
            rows.append(["arrangement shared with another seed", f"{told.arrangement:.0%}"])
        rows.append(["places not to be believed", int(told.doubted.sum())])
    return Table(["setting", "value"], rows, result.basis.caption())


def doubted(result: Map) -> Table | None:
    """The records whose places are not to be believed, the worst first; None where there is none."""
    told = result.fidelity
    if told is None or not told.doubted.any():
        return None
    among = told.doubted.nonzero()[0].tolist()
    stable = told.kept if told.stable is None else told.stable
    worst = sorted(among, key=lambda row: (told.kept[row], stable[row]))[:DOUBTED_SHOWN]
    rows: list[list[Cell]] = []
    for row in worst:
        item = result.items[row]
        cells: list[Cell] = [item.group, item.name, item.id, _share(told.kept, row)]
        rows.append(cells if told.stable is None else [*cells, _share(told.stable, row)])
    columns = ["group", "name", "id", "kept", *(["stable"] if told.stable is not None else [])]
    left = len(among) - len(worst)
    more = f" · {left:,} more; --format csv has them all" if left else ""
    return Table(columns, rows, f"Not to be believed, for {told.rule}{more}")


def why(result: Why) -> Table:
    """What each field adds to a score; in CSV every pair of fields."""
    score = result.score
    columns = ["field", "adds", "share", "with the same field", "with other fields"]
    rows: list[list[Cell]] = [
        [field, adds, f"{adds / score:.1%}" if abs(score) > SMALLEST_SCORE else None, same, adds - same]
        for field, adds, same in zip(result.fields, result.by_field.tolist(), result.same_field.tolist(), strict=True)
    ]
    rows.append(
        ["all fields: the score", score, None, float(result.same_field.sum()), score - float(result.same_field.sum())]
    )
    pairs = [
        [one, other, cell]
        for one, cells in zip(result.fields, result.matrix.tolist(), strict=True)
        for other, cell in zip(result.fields, cells, strict=True)
    ]
    one, other = _named(result)
    caption = f"{one} and {other} · {result.basis.caption()}"
    whole = {
        "one": result.one,
        "other": result.other,
        "score": score,
        "fields": [
            {"field": field, "adds": adds, "same_field": same}
            for field, adds, same in zip(
                result.fields, result.by_field.tolist(), result.same_field.tolist(), strict=True
            )
        ],
        "matrix": result.matrix,
        "ablations": result.ablations,
        "basis": result.basis,
    }
    return Table(columns, rows, caption, whole, Table([f"field of {one}", f"field of {other}", "adds"], pairs))


SMALLEST_SCORE = 1e-3
"""Of a score nearer to zero no share is told: parts that cancel out would be many times the whole."""

PAIRS_SHOWN = 10


def field_pairs(result: Why) -> Table:
    """The pairs of fields that add most to a score, or take most from it."""
    places = sorted(
        ((i, j) for i in range(len(result.fields)) for j in range(len(result.fields))),
        key=lambda place: -abs(result.matrix[place]),
    )[:PAIRS_SHOWN]
    rows: list[list[Cell]] = [[result.fields[i], result.fields[j], float(result.matrix[i, j])] for i, j in places]
    one, other = _named(result)
    return Table([f"field of {one}", f"field of {other}", "adds"], rows)


def ablations(result: Why) -> Table:
    """Scores without a field: by the parts, and embedded again."""
    columns = ["without", "score", "by the parts", "embedded again", "difference", "vectors apart"]
    rows: list[list[Cell]] = [
        [
            each.field,
            result.score,
            each.predicted,
            each.embedded,
            f"{each.embedded - each.predicted:+.4f}",
            f"{each.drift:.1e}",
        ]
        for each in result.ablations
    ]
    most = max((abs(each.embedded - each.predicted) for each in result.ablations), default=0.0)
    caption = (
        f"They differ by {f'{most:.4f}' if most >= 5e-5 else 'less than 0.0001'} at most here. A field's edges cut "
        "tokens, and a contextual encoder gives every other token another vector when a field is gone."
    )
    return Table(columns, rows, caption)


def _named(result: Why) -> tuple[str, str]:
    """What the two records are called: by their ids where their names are the same."""
    if result.one.name == result.other.name:
        return result.one.id, result.other.id
    return result.one.name, result.other.name


def comparison(result: Comparison) -> Table:
    """How many neighbours stay, by group; in CSV each record's."""
    rows: list[list[Cell]] = [[label, count, overlap] for label, count, overlap in result.groups]
    rows = rows if len(rows) > 1 else []
    rows.append(["all", result.basis.count, result.overlap])
    full = [
        [each.item.id, each.item.name, each.item.group, each.overlap, _ids(each.gone), _ids(each.come)]
        for each in result.changes
    ]
    overlap = f"overlap@{result.k}"
    columns = ["id", "name", "group", overlap, "gone", "come"]
    return Table(["group", "records", overlap], rows, result.basis.caption(), result, Table(columns, full))


def changes(result: Comparison) -> Table:
    """The records whose neighbours change most."""
    rows: list[list[Cell]] = [
        [each.item.name, each.overlap, _few(each.gone), _few(each.come)] for each in result.changes[:CHANGES_SHOWN]
    ]
    return Table(["name", f"overlap@{result.k}", "no longer near", "now near"], rows, "the nearest three of each")


CHANGES_SHOWN = 10


def unusual_changes(result: Comparison) -> Table:
    """The most unusual records before and after, side by side."""
    rows: list[list[Cell]] = [
        [before.rank, before.item.name, before.value, after.item.name, after.value]
        for before, after in zip(result.unusual_before, result.unusual_after, strict=False)
    ]
    stay = {hit.item.id for hit in result.unusual_before} & {hit.item.id for hit in result.unusual_after}
    caption = f"{len(stay)} of {len(rows)} stay"
    return Table(["rank", "before", "median", "after", "median after"], rows, caption)


def tuned(result: Tuned) -> Table:
    """The weights that were found, with what the folds found, and what they gain."""
    rows: list[list[Cell]] = [
        [path, f"{weight:g}", f"{low:g} to {high:g}" if low != high else f"{low:g}"]
        for path, weight in result.weights.items()
        for low, high in [result.ranges[path]]
    ]
    gain, (low, high) = result.after - result.before, result.interval
    holds = "" if low > 0 else ": no gain that holds on records it has not seen"
    held = f"{result.queries:,} held-out records of {result.values:,} values"
    whole = ", whole values held out" if result.whole_values else ""
    own = f" · {result.own_field} holds the target and keeps the weight 1" if result.own_field else ""
    caption = (
        f"agreement@{result.k} on {held}{whole}: {result.before:.3f} before, {result.after:.3f} after, "
        f"gain {gain:+.3f} (95 %: {low:+.3f} to {high:+.3f}){holds}{own} · {result.basis.caption()}"
    )
    return Table(["field", "weight", f"in {result.folds} folds"], rows, caption, result)


def _few(items: Sequence[Item], most: int = 3) -> str:
    return ", ".join(item.name for item in items[:most]) + f" and {len(items) - most} more" * (len(items) > most)


def _ids(items: Sequence[Item]) -> str:
    return " ".join(item.id for item in items)


def disagreement(result: Disagreement) -> Table:
    """The pairs that one side calls close and the other far, with their ids; in CSV with scores."""
    rows: list[list[Cell]] = []
    full: list[list[Cell]] = []
    for close, pairs in (("text", result.near_in_text), ("picture", result.near_in_image)):
        for pair in pairs:
            both: list[Cell] = [pair.first.name, pair.first.id, pair.second.name, pair.second.id]
            rows.append([close, pair.rank, *both, pair.text_percentile, pair.image_percentile])
            full.append([*rows[-1], pair.text, pair.image])
    columns = ["close in", "rank", "first", "first id", "second", "second id", "text percentile", "picture percentile"]
    wide = Table([*columns, "text score", "picture score"], full)
    columns = ["id" if column.endswith(" id") else column for column in columns]  # each stands beside its name
    return Table(columns, rows, _agreement(result), result, wide)


def overlaps(result: Disagreement) -> Table:
    """The records whose neighbours by text and by picture differ most."""
    columns = ["rank", "name", "id", "group", "overlap", "gap", "nearest by text", "nearest by picture"]
    rows: list[list[Cell]] = [
        [
            *(each.rank, each.item.name, each.item.id, each.item.group),
            *(each.overlap, each.gap, each.by_text.name, each.by_image.name),
        ]
        for each in result.records
    ]
    told = (
        "overlap: share of the nearest by text that are nearest by picture · gap: mean difference in percentile points"
    )
    return Table(columns, rows, f"{_agreement(result)} · {told}", result)


def _agreement(result: Disagreement) -> str:
    shared = f"{result.overlap * result.neighbours:.1f} of the {result.neighbours} nearest are the same on both sides"
    return f"{result.basis.caption()} · on average {shared}, {result.chance * result.neighbours:.1f} by chance"


def quality(result: Quality) -> Table:
    """Each group's amount of data, its similarity, and how much of a low one that explains; without groups, of all."""
    columns = ["group", "records", "characters", "missing fields", "median score", "shift", "expected", "explained"]
    rows: list[list[Cell]] = [
        [
            *(each.group, each.records, round(each.length), f"{each.missing:g}"),
            *(each.median, _signed(each.shift), _signed(each.expected)),
            None if each.explained is None else f"{each.explained:.0%}",
        ]
        for each in result.groups
    ]
    exact: list[list[Cell]] = [
        [
            *(each.group, each.records, each.length, each.missing),
            *(each.median, each.shift, each.expected, each.explained),
        ]
        for each in result.groups
    ]
    by_length, by_missing = _signed(result.by_length, 2), _signed(result.by_missing, 2)
    told = [
        f"rank correlation of the median score with length {by_length or '–'}, with missing fields {by_missing or '–'}",
        f"both explain {'nothing' if result.r_squared is None else f'{result.r_squared:.0%}'} of its variance",
    ]
    caption = " · ".join([result.basis.caption(), *told])
    groups = [
        "shift: from the other groups' mean",
        "expected: from length and missing fields alone, fitted to the other groups",
    ]
    whole = {each.name: getattr(result, each.name) for each in fields(result)}
    whole["groups"] = [
        {**{each.name: getattr(group, each.name) for each in fields(group)}, "explained": group.explained}
        for group in result.groups
    ]
    if not result.groups:  # nothing to be shifted from
        columns = columns[:5]
        length, missing, middle = (
            median(map(float, each)) for each in (result.lengths, result.missing, result.medians)
        )
        rows = [["all", len(result.items), round(length), f"{missing:g}", middle]]
        exact = [["all", len(result.items), length, missing, middle]]
        return Table(columns, rows, f"{caption} · medians; --of records has each", whole, Table(columns, exact))
    return Table(columns, rows, " · ".join([caption, *groups]), whole, Table(columns, exact))


def record_quality(result: Quality) -> Table:
    """Each record's amount of data beside its median similarity, the least similar first."""
    columns = ["group", "name", "id", "characters", "missing fields", "median score"]
    order = sorted(range(len(result.items)), key=lambda at: float(result.medians[at]))
    rows: list[list[Cell]] = [
        [
            *(result.items[at].group, result.items[at].name, result.items[at].id),
            *(int(result.lengths[at]), int(result.missing[at]), float(result.medians[at])),
        ]
        for at in order
    ]
    of_groups = quality(result)
    return Table(
        columns, rows, f"{result.basis.caption()} · {len(result.fields):,} fields are expected", of_groups.whole
    )


def _signed(value: float | None, decimals: int = 4) -> str | None:
    return None if value is None else f"{value:+.{decimals}f}"


def places(result: Map) -> Table:
    """Each record's place, and how far it can be believed where that was measured."""
    axes = list("xyz"[: result.coordinates.shape[1]])
    rows: list[list[Cell]] = [
        [item.id, item.name, item.group, *map(float, place)]
        for item, place in zip(result.items, result.coordinates, strict=True)
    ]
    measured = {} if result.fidelity is None else {"kept": result.fidelity.kept, "stable": result.fidelity.stable}
    for name, values in measured.items():
        if values is not None:
            axes.append(name)
            rows = [[*cells, _share(values, row)] for row, cells in enumerate(rows)]
    settings = ", ".join(f"{key} {value}" for key, value in result.parameters.items())
    return Table(["id", "name", "group", *axes], rows, f"{result.basis.caption()} · {settings}", result)


def token_summary(report: TokenReport) -> Table:
    """Medians and what context lengths would cut, for each tokenizer."""
    columns = ["tokenizer", "kind", "median", "most", *(f"over {limit:,}" for limit in TOKEN_LIMITS)]
    rows: list[list[Cell]] = [
        [
            each.tokenizer,
            each.kind,
            f"{each.median:,.1f}",
            int(each.counts.max(initial=0)),
            *(f"{each.share_over(limit):.1%}" for limit in TOKEN_LIMITS),
        ]
        for each in report.tokenizers
    ]
    whole = {
        "collection": report.collection,
        "records": len(report.ids),
        "tokenizers": [
            {
                "tokenizer": each.tokenizer,
                "kind": each.kind,
                "median": each.median,
                "share_over": {str(limit): each.share_over(limit) for limit in TOKEN_LIMITS},
                "counts": dict(zip(report.ids, each.counts.tolist(), strict=True)),
            }
            for each in report.tokenizers
        ],
        "by_path": dict(report.by_path),
    }
    return Table(columns, rows, f"{report.collection} · {len(report.ids):,} records", whole)


def token_paths(report: TokenReport) -> Table:
    """Where the tokens are, by JSON path."""
    total = sum(count for _, count in report.by_path) or 1
    rows: list[list[Cell]] = [[path, count, f"{count / total:.1%}"] for path, count in report.by_path]
    return Table(["path", "tokens", "share"], rows, f"in {report.tokenizers[0].tokenizer}")


def probe(result: Probe) -> Table:
    """Each side's scores with their intervals; in CSV as numbers, with what they gain on the baseline."""
    rows: list[list[Cell]] = []
    full: list[list[Cell]] = []
    for each in result.readouts:
        guess = each.method == "baseline"
        told = [_GUESSES[result.kind], "baseline"] if guess else [each.name, each.method]
        better = "" if guess else "yes" if each.beats else "no"
        rows.append([*told, *map(_with_interval, each.scores), better])
        numbers = [value for part in (each.scores, each.gains) for it in part for value in (it.value, it.low, it.high)]
        full.append([each.name, each.encoder, each.method, *numbers])
    ends = ("", " low", " high")
    heads = [f"{metric}{end}" for metric in result.metrics for end in ends]
    heads += [f"gain in {metric}{end}" for metric in result.metrics for end in ends]
    whole = Table(["compared", "encoder", "read by", *heads], full)
    columns = ["compared", "read by", *result.metrics, "better"]
    return Table(columns, rows, f"{result.target}: {result.caption()}", result, whole)


def _with_interval(score: Estimate) -> str:
    to = " to " if score.low < 0 else "–"
    if max(abs(score.low), abs(score.high)) < 10:
        return f"{score.value:.3f} ({score.low:.2f}{to}{score.high:.2f})"
    return f"{score.value:.4g} ({score.low:.4g}{to}{score.high:.4g})"


_GUESSES = {"category": "largest class", "number": "mean"}


def clusters(result: Clusters) -> Table:
    """Each cluster with what sets it apart; in CSV each record with its cluster and all that sets that apart."""
    rows: list[list[Cell]] = [
        [
            each.number,
            len(each.items),
            "; ".join(trait.told() for trait in each.traits[:_TRAITS_SHOWN]) or "nothing",
            ", ".join(item.name for item in each.items[:_TYPICAL_SHOWN]),
            each.cohesion,
            each.separation,
        ]
        for each in result.clusters
    ]
    full: list[list[Cell]] = [
        [item.id, item.name, item.group, each.number, "; ".join(trait.told() for trait in each.traits)]
        for each in result.clusters
        for item in each.items
    ]
    full += [[item.id, item.name, item.group, None, None] for item in result.alone]
    columns = ["cluster", "records", "what sets it apart", "typical", *_closeness(result)]
    caption = f"{result.caption()} · {len(result.alone):,} in no cluster"
    whole = {
        "clusters": result.clusters,
        "alone": result.alone,
        "parameters": result.parameters,
        "basis": result.basis,
    }
    return Table(columns, rows, caption, whole, Table(["id", "name", "group", "cluster", "what sets it apart"], full))


_TRAITS_SHOWN = 3
_TYPICAL_SHOWN = 3


def _closeness(result: Clusters) -> tuple[str, str]:
    return ("spread", "to the next") if result.basis.measure == "distance" else ("inside", "outside")


def features(fitted: Features) -> Table:
    """Each feature with its columns."""
    rows: list[list[Cell]] = [
        [each.path, each.kind, each.columns, each.found, _fit_of(each)] for each in fitted.features
    ]
    described = fitted.description
    caption = f"{fitted.documents:,} records · {described.dimension:,} dimensions, with a constant 1"
    return Table(["path", "kind", "columns", "records", "fit"], rows, caption)


def _fit_of(feature: Feature) -> str:
    if feature.kind == "number":
        return f"mean {feature.mean:.4g}, deviation {feature.scale:.4g}"
    if feature.kind == "boolean":
        return "0 or 1"
    rare = f"; {feature.left_out:,} rare values left out" if feature.left_out else ""
    return f"most often {feature.values[0]}{rare}"


def embedded(reports: Sequence[EmbedReport]) -> Table:
    """What an embedding run did."""
    rows: list[list[Cell]] = [
        [each.name, each.encoder, each.rows, each.embedded, each.rows - each.embedded - each.missing, each.missing]
        for each in reports
    ]
    return Table(["embedding", "encoder", "rows", "embedded now", "known", "without"], rows)


def _mean(values: NDArray[np.float32]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _share(values: NDArray[np.float32], row: int) -> float:
    return round(float(values[row]), 3)


def _column(basis: Basis) -> str:
    return "distance" if basis.measure == "distance" else "score"


def _ranked(hits: Sequence[Hit], basis: Basis, whole: Similar | Unusual, prefix: str = "") -> Table:
    columns = ["group", "rank", "name", "id", f"{prefix}{_column(basis)}"]
    rows: list[list[Cell]] = [[hit.item.group, hit.rank, hit.item.name, hit.item.id, hit.value] for hit in hits]
    caption = basis.caption()
    if whole.calibration:
        query = isinstance(whole, Similar)
        caption += f" · {whole.calibration.caption(query=query)}"
        columns += ["percentile", "z", *["mutual"] * query, "hub"]
        rows = [[*row, *_worth(hit.calibration)] for row, hit in zip(rows, hits, strict=True)]
    return Table(columns, rows, caption, whole)


def _worth(each: Calibration | None) -> list[Cell]:
    """The cells of a calibration; of an unusual record there is no mutual one."""
    if each is None:
        return []
    mutual: list[Cell] = [] if each.mutual is None else ["yes" if each.mutual else "no"]
    return [each.percentile, each.z, *mutual, each.hubness]


def _common_start(labels: Sequence[str]) -> str:
    """What all labels begin with, up to a separator: nine columns called ``generation-…`` leave no room."""
    first, last = min(labels), max(labels)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    return first[: max(first.rfind(mark, 0, same) for mark in "-_ :") + 1]
