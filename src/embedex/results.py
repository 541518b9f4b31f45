"""What a question to a collection gives back: small frozen objects that charts, tables and JSON are made of.

No computing and no drawing here. A *score* is a cosine, higher is closer; a *distance* is Euclidean in a map, lower is
closer; `Basis.measure` says which one a result holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

By = Literal["text", "image", "fused", "map"]
"""What is compared: the text's embedding, the picture's, both side by side, or places in a map."""

Measure = Literal["cosine", "centred cosine", "distance"]

Against = Literal["pictures", "records", "passages"]
"""What a question in words is held against."""


def counted(records: int) -> str:
    """A number of records in words: ``1 record``, ``1,302 records``."""
    return f"{records:,} record{'' if records == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Item:
    """A record as results name it.

    Attributes:
        id: its id in the collection.
        name: what people call it; its id where it has no name.
        group: its group, or None where the collection or the record has none.
        picture: its picture's file, or None.
    """

    id: str
    name: str
    group: str | None = None
    picture: Path | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What a result rests on; every table and chart states it.

    Attributes:
        collection: the collection's title.
        by: what was compared.
        encoder: the encoder's name, or both names joined by `` + ``.
        measure: what the numbers are.
        count: how many records were compared.
        note: one more sentence when the reader needs it, such as what was left out.
    """

    collection: str
    by: By
    encoder: str
    measure: Measure
    count: int
    note: str = ""

    def caption(self) -> str:
        """One line for below a table or chart."""
        told = {
            "text": "text",
            "image": "pictures",
            "fused": "text and pictures",
            "map": "places in the map",
        }
        parts = [
            self.collection,
            f"{told[self.by]} by {self.encoder}",
            counted(self.count),
            self.measure,
        ]
        return " · ".join([*parts, self.note] if self.note else parts)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a score is worth in its collection.

    Attributes:
        percentile: the share of all pairs of records that have a lower score, 0 to 100.
        z: how far the score is from the query's mean score within the hit's group, in standard deviations of the
            query's scores there; of an unusual record, its median from the mean of its group's medians. None where
            the group has fewer than two members or all have one score.
        mutual: whether each is among the other's nearest; None where there is no query.
        hubness: how many records have it among their nearest, divided by how many nearest each has; 1 on average.
    """

    percentile: float
    z: float | None
    mutual: bool | None
    hubness: float


@dataclass(frozen=True, slots=True)
class CalibrationBasis:
    """What calibrations rest on.

    Attributes:
        pairs: how many pairs of records were counted.
        sampled: whether they are a random sample, drawn with replacement, of all pairs.
        error: how far a percentile may be off, in percentile points: by the width of the histogram's bins, and of a
            sample by chance (Dvoretzky, Kiefer and Wolfowitz, with 99.9 % confidence).
        neighbours: how many are *nearest*.
    """

    pairs: int
    sampled: bool
    error: float
    neighbours: int

    def caption(self, *, query: bool) -> str:
        """What the columns mean in few words; with a `query`, or of unusual records."""
        which = f"{self.pairs:,} pairs drawn at random" if self.sampled else f"all {self.pairs:,} pairs"
        middle = "the query's mean score in that group" if query else "its group's mean median"
        off = f", ± {max(self.error, 0.001):.3f}" if self.error else ""
        parts = [f"percentile: share of {which} with a lower score{off}"]
        parts += [f"z: standard deviations from {middle}"]
        parts += [f"mutual: each among the other's {self.neighbours} nearest"] if query else []
        return " · ".join([*parts, f"hub: how often among others' {self.neighbours} nearest, 1 is average"])


@dataclass(frozen=True, slots=True)
class Hit:
    """One record of an answer.

    Attributes:
        item: the record.
        score: the cosine, or None in a map.
        rank: 1 for the best, counted within the group where the answer is by group.
        passage: the passage that answered a question, or None.
        passage_path: the passage's JSON path, or None.
        distance: the Euclidean distance in a map, or None where there is a score.
        calibration: what the score is worth, where that was asked for.
    """

    item: Item
    score: float | None
    rank: int
    passage: str | None = None
    passage_path: str | None = None
    distance: float | None = None
    calibration: Calibration | None = None

    @property
    def value(self) -> float:
        """The score, or in a map the distance: what `Basis.measure` says."""
        number = self.score if self.distance is None else self.distance
        return float("nan") if number is None else number


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a sum of records and words.

    Attributes:
        sign: 1 where it was added, -1 where it was subtracted.
        item: the record, or None for words.
        words: the words, or ``""`` for a record.
    """

    sign: int
    item: Item | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Similar:
    """The records most similar to one record: best first, or group by group in the groups' order.

    Attributes:
        query: the record; of a sum, its text as id and name.
        hits: the answers.
        per_group: whether they are ranked within each group.
        basis: what the scores rest on.
        calibration: what the hits' calibrations rest on, where they were asked for.
        terms: what was added and subtracted; empty when the query is a record.
    """

    query: Item
    hits: Sequence[Hit]
    per_group: bool
    basis: Basis
    calibration: CalibrationBasis | None = None
    terms: Sequence[Term] = ()


