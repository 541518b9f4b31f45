"""Which records a question is about: by a SQL condition that can do nothing else, or by a name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from embedex import selection
from embedex.errors import InputError, UnknownRecordError
from embedex.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CREATURES: list[dict[str, Any]] = [
    {"p_id": 7, "p_size": 3, "p_species": {"p_legendary": False, "p_gen": {"p_name": "one"}}, "p_tags": ["a"]},
    {"p_id": 8, "p_size": 30, "p_species": {"p_legendary": True, "p_gen": {"p_name": "two"}}, "p_tags": []},
    {"p_id": 9, "p_size": None, "p_species": {"p_legendary": True}},
    {"p_id": 10, "p_size": -5, "p_species": None, "p_extra": "é's"},
]
NAMES = ["glimfin", "mossback", "glim-frost", "null"]
GROUPS = ["reed", "moss", None, "reed"]


def chosen(condition: str, data: Sequence[dict[str, Any]] = CREATURES, prefix: str = "p_") -> list[int]:
    """The rows for which the condition holds."""
    records = (Record(f"r{row}", each) for row, each in enumerate(data))
    names = [*NAMES, *(f"name {row}" for row in range(len(NAMES), len(data)))][: len(data)]
    groups = [*GROUPS, *[None] * len(data)][: len(data)]
    mask = selection.where(condition, records, names=names, groups=groups, prefix=prefix)
    assert mask.dtype == bool
    assert mask.shape == (len(data),)
    return [int(row) for row in mask.nonzero()[0]]


# ── where ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("size > 2", [0, 1]),
        ("size BETWEEN 1 AND 10 OR id = 10", [0, 3]),
        ("true", [0, 1, 2, 3]),
        ("false", []),
        ("species.legendary", [1, 2]),
        ("species.gen.name = 'two'", [1]),
        ("species.gen.name IS NULL", [2, 3]),
        ("list_contains(tags, 'a')", [0]),
        ("extra = 'é''s'", [3]),
        ("_id = 'r2'", [2]),
        ("_id IN ('r3', 'r1')", [1, 3]),
        ("_name LIKE 'glim%'", [0, 2]),
        ("_name = 'null'", [3]),
        ("_group = 'reed'", [0, 3]),
        ("_group IS NULL", [2]),
        ("SIZE > 2 AND _Name = 'glimfin'", [0]),
        ("size = (SELECT max(size) FROM records)", [1]),
        ("size > 2 -- and a remark", [0, 1]),
        ("/* a remark */ size > 2", [0, 1]),
        ("_name <> ')' AND _name <> '--' AND size > 2", [0, 1]),
        ("\nsize\n>\n2\n", [0, 1]),
    ],
)
def test_a_condition_chooses_records(condition: str, rows: list[int]) -> None:
    assert chosen(condition) == rows


def test_a_condition_that_is_null_does_not_hold() -> None:
    assert chosen("size > 0") == [0, 1]
    assert chosen("NOT (size > 0)") == [3], "unknown is not false"
    assert chosen("NULL") == []


def test_the_prefix_is_stripped_only_where_the_collection_says_so() -> None:
    assert chosen("p_species.p_legendary", prefix="") == [1, 2]
    with pytest.raises(InputError, match="species"):
        chosen("species.legendary", prefix="")


def test_records_of_many_shapes_are_one_table() -> None:
    data = [{"id": n, f"only_{n}": n, "deep": {f"own_{n}": n, "kind": "x" if n % 2 else "y"}} for n in range(60)]
    assert chosen("only_41 = 41", data) == [41]
    assert chosen("deep.own_17 = 17", data) == [17]
    assert chosen("deep.kind = 'x' AND id > 55", data) == [57, 59]
    assert chosen("true", [{}, {}]) == [0, 1]


def test_a_field_of_several_types_is_json() -> None:
    data: list[dict[str, Any]] = [{"size": 3}, {"size": "big"}, {"size": [1]}, {"size": {"x": 1}}, {"size": None}]
    assert chosen("json_type(size) = 'UBIGINT'", data) == [0]
    assert chosen("size->>'$' = 'big'", data) == [1]
    assert chosen("size IS NULL", data) == [4]


def test_texts_that_look_like_dates_times_and_uuids_stay_texts() -> None:
    data = [
        {"day": f"202{row}-01-01", "hour": f"1{row}:00:00", "key": f"123e4567-e89b-12d3-a456-42661417400{row}"}
        for row in range(3)
    ]
    assert chosen("day LIKE '2021%'", data) == [1]
    assert chosen("hour = '12:00:00'", data) == [2]
    assert chosen("key LIKE '%000'", data) == [0]


def test_a_field_that_is_always_null_is_an_empty_text() -> None:
    assert chosen("colour = 'red' OR _group = 'none such'", [{"colour": None}] * 3) == []


def test_long_and_odd_values_come_through() -> None:
    data: list[dict[str, Any]] = [
        {"text": "x" * 300_000},
        {"text": 'two\nlines\u2028 "quoted" \\ \x00'},
        {"text": "🦊"},
        {"a b": 10**30},
    ]
    assert chosen("length(text) = 300000", data) == [0]
    assert chosen("text LIKE 'two%quoted%'", data) == [1]
    assert chosen("text = '🦊'", data) == [2]
    assert chosen('"a b" > 1', data) == [3]


def test_keys_that_differ_in_case_are_one_column_where_no_record_has_both() -> None:
    data = [{"Name": "z"}, {"name": "z"}, {"NAME": "y"}, {}]
    assert chosen("name = 'z'", data) == [0, 1]
    assert chosen("NAME IS NOT NULL", data) == [0, 1, 2]


def test_of_keys_that_differ_in_case_in_one_record_the_first_has_the_name() -> None:
    data = [{"Name": 1, "name": 2}, {"name": 1}, {"Name": 2}, {"NAME": 1, "name_2": 9}]
    assert chosen("name = 1", data) == [0]
    assert chosen("name = 2", data) == [2]
    assert chosen("name_2 = 9", data) == [3], "a key that is there keeps its name"
    assert chosen("name_3 = 1", data) == [1]
    assert chosen("name_4 = 1", data) == [3]


def test_keys_that_differ_in_case_below_break_no_condition() -> None:
    both: list[dict[str, Any]] = [{"size": 1, "a": {"X": 1, "x": 2}}, {"size": 2, "a": {"x": 3}}]
    assert chosen("size = 2", both) == [1]
    assert chosen("a.x = 1", both) == [0]
    assert chosen("a.x_2 IN (2, 3)", both) == [0, 1]
    either: list[dict[str, Any]] = [
        {"a": [{"X": 1}, {"x": 2}]},
        {"A": [{"x": 1, "b": {"Y": 5}}]},
        {"a": [{"B": {"y": 6}}]},
    ]
    assert chosen("list_contains(list_transform(a, lambda each: each.x), 1)", either) == [0, 1]
    assert chosen("a[1].b.y > 5", either) == [2]


def test_letters_beyond_ascii_are_told_apart_as_sql_does() -> None:
    assert chosen("É = 1", [{"É": 1}, {"é": 1}]) == [0]


def test_an_empty_key_breaks_no_condition() -> None:
    data: list[dict[str, Any]] = [{"size": 1, "": 5}, {"size": 2, "a": {"": 6, "b": 7}, "_Empty": 8}, {"size": 3}]
    assert chosen("size > 1", data) == [1, 2]
    assert chosen("_empty_2 = 5", data) == [0]
    assert chosen("a._empty = 6 AND a.b = 7", data) == [1]
    assert chosen("_empty = 1", [{"p_": 1}, {"": 2}]) == [0], "a key that is nothing but the prefix"


def test_a_field_cannot_take_the_place_of_the_collections_own_columns() -> None:
    data = [
        {"_ROW": 2, "_Id": "r1", "_NAME": "x", "_GROUP": "y", "_row": 1, "_id": "r1"},
        {"_ROW": 0, "_Id": "r0", "_NAME": "glimfin", "_GROUP": "reed", "_row": 7, "_id": "r0"},
    ]
    assert chosen("true", data) == [0, 1]
    assert chosen("_id = 'r0'", data) == [0]
    assert chosen("_name = 'glimfin'", data) == [0]
    assert chosen("_group = 'moss'", data) == [1]


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "  ",
        "-- nothing",
        "size >",
        "size > 2)",
        "(size > 2",
        "'open",
        "size > 2 /* open",
        "nothing_of_that_name = 1",
        "species.nothing = 1",
        "_name = 1 + 'x'",
        "CAST(_name AS INTEGER) = 1",
        "'neither true nor false'",
        "size, id",
        "size > 2 THEN 1 END",
    ],
)
def test_what_is_no_condition_is_refused_with_the_columns_there_are(condition: str) -> None:
    with pytest.raises(InputError) as raised:
        chosen(condition)
    assert repr(condition) in raised.value.seen
    assert raised.value.allowed == (
        "It is a SQL condition over these columns: _id, _name, _group, id, size, species, tags, extra"
    )
    assert raised.value.cure


@pytest.mark.parametrize(
    "condition",
    [
        "true; DROP TABLE records",
        "true); DROP TABLE records; SELECT (true",
        "true); DROP TABLE records; --",
        "true;",
        "false) UNION ALL SELECT 0 WHERE (true",
        "false) UNION ALL SELECT 99 WHERE (true",
        "true) LIMIT (1",
        "true) ORDER BY (_id",
        "true) --",
        "false) OR (true",
        "true THEN 1 END UNION SELECT CASE WHEN true",
    ],
)
def test_more_than_a_condition_is_refused(condition: str) -> None:
    with pytest.raises(InputError, match=r"cannot be used|takes one SQL condition"):
        chosen(condition)


def test_a_condition_cannot_reach_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "secret.csv"
    secret.write_text("id\nr1\n")
    for condition in (
        f"_id IN (SELECT id FROM read_csv('{secret}'))",
        f"_id IN (SELECT id FROM '{secret}')",
        "_id IN (SELECT 1 FROM read_csv('/etc/passwd'))",
        f"EXISTS (SELECT * FROM read_text('{secret}'))",
        f"EXISTS (SELECT * FROM glob('{tmp_path}/*'))",
        "EXISTS (SELECT * FROM read_json('records.jsonl'))",
        f"_id IN (SELECT id FROM query('FROM read_csv(''{secret}'')'))",
        "getenv('HOME') <> ''",
        "COPY records TO 'out.csv'",
        "true); COPY records TO 'out.csv'; SELECT (true",
        "EXISTS (COPY records TO 'out.csv')",
        "true); EXPORT DATABASE 'out'; SELECT (true",
        "true); ATTACH 'out.db'; SELECT (true",
        "EXISTS (INSERT INTO records SELECT * FROM records)",
        "true); SET enable_external_access = true; SELECT (true",
    ):
        with pytest.raises(InputError) as raised:
            chosen(condition)
        assert "r1" not in raised.value.seen.replace(condition, "")
        assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_a_condition_sees_no_variable_of_the_program() -> None:
    import numpy as np

    hidden = np.arange(4)
    assert len(hidden) == 4
    for name in ("hidden", "names", "groups", "chosen"):
        with pytest.raises(InputError, match=f"Table with name {name} does not exist"):
            chosen(f"_row IN (SELECT * FROM {name})")


def test_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert chosen("size > 2") == [0, 1]
    with pytest.raises(InputError):
        chosen("size >")
    assert list(tmp_path.iterdir()) == []


# ── find ────────────────────────────────────────────────────────────────────────────────────────────

IDS = ["1", "2", "3", "4", "Mew"]
CALLED = ["Bulba", "2", "mossback", "MOSSBACK", "mew"]


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("1", 0),
        ("2", 1),
        ("Mew", 4),
        ("Bulba", 0),
        ("bulba", 0),
        ("BULBA", 0),
        ("mossback", 2),
        ("MOSSBACK", 3),
        ("mew", 4),
    ],
)
def test_a_record_is_found_by_id_then_name_then_name_in_any_case(query: str, row: int) -> None:
    assert selection.find(query, IDS, CALLED) == row


def test_an_id_goes_before_a_name() -> None:
    assert selection.find("2", ["1", "2"], ["2", "1"]) == 1


def test_case_is_that_of_every_script() -> None:
    assert selection.find("STRASSE", ["1", "2"], ["straße", "ÉLAN"]) == 0
    assert selection.find("élan", ["1", "2"], ["straße", "ÉLAN"]) == 1


def test_a_name_that_several_records_have_asks_for_the_id() -> None:
    with pytest.raises(UnknownRecordError, match=r"^2 records are called 'Mossback'") as raised:
        selection.find("Mossback", IDS, CALLED)
    assert raised.value.cure == "Say which by its id: 3, 4"
    with pytest.raises(UnknownRecordError, match=r"^9 records are called 'a'") as raised:
        selection.find("a", [f"id-{row}" for row in range(9)], ["a"] * 9)
    assert raised.value.cure.endswith(", id-7 and 1 more")


def test_an_id_is_found_and_suggested_in_any_case() -> None:
    assert selection.find("m-01", ["M-01", "M-02"], ["Bowl", "Vase"]) == 0
    with pytest.raises(UnknownRecordError, match="'M-02'"):
        selection.find("m-022", ["M-01", "M-02"], ["Bowl", "Vase"])


def test_an_unknown_name_brings_those_like_it() -> None:
    with pytest.raises(UnknownRecordError, match="No record has the id or name 'bulbo'") as raised:
        selection.find("bulbo", IDS, CALLED)
    assert raised.value.cure == "Perhaps 'Bulba'?"


def test_an_unknown_name_like_no_other_brings_no_guess() -> None:
    with pytest.raises(UnknownRecordError) as raised:
        selection.find("zzzzzz", IDS, CALLED)
    assert raised.value.cure == ""
    with pytest.raises(UnknownRecordError):
        selection.find("", [], [])


def test_a_letter_is_found_in_either_form() -> None:
    composed, apart = "Flabe\u0301be\u0301".replace("e\u0301", "é"), "Flabe\u0301be\u0301"
    assert selection.find(apart, ["1", "2"], ["x", composed]) == 1
    assert selection.find(composed, ["1", "2"], ["x", apart]) == 1
    assert selection.find(apart, ["x", composed], ["1", "2"]) == 1
    assert selection.find(apart.upper(), ["1", "2"], ["x", composed]) == 1
    assert selection.find(apart, [composed, apart], ["1", "2"]) == 1, "an id goes by its very letters first"
    assert selection.find(apart, ["1", "2"], [composed.upper(), composed]) == 1


def test_a_table_answers_many_conditions_and_stops_the_endless_ones() -> None:
    names = [f"thing {number}" for number in range(50)]
    records = [Record(str(number), {"size": number}) for number in range(50)]
    table = selection.Conditions(records, names=names, groups=[None] * 50, memory="1GB")
    try:
        assert table.where("size < 3").tolist() == [True] * 3 + [False] * 47
        with pytest.raises(InputError, match="takes longer than"):
            table.where("(SELECT count(*) FROM range(1000000000000) t(x) WHERE x % 7 = 3) > 0", seconds=0.2)
        with pytest.raises(InputError, match="Out of Memory"):
            table.where("(SELECT length(string_agg(repeat('x', 1000000), '')) FROM range(100000)) > 0", seconds=20)
        assert table.where("_name LIKE '%9'", seconds=20).sum() == 5, "the next one is answered all the same"
    finally:
        table.close()


@pytest.mark.parametrize(
    ("condition", "calls"),
    [
        ("size + 1 < 3 AND NOT (_name LIKE '%9' OR upper(_name) ~ 'X.*')", ""),
        ("size > (SELECT avg(size) FROM records) OR _name IN ('a', 'b') OR size BETWEEN 2 AND 4 OR -size = -7", ""),
        ("list_contains(tags, 'a') AND tags[1] = 'a' AND len(tags) > 0 AND deep.here IS NOT NULL", ""),
        ("CASE WHEN size > 3 THEN true ELSE false END AND coalesce(size, 0)::DOUBLE / 2 > 1", ""),
        ("year(try_strptime(_name, '%Y')) = 2020 OR DATE '2020-01-01' > CURRENT_DATE - INTERVAL 3 DAY", ""),
        ("len(repeat('a', 10)) > 1", "repeat"),
        ("len(LPAD('a', 10, 'b')) > 1", "lpad"),
        ("EXISTS (FROM range(3))", "range"),
        ("size > (SELECT count(x) FROM (SELECT unnest([1, 2]) AS x))", "list_value, unnest"),
        ("_name || _name = 'b'", "||"),
        ("len([x for x in tags if x > 'a']) > 1", "list_apply, list_filter, struct_pack"),
        ("EXISTS (WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT 1 FROM x) FROM x)", "WITH RECURSIVE"),
        ("size::INTEGER[100000] IS NULL", "a type of fixed size"),
    ],
)
def test_a_condition_of_somebody_unknown_may_call_what_gives_no_more_than_it_is_given(
    condition: str, calls: str
) -> None:
    records = [Record(str(number), {"size": number, "tags": ["a"], "deep": {"here": 1}}) for number in range(9)]
    names, groups = [record.id for record in records], [None] * 9
    table = selection.Conditions(records, names=names, groups=groups, functions=selection.PLAIN_FUNCTIONS)
    try:
        if calls:
            with pytest.raises(InputError, match=f"calls {re.escape(calls)}, which"):
                table.where(condition)
        else:
            assert table.where(condition).shape == (9,)
    finally:
        table.close()


def test_a_condition_that_ends_too_early_is_told_so_in_words_of_its_own() -> None:
    with pytest.raises(InputError, match="it ends too early") as raised:
        selection.where("size >", [Record("1", {"size": 1})], names=["one"], groups=[None])
    assert "THEN" not in str(raised.value)


def test_records_nested_beyond_any_table_are_refused_in_words() -> None:
    data: Any = "x"
    for _ in range(600):
        data = {"a": data}
    with pytest.raises(InputError, match="nested too deeply"):
        selection.where("true", [Record("1", {"a": data})], names=["one"], groups=[None])
