"""Fields of the records that can colour a map: which there are, and the values of one of them, one a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from embedex.errors import InputError
from embedex.explorer.arrays import codes
from embedex.records import JSON, JsonPath, label_text

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["category", "number"]

MOST_PATHS = 200
"""So many fields are listed, the first that are met."""

MOST_CATEGORIES = 512
"""A field with more values than colours anybody could tell apart many times over is not listed."""

MOST_ASKED = 4_096
"""Nor can more be had by its path."""

FEWEST_NUMBERS = 10
"""A field of numbers is a scale beyond so many different ones; else each of them is a category."""

_DEPTH = 6
_UNSAFE = frozenset(".[]")


@dataclass(frozen=True)
class Field:
    """A field that can colour.

    Attributes:
        path: with the redundant key prefix stripped.
        kind: a scale of numbers, or categories.
        distinct: how many different values it has among the records that were looked at.
    """

    path: str
    kind: Kind
    distinct: int


@dataclass(frozen=True)
class Column:
    """The values of a field.

    Attributes:
        kind: a scale of numbers, or categories.
        categories: the most frequent first; none for numbers.
        data: uint16 codes (65535: none) or float32 (NaN: none), one a record.
    """

    kind: Kind
    categories: Sequence[str]
    data: bytes


class _Seen:
    """The values of one path so far."""

    __slots__ = ("distinct", "holders", "longest", "numeric")

    def __init__(self) -> None:
        self.distinct: set[Any] = set()
        self.holders, self.longest, self.numeric = 0, 0, True

    def meet(self, value: JSON) -> None:
        self.holders += 1
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        self.numeric = self.numeric and number
        if not number:
            self.longest = max(self.longest, len(str(value)))
        self.distinct.add(value)

    def field(self, path: str) -> Field | None:
        """What it is as a field, or None where it colours nothing."""
        count = len(self.distinct)
        if count < 2:
            return None
        if self.numeric and count > FEWEST_NUMBERS:
            return Field(path, "number", count)
        few = count <= MOST_CATEGORIES and (2 * count <= self.holders or count <= FEWEST_NUMBERS)
        return Field(path, "category", count) if few and self.longest <= 120 else None


def fields(records: Iterable[Mapping[str, JSON]]) -> list[Field]:
    """The fields that can colour, the shallow ones first, else in the order in which they are met.

    Of a list the first member is looked at: ``types[0].name``.

    Args:
        records: their data, prefix stripped.
    """
    seen: dict[str, _Seen] = {}
    depths: dict[str, int] = {}
    for data in records:
        for path, depth, value in _scalars(data, "", 0):
            if path not in seen:
                seen[path], depths[path] = _Seen(), depth
            seen[path].meet(value)
    found = [field for path in sorted(seen, key=depths.__getitem__) if (field := seen[path].field(path))]
    return found[:MOST_PATHS]


def _scalars(value: JSON, path: str, depth: int) -> Iterator[tuple[str, int, JSON]]:
    if isinstance(value, dict):
        if depth < _DEPTH:
            for key, each in value.items():
                if key and not _UNSAFE & set(key):  # others have no path
                    yield from _scalars(each, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        if value and depth < _DEPTH:
            yield from _scalars(value[0], f"{path}[0]", depth + 1)
    elif value is not None:
        yield path, depth, value


def column(records: Iterable[Mapping[str, JSON]], path: str) -> Column:
    """The values of a field; of a list or an object there is none.

    Args:
        records: their data, prefix stripped.
        path: where the value stands in each.

    Raises:
        InputError: it is no path, leads nowhere, or to more different texts than can be told apart.
    """
    at = JsonPath.parse(path)
    return _column([at.find(data) for data in records], path)


def several(records: Iterable[Mapping[str, JSON]], paths: Sequence[str]) -> Iterator[Column | InputError]:
    """As `column` for each path, the records read once; for a path without a column, what `column` would raise."""
    at = [JsonPath.parse(path) for path in paths]
    values: list[list[JSON]] = [[] for _ in paths]
    for data in records:
        for each, found in zip(at, values, strict=True):
            found.append(each.find(data))
    for path, found in zip(paths, values, strict=True):
        try:
            yield _column(found, path)
        except InputError as error:
            yield error


def _column(values: Sequence[JSON], path: str) -> Column:
    import numpy as np

    present = [value for value in values if value is not None and not isinstance(value, (list, dict))]
    if not present:
        raise InputError(f"{path!r} leads to no value in any record.", cure="api/fields lists paths that do.")
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in present)
    if numeric and len(set(present)) > FEWEST_NUMBERS:
        numbers = np.asarray([_number(value) for value in values], np.float64)
        with np.errstate(over="ignore"):
            return Column("number", (), numbers.astype("<f4").tobytes())
    labels = [label_text(value) for value in values]
    counts: dict[str, int] = {}
    for label in labels:
        if label is not None:
            counts[label] = counts.get(label, 0) + 1
    if len(counts) > MOST_ASKED:
        raise InputError(
            f"{path!r} has {len(counts):,} different values.", allowed=f"Up to {MOST_ASKED:,} can be told apart."
        )
    categories = sorted(counts, key=lambda label: -counts[label])
    return Column("category", categories, codes(labels, categories))


def _number(value: JSON) -> float:
    if not isinstance(value, (int, float)):
        return float("nan")
    try:
        return float(value)
    except OverflowError:  # a whole number beyond any float
        return float("nan")
