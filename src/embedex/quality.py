"""How much data a record has, and how much of its likeness to all others follows from that alone.

A record with little in it, or with more than the others, is unlike them for that reason, whatever it is about. Lengths
are characters of the document: they need no tokenizer, and rank records as token counts do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedex.records import JSON

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMMON = 0.1
"""A field counts as expected where at least this share of the records has it filled."""

FEW = 30
"""A share of the variance of fewer records than these says little."""


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """Which fields records lack.

    Attributes:
        fields: paths of the expected fields, in the order in which they are met.
        missing: int64, shape (n,): how many of them are absent, null or empty in each record.
    """

    fields: list[str]
    missing: NDArray[np.int64]


def filled(records: Iterable[Mapping[str, JSON]]) -> Filled:
    """Count the expected fields that each record lacks.

    A field is a path through objects to a value that is none; lists are values. It is filled unless it is absent,
    null, an empty list or object, or a text of nothing but spaces; 0 and false are values.

    Args:
        records: n records, streamed once.
    """
    import numpy as np

    numbers: dict[str, int] = {}
    met: Counter[int] = Counter()
    held: list[frozenset[int]] = []
    for record in records:
        own = frozenset(numbers.setdefault(path, len(numbers)) for path in _filled_paths(record, ""))
        met.update(own)
        held.append(own)
    expected = {number for number, count in met.items() if count >= COMMON * len(held)}
    missing = [len(expected) - len(expected & own) for own in held]
    return Filled([path for path, number in numbers.items() if number in expected], np.asarray(missing, np.int64))


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The correlation of two lists by rank, equal values sharing their mean rank; NaN where one list is constant."""
    import numpy as np

    one, other = (_ranks(each) for each in (first, second))
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / spread if spread else float("nan")


def design(lengths: NDArray[np.int64], missing: NDArray[np.int64]) -> NDArray[np.float64]:
    """What a median similarity is regressed on: log length, its square, and missing fields.

    The square is there because records with more data than most are as unlike the others as those with less.

    Returns:
        Shape (n, 4): a column of ones first, the others with mean 0 and standard deviation 1, or 0 where constant.
    """
    import numpy as np

    def scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = values - values.mean()
        spread = float(moved.std())
        return moved / spread if spread > 1e-12 else np.zeros_like(moved)

    length = scaled(np.log(np.maximum(lengths, 1).astype(np.float64)))
    columns = [np.ones(len(lengths)), length, scaled(length**2), scaled(missing.astype(np.float64))]
    return np.stack(columns, axis=1)


def fitted(columns: NDArray[np.float64], values: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Least squares on some of the records, and what it expects of all; shape (n,)."""
    import numpy as np

    weights = np.linalg.lstsq(columns[on], values[on], rcond=None)[0]
    expected: NDArray[np.float64] = columns @ weights
    return expected


def r_squared(values: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """The share of the variance that is explained; NaN where there is none."""
    spread = float(values.var())
    return 1 - float(((values - expected) ** 2).mean()) / spread if spread > 0 else float("nan")


def rests_on_few(lengths: NDArray[np.int64], missing: NDArray[np.int64], values: NDArray[np.float64]) -> bool:
    """Whether the share of the variance that `design` explains is carried by few records.

    It is where there are fewer than 30 records, and where the share falls below half of what it was without the 2 %
    of records (three at least) of which the fit expects the least common values.

    Args:
        lengths, missing: see `design`, shape (n,).
        values: median similarities, shape (n,); all finite.
    """
    import numpy as np

    if len(values) < FEW:
        return True
    columns = design(lengths, missing)
    expected = fitted(columns, values, np.ones(len(values), bool))
    most = np.argsort(-np.abs(expected - np.median(expected)), kind="stable")[: max(3, len(values) // 50)]
    rest = np.ones(len(values), bool)
    rest[most] = False
    without = r_squared(values[rest], fitted(design(lengths[rest], missing[rest]), values[rest], rest[rest]))
    return not without >= r_squared(values, expected) / 2


def shifts(columns: NDArray[np.float64], values: NDArray[np.float64], member: NDArray[np.bool_]) -> tuple[float, float]:
    """How far a group's mean is from the others', as seen, and as expected from how much data its records have.

    The expectation is fitted to the other records alone: a group cannot explain itself.

    Args:
        columns: see `design`.
        values: median similarities, shape (n,).
        member: which records are of the group, shape (n,).

    Returns:
        Both shifts; NaN where no or too few other records are left.
    """
    others = ~member
    if not member.any() or others.sum() <= columns.shape[1]:
        return float("nan"), float("nan")
    middle = float(values[others].mean())
    expected = fitted(columns, values, others)
    return float(values[member].mean()) - middle, float(expected[member].mean()) - middle


def _filled_paths(value: Mapping[str, JSON], above: str) -> Iterator[str]:
    for key, each in value.items():
        path = f"{above}.{key}" if above else key
        if isinstance(each, Mapping):
            yield from _filled_paths(each, path)
        elif not (each is None or each == [] or (isinstance(each, str) and not each.strip())):
            yield path


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks
