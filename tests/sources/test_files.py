"""Reading anybody's records: what is read, and what every bad input is told."""

from __future__ import annotations

import csv
import datetime
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from embedex.errors import InputError
from embedex.records import JsonPath, Record, Strictness
from embedex.sources.files import MAX_DEPTH, escapes_ascii, read_records


@pytest.fixture(autouse=True)
def _in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages then name files as a person in that folder would."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _same_csv_limit() -> Iterator[None]:
    before = csv.field_size_limit()
    yield
    csv.field_size_limit(before)


@pytest.fixture
def here(_in_the_folder: None) -> Path:
    return Path()


def read(*paths: Path, id_path: str = "id") -> tuple[list[Record], list[str], list[str]]:
    """The records, their places, and the problems as text."""
    strictness = Strictness()
    found = list(read_records(paths, id_path=JsonPath.parse(id_path), strictness=strictness))
    problems = [str(problem) for problem in strictness.problems]
    return [record for record, _ in found], [where for _, where in found], problems


def write(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def refusal(*paths: Path, id_path: str = "id") -> str:
    with pytest.raises(InputError) as caught:
        read(*paths, id_path=id_path)
    return str(caught.value)


# ── every form of file ──────────────────────────────────────────────────────────────────────────────

TWO = [{"id": 1, "name": "é", "tags": ["a"]}, {"id": "b", "name": None, "tags": []}]
LINES = "".join(json.dumps(each) + "\n" for each in TWO)


@pytest.mark.parametrize(
    ("name", "content", "places"),
    [
        ("a.jsonl", LINES, ["a.jsonl:1", "a.jsonl:2"]),
        ("a.ndjson", "\n  \n" + LINES.replace("\n", "\r\n"), ["a.ndjson:3", "a.ndjson:4"]),
        ("a.JSONL", "\ufeff" + LINES.strip(), ["a.JSONL:1", "a.JSONL:2"]),
        ("a.jsonl.gz", LINES, ["a.jsonl.gz:1", "a.jsonl.gz:2"]),
        ("a.json", json.dumps(TWO), ["a.json:1", "a.json:1"]),
        ("a.json", "\ufeff" + json.dumps(TWO, indent=2, ensure_ascii=False), ["a.json:2", "a.json:9"]),
        ("a.json.gz", json.dumps({"count": 2, "results": TWO, "tags": [1]}, indent=1), [":4", ":11"]),
        ("a.json", json.dumps({"id": None, "results": TWO}), ["a.json:1", "a.json:1"]),
    ],
)
def test_json_in_every_form(here: Path, name: str, content: str, places: list[str]) -> None:
    records, where, problems = read(write(here / name, content))
    assert [record.data for record in records] == TWO
    assert [record.id for record in records] == ["1", "b"]
    assert all(place.endswith(each) for place, each in zip(where, places, strict=True)), where
    assert problems == []


def test_an_id_by_its_path(here: Path) -> None:
    path = write(here / "a.jsonl", '{"meta":{"keys":[7]}}')
    assert read(path, id_path="meta.keys[0]")[0] == [Record("7", {"meta": {"keys": [7]}})]


@pytest.mark.parametrize(
    ("record", "id_path"),
    [
        ({"id": 25, "moves": [{"id": 1}, {"id": 2}]}, "id"),
        ({"id": "pikachu", "moves": [{"id": 1}], "types": [{"id": 1}]}, "id"),
        ({"moves": [{"key": 1}], "meta": {"key": [25]}}, "meta.key[0]"),
        ({"id": 25}, "$.id"),
    ],
)
def test_a_json_file_that_is_one_record(here: Path, record: dict[str, Any], id_path: str) -> None:
    records, where, problems = read(write(here / "a.json", "\n" + json.dumps(record, indent=1)), id_path=id_path)
    assert [each.data for each in records] == [record]
    assert (where, problems) == (["a.json:2"], [])


@pytest.mark.parametrize(
    ("text", "ids", "told"),
    [
        ('{"id":1,"a":[{"id":2}],\n"b":}', [], "a.json:1: not JSON at line 2, column 5: Expecting value, met '}'"),
        ('{"id":1,"a":[{"id":2,"id":3}]}', [], "a.json:1: a key twice in one object: id"),
        ('{"id":1}\n{"id":2}', ["1"], "a.json: more after the object, not read: at line 2, column 1 '{\"id\":2}'"),
    ],
)
def test_one_broken_record_in_a_json_file(here: Path, text: str, ids: list[str], told: str) -> None:
    records, _, problems = read(write(here / "a.json", text), write(here / "b.jsonl", '{"id":"last"}'))
    assert [record.id for record in records] == [*ids, "last"]
    assert problems == [told]


def test_csv_types_are_those_of_whole_columns(here: Path) -> None:
    rows = [
        "id,code,count,share,flag,text,mixed,none",
        '007,007,1,1.5,true,"a, ""b""\nc",1,',
        "08,8,-2,2,False,,x,",
        "9,,,1e-3,,-,2,",
    ]
    records, where, problems = read(write(here / "a.csv", "\n".join(rows)))
    first = {"id": "007", "code": "007", "count": 1, "share": 1.5, "flag": True, "text": 'a, "b"\nc'}
    assert records[0].data == {**first, "mixed": "1", "none": None}
    second = {"id": "08", "code": "8", "count": -2, "share": 2.0, "flag": False, "text": None}
    assert records[1].data == {**second, "mixed": "x", "none": None}
    assert records[2].data["share"] == 0.001
    assert where == ["a.csv:2", "a.csv:4", "a.csv:5"]
    assert problems == []


@pytest.mark.parametrize("cells", [("1.0", "2"), ("true", "false"), ("1", "1_0"), ("1", "nan"), ("1", "٣")])
def test_a_csv_id_keeps_its_letters(here: Path, cells: tuple[str, str]) -> None:
    records, _, problems = read(write(here / "a.csv", "name,id\nx,{}\ny,{}\n".format(*cells)))
    assert [record.id for record in records] == list(cells)
    assert problems == []


@pytest.mark.parametrize("cell", ["nan", "Infinity", "1e999", "+1", "1_0", " 1", "0x1", "01.5", "9" * 5000, "-0"])
def test_csv_text_that_only_looks_like_a_number(here: Path, cell: str) -> None:
    records, _, _ = read(write(here / "a.csv", f"id,v\n1,{cell}\n2,3\n"))
    value = records[0].data["v"]
    assert value == cell or (cell == "-0" and value == 0)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.tsv", "id\tb,c\n1\tx;y\n", {"id": 1, "b,c": "x;y"}),
        ("a.csv", "id;b\n1;2,5\n", {"id": 1, "b": "2,5"}),
        ("a.csv", "id,b;c\n1,x;y\n", {"id": 1, "b;c": "x;y"}),
    ],
)
def test_other_delimiters(here: Path, name: str, text: str, expected: dict[str, Any]) -> None:
    assert read(write(here / name, text))[0][0].data == expected


