"""The values in JSON and JSON Lines files, each with its line. Whether a value is a record is seen in `files`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from embedex.errors import InputError
from embedex.records import JSON, JsonPath, Strictness, id_text
from embedex.sources.excerpts import listed
from embedex.sources.lines import byte_lines, not_utf8, text_lines


def jsonl_values(path: Path, strictness: Strictness) -> Iterator[tuple[str, JSON]]:
    """The values of a JSON Lines file, one a line, with their places.

    Args:
        path: a file of JSON Lines, perhaps packed.
        strictness: takes the lines that are not one value in JSON.
    """
    reader = _Reader()
    for number, line in byte_lines(path):
        where = f"{path}:{number}"
        try:
            text = line.decode().rstrip("\r\n")
            position = _skip_blank(text, 0)
            if position == len(text):
                continue
            value, end = reader.read(text, position)
        except UnicodeDecodeError as error:
            strictness.add(where, not_utf8(error))
        except _MalformedError as error:
            strictness.add(where, f"not JSON at column {error.position + 1}: {error}")
        else:
            rest = _skip_blank(text, end)
            if rest < len(text):
                more = f"at column {rest + 1} follows {_met(text, rest)}"
                strictness.add(where, f"more than one value on the line: {more}")
            elif reader.repeated:
                strictness.add(where, _repeats(reader.repeated))
            else:
                yield where, value


def json_values(path: Path, id_path: JsonPath, strictness: Strictness) -> Iterator[tuple[str, JSON]]:
    """The values of a JSON file with their places, decoded one by one so that each one's line is known.

    Args:
        path: a file with a list of objects; with one object that has an id at `id_path`, which is the one value,
            whatever lists it holds; or with one object in which exactly one value is a list of objects.
        id_path: where a record has its id.
        strictness: takes what is broken; a file that is broken before its end is read up to there.

    Raises:
        InputError: the file is not UTF-8, or has none of these.
    """
    text = "".join(line for _, line in text_lines(path))
    start = _start(path, text, id_path, strictness)
    if start is None:
        return
    reader = _Reader()
    if text[start] == "{":
        number = text.count("\n", 0, start) + 1
        where = f"{path}:{number}"
        try:
            value, end = reader.read(text, start)
        except _MalformedError as error:
            strictness.add(where, f"not JSON at {_line_and_column(text, error.position)}: {error}")
            return
        if reader.repeated:
            strictness.add(where, _repeats(reader.repeated))
        else:
            yield where, value
        _note_rest(path, text, end, "the object", strictness)
        return
    line, counted = 1, 0
    position = _skip_blank(text, start + 1)
    mark = text[position : position + 1]
    while mark != "]":
        line, counted = line + text.count("\n", counted, position), position
        where = f"{path}:{line}"
        try:
            value, end = reader.read(text, position)
            if reader.repeated:
                strictness.add(where, _repeats(reader.repeated))
            else:
                yield where, value
            position = _skip_blank(text, end)
            mark = text[position : position + 1]
            if mark not in ("]", ","):
                raise _MalformedError(f"Expecting ',' or ']', met {_met(text, position)}", position)
        except _MalformedError as error:
            at = _line_and_column(text, error.position)
            strictness.add(where, f"not JSON at {at}: {error}. What follows in this file was not read")
            return
        if mark == ",":
            position = _skip_blank(text, position + 1)
    if text.lstrip(_BLANK).startswith("["):
        _note_rest(path, text, position + 1, "the list", strictness)


def _note_rest(path: Path, text: str, end: int, after: str, strictness: Strictness) -> None:
    rest = _skip_blank(text, end)
    if rest < len(text):
        at = _line_and_column(text, rest)
        strictness.add(str(path), f"more after {after}, not read: at {at} {_met(text, rest)}")


def _start(path: Path, text: str, id_path: JsonPath, strictness: Strictness) -> int | None:
    """Where the file's list of records begins, or the one object that is a record; None when the file is blank."""
    allowed = (
        f"A .json file holds a list of objects, one object with an id at {id_path.text!r}, or one object in which"
        " exactly one value is a list of objects."
    )
    start = _skip_blank(text, 0)
    if start == len(text):
        return None
    if text[start] == "[":
        return start
    if text[start] != "{":
        raise InputError(f"{path}: begins with {_met(text, start)}.", allowed=allowed)
    decoder = json.JSONDecoder()
    keys: list[str] = []
    lists: dict[str, int] = {}
    outer: dict[str, JSON] = {}  # no more of it than may hold the id
    position = _skip_blank(text, start + 1)
    try:
        while not text.startswith("}", position):
            if keys:
                position = _after(text, position, ",")
            if not text.startswith('"', position):
                raise json.JSONDecodeError("Expecting a key", text, position)
            key, position = decoder.raw_decode(text, position)
            keys.append(key)
            position = _after(text, position, ":")
            if text.startswith("[", position) and text.startswith("{", _skip_blank(text, position + 1)):
                lists[key] = position
            value, position = decoder.raw_decode(text, position)
            if key == id_path.steps[0]:
                outer[key] = value
            position = _skip_blank(text, position)
    except (ValueError, RecursionError) as error:
        if id_text(id_path.find(outer)) is not None:
            return start  # the fault is the record's, and will be named
        if len(lists) != 1:
            raise InputError(f"{path}: not JSON: {error}.", allowed=allowed) from error
        if position > max(lists.values()):  # else the fault is in the list, and its element will be named
            strictness.add(str(path), f"not JSON after the list of objects: {error}")
    if id_text(id_path.find(outer)) is not None:
        return start
    if len(lists) == 1:
        return next(iter(lists.values()))
    seen = f"several lists of objects, {listed(lists)}" if lists else f"no list of objects, only {listed(keys)}"
    raise InputError(f"{path}: an object with {seen}.", allowed=allowed, cure="Save the list of records by itself.")


