"""Which records a question is about: a SQL condition over them, by DuckDB, or a name that a person typed.

The condition sees one row a record: its top-level fields as columns (with the redundant key prefix stripped), and
``_id``, ``_name`` and ``_group`` as the collection has them. It cannot write, reach a file or set anything.

SQL does not tell ``Name`` from ``name``, JSON does. Keys that differ in case only are one column, called as the first
that is met, where no record has both; where one has, at that place, the later spellings become ``name_2``, ``name_3``
in all records. The empty key is ``_empty``. So it is at every depth.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedex.errors import InputError, UnknownRecordError
from embedex.records import JSON, Record, minify, strip_prefix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FORMAT = (
    "format = 'newline_delimited', sample_size = -1, maximum_object_size = 268435456, "
    # A date in JSON is a text, and `released LIKE '2020%'` is a sensible condition: no format that any text fits.
    "map_inference_threshold = -1, dateformat = '%%', timestampformat = '%%'"
)

_PLAIN = """
~~ !~~ ~~* !~~* ~~~ ^@ like_escape not_like_escape ilike_escape not_ilike_escape regexp_full_match regexp_matches
regexp_extract contains prefix suffix starts_with ends_with length len strlen lower upper lcase ucase trim ltrim
rtrim substring substr left right strpos instr position split_part typeof nullif ifnull
+ - * / // % ** ^ & | abs round floor ceil ceiling trunc sqrt ln log log2 log10 exp pow power sign mod greatest
least isnan isfinite isinf
list_contains list_has array_contains array_has list_position list_extract element_at array_extract array_length
list_min list_max list_sum list_avg list_count
struct_extract json_extract json_extract_string json_array_length json_contains -> ->>
date_part datepart date_trunc datetrunc date_diff datediff year quarter month week day dayofweek dayofyear hour
minute second strptime try_strptime make_date current_date today to_years to_months to_days
count count_star min max avg sum stddev stddev_samp var_samp
"""

PLAIN_FUNCTIONS = frozenset(_PLAIN.split())
"""Functions and operators of which one call gives little more than it is given, however they are nested: none takes all
memory, or goes on when it is stopped. `repeat`, `range`, `replace` and `||` may, and are not among them."""

_TEXT_TYPES = ("UUID", "TIME", '"NULL"')
"""What DuckDB makes of some texts, and of fields that are always null."""


def where(
    condition: str,
    records: Iterable[Record],
    *,
    names: Sequence[str],
    groups: Sequence[str | None],
    prefix: str = "",
) -> NDArray[np.bool_]:
    """The records for which a SQL condition holds.

    Args:
        condition: what would follow ``WHERE``: ``"height > 10 AND pokemonspecy.is_legendary"``.
        records: n records.
        names, groups: n labels.
        prefix: stripped from every key.

    Returns:
        bool, shape (n,).

    Raises:
        InputError: the condition is no SQL, names a column that is not there, or is more than a condition.
    """
    table = Conditions(records, names=names, groups=groups, prefix=prefix)
    try:
        return table.where(condition)
    finally:
        table.close()


class Conditions:
    """A table of records that is made once and answers many conditions, one at a time.

    Args:
        records: n records.
        names, groups: n labels.
        prefix: stripped from every key.
        memory: the most that the table and a condition may take, such as ``"2GB"``; nothing is then put on the disk
            instead. ``""`` leaves that to DuckDB.
        functions: what a condition may call, such as `PLAIN_FUNCTIONS`, for conditions of people one does not know:
            a single call can go beyond memory and time. None lets it call all.

    Raises:
        InputError: the records are no table that DuckDB can hold.
    """

    def __init__(
        self,
        records: Iterable[Record],
        *,
        names: Sequence[str],
        groups: Sequence[str | None],
        prefix: str = "",
        memory: str = "",
        functions: frozenset[str] | None = None,
    ) -> None:
        import duckdb

        self._count, self._functions = len(names), functions
        self._columns: list[str] = []
        self._database = duckdb.connect(config={"threads": 2})
        try:
            self._load(records, names, groups, prefix)
            if memory:  # only now: reading JSON takes large buffers for a while
                self._database.execute(f"SET memory_limit = '{memory}'; SET temp_directory = ''")
            self._database.execute("SET enable_external_access = false; SET lock_configuration = true")
        except (duckdb.Error, RecursionError) as error:
            self.close()
            problem = "they are nested too deeply." if isinstance(error, RecursionError) else str(error).splitlines()[0]
            raise InputError(f"The records are no table for SQL: {problem}") from error
        except BaseException:
            self.close()
            raise

    def _load(self, records: Iterable[Record], names: Sequence[str], groups: Sequence[str | None], prefix: str) -> None:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            lines = Path(folder) / "records.jsonl"
            keys = _Keys()
            with lines.open("w", encoding="utf-8") as file:
                for row, (record, name, group) in enumerate(zip(records, names, groups, strict=True)):
                    own = {"_row": row, "_id": record.id, "_name": name, "_group": group}
                    # Own columns stand first and win.
                    value = {**own, **strip_prefix(record.data, prefix), **own}
                    keys.meet(value)
                    file.write(minify(value) + "\n")
            if keys.ambiguous:
                met, lines = lines, Path(folder) / "renamed.jsonl"
                with met.open(encoding="utf-8") as file, lines.open("w", encoding="utf-8") as to:
                    to.writelines(minify(keys.renamed(json.loads(line))) + "\n" for line in file)
            database, read = self._database, f"read_json(?, {_FORMAT})"
            described = database.execute(f"DESCRIBE FROM {read}", [str(lines)]).fetchall()
            self._columns = [row[0] for row in described]
            texts = ["_name", "_group", *(row[0] for row in described if row[1] in _TEXT_TYPES)]
            casts = ", ".join(f"{_quoted(name)}::VARCHAR AS {_quoted(name)}" for name in dict.fromkeys(texts))
            database.execute(f"CREATE TABLE records AS SELECT * REPLACE ({casts}) FROM {read}", [str(lines)])  # noqa: S608

    def where(self, condition: str, *, seconds: float | None = None) -> NDArray[np.bool_]:
        """The records for which a SQL condition holds; bool, shape (n,).

        Args:
            condition: what would follow ``WHERE``.
            seconds: after which it is stopped; None lets it run.

        Raises:
            InputError: the condition is no SQL, names a column that is not there, is more than a condition, calls what
                it may not, or takes longer than it may.
        """
        import threading

        import duckdb
        import numpy as np

        chosen = np.zeros(self._count, bool)
        stop = threading.Timer(seconds or 0, self._database.interrupt)
        stop.daemon = True
        try:
            # On a line of its own, so that a comment in the condition cannot swallow the bracket.
            query = f"SELECT _row FROM records WHERE (\n{condition}\n)"  # noqa: S608 - checked below, sandboxed above
            # What closes the bracket early, as "a) UNION (b" does, is no condition: it does not fit between words.
            self._database.extract_statements(f"SELECT CASE WHEN\n{condition}\nTHEN 1 END")
            statements = self._database.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise InputError(f"--where takes one SQL condition, not {condition!r}.")
            self._allowed(query)
            if seconds is not None:
                stop.start()
            chosen[[row for (row,) in self._database.execute(query).fetchall()]] = True
        except duckdb.InterruptException as error:
            raise InputError(
                f"The condition {condition!r} takes longer than {seconds:g} s.", cure="Ask for something simpler."
            ) from error
        except duckdb.Error as error:
            problem = str(error).splitlines()[0]
            if 'at or near "THEN"' in problem:  # our own word
                problem = "it ends too early."
            shown = ", ".join(name for name in self._columns if name != "_row")
            raise InputError(
                f"The condition {condition!r} cannot be used: {problem}",
                allowed=f"It is a SQL condition over these columns: {shown}" if shown else "",
                cure="For example: --where \"_name LIKE 'a%'\"",
            ) from error
        finally:
            stop.cancel()
        return chosen

    def _allowed(self, query: str) -> None:
        """Raise InputError for a query that calls what it may not."""
        if self._functions is None:
            return
        # As DuckDB itself reads it. What it cannot read has no functions, and is refused when it is run.
        ((parsed,),) = self._database.execute("SELECT json_serialize_sql(?)", [query]).fetchall()
        if refused := sorted(set(_called(json.loads(parsed))) - self._functions):
            raise InputError(
                f"The condition calls {', '.join(refused)}, which the explorer does not allow.",
                allowed=f"It may call {', '.join(sorted(each for each in self._functions if each.isidentifier()))}.",
                cure="The command line allows all: embedex similar --where",
            )

    def close(self) -> None:
        """Give back what the table takes."""
        self._database.close()


def _called(parsed: Any) -> Iterator[str]:
    """What a query calls by DuckDB's own account of it; recursion and arrays of fixed size count as calls as well."""
    if isinstance(parsed, list):
        for each in parsed:
            yield from _called(each)
    elif isinstance(parsed, dict):
        if "function_name" in parsed:
            yield str(parsed["function_name"]).lower()
        if parsed.get("type") == "RECURSIVE_CTE_NODE":
            yield "WITH RECURSIVE"
        if "array" in (str(parsed.get("type_name", "")).lower(), str(parsed.get("id", "")).lower()):
            yield "a type of fixed size"
        for each in parsed.values():
            yield from _called(each)