@dataclass(frozen=True, slots=True)
class Unusual:
    """The records with the lowest median similarity to all others, lowest first, or group by group.

    `hits[i].value` is that median; `calibration` is what the hits' calibrations rest on, where they were asked for.
    """

    hits: Sequence[Hit]
    per_group: bool
    basis: Basis
    calibration: CalibrationBasis | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """Records that answer a question in words, best first.

    Attributes:
        question: as it was asked.
        hits: the answers.
        against: what the question was held against.
        basis: what the scores rest on.
    """

    question: str
    hits: Sequence[Hit]
    against: Against
    basis: Basis


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs of a collection as one square, ready to draw.

    Attributes:
        matrix: float32, shape (m, m). With at most `m` records, cell (i, j) is the score of records i and j; with
            more, the mean over a tile of pairs. Rows run group by group, in the collection's order within each.
        count: how many records the square stands for.
        groups: each group's label and the row where it starts, in order; empty without groups. A record without a
            group stands under ``""``, last.
        basis: what the scores rest on.
        group_means: float32, shape (len(groups), len(groups)): the mean score of two different records, one of each
            group; NaN for a group of one with itself. Without groups the one mean over all pairs, shape (1, 1).
        items: the record of each row; empty where a row stands for several.
    """

    matrix: NDArray[np.float32]
    count: int
    groups: Sequence[tuple[str, int]]
    basis: Basis
    group_means: NDArray[np.float32]
    items: Sequence[Item] = ()


DOUBT_KEPT = 0.2
"""A place that keeps a smaller share of its neighbourhood is not to be believed (docs/choices.md)."""

DOUBT_STABLE = 0.5
"""Nor one of whose neighbours a smaller share stays from one seed to another."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How far a map can be believed; every number is from 0 to 1, and higher is better.

    Attributes:
        nearest: how many neighbours make a neighbourhood: 10, or fewer than half of the records.
        kept: float32, shape (n,): of each record's nearest in the map, the share that are among its nearest by the
            embeddings that the map was fitted on.
        stable: float32, shape (n,): of its nearest in the map of one seed, the share among its nearest in the map of
            another, as a mean over pairs of seeds; None where there was one seed.
        trustworthiness: 1 where all that are near in the map are near by the embeddings.
        continuity: 1 where all that are near by the embeddings are near in the map.
        measured: over how many records these two are means: all, or a sample of a large collection.
        seeds: how many maps were fitted.
        arrangement: how well the maps of two seeds lie on one another, as a mean over pairs; None for one seed.
    """

    nearest: int
    kept: NDArray[np.float32]
    stable: NDArray[np.float32] | None
    trustworthiness: float
    continuity: float
    measured: int
    seeds: int = 1
    arrangement: float | None = None

    @property
    def doubted(self) -> NDArray[np.bool_]:
        """Whose places are not to be believed; shape (n,)."""
        doubted: NDArray[np.bool_] = self.kept < DOUBT_KEPT
        return doubted if self.stable is None else doubted | (self.stable < DOUBT_STABLE)

    @property
    def rule(self) -> str:
        """What is true of a place that is not to be believed, in words."""
        fewest = math.ceil(DOUBT_KEPT * self.nearest)
        kept = f"fewer than {fewest}" if fewest > 1 else "none"
        lost = "" if self.stable is None else ", or over half of what is near it changes with the seed"
        return f"{kept} of its {self.nearest} nearest {'are' if fewest > 1 else 'is'} near it in the map{lost}"

    def told(self, row: int) -> str:
        """What one place keeps, in words."""
        kept = f"{round(self.nearest * float(self.kept[row]))} of its {self.nearest} nearest are near it there"
        return (
            kept
            if self.stable is None
            else f"{kept}, and {self.stable[row]:.0%} of what is near it stays with another seed"
        )

    def part(self, rows: NDArray[np.int64] | Sequence[int]) -> Fidelity:
        """The same of some of the records, in that order; the numbers of the whole map stay."""
        return replace(self, kept=self.kept[rows], stable=None if self.stable is None else self.stable[rows])


@dataclass(frozen=True, slots=True)
class PairHit:
    """Two records that one side calls close and the other far.

    Attributes:
        first, second: the records.
        rank: 1 for the pair whose percentiles differ most.
        text, image: their scores.
        text_percentile, image_percentile: the share of all pairs that score lower on that side, 0 to 100.
    """

    first: Item
    second: Item
    rank: int
    text: float
    image: float
    text_percentile: float
    image_percentile: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """How far a record's neighbours by text are its neighbours by picture.

    Attributes:
        item: the record.
        rank: 1 for the least overlap.
        overlap: the share of its nearest by text that are among its nearest by picture, 0 to 1.
        gap: by how many percentile points both sides differ on its nearest, on average.
        by_text, by_image: its nearest record on each side.
    """

    item: Item
    rank: int
    overlap: float
    gap: float
    by_text: Item
    by_image: Item


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Where texts and pictures disagree.

    Attributes:
        near_in_text: pairs close in text and far in picture, the largest difference first.
        near_in_image: pairs close in picture and far in text.
        records: the records with the least overlap first; of equal overlap, with the larger gap.
        overlap: the mean overlap of all records.
        chance: what it would be if pictures knew nothing of texts.
        neighbours: how many are *nearest*; a close pair is among the nearest of one of its records.
        error: how far a percentile may be off, in percentile points.
        basis: what the scores rest on.
    """

    near_in_text: Sequence[PairHit]
    near_in_image: Sequence[PairHit]
    records: Sequence[Overlap]
    overlap: float
    chance: float
    neighbours: int
    error: float
    basis: Basis