def test_a_long_csv_cell(here: Path) -> None:
    records, _, _ = read(write(here / "a.csv.gz", "id,t\n1," + "x" * 300_000))
    assert len(records[0].data["t"]) == 300_000


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


def test_parquet(here: Path) -> None:
    import pyarrow as pa

    day = datetime.date(2001, 2, 3)
    columns = {
        "key": pa.array([{"id": 1}, {"id": 2}, {"id": 3}]),
        "x": [1.5, float("nan"), None],
        "day": [day, None, day],
        "at": [datetime.datetime(2001, 2, 3, 4, 5), None, None],
        "price": [Decimal("1.50"), Decimal("2.00"), None],
        "map": pa.array([[("a", 1.0)], [], None], pa.map_(pa.string(), pa.float64())),
        "list": [[1, 2], [], None],
        "took": [datetime.timedelta(seconds=90), None, None],
        "label": pa.array(["u", "v", "u"]).dictionary_encode(),
    }
    records, where, problems = read(parquet(here / "a.parquet", columns), id_path="key.id")
    assert problems == []
    assert where == ["a.parquet: row 1", "a.parquet: row 2", "a.parquet: row 3"]
    assert records[0].data == {
        "key": {"id": 1},
        "x": 1.5,
        "day": "2001-02-03",
        "at": "2001-02-03T04:05:00",
        "price": 1.5,
        "map": {"a": 1.0},
        "list": [1, 2],
        "took": 90.0,
        "label": "u",
    }
    assert records[1].data["x"] is None
    assert records[1].data["price"] == 2
    json.dumps([record.data for record in records], allow_nan=False)


