"""Records from a person's own files: JSON, JSON Lines, CSV and Parquet.

One record that cannot be used is set aside with its file and line while the rest goes on; a file that cannot
be used at all is an error. The formats themselves are read in `json_files` and `table_files`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from embedex.errors import InputError
from embedex.records import JSON, JsonPath, Record, Strictness, id_text
from embedex.sources.excerpts import SHOWN, listed, shorten
from embedex.sources.json_files import json_values, jsonl_values
from embedex.sources.lines import byte_lines, is_packed
from embedex.sources.table_files import csv_values, parquet_values

RECORD_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
"""The endings that a file of records may have; all but Parquet also with ``.gz`` after it."""

MAX_DEPTH = 200
"""How many lists and objects may be nested in a record; Python's recursion ends not far above."""


def read_records(paths: Sequence[Path], *, id_path: JsonPath, strictness: Strictness) -> Iterator[tuple[Record, str]]:
    """Read the records of files, in the files' order, one at a time.

    JSON Lines, CSV and Parquet are streamed; a ``.json`` file is held in memory as text: a list of records, one
    record (an object with an id at `id_path`), or an object with one list of records. A CSV column is an
    integer, float, bool or text for the whole file, and an empty cell is null; the id's column is never float
    or bool.

    Args:
        paths: files with an ending of `RECORD_SUFFIXES`.
        id_path: where a record has its id.
        strictness: takes what is set aside: a broken or repeated record, a file without one.

    Yields:
        Each record with its place, such as ``cards.jsonl:17``.

    Raises:
        InputError: a file does not exist, has another ending, is damaged as a whole or not UTF-8; a ``.json``
            file holds neither a record nor one list of them; a CSV file's header cannot be used; or all files
            hold no record.
    """
    suffixes = [_record_suffix(path) for path in paths]  # all of them first, before hours of reading
    before = len(strictness.problems)
    places: dict[str, str] = {}
    for path, suffix in zip(paths, suffixes, strict=True):
        found, noted = 0, len(strictness.problems)
        for where, value in _values(path, suffix, id_path, strictness):
            found += 1
            if not isinstance(value, dict):
                strictness.add(where, f"{_kind(value)}, not an object")
            elif fault := _fault(value, MAX_DEPTH):
                strictness.add(where, fault)
            elif (id_ := id_text(id_path.find(value))) is None:
                strictness.add(where, _id_fault(value, id_path))
            elif id_ in places:
                strictness.add(where, f"the id {shorten(id_)} once more; it is first at {places[id_]}")
            else:
                places[id_] = where
                yield Record(id_, value), where
        if not found and len(strictness.problems) == noted:
            size = path.stat().st_size
            strictness.add(str(path), "a file without any record" if size else "an empty file (0 bytes)")
    if not places:
        problems = strictness.problems[before:]
        lines = [f"  {problem}" for problem in problems[:SHOWN]]
        if len(problems) > SHOWN:
            lines.append(f"  and {len(problems) - SHOWN:,} more like these")
        raise InputError(
            "\n".join([f"No record could be read from {listed([str(path) for path in paths])}.", *lines]),
            allowed=f"A record is an object with an id, a text or an integer, at {id_path.text!r}.",
            cure="Mend the files, or tell the path of the id.",
        )


def escapes_ascii(paths: Sequence[Path]) -> bool:
    r"""Whether JSON files write characters beyond ASCII as ``\uXXXX`` only.

    Returns:
        True when all files are JSON or JSON Lines in pure ASCII with at least one such escape; else False.

    Raises:
        InputError: a file cannot be read.
    """
    escape = re.compile(rb"(?<!\\)(?:\\\\)*\\u[0-9a-fA-F]{4}")
    met = False
    for path in paths:
        if _record_suffix(path) not in (".json", ".jsonl", ".ndjson"):
            return False
        for _, line in byte_lines(path):
            if not line.isascii():
                return False
            met = met or escape.search(line) is not None
    return met


def _record_suffix(path: Path) -> str:
    """The ending that tells how to read a file, without ``.gz``."""
    if path.is_dir():
        raise InputError(f"{path}: a folder, not a file of records.", cure=f"Name its files: {path}/*.jsonl")
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in RECORD_SUFFIXES or (suffix == ".parquet" and is_packed(path)):
        raise InputError(
            f"{path}: not an ending that tells how to read the file.",
            allowed=f"Allowed are {', '.join(RECORD_SUFFIXES)}, and all but Parquet with .gz after it.",
        )
    if not path.exists():
        raise InputError(f"{path}: there is no such file.")
    return suffix


def _values(path: Path, suffix: str, id_path: JsonPath, strictness: Strictness) -> Iterator[tuple[str, JSON]]:
    """Each value of the file that could be parsed, with its place; whether it is a record is seen later."""
    if path.stat().st_size == 0:
        return iter(())
    if suffix == ".json":
        return json_values(path, id_path, strictness)
    if suffix == ".parquet":
        return parquet_values(path)
    if suffix in (".csv", ".tsv"):
        return csv_values(path, suffix, id_path, strictness)
    return jsonl_values(path, strictness)


def _fault(value: JSON, levels: int, path: str = "") -> str:
    """Why a value cannot be kept as JSON in UTF-8, with its path; ``""`` when it can."""
    at = f" at {path}" if path else ""
    if isinstance(value, dict):
        if not levels:
            return f"nested more than {MAX_DEPTH} levels deep"
        for key, each in value.items():
            if not key.isascii() and (fault := _fault(key, levels, path)):
                return f"a key with {fault}"
            if fault := _fault(each, levels - 1, f"{path}.{key}" if path else key):
                return fault
    elif isinstance(value, list):
        if not levels:
            return f"nested more than {MAX_DEPTH} levels deep"
        for each in value:
            if fault := _fault(each, levels - 1, path):
                return fault
    elif isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            return f"half a surrogate pair{at}, which is no character"
    elif isinstance(value, float):
        if not math.isfinite(value):
            return f"{'NaN' if math.isnan(value) else 'Infinity'}{at}, which is no number in JSON"
    elif value is not None and not isinstance(value, int):
        return f"{type(value).__name__}{at}, which JSON does not have; leave that column out"
    return ""


def _id_fault(value: dict[str, JSON], id_path: JsonPath) -> str:
    found = id_path.find(value)
    if found is None:
        return f"no id at {id_path.text!r} (nothing there, or null); its keys are {listed(value) or 'none'}"
    return f"its id at {id_path.text!r} is {shorten(found)}, neither a text nor an integer"


def _kind(value: JSON) -> str:
    names = {"NoneType": "null", "bool": "true or false", "str": "a text", "list": "a list"}
    return names.get(type(value).__name__, "a number")
