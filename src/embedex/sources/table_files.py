"""The rows of CSV and Parquet files as JSON objects, each with its place.

A CSV column is an integer, float, bool or text for the whole file. Whether a row is a record is seen in `files`.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from embedex.errors import InputError
from embedex.records import JSON, JsonPath, Strictness
from embedex.sources.excerpts import listed
from embedex.sources.lines import text_lines


def csv_values(path: Path, suffix: str, id_path: JsonPath, strictness: Strictness) -> Iterator[tuple[str, JSON]]:
    """The rows of a CSV file as objects, with their places. The file is read twice: types are known only at its end.

    Args:
        path: a file of CSV, perhaps packed.
        suffix: ``.tsv`` for tabs; else commas, or semicolons where the header has these only.
        id_path: where a record has its id; that column keeps its letters.
        strictness: takes the rows that are broken, too short or too long.

    Raises:
        InputError: the file is not UTF-8, or its header cannot be used.
    """
    first = next((line for _, line in text_lines(path) if line.strip()), "")
    delimiter = "\t" if suffix == ".tsv" else ";" if ";" in first and "," not in first else ","
    rows = _csv_rows(path, delimiter)
    line, header = next(rows, (1, []))
    if not header:
        return
    if isinstance(header, str):
        raise InputError(f"{path}:{line}: {header}.", allowed="The first row names the columns.")
    names = [name.strip() for name in header]
    if bad := sorted({name for name in names if not name or names.count(name) > 1}):
        raise InputError(
            f"{path}:{line}: the header has a column without a name."
            if "" in bad
            else f"{path}:{line}: the header names more than one column {listed(bad)}.",
            allowed="The first row names the columns, each one differently.",
        )
    columns = [_Column(exact=id_path.steps == (name,)) for name in names]
    for _, row in rows:
        if isinstance(row, list) and len(row) == len(names):
            for column, cell in zip(columns, row, strict=True):
                column.see(cell)
    again = _csv_rows(path, delimiter)
    next(again)
    for line, row in again:
        where = f"{path}:{line}"
        if isinstance(row, str):
            strictness.add(where, row)
        elif len(row) != len(names):
            few = "few" if len(row) < len(names) else "many"
            strictness.add(where, f"too {few} columns: {len(row)}, but the header names {len(names)}")
        else:
            cells = zip(names, columns, row, strict=True)
            yield where, {name: column.value(cell) for name, column, cell in cells}


def _csv_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each row that is not blank with the line where it begins; a text instead of a row is its fault."""
    csv.field_size_limit(2**31 - 1)  # of the whole process, and too small for a long text
    reader = csv.reader((line for _, line in text_lines(path)), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            row: list[str] | str | None = next(reader, None)
        except csv.Error as error:
            row = f"not CSV: {error}"
        if row is None:
            return
        if row:
            yield line, row
        line = reader.line_num + 1


@dataclass(frozen=True, slots=True)
class _CellType:
    """Whether a cell can be of a type, and how it is read then."""

    fits: Callable[[str], bool]
    read: Callable[[str], JSON]


_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,999}")  # with a leading zero or a plus it is a code, and stays text
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,999})(\.[0-9]{1,999})?([eE][+-]?[0-9]{1,9})?")

_BOOL_CELL = _CellType(lambda cell: cell.lower() in ("true", "false"), lambda cell: cell.lower() == "true")
_INTEGER_CELL = _CellType(lambda cell: _WHOLE.fullmatch(cell) is not None, int)
_FLOAT_CELL = _CellType(lambda cell: _FLOAT.fullmatch(cell) is not None and math.isfinite(float(cell)), float)
_TEXT_CELL = _CellType(lambda _: True, str)


class _Column:
    """Finds the first type that fits every cell of a column that is not empty.

    Args:
        exact: only types that keep a cell to the letter, as an id needs it: integer or text.
    """

    def __init__(self, *, exact: bool) -> None:
        self._left = [_INTEGER_CELL, _TEXT_CELL]
        if not exact:
            self._left = [_BOOL_CELL, _INTEGER_CELL, _FLOAT_CELL, _TEXT_CELL]

    def see(self, cell: str) -> None:
        """Drop the types that do not fit a cell."""
        if cell and len(self._left) > 1:
            self._left = [each for each in self._left if each.fits(cell)]

    def value(self, cell: str) -> JSON:
        """A cell in the column's type; null when it is empty."""
        return self._left[0].read(cell) if cell else None


# ── Parquet ─────────────────────────────────────────────────────────────────────────────────────────


def parquet_values(path: Path) -> Iterator[tuple[str, JSON]]:
    """The rows of a Parquet file as objects, with their places.

    Raises:
        InputError: the file is not Parquet, is damaged, or has two columns of one name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise InputError(f"{path}: more than one column is named {listed(repeated)}.")
            number = 0
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}: row {number}", _as_json(row)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: not Parquet that can be read: {error}.") from error


def _as_json(value: JSON) -> JSON:
    """What pyarrow gives, as JSON where there is a plain way; the rest comes as it is, and `files` names it."""
    if isinstance(value, dict):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(each, tuple) and len(each) == 2 for each in value):  # a map column
            return {str(key): _as_json(each) for key, each in value}
        return [_as_json(each) for each in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, date | time):  # a datetime is a date as well
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value) if isinstance(value, UUID) else value