def test_files_follow_one_another(here: Path) -> None:
    first = write(here / "b.jsonl", '{"id":2}\n{"id":1}\n')
    second = write(here / "a.csv", "id\n3\n1\n")
    records, where, problems = read(first, second)
    assert [record.id for record in records] == ["2", "1", "3"]
    assert where[2] == "a.csv:2"
    assert problems == ["a.csv:3: the id '1' once more; it is first at b.jsonl:2"]


def test_records_come_one_at_a_time(here: Path) -> None:
    path = write(here / "a.jsonl", '{"id":1}\nbroken\n')
    strictness = Strictness()
    found = read_records([path], id_path=JsonPath.parse("id"), strictness=strictness)
    next(found)
    assert strictness.problems == []


# ── one bad record among good ones ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id":2,"a":}', "not JSON at column 13: Expecting value, met '}'"),
        ('{"id":2', "not JSON at column 8: Expecting ',' delimiter, met the end"),
        ('{"id":2} {"id":3}', "more than one value on the line: at column 10 follows '{\"id\":3}'"),
        ("[1]", "a list, not an object"),
        ("true", "true or false, not an object"),
        ("null", "null, not an object"),
        ("2.5", "a number, not an object"),
        ('{"name":"x","size":3}', "no id at 'id' (nothing there, or null); its keys are name, size"),
        ("{}", "its keys are none"),
        ('{"id":null}', "no id at 'id'"),
        ('{"id":2.0}', "its id at 'id' is 2.0, neither a text nor an integer"),
        ('{"id":true}', "its id at 'id' is True"),
        ('{"id":"  "}', "its id at 'id' is '  '"),
        ('{"id":["x"]}', "its id at 'id' is ['x']"),
        ('{"id":1}', "the id '1' once more; it is first at a.jsonl:1"),
        ('{"id":"1"}', "the id '1' once more"),
        ('{"id":2,"a":{"b":[NaN]}}', "NaN at a.b, which is no number in JSON"),
        ('{"id":2,"a":-Infinity}', "Infinity at a, which"),
        ('{"id":2,"a":1e999}', "Infinity at a, which"),
        (r'{"id":2,"a":"\ud83d"}', "half a surrogate pair at a, which is no character"),
        (r'{"id":2,"\udc00":1}', "a key with half a surrogate pair"),
        ('{"id":2,"a":' + "[" * 500 + "]" * 500 + "}", f"nested more than {MAX_DEPTH} levels deep"),
        ('{"id":2,"a":' + '{"a":' * 300 + "1" + "}" * 301, f"nested more than {MAX_DEPTH} levels deep"),
        ('{"id":2,"a":' + "[" * 200_000 + "]" * 200_000 + "}", "nested too deeply"),
        ('{"id":2,"a":' + "1" * 5000 + "}", "limit"),
        ('{"id":2,"a":1,"b":{"c":1,"c":2},"a":3}', "a key twice in one object: c, a"),
    ],
)
def test_a_bad_line_is_set_aside(here: Path, line: str, told: str) -> None:
    records, _, problems = read(write(here / "a.jsonl", '{"id":1}\n' + line + '\n{"id":"last"}\n'))
    assert [record.id for record in records] == ["1", "last"]
    assert len(problems) == 1
    assert problems[0].startswith("a.jsonl:2: ")
    assert told in problems[0]


