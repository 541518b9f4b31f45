"""How results are printed: tables for people, JSON and CSV for pipes; progress on standard error, for people only."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedex.records import Problem

if TYPE_CHECKING:
    from embedex.collection import Progress
    from embedex.embedding import Progress as Run

TABLE_ROWS = 60
"""The most rows a table for people has; JSON and CSV always have them all."""

PROBLEMS_SHOWN = 20
"""The most problems that are named on a terminal; a file or a pipe always gets them all."""


Cell = str | float | int | None


@dataclass(frozen=True)
class Table:
    """What a verb prints.

    Attributes:
        columns: their names; numbers are set to the right.
        rows: strings, numbers or None.
        caption: what the numbers rest on.
        whole: the result itself, for JSON; the rows when None.
        full: the table for CSV, where people get less of it.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    whole: Any = None
    full: Table | None = None


def show(table: Table, form: str) -> None:
    """Print a table in one of `embedex.cli.parser.FORMATS`."""
    if form == "json":
        whole = table.whole
        if whole is None:
            whole = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        escaped = "utf" not in (sys.stdout.encoding or "utf-8").lower()  # so that another encoding loses nothing
        print(json.dumps(_plain(whole), ensure_ascii=escaped, indent=2))
    elif form == "csv":
        full = table.full or table
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(full.columns)
        writer.writerows(full.rows)
    else:
        _show_table(table)


def cells(table: Table) -> list[list[str]]:
    """The rows as people read them."""
    return [[_cell(value) for value in row] for row in table.rows]


def heading(text: str) -> None:
    """A line above a table, where the table goes."""
    print(f"\n{printable(text)}")


def say(text: str) -> None:
    """Tell a person what is going on; on standard error, so that pipes stay clean."""
    print("\n".join(printable(line) for line in text.split("\n")), file=sys.stderr, flush=True)


def say_problems(problems: Sequence[Problem]) -> None:
    """Name everything that was set aside; on a terminal, what fits there."""
    shown = problems[:PROBLEMS_SHOWN] if sys.stderr.isatty() else problems
    for problem in shown:
        say(f"  set aside: {printable(str(problem))}")
    if len(problems) > len(shown):
        say(f"  … and {len(problems) - len(shown):,} more; 2> problems.txt after the command keeps them all")


def printable(text: str) -> str:
    """A text without control characters, with which a record could steer a terminal; white space becomes spaces."""
    return text.translate(_CONTROLS)


_CONTROLS = {code: " " if chr(code).isspace() else "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0))}


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield _silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}
        paces: dict[str, Pace] = {}

        def update(what: str, done: int, total: int, run: Run | None = None, /) -> None:
            embedded, tokens, share = (run.embedded, run.tokens, run.share) if run else (done, 0, done / max(total, 1))
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total, pace="")
                paces[what] = Pace(time.monotonic(), embedded, tokens, share)
            told = paces[what].told(time.monotonic(), embedded, tokens, share)
            bar.update(tasks[what], completed=done, total=total, pace=told)

        yield update


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast something goes, from when it was first heard of.

    Attributes:
        begun: when, in seconds.
        done, tokens, share: what was done then; what was known before cost no time.
    """

    begun: float
    done: int = 0
    tokens: int = 0
    share: float = 0.0

    def told(self, now: float, done: int, tokens: int, share: float) -> str:
        """Documents and tokens a second, and the time left.

        Args:
            now: in seconds.
            done: how many are done.
            tokens: how many tokens those had; 0 leaves them out.
            share: which share of the work is done.

        Example:
            >>> Pace(0.0).told(10.0, 20, 40_000, 0.25)
            '2.0/s, 4,000 tokens/s, 0:00:30 left'
        """
        seconds = now - self.begun
        if seconds < 1 or share <= self.share:
            return ""
        parts = [f"{(done - self.done) / seconds:,.1f}/s"]
        if tokens:
            parts.append(f"{(tokens - self.tokens) / seconds:,.0f} tokens/s")
        parts.append(f"{timedelta(seconds=round(seconds * (1 - share) / (share - self.share)))} left")
        return ", ".join(parts)


def _silent(_what: str, _done: int, _total: int, _run: Run | None = None, /) -> None:
    """Show nothing."""


def _show_table(table: Table) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as RichTable

    drawn = RichTable(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for number, column in enumerate(table.columns):
        numeric = any(isinstance(row[number], (int, float)) for row in table.rows)
        drawn.add_column(escape(printable(column)), justify="right" if numeric else "left", overflow="fold")
    for row in cells(table)[:TABLE_ROWS]:
        drawn.add_row(*(escape(cell) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    with console.capture() as captured:  # rich itself would end the process when a pipe breaks
        console.print(drawn)
        if len(table.rows) > TABLE_ROWS:
            console.print(f"… and {len(table.rows) - TABLE_ROWS:,} more; --format csv prints them all")
        if table.caption:
            console.print(escape(printable(table.caption)), style="dim")
    print(captured.get(), end="")


def _cell(value: Cell) -> str:
    if value is None or value != value:  # NaN, the mean of no pairs
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def _plain(value: Any) -> Any:
    """The value as JSON knows it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and value != value:  # NaN is not JSON
        return None
    return value
