"""What is printed, whatever a record holds."""

from __future__ import annotations

import csv
import io
import json

import pytest

from embedex import embedding
from embedex.cli import output
from embedex.cli.output import Table
from embedex.records import Problem

ODD = "a\nb\tc\x1b[31m\x9b2Jd\x00\x7f\r\N{ZERO WIDTH JOINER}é"
PLAIN = "a b c\ufffd[31m\ufffd2Jd\ufffd\ufffd \N{ZERO WIDTH JOINER}é"


def controls(text: str) -> set[str]:
    return {each for each in text if (each < " " and each != "\n") or "\x7f" <= each <= "\x9f"}


def test_a_text_cannot_steer_the_terminal() -> None:
    assert output.printable(ODD) == PLAIN
    assert output.cells(Table(["x"], [[ODD]])) == [[PLAIN]]


def test_nothing_that_is_printed_for_people_holds_a_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    output.show(Table([ODD], [[ODD]], ODD), "table")
    output.heading(ODD)
    output.say(ODD)
    output.say_problems([Problem(ODD, ODD)])
    printed = capsys.readouterr()
    assert controls(printed.out) == controls(printed.err) == set()
    assert printed.err.splitlines()[:2] == PLAIN.split(" ", 1), "what is said may have lines"
    assert printed.err.splitlines()[2:] == [f"  set aside: {PLAIN}: {PLAIN}"], "but a problem is one"


def test_pipes_get_texts_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    output.show(Table(["x"], [[ODD]]), "json")
    assert json.loads(capsys.readouterr().out) == [{"x": ODD}]
    output.show(Table(["x"], [[ODD]]), "csv")
    assert list(csv.reader(io.StringIO(capsys.readouterr().out, newline=""))) == [["x"], [ODD]]


def test_a_column_with_brackets_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    output.show(Table(["[red] x"], [["1"]]), "table")
    assert "[red] x" in capsys.readouterr().out


def test_csv_has_the_full_table(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(["x"], [[1]], full=Table(["x", "y"], [[1, 2], [3, 4]]))
    output.show(table, "csv")
    assert capsys.readouterr().out == "x,y\n1,2\n3,4\n"
    output.show(table, "table")
    assert "y" not in capsys.readouterr().out


def test_the_pace_leaves_out_what_was_done_before_and_goes_by_the_share_of_the_work() -> None:
    pace = output.Pace(begun=100.0, done=500, tokens=1_000, share=0.2)
    assert pace.told(100.5, 510, 2_000, 0.3) == "", "too soon to tell"
    assert pace.told(110.0, 520, 41_000, 0.4) == "2.0/s, 4,000 tokens/s, 0:00:30 left"
    assert pace.told(110.0, 520, 0, 1.0) == "2.0/s, 0:00:00 left"
    assert pace.told(110.0, 600, 1_000, 0.2) == "", "nothing of the work is done yet"


def test_without_a_terminal_there_is_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress() as progress:
        progress("Embedding text", 1, 2, embedding.Progress(1, 1, 3, 0.5))
    assert capsys.readouterr() == ("", "")
