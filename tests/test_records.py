"""JSON paths, ids, labels, the redundant prefix, and where problems go."""

from __future__ import annotations

import json
from typing import Any

import pytest

from embedex.errors import InputError
from embedex.records import (
    JsonPath,
    Problem,
    Strictness,
    id_text,
    label_text,
    leaves,
    minify,
    redundant_prefix,
    strip_prefix,
)

DATA = {"a": {"b": [{"c": 1}, {"c": None}]}, "x-y": 0, "": 5, "list": [[1, 2], [3]]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.b[0].c", 1),
        ("$.a.b[0].c", 1),
        ("$.x-y", 0),
        ("list[0][1]", 2),
        ("list[1]", [3]),
        ("a.b[1].c", None),
        ("a.b[7].c", None),
        ("a.b.c", None),
        ("a[0]", None),
        ("list.a", None),
        ("x-y.z", None),
        ("absent", None),
    ],
)
def test_paths(text: str, found: Any) -> None:
    path = JsonPath.parse(text)
    assert path.text == text
    assert path.find(DATA) == found


def test_a_path_into_a_list() -> None:
    assert JsonPath.parse("[1].id").find([{"id": 1}, {"id": 2}]) == 2
    assert JsonPath.parse("$[0]").find(["first"]) == "first"


@pytest.mark.parametrize("text", ["", "$", "$.", "a..b", "a.", ".", "a[", "a[x]", "a[-1]", "a]b", "a[0]b", "[]"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(InputError) as caught:
        JsonPath.parse(text)
    seen, allowed = str(caught.value).splitlines()
    assert seen == f"{text!r} is not a path into a record."
    assert "species.types[0].name" in allowed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (-1, "-1"),
        ("007", "007"),
        ("é", "é"),
        (True, None),
        (1.0, None),
        (None, None),
        ("", None),
        (" \t", None),
        ([], None),
        ({}, None),
    ],
)
def test_ids(value: Any, text: str | None) -> None:
    assert id_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("gen", "gen"),
        (3, "3"),
        (0.5, "0.5"),
        (True, "true"),
        (False, "false"),
        ("", ""),
        (None, None),
        ([1], None),
        ({"a": 1}, None),
    ],
)
def test_labels(value: Any, text: str | None) -> None:
    assert label_text(value) == text


def test_problems_are_collected_or_raised() -> None:
    lenient = Strictness()
    lenient.add("a.jsonl:3", "not an object")
    lenient.add("a.jsonl:4", "no id")
    assert lenient.problems == [Problem("a.jsonl:3", "not an object"), Problem("a.jsonl:4", "no id")]
    assert str(lenient.problems[0]) == "a.jsonl:3: not an object"
    with pytest.raises(InputError) as caught:
        Strictness(strict=True).add("a.jsonl:3", "not an object")
    assert str(caught.value).splitlines() == [
        "a.jsonl:3: not an object",
        "Mend it, or leave out --strict to set such cases aside.",
    ]


FOUR = ["p_a", "p_b", "p_c", "p_d"]


@pytest.mark.parametrize(
    ("keys", "prefix"),
    [
        ([*FOUR, "id", "name", "x", "y"], "p_"),
        ([*FOUR, "id", "name", "x", "y", "z"], ""),  # fewer than half of all keys
        (FOUR[:3], ""),  # fewer than four keys
        ([*FOUR, "a"], ""),  # a would be there twice
        ([*FOUR, "p_"], "p_"),
        (["n:p_a", "n:p_b", "n:p_c", "n:p_d"], "n:p_"),
        (["n.p_a", "n.p_b", "n.p_c", "n.p_d", "n.x", "n.y", "n.z", "n.u", "n.v"], "n."),
        (["n-a", "n-b", "n-c", "n-d"], "n-"),
        (["namea", "nameb", "namec", "named"], ""),
        ([], ""),
    ],
)
def test_the_redundant_prefix(keys: list[str], prefix: str) -> None:
    assert redundant_prefix([dict.fromkeys(keys, 1)]) == prefix


