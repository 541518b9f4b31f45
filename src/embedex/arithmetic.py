"""Sums and differences of records and words: ``charizard - charmander + squirtle``.

Reads what a person typed, and adds vectors. What the words' vectors are is the caller's business.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedex import selection
from embedex.errors import InputError, UnknownRecordError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_OPERATOR = re.compile(r"\s+([+\-\N{MINUS SIGN}])\s+")
_MARK = re.compile(r"([+\-\N{MINUS SIGN}])")
_FIRST_SIGN = re.compile(r"\s*([+\-\N{MINUS SIGN}])\s+")
_QUOTED = re.compile(r'"([^"]*)"(?=\s|$)')

ALIKE = 0.85
"""A term that is so much like a record's name is taken for a slip of the pen, not for words."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what was typed: ``query[start:end]``, quotes left out.

    Attributes:
        sign: 1 or -1.
        text: without quotes.
        quoted: whether it stood in double quotes.
        start, end: its place, with its quotes.
    """

    sign: int
    text: str
    quoted: bool
    start: int
    end: int


def parts(query: str) -> list[Part]:
    """Split a sum at each ``+`` and ``-`` that stands between spaces, outside of double quotes.

    Example:
        >>> [(part.sign, part.text) for part in parts('ho-oh - "red + gold"')]
        [(1, 'ho-oh'), (-1, 'red + gold')]
    """
    found: list[Part] = []
    sign, at = 1, len(query) - len(query.lstrip())
    if first := _FIRST_SIGN.match(query):
        sign, at = _sign(first[1]), first.end()
    while True:
        quoted = _QUOTED.match(query, at)
        operator = _OPERATOR.search(query, quoted.end() if quoted else at)
        end = operator.start() if operator else len(query.rstrip())
        whole = quoted is not None and end == quoted.end()
        text = quoted[1] if quoted is not None and whole else query[at:end]
        found.append(Part(sign, text.strip(), whole, at, end))
        if operator is None:
            return found
        sign, at = _sign(operator[1]), operator.end()


def terms(query: str, ids: Sequence[str], names: Sequence[str]) -> list[tuple[int, int | str]]:
    """The signs and terms of a sum: each the row of a record, or words.

    A name may itself hold `` - `` or `` + ``: the longest run of parts that names a record is taken first. A term in
    double quotes is words, whatever records are called; so is one that names no record.

    Args:
        query: at least two terms.
        ids, names: n labels.

    Raises:
        UnknownRecordError: a term is almost a record's name, or names several records.
        InputError: a term is empty.
    """
    split = parts(query)
    found: list[tuple[int, int | str]] = []
    at = 0
    while at < len(split):
        part = split[at]
        if not part.text:
            raise InputError(f"A term of the sum {query!r} is empty.", allowed="For example: a - b + c")
        ends = [at + 1] if part.quoted else range(len(split), at, -1)
        for end in ends:
            text = query[part.start : split[end - 1].end]
            if not part.quoted and selection.rows(text, ids, names):
                found.append((part.sign, selection.find(text, ids, names)))
                at = end
                break
        else:
            if not part.quoted and (apart := spaced(part.text, ids, names)):
                raise needs_spaces(part.text, apart)
            close = [] if part.quoted else selection.close(part.text, ids, names, ALIKE)
            if close:
                raise UnknownRecordError(
                    f"No record has the id or name {part.text!r}.",
                    cure=f"Perhaps {' or '.join(map(repr, close))}? As words it stands in double quotes.",
                )
            found.append((part.sign, part.text))
            at += 1
    return found


def spaced(query: str, ids: Sequence[str], names: Sequence[str]) -> str:
    """A sum typed without spaces as it should stand, or ``""`` where its terms are not all records.

    Example:
        >>> spaced("ho-oh-lugia+mew", ["1", "2", "3"], ["ho-oh", "lugia", "mew"])
        'ho-oh - lugia + mew'
    """
    pieces = _MARK.split(query)
    found, at = [], 0
    while at < len(pieces):
        for end in range(len(pieces), at, -2):
            text = "".join(pieces[at:end]).strip()
            if text and selection.rows(text, ids, names):
                found.append(text)
                break
        else:
            return ""
        found += pieces[end : end + 1]
        at = end + 1
    return " ".join(found) if len(found) > 1 else ""


def needs_spaces(query: str, apart: str) -> UnknownRecordError:
    """The error where a sum was typed without spaces; `apart` as `spaced` gives it."""
    return UnknownRecordError(
        f"No record has the id or name {query!r}.",
        cure=f"A + or - of a sum stands between spaces: {shlex.quote(apart)}",
    )


def total(vectors: NDArray[np.float32], signs: Sequence[int]) -> NDArray[np.float32]:
    """The sum of unit vectors with their signs, brought to unit length.

    Args:
        vectors: shape (t, d).
        signs: t times 1 or -1.

    Returns:
        float32, shape (d,).

    Raises:
        InputError: nothing is left, as of a record minus itself.
    """
    import numpy as np

    summed = np.asarray(signs, np.float32) @ vectors
    length = float(np.linalg.norm(summed))
    if length < 1e-4:
        raise InputError(
            "The terms cancel each other out: nothing is left to compare.",
            cure="Leave out what is both added and taken away, or add another term: a - b + c",
        )
    return np.asarray(summed / length, np.float32)


def _sign(mark: str) -> int:
    return 1 if mark == "+" else -1
