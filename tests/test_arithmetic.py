"""Sums of records and words: how they are read, and what they add up to."""

from __future__ import annotations

import numpy as np
import pytest

from embedex import arithmetic
from embedex.errors import InputError, UnknownRecordError

IDS = ["1", "2", "3", "4", "5"]
NAMES = ["charizard", "charmander", "a - b", "a", "ho-oh"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("charizard - charmander + ho-oh", [(1, "charizard"), (-1, "charmander"), (1, "ho-oh")]),
        ("  - a   +   b ", [(-1, "a"), (1, "b")]),
        ("a \N{MINUS SIGN} b", [(1, "a"), (-1, "b")]),
        ("a-b+c", [(1, "a-b+c")]),
        ('a - "b - c" + d', [(1, "a"), (-1, "b - c"), (1, "d")]),
        ('"b + c" - d', [(1, "b + c"), (-1, "d")]),
        ('5" nails - "x', [(1, '5" nails'), (-1, '"x')]),
        ("a", [(1, "a")]),
    ],
)
def test_a_sum_is_split_at_signs_between_spaces(query: str, expected: list[tuple[int, str]]) -> None:
    found = arithmetic.parts(query)
    assert [(part.sign, part.text) for part in found] == expected
    assert all(part.text in query[part.start : part.end] for part in found)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("charizard - charmander + 5", [(1, 0), (-1, 1), (1, 4)]),
        ("CHARIZARD - a - b", [(1, 0), (-1, 2)]),  # the longest name first
        ("a - b - a", [(1, 2), (-1, 3)]),
        ("a + fire", [(1, 3), (1, "fire")]),
        ('charizard - "a"', [(1, 0), (-1, "a")]),
        ('a - "charmandr"', [(1, 3), (-1, "charmandr")]),
    ],
)
def test_a_term_is_a_record_or_else_words(query: str, expected: list[tuple[int, int | str]]) -> None:
    assert arithmetic.terms(query, IDS, NAMES) == expected


def test_a_slip_of_the_pen_is_not_taken_for_words() -> None:
    with pytest.raises(UnknownRecordError, match="Perhaps 'charmander'"):
        arithmetic.terms("charizard - charmandr", IDS, NAMES)


def test_a_name_that_several_have_is_refused() -> None:
    with pytest.raises(UnknownRecordError, match="2 records are called 'a'"):
        arithmetic.terms("ho-oh - a", ["1", "2", "3"], ["a", "a", "ho-oh"])


def test_an_empty_term_is_refused() -> None:
    with pytest.raises(InputError, match="A term of the sum"):
        arithmetic.terms('a + ""', IDS, NAMES)


def test_a_sum_is_brought_to_unit_length() -> None:
    vectors = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(arithmetic.total(vectors, [1, -1, 1]), np.asarray([1, -1, 1]) / np.sqrt(3), atol=1e-6)


def test_what_cancels_itself_out_is_refused() -> None:
    vectors = np.eye(2, dtype=np.float32)[[0, 0]]
    with pytest.raises(InputError, match="cancel each other out"):
        arithmetic.total(vectors, [1, -1])