def test_a_line_that_is_not_utf8(here: Path) -> None:
    path = write(here / "a.jsonl", b'{"id":1}\n{"id":"caf\xe9"}\n{"id":2}\n')
    records, _, problems = read(path)
    assert [record.id for record in records] == ["1", "2"]
    assert problems == ["a.jsonl:2: not UTF-8 (byte 0xe9 at byte 11 of the line)"]


def test_whole_surrogate_pairs_are_characters(here: Path) -> None:
    records, _, problems = read(write(here / "a.jsonl", r'{"id":"\ud83d\ude00"}'))
    assert (records[0].id, problems) == ("😀", [])


def test_strict_raises_the_first_problem(here: Path) -> None:
    path = write(here / "a.jsonl", '{"id":1}\n[]\n')
    found = read_records([path], id_path=JsonPath.parse("id"), strictness=Strictness(strict=True))
    next(found)
    with pytest.raises(InputError, match=r"a\.jsonl:2: a list, not an object"):
        next(found)


@pytest.mark.parametrize(
    ("text", "ids", "told"),
    [
        ('[{"id":1},\n3,\n{"id":2}]', ["1", "2"], "a.json:2: a number, not an object"),
        ('[{"id":1},\n{"id":2,"id":3},\n{"id":4}]', ["1", "4"], "a.json:2: a key twice in one object: id"),
        (
            '[{"id":1},\n{"id":2\n,},\n{"id":4}]',
            ["1"],
            "a.json:2: not JSON at line 3, column 2: Expecting prop",
        ),
        ('[{"id":1}\n{"id":2}]', ["1"], "a.json:1: not JSON at line 2, column 1: Expecting ',' or ']', met"),
        ('[{"id":1},', ["1"], "not JSON at line 1, column 11: Expecting value, met the end"),
        ('[{"id":1}] x', ["1"], "more after the list, not read: at line 1, column 12 'x'"),
        ('{"a":0,"r":[{"id":1},\n{"id":]}', ["1"], "a.json:2: not JSON at line 2, column 7"),
        ('{"r":[{"id":1}],"s":', ["1"], "a.json: not JSON after the list of objects"),
    ],
)
def test_a_broken_json_list(here: Path, text: str, ids: list[str], told: str) -> None:
    records, _, problems = read(write(here / "a.json", text))
    assert [record.id for record in records] == ids
    assert len(problems) == 1
    assert told in problems[0]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("2", "too few columns: 1, but the header names 2"),
        ("2,b,c", "too many columns: 3, but the header names 2"),
        (",b", "no id at 'id'"),
        ('2,"b"c', "not CSV: "),
        ('2,"b', "not CSV: unexpected end of data"),
    ],
)
def test_a_bad_row_is_set_aside(here: Path, row: str, told: str) -> None:
    records, _, problems = read(write(here / "a.csv", f'id,t\n1,"a\na"\n{row}\n'))
    assert [record.data for record in records] == [{"id": 1, "t": "a\na"}]
    assert len(problems) == 1
    assert problems[0].startswith("a.csv:4: ")
    assert told in problems[0]


def test_bytes_in_parquet(here: Path) -> None:
    path = parquet(here / "a.parquet", {"id": [1, 2], "picture": [None, b"\x89PNG"]})
    records, _, problems = read(path)
    assert [record.id for record in records] == ["1"]
    assert problems == ["a.parquet: row 2: bytes at picture, which JSON does not have; leave that column out"]


@pytest.mark.parametrize(("name", "content"), [("b.jsonl", ""), ("b.csv", "id,name\n"), ("b.json", " []\n")])
def test_an_empty_file_among_others(here: Path, name: str, content: str) -> None:
    records, _, problems = read(write(here / name, content), write(here / "a.jsonl", '{"id":1}'))
    assert len(records) == 1
    assert problems == [f"{name}: {'a file without any record' if content else 'an empty file (0 bytes)'}"]