@dataclass(frozen=True, slots=True)
class GroupQuality:
    """How much data a group's records have, and what follows from it.

    Attributes:
        group: its label; None for the records without one.
        records: how many.
        length: the median length of their documents, in characters.
        missing: the median number of expected fields that they lack.
        median: the median of their median similarities to all others.
        shift: the mean of their median similarities less that of all other records.
        expected: what that would be if only lengths and missing fields counted, fitted to the other records; None for
            both where too few others are left.
    """

    group: str | None
    records: int
    length: float
    missing: float
    median: float
    shift: float | None
    expected: float | None

    @property
    def explained(self) -> float | None:
        """The share of a low similarity that the amount of data explains; None where the group is not low."""
        if self.shift is None or self.expected is None or self.shift >= 0:
            return None
        return self.expected / self.shift


@dataclass(frozen=True, slots=True)
class Quality:
    """How much of each record's likeness to all others follows from how much data it has.

    Attributes:
        items: the records.
        lengths: int64, shape (len(items),): characters of each document.
        missing: int64, shape (len(items),): expected fields that are absent, null or empty.
        medians: float32, shape (len(items),): the median similarity to all others.
        fields: paths of the expected fields: those that a tenth of the records have filled.
        by_length, by_missing: rank correlations (Spearman) with the medians; None where one of both is constant.
        r_squared: the share of the medians' variance that lengths and missing fields explain; None without variance.
        groups: in the collection's order; empty without groups.
        basis: what the medians rest on.
    """

    items: Sequence[Item]
    lengths: NDArray[np.int64]
    missing: NDArray[np.int64]
    medians: NDArray[np.float32]
    fields: Sequence[str]
    by_length: float | None
    by_missing: float | None
    r_squared: float | None
    groups: Sequence[GroupQuality]
    basis: Basis


