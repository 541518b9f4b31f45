"""A record, and the JSON paths that point into one.

Reading records from files is `embedex.sources.files`; turning one into text is `embedex.documents`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any, TypeAlias

from embedex.errors import InputError

JSON: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, a list of them, or a dict of them by str."""


@dataclass(frozen=True, slots=True)
class Record:
    """One object of a collection.

    Attributes:
        id: unique in the collection; integers become their decimal digits.
        data: the JSON object as it came.
    """

    id: str
    data: dict[str, JSON]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was set aside while the rest went on.

    Attributes:
        where: file and line, or file alone: ``cards.jsonl:17``.
        what: what was seen there, and why it was set aside.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class Strictness:
    """Collects problems; in strict mode raises the first one.

    One object is handed through everything that reads, so that `--strict` has one meaning.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.problems: list[Problem] = []

    def add(self, where: str, what: str) -> None:
        """Note a problem, or raise it as `InputError` in strict mode."""
        problem = Problem(where, what)
        if self.strict:
            raise InputError(str(problem), cure="Mend it, or leave out --strict to set such cases aside.")
        self.problems.append(problem)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path into a record: ``species.generation.name``, ``tags[0]``, ``$.name``.

    Attributes:
        text: the path as written.
        steps: its keys and list positions.

    Example:
        >>> JsonPath.parse("types[0].name").find({"types": [{"name": "fire"}]})
        'fire'
    """

    text: str
    steps: tuple[str | int, ...]

    _STEP = re.compile(r"(?:^|\.)([^.\[\]]+)|\[(\d+)\]")

    @classmethod
    def parse(cls, text: str) -> JsonPath:
        """Read a path.

        Raises:
            InputError: the text is no path.
        """
        body = text.removeprefix("$").removeprefix(".")
        steps: list[str | int] = []
        end = 0
        for match in cls._STEP.finditer(body):
            if match.start() != end:
                break
            key, position = match.groups()
            steps.append(key if key is not None else int(position))
            end = match.end()
        if not steps or end != len(body):
            raise InputError(
                f"{text!r} is not a path into a record.",
                allowed="A path is keys joined by dots, with list positions in brackets: species.types[0].name",
            )
        return cls(text, tuple(steps))

    def find(self, value: JSON) -> JSON:
        """The value at this path, or None where the path leads nowhere."""
        for step in self.steps:
            if isinstance(step, str) and isinstance(value, Mapping):
                value = value.get(step)
            elif isinstance(step, int) and isinstance(value, list) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def removed_from(self, value: JSON) -> JSON:
        """The value without this field; of a path into a list the whole list goes. What was given is not changed.

        Example:
            >>> JsonPath.parse("types[0].name").removed_from({"id": 1, "types": [{"name": "fire"}]})
            {'id': 1}
        """
        keys = list(takewhile(lambda step: isinstance(step, str), self.steps))
        return _without(value, keys)

    def find_all(self, value: JSON) -> list[JSON]:
        """Every scalar at this path: a key asked of a list is asked of each of its members, and null is none.

        Example:
            >>> JsonPath.parse("types.name").find_all({"types": [{"name": "fire"}, {"name": "ice"}]})
            ['fire', 'ice']
        """
        found = [value]
        for step in self.steps:
            if isinstance(step, str):
                found = [each[step] for each in _members(found) if isinstance(each, Mapping) and step in each]
            else:
                found = [each[step] for each in found if isinstance(each, list) and step < len(each)]
        return [each for each in _members(found) if each is not None and not isinstance(each, Mapping)]


def _without(value: JSON, keys: Sequence[str | int]) -> JSON:
    if not keys or not isinstance(value, Mapping) or keys[0] not in value:
        return value
    key, *deeper = keys
    if not deeper:
        return {each: child for each, child in value.items() if each != key}
    return {each: _without(child, deeper) if each == key else child for each, child in value.items()}