# ── files that cannot be used at all ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "a.xlsx",
            "x",
            "a.xlsx: not an ending that tells how to read the file.\nAllowed are .jsonl, .ndjson",
        ),
        ("a.gz", "x", "a.gz: not an ending"),
        ("a.parquet.gz", "x", "a.parquet.gz: not an ending"),
        (
            "a.json",
            "3",
            "a.json: begins with '3'.\nA .json file holds a list of objects, one object with an id at 'id'",
        ),
        ("a.json", '{"a":1,"b":{}}', "a.json: an object with no list of objects, only a, b."),
        ("a.json", "{}", "a.json: an object with no list of objects"),
        ("a.json", '{"a":[{}],"b":[{}]}', "a.json: an object with several lists of objects, a, b."),
        ("a.json", '{"a" 1}', "a.json: not JSON: Expecting ':'"),
        ("a.json", "{a:1}", "a.json: not JSON: Expecting a key"),
        ("a.json", b'[{"id":1},\n"\xff"]', "a.json:2: not UTF-8 (byte 0xff at byte 2 of the line)."),
        ("a.json", '[{"id":1}]'.encode("utf-16"), "a.json: is UTF-16, but text is read as UTF-8."),
        ("a.jsonl", '{"id":1}'.encode("utf-16"), "a.jsonl: is UTF-16"),
        ("a.csv", b"id,name\n1,caf\xe9\n", "a.csv:2: not UTF-8 (byte 0xe9 at byte 6 of the line)."),
        ("a.csv", "id,a,a\n", "a.csv:1: the header names more than one column a."),
        ("a.csv", "id,,a\n", "a.csv:1: the header has a column without a name."),
        ("a.csv", 'id,"a', "a.csv:1: not CSV: unexpected end of data"),
        ("a.parquet", "not", "a.parquet: not Parquet that can be read"),
    ],
)
def test_a_file_that_cannot_be_used(here: Path, name: str, content: str | bytes, told: str) -> None:
    assert told in refusal(write(here / name, content))


def test_a_file_that_is_not_there(here: Path) -> None:
    good = write(here / "a.jsonl", '{"id":1}')
    assert refusal(good, here / "b.jsonl") == "b.jsonl: there is no such file."
    (here / "c.jsonl").mkdir()
    assert refusal(good, here / "c.jsonl").startswith("c.jsonl: a folder, not a file of records.\nName its files")


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.gz", "a.csv.gz"])
def test_damaged_gzip(here: Path, name: str) -> None:
    path = here / name
    path.write_bytes(b"plain text")
    assert f"{name}: cannot be read: Not a gzipped file" in refusal(path)
    path.write_bytes(gzip.compress(LINES.encode() * 50)[:-20])
    assert f"{name}: cannot be read: " in refusal(path)


def test_no_record_at_all(here: Path) -> None:
    path = write(here / "a.jsonl", "x\n" * 8)
    told = refusal(path, write(here / "b.json", ""))
    assert told.startswith("No record could be read from a.jsonl, b.json.\n  a.jsonl:1: not JSON at column 1")
    assert "\n  and 4 more like these\n" in told
    assert "at 'id'" in told
    assert "  e.csv: an empty file (0 bytes)" in refusal(write(here / "e.csv", ""))


# ── escapes ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl", '{"a":"caf\\u00e9"}\n', True),
        ("a.json.gz", '[\n"\\\\\\u00E9"]', True),
        ("a.jsonl", '{"a":"cafe"}\n', False),
        ("a.jsonl", '{"a":"C:\\\\u00e9"}\n', False),
        ("a.jsonl", '{"a":"caf\\u00e9"}\n{"b":"é"}\n', False),
        ("a.csv", "caf\\u00e9", False),
        ("a.parquet", "\\u00e9", False),
    ],
)
def test_escapes(here: Path, name: str, content: str, expected: bool) -> None:
    assert escapes_ascii([write(here / name, content)]) is expected


def test_escapes_in_several_files(here: Path) -> None:
    escaped, plain = write(here / "a.jsonl", '"\\u00e9"'), write(here / "b.jsonl", '"e"')
    assert escapes_ascii([escaped, plain])
    assert not escapes_ascii([escaped, write(here / "c.csv", "id\n1")])
