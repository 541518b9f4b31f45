"""Weights of fields: what they change, and those that make neighbours agree on a value."""

from __future__ import annotations

from embedex import attribution, similarity, tuning
from embedex import parts as field_parts
from embedex.errors import InputError
from embedex.holdings import Holdings, Weights
from embedex.progress import Progress
from embedex.questions import likeness
from embedex.questions.arguments import at_least_one, check_name
from embedex.records import JsonPath, label_text, leads_nowhere, strip_prefix
from embedex.results import Basis, By, Change, Comparison, Tuned, counted


def compare(
    holdings: Holdings, weights: Weights, *, k: int, by: By, where: str, everything: bool, centred: bool | None
) -> Comparison:
    """What weights of fields change: which neighbours, and which records are unusual."""
    import numpy as np

    at_least_one(k, "k")
    sides = [holdings.compared(by, centred is not False, "", None, each) for each in (None, weights)]
    rows = np.intersect1d(sides[0].rows, sides[1].rows)
    rows = rows[holdings.chosen(where, everything)[rows]]
    if len(rows) < 2:
        raise InputError("Neighbours take at least two records.", cure=holdings.wider(where, everything))
    near = [similarity.neighbours(side.vectors[np.searchsorted(side.rows, rows)], k) for side in sides]
    overlaps = attribution.overlaps(*near)
    changes = []
    for place in np.argsort(overlaps, kind="stable").tolist():
        before, after = (holdings.items(rows[each[place]]) for each in near)
        gone, come = [each for each in before if each not in after], [each for each in after if each not in before]
        changes.append(Change(holdings.item(int(rows[place])), float(overlaps[place]), gone, come))
    labels = np.asarray([holdings.group_ranks[holdings.index.groups[row]] for row in rows.tolist()])
    groups: list[tuple[str | None, int, float]] = [
        (label, int((labels == rank).sum()), float(overlaps[labels == rank].mean()))
        for label, rank in holdings.group_ranks.items()
        if (labels == rank).any()
    ]
    unusual = [
        likeness.unusual(
            holdings,
            k=k,
            by=by,
            per_group=False,
            where=where,
            everything=everything,
            centred=centred,
            remove_top=0,
            map_name="",
            image_weight=None,
            weights=each,
            calibrate=False,
        ).hits
        for each in (None, weights)
    ]
    basis, told = sides[1].basis(len(rows)), attribution.told(holdings.field_weights(weights))
    return Comparison(near[0].shape[1], float(overlaps.mean()), groups, changes, unusual[0], unusual[1], basis, told)


def tune(holdings: Holdings, target: str, *, name: str, k: int, folds: int, progress: Progress | None) -> Tuned:
    """Weights of fields that make neighbours agree on a value of the records, kept under a name."""
    import numpy as np

    at_least_one(k, "k")
    check_name(name, "weights")
    if folds < 2:
        raise InputError(f"{folds} folds.", allowed="At least 2.")
    described = holdings.parts_described()
    prefix = holdings.manifest.text.strip_prefix
    path = JsonPath.parse(".".join(key.removeprefix(prefix) for key in target.split(".")))
    values: dict[str, str] = {}
    for record in holdings.store.read_records(holdings.index, np.flatnonzero(holdings.index.main).tolist()):
        if value := label_text(path.find(strip_prefix(record.data, prefix))):
            values[record.id] = value
    if not values:
        raise leads_nowhere("target", path, next(holdings.store.read_records(holdings.index, [0])))
    ids = list(values)
    if len(ids) > tuning.RECORDS:
        ids = [ids[i] for i in sorted(np.random.default_rng(0).choice(len(ids), tuning.RECORDS, replace=False))]
    distinct, labels = np.unique([values[each] for each in ids], return_inverse=True)
    leads = f"{target!r} leads to {len(distinct)} value{'s' * (len(distinct) != 1)} in {counted(len(ids))}"
    if len(distinct) < 2 or np.bincount(labels).max() < 2:
        raise InputError(
            f"{leads}{', each in one record only' * (len(distinct) > 1)}.",
            allowed="It takes at least two values, and two records that share one.",
            cure="Name a path that leads to a text, a number, or true and false.",
        )
    if len(ids) < 2 * folds:
        most = len(ids) // 2
        raise InputError(
            f"{leads}, too few for {folds} folds.",
            allowed=f"{folds} folds take at least {2 * folds} records, two a fold; two folds take 4.",
            cure=f"Ask for fewer folds: --folds {most}" if most >= 2 else "",
        )
    keys = [step for step in path.steps if isinstance(step, str)]
    own = next((each for each in described.paths if keys[: len(each.split("."))] == each.split(".")), "")
    fixed = [described.paths.index(own)] if own else []
    parts = field_parts.dense(holdings.store.read_parts(), described.paths, ids)

    def tell(done: int) -> None:
        if progress:
            progress("Tuning", done, folds + 1)

    judged = tuning.judge(parts, labels, k, folds, fixed, tell)
    found = tuning.search(parts, labels, k, fixed)
    tell(folds + 1)
    weights = dict(zip(described.paths, found.tolist(), strict=True))
    lows, highs = judged.of_folds.min(axis=0).tolist(), judged.of_folds.max(axis=0).tolist()
    drawn = f"drawn from {counted(len(values))}" if len(ids) < len(values) else ""
    note = " · ".join(each for each in (drawn, holdings.stale(described.made_from)) if each)
    tuned = Tuned(
        name,
        target,
        weights,
        dict(zip(described.paths, zip(lows, highs, strict=True), strict=True)),
        own,
        k,
        folds,
        judged.before,
        judged.after,
        (judged.low, judged.high),
        judged.queries,
        len(distinct),
        judged.whole_labels,
        Basis(holdings.title, "text", described.description.name, "centred cosine", len(ids), note),
    )
    told = {"target": target, "before": judged.before, "after": judged.after, "interval": [judged.low, judged.high]}
    with holdings.store.writing():
        holdings.store.write_weights(name, weights, told)
    return tuned