@dataclass(frozen=True, slots=True)
class Map:
    """Places of records in 2D or 3D.

    Attributes:
        name: the map's name in the collection.
        items: the records that have a place.
        coordinates: float32, shape (len(items), 2 or 3).
        parameters: how it was fitted: method, seed, neighbours and so on, as written in its file.
        missing: how many records have no place, for want of an embedding.
        basis: what it was fitted on; the measure is ``distance``.
        fidelity: how far it can be believed; None for fewer than three records, and for a map of an older embedex.
    """

    name: str
    items: Sequence[Item]
    coordinates: NDArray[np.float32]
    parameters: dict[str, str | int | float]
    missing: int
    basis: Basis
    fidelity: Fidelity | None = None


@dataclass(frozen=True, slots=True)
class Ablation:
    """What becomes of a score where a field is left out: by the parts, and by embedding both records again.

    Attributes:
        field: its path.
        predicted: the score without the field's part, everything else as it is.
        embedded: the score of the records embedded again without the field. Where each token has one vector, whatever
            stands around it, both agree up to tokens at the field's edges; with a contextual encoder they need not.
        drift: 1 - cosine of the predicted and the embedded vector, the larger one of the two records.
    """

    field: str
    predicted: float
    embedded: float
    drift: float


@dataclass(frozen=True, slots=True)
class Why:
    """Why two records are close: their score, split exactly into what pairs of fields add to it.

    Attributes:
        one, other: the records.
        fields: the fields' paths, by what they add, most first.
        matrix: float64, shape (f, f): cell (i, j) is what field i of `one` and field j of `other` add; the sum of all
            is the score.
        basis: what the score rests on; its count is that of the records whose mean is subtracted.
        ablations: what leaving out fields would change; empty unless asked for.
    """

    one: Item
    other: Item
    fields: Sequence[str]
    matrix: NDArray[np.float64]
    basis: Basis
    ablations: Sequence[Ablation] = ()

    @property
    def score(self) -> float:
        """The cosine, as `similar` gives it, up to 1e-6."""
        return float(self.matrix.sum())

    @property
    def by_field(self) -> NDArray[np.float64]:
        """What each field adds, shape (f,): half of its row and half of its column."""
        halves: NDArray[np.float64] = (self.matrix.sum(axis=0) + self.matrix.sum(axis=1)) / 2
        return halves

    @property
    def same_field(self) -> NDArray[np.float64]:
        """What each field adds with the same field of the other record, shape (f,)."""
        return self.matrix.diagonal()


