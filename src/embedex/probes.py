"""Probes: how much of a field can be read from vectors, by nearest neighbours and linearly, on records held out.

Takes vectors and a target, knows nothing of records or files. Folds, neighbours and ridge regression are computed
here; the logistic regression is scikit-learn's, in the extra ``learn``.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from embedex import similarity
from embedex.errors import InputError, MissingExtraError
from embedex.records import JSON, label_text
from embedex.results import Estimate, Readout, TargetKind, counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

How = Literal["baseline", "neighbours", "linear"]

FOLDS = 5
RAREST = FOLDS
"""A class with fewer members could not be in every fold; it is left out, and told."""

RESAMPLES = 1_000
"""Bootstrap resamples of the records, for the intervals."""

MOST_CLASSES = 500
"""With more classes than this a field is an identity, and a linear readout would take hours."""

METRICS: Mapping[TargetKind, tuple[str, ...]] = {
    "category": ("balanced accuracy", "macro-F1", "accuracy"),
    "number": ("R2", "MAE"),
}
"""What is measured for each kind of target. MAE, the mean absolute error, is the only one of which less is better."""

_FEW_NUMBERS = 10
"""Numbers with no more distinct values than this are categories unless told otherwise."""

_STRENGTHS = (0.001, 0.01, 0.1, 1.0)
"""Inverse strengths of the logistic regression's penalty, on vectors of mean squared length d, to choose from."""

_RIDGES = tuple(10.0**power for power in range(-4, 5))
"""Strengths of the ridge, relative to the mean eigenvalue, to choose from."""

_PERCENT = 95

_SMALL = 20_000_000
"""Up to so many numbers a regression is faster on one thread than on many that wait for one another."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be read.

    Attributes:
        kind: ``category`` or ``number``.
        rows: int64, shape (m,): positions of the values that are kept, ascending.
        values: of a category int64, the class; of a number float64; shape (m,).
        classes: a category's classes with their sizes, in order of their numbers, largest first; empty for numbers.
        rare: the classes that are left out for having fewer than `RAREST` members, with their sizes.
        without: how many records have no value.
    """

    kind: TargetKind
    rows: NDArray[np.int64]
    values: NDArray[np.int64] | NDArray[np.float64]
    classes: Sequence[tuple[str, int]]
    rare: Sequence[tuple[str, int]]
    without: int


def target(values: Sequence[JSON], *, kind: TargetKind | None = None, path: str = "target") -> Target:
    """Make a target of the values that records have at a path.

    Args:
        values: one a record, None where it has none.
        kind: None decides by the values: numbers of more than ten distinct values are numbers, all else categories.
        path: for messages.

    Raises:
        InputError: no value is there, a value is a list or an object, numbers are asked for and some are none, or what
            is left is a single class, too many, or too few records.
    """
    import numpy as np

    present = [row for row, value in enumerate(values) if value is not None]
    if not present:
        raise InputError(f"No record has a value at {path!r}.", cure="Look at a record, or widen --where.")
    deep = next((values[row] for row in present if isinstance(values[row], (list, dict))), None)
    if deep is not None:
        told = "a list" if isinstance(deep, list) else "an object"
        more = "[0]" if isinstance(deep, list) else f".{next(iter(deep), 'key')}"
        raise InputError(f"{path!r} leads to {told}.", allowed="A target is one value.", cure=f"Such as {path}{more}")
    numeric = [row for row in present if isinstance(values[row], (int, float)) and not isinstance(values[row], bool)]
    if kind is None:
        many = len({values[row] for row in numeric}) > _FEW_NUMBERS
        kind = "number" if many and len(numeric) == len(present) else "category"
    if kind == "number":
        if len(numeric) < len(present):
            other = next(values[row] for row in present if row not in set(numeric))
            raise InputError(f"{path!r} is not always a number: {other!r}.", cure="Probe it as a category.")
        if len(present) < 2 * FOLDS:
            raise InputError(f"{counted(len(present))} with a number are too few.", allowed=f"At least {2 * FOLDS}.")
        numbers = np.asarray([values[row] for row in present], np.float64)
        if not np.isfinite(numbers).all() or numbers.std() == 0:
            raise InputError(f"All values at {path!r} are {values[present[0]]!r}: there is nothing to read.")
        return Target(kind, np.asarray(present, np.int64), numbers, (), (), len(values) - len(present))
    labels = {row: label_text(values[row]) or "" for row in present}
    sizes = sorted(Counter(labels.values()).items(), key=lambda each: (-each[1], each[0]))
    classes = [each for each in sizes if each[1] >= RAREST]
    rare = [each for each in sizes if each[1] < RAREST]
    if len(classes) < 2:
        found = ", ".join(f"{label!r} ({size})" for label, size in sizes[:5])
        raise InputError(
            f"A target takes at least two classes of {RAREST} records or more; {path!r} has {len(classes)}.",
            allowed=f"There are {len(sizes):,} values, such as {found}.",
        )
    if len(classes) > MOST_CLASSES:
        raise InputError(f"{path!r} has {len(classes):,} classes.", allowed=f"At most {MOST_CLASSES}.")
    numbers_of = {label: number for number, (label, _) in enumerate(classes)}
    kept = [row for row in present if labels[row] in numbers_of]
    codes = np.asarray([numbers_of[labels[row]] for row in kept], np.int64)
    return Target(kind, np.asarray(kept, np.int64), codes, classes, rare, len(values) - len(present))