def leaves(value: JSON) -> Iterator[tuple[tuple[str, ...], JSON]]:
    """Every scalar of a value but null, with the keys that lead to it, without list positions.

    Example:
        >>> list(leaves({"size": 3, "types": [{"name": "fire"}, {"name": "ice"}]}))
        [(('size',), 3), (('types', 'name'), 'fire'), (('types', 'name'), 'ice')]
    """
    if isinstance(value, Mapping):
        for key, each in value.items():
            for keys, leaf in leaves(each):
                yield (key, *keys), leaf
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif value is not None:
        yield (), value


def is_prose(text: str) -> bool:
    """Whether a string is a passage that people read, not an identifier: at least 20 characters with 3 spaces."""
    return len(text) >= 20 and text.count(" ") >= 3


def _members(values: Iterable[JSON]) -> Iterator[JSON]:
    """The values, with each list's members in its place, at any depth."""
    for each in values:
        if isinstance(each, list):
            yield from _members(each)
        else:
            yield each


def id_text(value: JSON) -> str | None:
    """A record's id as text: a non-empty string, or an integer's digits; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str) and value.strip():
        return value
    return None


def label_text(value: JSON) -> str | None:
    """A name or group as text: a scalar as people write it; None for null, lists and objects."""
    if value is None or isinstance(value, (list, dict)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def redundant_prefix(records: Iterable[Mapping[str, JSON]], *, sample: int = 100) -> str:
    """The prefix that most keys repeat and that carries no information, or ``""``.

    A prefix counts as redundant when it ends in ``_``, ``-``, ``.`` or ``:``, when at least four distinct keys and
    at least half of all distinct keys begin with it, and when no object would get one key twice without it. Looks at
    the first `sample` records.

    Example:
        >>> keys = ["v2_name", "v2_size", "v2_kind", "v2_tags", "id"]
        >>> redundant_prefix([dict.fromkeys(keys, 1)])
        'v2_'
    """
    objects: list[Mapping[str, JSON]] = []
    for record in islice(records, sample):
        objects += _objects(record)
    keys = {key for each in objects for key in each}
    candidates: dict[str, int] = {}
    for key in keys:
        for end in re.finditer(r"[_\-.:]", key):
            if end.end() < len(key):
                candidates[key[: end.end()]] = candidates.get(key[: end.end()], 0) + 1
    redundant = [
        prefix
        for prefix, count in candidates.items()
        if count >= 4
        and 2 * count >= len(keys)
        and not any(len({key.removeprefix(prefix) for key in each}) < len(each) for each in objects)
    ]
    return max(redundant, key=len, default="")


def strip_prefix(value: JSON, prefix: str) -> JSON:
    """The same value with `prefix` removed from every key, at any depth. An empty prefix changes nothing.

    Where an object also has the key without the prefix, the full key stays, so that no value is lost.
    """
    if not prefix:
        return value
    if isinstance(value, dict):
        return {
            key if (short := key.removeprefix(prefix)) in value else short: strip_prefix(each, prefix)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [strip_prefix(each, prefix) for each in value]
    return value


def minify(value: JSON, *, ascii: bool = False) -> str:  # noqa: A002 - the word json itself uses
    r"""JSON without a needless character; with `ascii`, other characters as ``\uXXXX``."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=ascii)


def _objects(value: JSON) -> list[Mapping[str, JSON]]:
    if isinstance(value, Mapping):
        return [value, *(each for child in value.values() for each in _objects(child))]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [each for child in value for each in _objects(child)]
    return []


def leads_nowhere(what: str, path: JsonPath, record: Record) -> InputError:
    """The error to raise where no record has a value at a path.

    Args:
        what: what the path was to lead to: ``"name"``.
        path: it.
        record: one of the records, which shows what there is.
    """
    return InputError(
        f"The {what}'s path {path.text!r} leads to nothing in any record.",
        allowed=f"The first record has: {', '.join(record.data)}",
    )