@dataclass(frozen=True, slots=True)
class Change:
    """What weights of fields change about one record's neighbours.

    Attributes:
        item: the record.
        overlap: the share of its nearest that are the same.
        gone, come: those that are among its nearest no longer, and those that now are, nearest first.
    """

    item: Item
    overlap: float
    gone: Sequence[Item]
    come: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What weights of fields change: neighbours, and which records are unusual.

    Attributes:
        k: how many neighbours are compared.
        overlap: the mean share of neighbours that stay, over all records.
        groups: of each group its label, how many records it has, and the mean share; in the groups' order.
        changes: every record, the one whose neighbours change most first.
        unusual_before, unusual_after: the most unusual records, by their median cosine as it is.
        basis: what the neighbours rest on; its note says the weights.
        weights: in words.
    """

    k: int
    overlap: float
    groups: Sequence[tuple[str | None, int, float]]
    changes: Sequence[Change]
    unusual_before: Sequence[Hit]
    unusual_after: Sequence[Hit]
    basis: Basis
    weights: str


@dataclass(frozen=True, slots=True)
class Tuned:
    """Weights of fields that make neighbours agree on a value, and what they gain on held-out records.

    Attributes:
        name: what they are kept under.
        target: the JSON path of the value.
        weights: of each field, found on all records.
        ranges: of each field the least and the most that the folds found for it.
        own_field: the field that holds the target, whose weight was left at 1; ``""`` where none does.
        k: how many neighbours.
        folds: into how many the records were cut.
        before, after: the mean agreement of held-out records: with all weights 1, and with those of the other folds.
        interval: of the gain, 95 %.
        queries: how many records were held out and judged.
        values: how many different values there are.
        whole_values: whether all records of a value were held out together.
        basis: its count is that of the records that were compared.
    """

    name: str
    target: str
    weights: dict[str, float]
    ranges: dict[str, tuple[float, float]]
    own_field: str
    k: int
    folds: int
    before: float
    after: float
    interval: tuple[float, float]
    queries: int
    values: int
    whole_values: bool
    basis: Basis


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """How many tokens each document has in one tokenizer.

    Attributes:
        tokenizer: its name, such as ``bert-base-uncased``.
        kind: ``WordPiece`` or ``BPE``.
        counts: int64, shape (n,), in the collection's order, with the tokens the tokenizer adds by itself, uncut.
    """

    tokenizer: str
    kind: str
    counts: NDArray[np.int64]

    @property
    def median(self) -> float:
        """The median number of tokens; 0 for an empty collection."""
        import numpy as np

        return float(np.median(self.counts)) if len(self.counts) else 0.0

    def share_over(self, limit: int) -> float:
        """The share of documents, 0 to 1, that a context of `limit` tokens would cut."""
        return float((self.counts > limit).mean()) if len(self.counts) else 0.0


TOKEN_LIMITS = (512, 2048, 8192)
"""The context lengths a token report tells about: BERT's, nomic's trained one, nomic's whole one."""


@dataclass(frozen=True, slots=True)
class TokenReport:
    """The lengths of a collection's documents before anyone embeds them.

    Attributes:
        collection: the collection's title.
        ids: the records' ids, in the order of every `counts`.
        tokenizers: one entry each.
        by_path: tokens by JSON path, most first, in the first tokenizer; they add up to all its tokens but the
            ones it adds by itself.
    """

    collection: str
    ids: Sequence[str]
    tokenizers: Sequence[TokenCounts]
    by_path: Sequence[tuple[str, int]] = field(default_factory=tuple)


TargetKind = Literal["category", "number"]
"""What a probe reads: one of several classes, or a number."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        value: on all records.
        low, high: the 2.5th and the 97.5th percentile over resamples of the records.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Readout:
    """How well one side of a probe tells the target.

    Attributes:
        name: ``text``, ``image``, ``fused``, ``map``, an encoder as it was asked for, or ``baseline``.
        encoder: the encoder's name, both names joined by `` + ``, or ``""`` for the baseline.
        method: ``neighbours``, ``linear``, or ``baseline``, which is the largest class or the mean.
        scores: one for each of `Probe.metrics`.
        gains: how much better each is than the baseline on the same resamples; positive is better, of an error too.
    """

    name: str
    encoder: str
    method: Literal["baseline", "neighbours", "linear"]
    scores: Sequence[Estimate]
    gains: Sequence[Estimate]

    @property
    def beats(self) -> bool:
        """Whether the first two metrics are better than the baseline's, with the whole interval of the gain."""
        return all(gain.low > 0 for gain in self.gains[:2])