def test_keys_count_over_all_records_and_clash_in_one_object_only() -> None:
    assert redundant_prefix([{key: 1} for key in FOUR]) == "p_"
    assert redundant_prefix([*({key: 1} for key in FOUR), {"a": 1}]) == "p_"
    assert redundant_prefix([{key: 1} for key in FOUR], sample=3) == ""


def test_the_sample_takes_no_more_than_it_needs() -> None:
    """Whoever hands in an iterator goes on with the record after the sample."""
    records = iter([{"id": number} for number in range(10)])
    redundant_prefix(records, sample=4)
    assert next(records) == {"id": 4}


def test_keys_count_at_any_depth() -> None:
    assert redundant_prefix([{"p_wrap": [[{"p_a": {"p_b": 1}}], {"p_c": 2}, "p_d"]}]) == "p_"


def test_strip_prefix() -> None:
    value = {"p_a": [{"p_b": "p_c"}, [1, {"p_p_d": None}]], "q": {"p_": 1}}
    assert strip_prefix(value, "p_") == {"a": [{"b": "p_c"}, [1, {"p_d": None}]], "q": {"": 1}}
    assert strip_prefix(value, "") is value


@pytest.mark.parametrize(
    "keys", [["p_a", "a"], ["a", "p_a"], ["p_p_a", "p_a", "b"], ["p_", ""], ["p_b", "p_p_a", "p_a"]]
)
def test_strip_prefix_makes_no_two_keys_one(keys: list[str]) -> None:
    value = {key: key for key in keys}
    stripped = strip_prefix([value], "p_")[0]
    assert list(stripped.values()) == keys
    assert all(key == whole or f"p_{key}" == whole for key, whole in stripped.items())


def test_a_key_stays_whole_only_where_the_short_one_is_taken() -> None:
    value = [{"p_a": 1, "a": 2, "p_b": 3}, {"p_a": {"p_a": 4}}]
    assert strip_prefix(value, "p_") == [{"p_a": 1, "a": 2, "b": 3}, {"a": {"a": 4}}]


def test_minify() -> None:
    value = {"é": [1, 2.5, None, True], "x": "a b😀"}
    assert minify(value) == '{"é":[1,2.5,null,true],"x":"a b😀"}'
    assert minify(value, ascii=True) == '{"\\u00e9":[1,2.5,null,true],"x":"a b\\ud83d\\ude00"}'
    assert json.loads(minify(value)) == json.loads(minify(value, ascii=True)) == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.b.c", [1]),
        ("list", [1, 2, 3]),
        ("list[0]", [1, 2]),
        ("x-y", [0]),
        ("a", []),
        ("absent.b", []),
        ("list[7]", []),
    ],
)
def test_every_value_at_a_path(text: str, found: list[Any]) -> None:
    assert JsonPath.parse(text).find_all(DATA) == found


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a.b[0].c", {"a": {}, "x": 1}),
        ("a.b", {"a": {}, "x": 1}),
        ("x", {"a": {"b": [{"c": 1}]}}),
        ("a.z", {"a": {"b": [{"c": 1}]}, "x": 1}),
        ("x.y", {"a": {"b": [{"c": 1}]}, "x": 1}),
    ],
)
def test_a_field_is_removed_and_the_record_is_not_changed(text: str, left: Any) -> None:
    data = {"a": {"b": [{"c": 1}]}, "x": 1}
    assert JsonPath.parse(text).removed_from(data) == left
    assert data == {"a": {"b": [{"c": 1}]}, "x": 1}


def test_leaves_have_the_keys_that_lead_to_them() -> None:
    assert list(leaves(DATA)) == [
        (("a", "b", "c"), 1),
        (("x-y",), 0),
        (("",), 5),
        *[(("list",), number) for number in (1, 2, 3)],
    ]