def _after(text: str, position: int, mark: str) -> int:
    """The position of what follows a mark that must stand here."""
    position = _skip_blank(text, position)
    if not text.startswith(mark, position):
        raise json.JSONDecodeError(f"Expecting {mark!r}", text, position)
    return _skip_blank(text, position + 1)


_BLANK = " \t\r\n"
_BLANKS = re.compile(r"[ \t\r\n]*")


def _skip_blank(text: str, position: int) -> int:
    """The next position that is not JSON's white space."""
    match = _BLANKS.match(text, position)
    return match.end() if match else position


def _met(text: str, position: int) -> str:
    piece = text[position : position + 16].split("\n")[0]
    return repr(piece) if piece else "the end of the line" if position < len(text) else "the end"


def _line_and_column(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"line {line}, column {position - text.rfind(chr(10), 0, position)}"


class _MalformedError(ValueError):
    """Text that is not JSON; `position` is where that shows."""

    def __init__(self, what: str, position: int) -> None:
        self.position = position
        super().__init__(what)


class _Reader:
    """Parses one JSON value at a time, and knows which keys the last one repeated."""

    def __init__(self) -> None:
        self.repeated: list[str] = []
        self._decoder = json.JSONDecoder(object_pairs_hook=self._object)

    def read(self, text: str, position: int) -> tuple[JSON, int]:
        """The value that begins at a position, and where it ends.

        Raises:
            _MalformedError: there is none, or it is too much for Python.
        """
        self.repeated.clear()
        try:
            return self._decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise _MalformedError(f"{error.msg}, met {_met(text, error.pos)}", error.pos) from error
        except RecursionError as error:
            raise _MalformedError("nested too deeply", position) from error
        except ValueError as error:  # an integer of more digits than Python is willing to read
            raise _MalformedError(str(error), position) from error

    def _object(self, pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
        value = dict(pairs)
        if len(value) < len(pairs):
            keys = [key for key, _ in pairs]
            self.repeated += sorted({key for key in keys if keys.count(key) > 1})
        return value


def _repeats(keys: Sequence[str]) -> str:
    return f"a key twice in one object: {listed(dict.fromkeys(keys))}"
