"""Which records a question is about: a SQL condition over them, by DuckDB, or a name that a person typed.

The condition sees one row a record: its top-level fields as columns (with the redundant key prefix stripped), and
``_id``, ``_name`` and ``_group`` as the collection has them. It cannot write, reach a file or set anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embedex.errors import InputError, UnknownRecordError
from embedex.records import Record, minify, strip_prefix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FORMAT = (
    "format = 'newline_delimited', sample_size = -1, maximum_object_size = 268435456, "
    # A date in JSON is a text, and `released LIKE '2020%'` is a sensible condition: no format that any text fits.
    "map_inference_threshold = -1, dateformat = '%%', timestampformat = '%%'"
)

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
    import tempfile

    import duckdb
    import numpy as np

    chosen = np.zeros(len(names), bool)
    columns: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "records.jsonl"
        with lines.open("w", encoding="utf-8") as file:
            for row, (record, name, group) in enumerate(zip(records, names, groups, strict=True)):
                own = {"_row": row, "_id": record.id, "_name": name, "_group": group}
                # Own columns stand first and win: of two names that differ in case only, DuckDB renames the second.
                file.write(minify({**own, **strip_prefix(record.data, prefix), **own}) + "\n")
        database = duckdb.connect(config={"threads": 2})
        try:
            read = f"read_json(?, {_FORMAT})"
            described = database.execute(f"DESCRIBE FROM {read}", [str(lines)]).fetchall()
            columns = [row[0] for row in described]
            texts = ["_name", "_group", *(row[0] for row in described if row[1] in _TEXT_TYPES)]
            casts = ", ".join(f"{_quoted(name)}::VARCHAR AS {_quoted(name)}" for name in dict.fromkeys(texts))
            database.execute(f"CREATE TABLE records AS SELECT * REPLACE ({casts}) FROM {read}", [str(lines)])  # noqa: S608
            database.execute("SET enable_external_access = false; SET lock_configuration = true")
            # On a line of its own, so that a comment in the condition cannot swallow the bracket.
            query = f"SELECT _row FROM records WHERE (\n{condition}\n)"  # noqa: S608 - checked below, sandboxed above
            # What closes the bracket early, as "a) UNION (b" does, is no condition: it does not fit between words.
            database.extract_statements(f"SELECT CASE WHEN\n{condition}\nTHEN 1 END")
            statements = database.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise InputError(f"--where takes one SQL condition, not {condition!r}.")
            chosen[[row for (row,) in database.execute(query).fetchall()]] = True
        except duckdb.Error as error:
            problem = str(error).splitlines()[0]
            shown = ", ".join(name for name in columns if name != "_row")
            raise InputError(
                f"The condition {condition!r} cannot be used: {problem}",
                allowed=f"It is a SQL condition over these columns: {shown}" if shown else "",
                cure="For example: --where \"_name LIKE 'a%'\"",
            ) from error
        finally:
            database.close()
    return chosen


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def find(query: str, ids: Sequence[str], names: Sequence[str]) -> int:
    """The row of the record that a person means, by id, by name, or by name whatever its case.

    Raises:
        UnknownRecordError: there is none, or there are several of that name.
    """
    folded = query.casefold()
    tries = (
        (ids, query),
        (names, query),
        ([each.casefold() for each in names], folded),
        ([each.casefold() for each in ids], folded),
    )
    for labels, wanted in tries:
        rows = [row for row, label in enumerate(labels) if label == wanted]
        if len(rows) == 1:
            return rows[0]
        if rows:
            shown = ", ".join(ids[row] for row in rows[:8])
            raise UnknownRecordError(f"{len(rows)} records are called {query!r}.", cure=f"Say which by its id: {shown}")
    import difflib

    known = {label.casefold(): label for label in (*ids, *names)}
    close = difflib.get_close_matches(folded, known, n=3, cutoff=0.6)
    raise UnknownRecordError(
        f"No record has the id or name {query!r}.",
        cure=f"Perhaps {' or '.join(repr(known[each]) for each in close)}?" if close else "",
    )