class _Keys:
    """The keys at one place of all records, and what they are called there in SQL, whatever their case."""

    def __init__(self) -> None:
        self._folded: dict[str, str] = {}
        self._spellings: dict[str, list[str]] = {}
        self._together: set[str] = set()
        self._below: dict[str, _Keys] = {}

    def meet(self, value: JSON) -> None:
        """Note the keys of a value; the objects of a list are all at one place."""
        if isinstance(value, list):
            for each in value:
                if isinstance(each, (dict, list)):
                    self.meet(each)
            return
        for key, each in value.items():
            if key not in self._folded:
                self._folded[key] = _folded(key)
                self._spellings.setdefault(self._folded[key], []).append(key)
            if isinstance(each, (dict, list)):
                folded = self._folded[key]
                if folded not in self._below:
                    self._below[folded] = _Keys()
                self._below[folded].meet(each)
        if len(self._spellings) < len(self._folded):
            folds = [self._folded[key] for key in value]
            self._together.update(folded for folded in folds if folds.count(folded) > 1)

    @property
    def ambiguous(self) -> bool:
        """Whether a key must be called otherwise, here or below."""
        here = len(self._spellings) < len(self._folded) or "" in self._folded
        return here or any(below.ambiguous for below in self._below.values())

    def renamed(self, value: JSON) -> JSON:
        """A value of this place with its keys as SQL has them."""
        if isinstance(value, list):
            return [self.renamed(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            self._called[key]: self._below[self._folded[key]].renamed(each) if isinstance(each, (dict, list)) else each
            for key, each in value.items()
        }

    @cached_property
    def _called(self) -> dict[str, str]:
        """The name of each key in SQL, once all are met."""
        called = {}
        taken = set(self._spellings)
        for folded, (first, *others) in self._spellings.items():
            called[first] = first or _free("_empty", taken)
            for key in others:
                called[key] = _free(key, taken) if folded in self._together else first
        return called


def _folded(key: str) -> str:
    """The key as DuckDB compares it: É and é are two names."""
    return key.encode().lower().decode()


def _free(name: str, taken: set[str]) -> str:
    """The name, or else the name with the first number that makes it no other's."""
    free, number = name, 1
    while _folded(free) in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(_folded(free))
    return free


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def rows(query: str, ids: Sequence[str], names: Sequence[str]) -> list[int]:
    """The rows of the records that a person may mean: by id, else by name, else by name whatever its case.

    An é is found whether it is one character or, as on a Mac, an e with an accent.
    """
    tries = ((ids, str), (names, str), (ids, _composed), (names, _composed), (names, _caseless), (ids, _caseless))
    for labels, form in tries:
        wanted = form(query)
        if found := [row for row, label in enumerate(labels) if form(label) == wanted]:
            return found
    return []


def close(query: str, ids: Sequence[str], names: Sequence[str], cutoff: float = 0.6) -> list[str]:
    """At most three ids and names that come close to what a person typed, the closest first.

    Args:
        query: as typed.
        ids, names: n labels.
        cutoff: how alike they must be, from 0 to 1.
    """
    import difflib

    known = {_caseless(label): label for label in (*ids, *names)}
    return [known[each] for each in difflib.get_close_matches(_caseless(query), known, n=3, cutoff=cutoff)]


def find(query: str, ids: Sequence[str], names: Sequence[str]) -> int:
    """The row of the record that a person means; see `rows`.

    Raises:
        UnknownRecordError: there is none, or there are several of that name.
    """
    found = rows(query, ids, names)
    if len(found) == 1:
        return found[0]
    if found:
        more = f" and {len(found) - 8:,} more" if len(found) > 8 else ""
        shown = ", ".join(ids[row] for row in found[:8]) + more
        raise UnknownRecordError(f"{len(found)} records are called {query!r}.", cure=f"Say which by its id: {shown}")
    perhaps = close(query, ids, names)
    raise UnknownRecordError(
        f"No record has the id or name {query!r}.",
        cure=f"Perhaps {' or '.join(map(repr, perhaps))}?" if perhaps else "",
    )


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _caseless(text: str) -> str:
    return _composed(text.casefold())