@dataclass(frozen=True, slots=True)
class Probe:
    """How much of a field can be read from embeddings, on records held out.

    Attributes:
        collection: the collection's title.
        target: the field's path.
        kind: what it was read as.
        metrics: ``("balanced accuracy", "macro-F1", "accuracy")`` of a category, ``("R2", "MAE")`` of a number.
        readouts: the baseline first, then two of each side.
        count: how many records were read, the same for all sides.
        classes: a category's classes with their sizes, largest first.
        folds: of the cross-validation.
        neighbours: how many vote.
        blind: whether texts were embedded without the target's own field.
        notes: what was left out, and what else a reader must know.
    """

    collection: str
    target: str
    kind: TargetKind
    metrics: Sequence[str]
    readouts: Sequence[Readout]
    count: int
    classes: Sequence[tuple[str, int]]
    folds: int
    neighbours: int
    blind: bool
    notes: Sequence[str] = ()

    def caption(self) -> str:
        """One line for below a table or chart."""
        encoders = dict.fromkeys(each.encoder for each in self.readouts if each.encoder)
        told = [self.collection, ", ".join(encoders), counted(self.count)]
        told += [f"{len(self.classes):,} classes"] if self.classes else []
        told.append(f"{self.folds} folds, {self.neighbours} neighbours, 95 % intervals by bootstrap over records")
        return " · ".join([*told, *self.notes])


@dataclass(frozen=True, slots=True)
class Trait:
    """A field that sets a cluster apart.

    Attributes:
        path: the field's path, without list positions.
        value: the value that more of the cluster's records have than of the others; None for a number.
        inside, outside: the share of records that have the value, in the cluster and in all others; of a number the
            two means.
        effect: the log odds ratio, natural; of a number the difference of means in standard deviations.
        strength: the effect divided by its standard error: what traits are ranked by.
    """

    path: str
    value: str | None
    inside: float
    outside: float
    effect: float
    strength: float

    def told(self) -> str:
        """The trait in few words, with the last key that says something: ``type water (92 %, else 8 %)``."""
        keys = self.path.split(".")
        while len(keys) > 1 and keys[-1] in ("name", "id", "value", "title", "label"):
            keys.pop()
        if self.value is None:
            way = "high" if self.effect > 0 else "low"
            return f"{keys[-1]} {way} ({self.inside:.4g}, else {self.outside:.4g})"
        return f"{keys[-1]} {self.value} ({self.inside:.0%}, else {self.outside:.0%})"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Records that belong together.

    Attributes:
        number: 1 for the largest.
        items: its records, the most typical first.
        cohesion: the mean score of two of its records; in a map the mean distance to its middle.
        separation: the mean score of one of its records and one of another cluster or none; in a map the distance of
            its middle to the nearest other middle; NaN where there is no other.
        traits: what sets it apart, the strongest first.
    """

    number: int
    items: Sequence[Item]
    cohesion: float
    separation: float
    traits: Sequence[Trait]


@dataclass(frozen=True, slots=True)
class Clusters:
    """A collection in clusters.

    Attributes:
        clusters: the largest first.
        alone: records that belong to none.
        parameters: how they were found: method, seed, number or least size.
        basis: what they were found by.
        places: a map in 2D to draw them in, or None.
    """

    clusters: Sequence[Cluster]
    alone: Sequence[Item]
    parameters: dict[str, str | int | float]
    basis: Basis
    places: Map | None = None

    def caption(self) -> str:
        """One line for below a table or chart."""
        told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in self.parameters.items())
        return f"{self.basis.caption()} · {told}"


Result = (
    TokenReport
    | Similar
    | Unusual
    | Answers
    | Pairs
    | Map
    | Why
    | Comparison
    | Tuned
    | Disagreement
    | Quality
    | Probe
    | Clusters
)
"""Anything that can be shown as a table and drawn as a chart."""