def folds(target: Target, seed: int) -> NDArray[np.int64]:
    """The fold of each value, 0 to `FOLDS` - 1: every class, or every range of numbers, is spread over all folds alike.

    Returns:
        int64, shape (m,). The same seed and target give the same folds.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(target.values))
    order = shuffled[np.argsort(target.values[shuffled], kind="stable")]
    fold = np.empty(len(order), np.int64)
    if target.kind == "category":
        fold[order] = np.arange(len(order)) % FOLDS  # dealt out class after class, going on where the last one ended
    else:
        for start in range(0, len(order), FOLDS):
            part = order[start : start + FOLDS]
            fold[part] = random.permutation(FOLDS)[: len(part)]
    return fold


def readouts(
    sides: Mapping[str, tuple[NDArray[np.float32], str, bool]],
    target: Target,
    *,
    neighbours: int = 5,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Readout]:
    """How well each side tells the target, cross-validated, with 95 % intervals.

    Every side is asked on the same records and folds. The intervals are percentiles of a bootstrap over the records of
    their cross-validated predictions, all with the same resamples; so they hold for which records were drawn, not for
    which folds. Time grows with the square of the records, memory with the records.

    Args:
        sides: by name: vectors of shape (m, d), their encoder's name, and whether they are places in a map, whose
            neighbours are those of least Euclidean distance instead of highest cosine.
        target: m values, whose `rows` are the vectors' rows.
        neighbours: how many vote, or are averaged.
        seed: of folds and resamples.
        progress: called with the number of readouts done so far, and of all.

    Returns:
        The baseline first, then of each side its neighbours and its linear readout.

    Raises:
        MissingExtraError: the target is a category and scikit-learn is not installed.
        InputError: there are more neighbours than records to choose them from.
    """
    import numpy as np

    fold = folds(target, seed)
    smallest = len(fold) - int(np.bincount(fold).max())
    if not 1 <= neighbours <= smallest:
        raise InputError(f"{neighbours} neighbours of {smallest} records.", allowed=f"From 1 to {smallest}.")
    count = len(target.classes)
    total = 1 + 2 * len(sides)
    fit = _logistic if target.kind == "category" else _ridge
    guesses: list[tuple[str, str, How, NDArray[np.float64]]] = []

    def guess(
        name: str, encoder: str, how: How, ask: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
    ) -> None:
        result = np.empty(len(fold), np.float64)
        for number in range(FOLDS):
            test = np.flatnonzero(fold == number)
            if len(test):
                result[test] = ask(np.flatnonzero(fold != number), test)
        guesses.append((name, encoder, how, result))
        if progress:
            progress(len(guesses), total)

    guess("baseline", "", "baseline", partial(_baseline, target))
    for name, (vectors, encoder, in_map) in sides.items():
        guess(name, encoder, "neighbours", partial(_neighbours, vectors, target, neighbours, in_map))
        guess(name, encoder, "linear", partial(fit, _scaled(vectors), target))
    told = [each[3] for each in guesses]
    whole = _measures(target.values, told, None, target.kind, count)
    random = np.random.default_rng(seed)
    drawn = np.empty((RESAMPLES, *whole.shape))
    for number in range(RESAMPLES):
        drawn[number] = _measures(target.values, told, random.integers(0, len(fold), len(fold)), target.kind, count)
    better = np.asarray([-1.0 if metric == "MAE" else 1.0 for metric in METRICS[target.kind]])
    gains, gains_drawn = (whole - whole[0]) * better, (drawn - drawn[:, :1]) * better

    def estimates(values: NDArray[np.float64], resampled: NDArray[np.float64]) -> tuple[Estimate, ...]:
        return tuple(_estimate(value, each) for value, each in zip(values, resampled.T, strict=True))

    return [
        Readout(name, encoder, method, estimates(whole[row], drawn[:, row]), estimates(gains[row], gains_drawn[:, row]))
        for row, (name, encoder, method, _) in enumerate(guesses)
    ]


def _estimate(value: float, drawn: NDArray[np.float64]) -> Estimate:
    import numpy as np

    tail = (100 - _PERCENT) / 2
    low, high = np.nanpercentile(drawn, (tail, 100 - tail))
    return Estimate(float(value), float(low), float(high))


def _baseline(target: Target, train: NDArray[np.int64], test: NDArray[np.int64]) -> NDArray[np.float64]:
    """The largest class, or the mean, of the other folds."""
    import numpy as np

    known = target.values[train]
    value = np.bincount(known.astype(np.int64)).argmax() if target.kind == "category" else known.mean()
    return np.full(len(test), float(value))


def _neighbours(
    vectors: NDArray[np.float32],
    target: Target,
    k: int,
    in_map: bool,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The class that most of the k nearest have, or their mean; of equal votes the class of the nearer ones.

    A vote counts by the inverse root of its class's size. Uncorrected, a rare class is never told; corrected in full,
    one stray neighbour of a rare class outvotes all others (docs/probes.md).
    """
    import numpy as np

    known, held = vectors[train], target.values[train]
    squares = np.einsum("ij,ij->i", known, known)
    step = max(1, similarity.BLOCK_BYTES // (4 * len(train)))
    result = np.empty(len(test), np.float64)
    weights = np.bincount(held.astype(np.int64)) ** -0.5 if target.kind == "category" else None
    for start in range(0, len(test), step):
        asked = vectors[test[start : start + step]]
        scores = asked @ known.T
        if in_map:
            scores = 2 * scores - squares  # the squared distance, turned round, but for what is the same in a row
        near = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best = np.take_along_axis(scores, near, axis=1)
        near = np.take_along_axis(near, np.lexsort((near, -best), axis=1), axis=1)
        values = held[near]
        if weights is None:
            result[start : start + len(asked)] = values.mean(axis=1)
            continue
        votes = np.zeros((len(asked), len(target.classes)))
        rows = np.arange(len(asked))
        for rank in range(k):  # a whole vote each; the fractions, which sum to less than one, only break ties
            votes[rows, values[:, rank]] += 1 + (k - rank) / (k * (k + 2))
        result[start : start + len(asked)] = (votes * weights).argmax(axis=1)
    return result


def _scaled(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Moved to the mean and brought to a mean squared length of d, so that a penalty means the same for every side.

    One factor for all columns: the cosine's geometry stays. With more columns than rows they are turned into as many
    columns as rows, which changes no penalised linear readout and saves time.
    """
    import numpy as np

    moved = vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    if moved.shape[1] > len(moved):
        left, sizes, _ = np.linalg.svd(moved, full_matrices=False)
        moved = (left * sizes).astype(np.float32)
    spread = math.sqrt(float(np.square(moved, dtype=np.float64).sum()) / len(moved))
    scaled: NDArray[np.float32] = moved * np.float32(math.sqrt(vectors.shape[1]) / (spread or 1.0))
    return scaled


def _logistic(
    vectors: NDArray[np.float32], target: Target, train: NDArray[np.int64], test: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Multinomial logistic regression, every class with the same weight.

    Its penalty is chosen by the loss on a fifth of the training records, from strong to weak until it gets no better.
    """
    import numpy as np

    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingExtraError("The linear probe of a category", "learn") from error
    values = target.values[train]
    held = np.zeros(len(train), bool)
    held[np.argsort(values, kind="stable")[::5]] = True  # every fifth of each class; one of four keeps three
    known, unknown = values[~held], values[held]
    sizes = np.bincount(values)
    model = LogisticRegression(class_weight="balanced", warm_start=True, max_iter=200, tol=1e-3)
    best, least = _STRENGTHS[0], np.inf
    small = 1 if vectors.size < _SMALL else None
    with warnings.catch_warnings(), threadpool_limits(small):
        warnings.simplefilter("ignore", ConvergenceWarning)  # after 200 steps more would hardly change a guess
        for strength in _STRENGTHS:
            model.set_params(C=strength).fit(vectors[train[~held]], known)
            chances = model.predict_proba(vectors[train[held]])
            chance = chances[np.arange(len(unknown)), np.searchsorted(model.classes_, unknown)]
            loss = np.average(-np.log(np.maximum(chance, 1e-12)), weights=1 / sizes[unknown])
            if loss >= least:
                break
            best, least = strength, loss
        model = LogisticRegression(C=best, class_weight="balanced", max_iter=200, tol=1e-3)
        model.fit(vectors[train], values)
        return np.asarray(model.predict(vectors[test]), np.float64)


def _ridge(
    vectors: NDArray[np.float32], target: Target, train: NDArray[np.int64], test: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Ridge regression; its strength is chosen by generalised cross-validation on the training records."""
    import numpy as np

    known = vectors[train].astype(np.float64)
    mean, middle = known.mean(axis=0), target.values[train].mean()
    known -= mean
    wanted = target.values[train] - middle
    sizes, axes = np.linalg.eigh(known.T @ known)
    sizes = np.maximum(sizes, 0)
    turned = axes.T @ (known.T @ wanted)
    best = (np.inf, turned)
    for ridge in _RIDGES:
        shrunk = turned / (sizes + ridge * max(float(sizes.mean()), 1e-12))
        left = wanted - known @ (axes @ shrunk)
        free = len(train) - 1 - float((sizes / (sizes + ridge * max(float(sizes.mean()), 1e-12))).sum())
        error = float(left @ left) / max(free, 1e-9) ** 2
        if error < best[0]:
            best = (error, axes @ shrunk)
    guessed: NDArray[np.float64] = (vectors[test] - mean) @ best[1] + middle
    return guessed


def _measures(
    values: NDArray[np.int64] | NDArray[np.float64],
    guesses: Sequence[NDArray[np.float64]],
    drawn: NDArray[np.int64] | None,
    kind: TargetKind,
    classes: int,
) -> NDArray[np.float64]:
    """The metrics of each guess, of all records or of those drawn; shape (guesses, metrics)."""
    import numpy as np

    true = values if drawn is None else values[drawn]
    measured = np.empty((len(guesses), len(METRICS[kind])))
    for row, every in enumerate(guesses):
        guess = every if drawn is None else every[drawn]
        if kind == "number":
            spread = float(np.square(true - true.mean()).sum())
            off = true - guess
            measured[row] = 1 - float(off @ off) / spread if spread else np.nan, float(np.abs(off).mean())
            continue
        told = guess.astype(np.int64)
        right = told == true
        hits = np.bincount(true[right], minlength=classes)
        there = np.bincount(true, minlength=classes)
        both = there + np.bincount(told, minlength=classes)
        some, present = there > 0, both > 0  # a class that is neither there nor guessed has no F1
        f1 = (2 * hits[present] / both[present]).mean()
        measured[row] = (hits[some] / there[some]).mean(), f1, right.mean()
    return measured
