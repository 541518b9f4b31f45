"""The rows of results: what people see, and what pipes get beyond it."""

from __future__ import annotations

import numpy as np

from embedex.cli import tables
from embedex.results import Answers, Basis, Hit, Item, Pairs

BASIS = Basis("Museum", "text", "wordllama", "cosine", 40)


def pairs(sizes: list[int]) -> Pairs:
    """All pairs of groups of these sizes, whose mean says which two groups they are: 2.05 is of groups 2 and 5."""
    starts = np.cumsum([0, *sizes])
    numbers = np.arange(len(sizes))
    groups = [(f"wing-{number:02}", int(start)) for number, start in zip(numbers, starts, strict=False)]
    means = (numbers[:, None] + numbers / 100).astype(np.float32)
    return Pairs(np.zeros((starts[-1], starts[-1]), np.float32), int(starts[-1]), groups, BASIS, means)


def test_an_answer_has_its_id_and_for_pipes_its_passages_path() -> None:
    hits = [
        Hit(Item("7", "clock", "Clocks"), 0.5, 1, "It strikes.", "notes[0]"),
        Hit(Item("8", "vase"), 0.4, 2, "x", "y"),
    ]
    table = tables.answers(Answers("What strikes?", hits, "passages", BASIS))
    assert table.columns == ["rank", "name", "id", "group", "score", "passage"]
    assert table.rows[0] == [1, "clock", "7", "Clocks", 0.5, "It strikes."]
    assert table.full is not None
    assert table.full.columns == [*table.columns, "path"]
    assert [list(row) for row in table.full.rows] == [[*table.rows[0], "notes[0]"], [*table.rows[1], "y"]]
    whole = tables.answers(Answers("What strikes?", hits, "records", BASIS))
    assert (whole.columns, whole.full) == (["rank", "name", "id", "group", "score"], None)


def test_a_few_groups_are_all_shown() -> None:
    table = tables.pairs(pairs([1] * 20))
    assert len(table.rows) == 20
    assert table.full is not None
    assert list(table.full.columns[:2]) == ["mean of pairs", "wing-00"], "a pipe gets whole names"
    assert table.caption == BASIS.caption()
    assert list(table.columns[:3]) == ["mean of pairs", "00", "01"]


def test_of_many_groups_people_see_the_largest_and_pipes_all() -> None:
    sizes = [1, 2, 2, 1, *[3] * 18, 1]
    table = tables.pairs(pairs(sizes))
    shown = [1, 2, *range(4, 22)]
    assert [row[0] for row in table.rows] == [f"wing-{number:02}" for number in shown]
    assert list(table.columns) == ["mean of pairs", *(f"{number:02}" for number in shown)]
    assert np.allclose(
        [[float(cell or 0) for cell in row[1:]] for row in table.rows],
        [[row + column / 100 for column in shown] for row in shown],
    )
    assert table.caption == f"{BASIS.caption()} · the 20 largest groups; --format csv has the other 3 as well"
    assert table.full is not None
    assert {len(table.full.rows), len(table.full.columns) - 1} == {len(sizes)}
    assert (len(table.whole["groups"]), len(table.whole["means"])) == (23, 23)


def test_too_many_groups_are_told() -> None:
    many = pairs([1] * 201)
    none = Pairs(many.matrix, many.count, many.groups, BASIS, np.empty((0, 0), np.float32))
    table = tables.pairs(none)
    assert (list(table.columns), table.rows) == (["mean of pairs"], [])
    assert table.caption == f"{BASIS.caption()} · 201 groups are too many for a table"
    assert table.whole["means"] == []


def test_without_groups_there_is_the_one_mean() -> None:
    table = tables.pairs(Pairs(np.zeros((3, 3), np.float32), 3, [], BASIS, np.array([[0.25]], np.float32)))
    assert [list(row) for row in table.rows] == [["all", 0.25]]
