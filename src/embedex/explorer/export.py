"""The explorer as a folder of files, for any file server: what `answers` gives, written down.

What the server works out for each question is worked out by the page, from vectors in half precision (`sides`).
Questions in words and conditions are not in it. Nothing outside the collection's folder is read, and nothing outside
the folder of the export is written.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from embedex.errors import CollectionError, EmbedexError, InputError
from embedex.explorer import arrays, columns, sides
from embedex.explorer.answers import Answers, Pair, as_json, column_answers
from embedex.explorer.guard import POLICY
from embedex.results import Basis, By, counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.collection import Collection
    from embedex.progress import Progress

FORMAT = 1
"""Changes when a page could not read what an earlier version wrote."""

MOST_BYTES = 256 * 2**20
"""The most bytes of texts' vectors, of pictures' vectors, of fields' parts, and of values to colour by: each of them is
something that a browser fetches as a whole, or that nobody would want to copy to a server."""

SHARD_BYTES = 256 * 2**10
"""About so many bytes of records, or of fields' parts, are one file: what a browser fetches to show one record."""

UNUSUAL_KEPT = 100
"""So many of the most unusual records are told."""

ENDINGS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/tiff": "tif",
}
"""How the files of pictures end. Their place, from 1, says which one a record's has."""

STATIC = Path(__file__).parent / "static"
"""Where the front end is, once it is built."""

_PAGE = frozenset({"index.html", "favicon.svg", "licences.txt", "assets", "data"})
_DATA = "data"
_SIDES: tuple[Literal["text", "image"], ...] = ("text", "image")
_VALUES_AT_ONCE = 20_000_000
"""So many values of fields are in memory at once."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: where.
        files, size: how many files, and their bytes.
        left_out: what is not in it for its size, or because it is gone, a sentence each; the page says the same.
    """

    folder: Path
    files: int
    size: int
    left_out: Sequence[str]


def export_html(
    collection: Collection, out: Path, *, static: Path | None = None, progress: Progress | None = None
) -> Exported:
    """Write the explorer of a collection into a folder that any file server can serve.

    It is written beside, and renamed: who looks sees the export of before, or all of this one.

    Args:
        collection: it.
        out: the folder: a new one, an empty one, or an export of before, which is replaced.
        static: the folder of the built page; None takes that of this package.
        progress: called with how far it is.

    Raises:
        InputError: the folder holds something else, or is the collection's own; or the page has not been built.
        OSError: something cannot be read or written; then `out` is as it was.
    """
    page = static or STATIC
    if not (page / "index.html").is_file():
        raise InputError(
            "The page of the explorer has not been built.", cure="In the folder web: npm ci, then npm run build."
        )
    out = _checked(out, collection.folder.resolve())
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{secrets.token_hex(6)}.part")
    part.mkdir()
    try:
        writer = _Writer(part)
        left_out = _Export(collection, writer, progress).write(page)
        _replace(out, part)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return Exported(out, writer.files, writer.size, left_out)


# --- the folder ---------------------------------------------------------------------------------------------------


def _checked(out: Path, collection: Path) -> Path:
    """The folder to write, once it is sure that nothing of anybody's is lost by it."""
    out = out.resolve()  # of a link, what it leads to is replaced
    if out == collection:
        raise InputError(f"{out} is the collection's own folder.", cure="Name a folder beside it.")
    if collection in out.parents or out in collection.parents:
        raise InputError(
            f"{out} and the collection's folder, {collection}, hold one another.", cure="Name a folder beside it."
        )
    if out.is_dir():
        names = sorted(path.name for path in out.iterdir())
        if names and not _is_ours(out):
            shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
            raise InputError(
                f"{out} is not empty, and no export of embedex.",
                allowed=f"It holds: {shown}",
                cure="Name a new folder, or empty this one.",
            )
        if others := [name for name in names if name not in _PAGE]:
            raise InputError(
                f"{out} is an export, but holds more: {', '.join(others[:5])}.",
                cure="Move that away, or name a new folder: what is there would be replaced.",
            )
    elif out.exists() or not out.name:
        raise InputError(f"{out} is no folder.", cure="Name a new folder.")
    return out


def _is_ours(folder: Path) -> bool:
    try:
        told = json.loads((folder / _DATA / "collection.json").read_bytes())
        return isinstance(told["export"]["format"], int) and (folder / "index.html").is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _replace(out: Path, part: Path) -> None:
    """Put the new folder where the old one was."""
    old = part.with_suffix(".old")
    replaces = out.exists()
    if replaces:
        out.rename(old)
    try:
        part.rename(out)
    except OSError:
        if replaces:
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


class _Writer:
    """Writes files below one folder, and counts them.

    Attributes:
        files, size: how many, and their bytes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files = self.size = 0
        self._stamp = hashlib.sha256()
        self._made: set[Path] = set()

    @property
    def stamp(self) -> str:
        """Names what has been written: the page asks for files by it, so that a browser mixes no two exports."""
        return self._stamp.hexdigest()[:16]

    # Files are not synced one by one: whoever loses an export in a power cut makes it again.
    def put(self, name: str, body: bytes) -> None:
        """Write a file; ``a/b`` is in the folder ``a``."""
        self._path(name).write_bytes(body)
        self._count(name, len(body), body)

    def copy(self, name: str, path: Path, digest: str) -> None:
        """Copy a file that is there, whose content something names."""
        to = self._path(name)
        shutil.copyfile(path, to)
        self._count(name, to.stat().st_size, digest.encode())

    def _path(self, name: str) -> Path:
        path = self._folder / name
        if path.parent not in self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(path.parent)
        return path

    def _count(self, name: str, size: int, content: bytes) -> None:
        self.files += 1
        self.size += size
        self._stamp.update(f"{name}\n{size}\n".encode())
        self._stamp.update(content)


# --- what is in it ------------------------------------------------------------------------------------------------


class _Export:
    """Writes what the answers about one collection are."""

    def __init__(self, collection: Collection, writer: _Writer, progress: Progress | None) -> None:
        self.answers = Answers(collection, keep_thumbnails=False)
        self.collection, self.index = collection, collection.index
        self.questions = self.answers.questions
        self.writer, self.progress = writer, progress
        self.left_out: list[str] = []

    def write(self, page: Path) -> list[str]:
        told = self.answers.told()
        self._columns()
        self._records()
        self._pictures(told)
        self._fields()
        compared = self._compared(told)
        self._unusual(compared["bases"])
        self._json("compared.json", compared)
        self._page(page)
        if len(self.index.group_names) > arrays.MOST_CODES:
            self.left_out.append(f"Groups beyond the first {arrays.MOST_CODES:,}.")
        told |= {
            "can_ask": False,
            "ask_against": [],
            "can_where": False,
            "left_out": self.left_out,
            "export": {"format": FORMAT, "stamp": self.writer.stamp, "endings": list(ENDINGS.values())},
        }
        self._json("collection.json", told)
        return self.left_out

    def _put(self, name: str, body: bytes | NDArray[np.generic]) -> None:
        self.writer.put(f"{_DATA}/{name}", body if isinstance(body, bytes) else body.tobytes())

    def _json(self, name: str, value: Any) -> None:
        self._put(name, as_json(value).body)

    def _shards(self, name: str, bodies: Iterator[bytes]) -> None:
        for number, body in enumerate(bodies):
            self._put(f"{name}/{number}.bin", body)

    def _tell(self, what: str, done: int, total: int) -> None:
        if self.progress:
            self.progress(what, done, total)

    def _page(self, page: Path) -> None:
        """The page's own files, and in its first one what makes it read files instead of asking a server."""
        for path in sorted(page.rglob("*")):
            name = path.relative_to(page).as_posix()
            if name.partition("/")[0] in _PAGE - {_DATA} and path.is_file() and not path.is_symlink():
                body = path.read_bytes()
                if name == "index.html":
                    body = first_page(body.decode(), self.collection.title).encode()
                self.writer.put(name, body)

    # --- what has a value a record, and single records ------------------------------------------------------------

    def _columns(self) -> None:
        for what, name in (("names", "names.txt"), ("ids", "ids.txt"), ("groups", "groups.bin"), ("main", "main.bin")):
            self._put(name, self.answers.rows(what).body)  # type: ignore[arg-type]
        for number, name in enumerate(self.collection.maps):
            for each in ("places", "rows", "doubt"):
                self._put(f"maps/{number}-{each}.bin", self.answers.map_array(name, each).body)

    def _records(self) -> None:
        import numpy as np

        total = len(self.index.ids)
        first_rows: list[int] = []
        held: list[bytes] = []
        size = 0

        def flush() -> None:
            self._put(f"records/{len(first_rows) - 1}.json", b"[" + b",".join(held) + b"]")

        for row, data in enumerate(self.questions.data()):
            if size == 0:
                first_rows.append(row)
            body = as_json(self.questions.shown(row, data)).body
            held.append(body)
            size += len(body)
            if size >= SHARD_BYTES:
                flush()
                held, size = [], 0
                self._tell("Writing records", row + 1, total)
        if held:
            flush()
        self._tell("Writing records", total, total)
        self._put("records/first-rows.bin", np.asarray(first_rows, "<u4"))

    def _pictures(self, told: dict[str, Any]) -> None:
        pictured = [row for row, name in enumerate(self.index.pictures) if name is not None]
        codes, places, gone = bytearray(len(self.index.ids)), list(ENDINGS), 0
        for done, row in enumerate(pictured, start=1):
            try:
                found = self.answers.picture(row)
            except CollectionError:
                gone += 1
                continue
            self.writer.copy(f"{_DATA}/pictures/{row}.{ENDINGS[found.media]}", found.path, found.etag)
            codes[row] = places.index(found.media) + 1
            if done % 100 == 0 or done == len(pictured):
                self._tell("Copying pictures", done, len(pictured))
        self._put("pictures.bin", bytes(codes))
        if gone:
            self.left_out.append(f"{gone:,} of {len(pictured):,} pictures: their files are gone, or no pictures.")
            told["pictures"] -= gone
        for page in range(self.answers.atlas.count):
            self._put(f"thumbnails/{page}.webp", self.answers.thumbnail(page).body)
            self._tell("Drawing small pictures", page + 1, self.answers.atlas.count)

    def _fields(self) -> None:
        """The fields that can colour, with their values; those of most bytes in all are left out."""
        told = json.loads(self.answers.fields().body)
        count, size, paths = len(self.index.ids), 0, []
        for each in told["paths"]:
            size += count * (4 if each["kind"] == "number" else 2)
            if size <= MOST_BYTES:
                paths.append(each)
        if len(paths) < len(told["paths"]):
            fewer = f"{len(told['paths']) - len(paths)} of {len(told['paths'])} fields to colour by"
            self.left_out.append(f"{fewer}: over {_megabytes(MOST_BYTES)} in all.")
        at_once = max(1, _VALUES_AT_ONCE // max(1, count))
        for start in range(0, len(paths), at_once):
            part = paths[start : start + at_once]
            found = columns.several(self.questions.data(), [each["path"] for each in part])
            for number, (each, column) in enumerate(zip(part, found, strict=True), start=start):
                if isinstance(column, InputError):
                    each["error"] = str(column)
                    continue
                made = column_answers(column)
                self._put(f"values/{number}.json", made["told"].body)
                self._put(f"values/{number}.bin", made["data"].body)
            self._tell("Writing fields", start + len(part), len(paths))
        self._json("fields.json", {**told, "paths": paths})

    # --- what is compared -----------------------------------------------------------------------------------------

    def _compared(self, told: dict[str, Any]) -> dict[str, Any]:
        """Writes vectors, parts and what is told of places, and gives the numbers that go with them.

        What is left out here is taken out of `told` as well, so that the page offers none of it.
        """
        bases: dict[Pair, dict[str, Any]] = {}
        compared: dict[str, Any] = {"sides": {}, "bases": bases, "maps": [], "fused": None, "why": None}
        there = [each["name"] for each in told["embeddings"]]
        for by in _SIDES:
            if by in there and (made := self._side(by, told)) is not None:
                compared["sides"][by] = made
                compared["bases"][by] = self._basis(by)
        if len(compared["sides"]) == 2:
            fused = sides.fused(self.questions)
            compared["fused"], compared["bases"]["fused"] = fused, self._basis("fused")
        for number, name in enumerate(self.collection.maps):
            compared["maps"].append(self._map(number, name))
        if told["fields"]:
            compared["why"] = self._parts()
            told["fields"] = compared["why"] is not None
        return compared

    def _side(self, by: Literal["text", "image"], told: dict[str, Any]) -> dict[str, Any] | None:
        rows, vectors, _ = self.collection.vectors(by=by)
        size = vectors.size * 2
        if size > MOST_BYTES:
            own = {"text": "By text", "image": "By picture"}[by]
            self.left_out.append(
                f"{own}, and what follows from it: the vectors of {counted(len(rows))} would be "
                f"{_megabytes(size)}, over {_megabytes(MOST_BYTES)}."
            )
            told["embeddings"] = [each for each in told["embeddings"] if each["name"] != by]
            return None
        made = sides.side(self.questions, by)
        self._put(f"vectors/{by}.bin", made.differences)
        self._put(f"vectors/{by}-rows.bin", made.rows)
        self._put(f"vectors/{by}-mean.bin", made.mean)
        return {"dimension": vectors.shape[1], "count": len(rows)}

    def _basis(self, by: Literal["text", "image", "fused"]) -> dict[str, Any]:
        """What a list of the nearest rests on; the page adds how many were compared."""
        rows, _, basis = self.collection.vectors(by=by, centred=True)
        if len(rows):
            with suppress(EmbedexError):  # one record alone has nothing to be compared with
                basis = self.collection.similar(self.index.ids[int(rows[0])], by=by, k=1).basis
        told = self._told(basis)
        if by == "fused":  # with another weight, as `Questions.similar` says it
            both = [self.collection.vectors(by=side, centred=True)[2].note for side in _SIDES]
            told["note_weighted"] = self._without_folder(" · ".join(filter(None, both)))
        return told

    def _told(self, basis: Basis) -> dict[str, Any]:
        return {**asdict(basis), "note": self._without_folder(basis.note)}

    def _without_folder(self, text: str) -> str:
        """A note without where the collection lies on this machine: an export may be public.

        Only in the commands that a note tells: the folder may be called ``.``, or as a word that stands elsewhere.
        """
        return re.sub(rf"(embedex [a-z]+ ){re.escape(str(self.collection.folder))}(?!\S)", r"\1DIR", text)

    def _map(self, number: int, name: str) -> dict[str, Any]:
        fitted = self.collection.read_map(name)
        told: dict[str, Any] = {"basis": self._told(fitted.basis), "nearest": None, "stable": False}
        if fitted.fidelity:
            kept = sides.kept_places(fitted.fidelity)
            for each, values in kept.items():
                self._put(f"maps/{number}-{each}.bin", values)
            told |= {"nearest": fitted.fidelity.nearest, "stable": "stable" in kept}
        return told

    def _parts(self) -> dict[str, Any] | None:
        import numpy as np

        found = sides.field_parts_of(self.questions, MOST_BYTES)
        if isinstance(found, int):
            self.left_out.append(
                f"Why two records are near: the parts of their fields would be {_megabytes(found)}, "
                f"over {_megabytes(MOST_BYTES)}."
            )
            return None
        each = max(1, SHARD_BYTES // (2 * max(1, found.mean.shape[1])))
        self._put("parts/mean.bin", found.mean)
        self._put("parts/starts.bin", found.starts)
        self._put("parts/fields.bin", found.fields)
        starts = range(0, len(found.fields), each)
        self._shards("parts", (found.differences[start : start + each].tobytes() for start in starts))
        with_parts = np.flatnonzero(np.diff(found.starts.astype(np.int64)))[:2].tolist()
        caption = ""
        if len(with_parts) == 2:
            one, other = (self.index.ids[row] for row in with_parts)
            caption = self._without_folder(self.collection.why(one, other).basis.caption())
        return {"paths": found.paths, "dimension": found.mean.shape[1], "a_shard": each, "caption": caption}

    def _unusual(self, bases: dict[Pair, Any]) -> None:
        """The most unusual, which take all pairs: worked out here, once."""
        asked: list[tuple[str, By, str]] = [(by, by, "") for by in bases]
        asked += [(f"map-{number}", "map", name) for number, name in enumerate(self.collection.maps)]
        for done, (name, by, map_name) in enumerate(asked, start=1):
            try:
                found = self.collection.unusual(k=UNUSUAL_KEPT, by=by, map_name=map_name)
            except EmbedexError as error:
                self._json(f"unusual/{name}.json", {"error": error.seen})
                continue
            told = self._told(found.basis)
            # How many of those that are shown are in doubt the page itself says: it may show fewer.
            told["note"] = re.sub(r"\A\d+ of these places (is|are) not to be believed( · )?", "", told["note"])
            self._json(f"unusual/{name}.json", {"basis": told, "hits": self.questions.hits(found.hits)})
            self._tell("Finding the unusual", done, len(asked))


def first_page(text: str, title: str) -> str:
    """The page's first file, so that it reads files beside it and asks nothing else of anybody.

    Args:
        text: as it was built.
        title: of the collection.
    """
    policy = "; ".join(each for each in POLICY.split("; ") if not each.startswith("frame-ancestors"))  # not for a meta
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}" />\n    '
        f'<meta name="embedex-data" content="{_DATA}/" />\n    '
    )
    # A browser runs no module of a page that is opened as a file: then this stays.
    waiting = (
        '<div id="app"><p class="waiting">Opening the collection… If nothing comes, this page was opened as a file. It '
        "needs a file server: <code>python -m http.server</code> in this folder gives one.</p></div>"
    )
    text = re.sub(r"<title>.*?</title>", lambda _: f"<title>{html.escape(title)} · embedex</title>", text, flags=re.S)
    text = text.replace("<head>", f"<head>\n    {head.rstrip()}", 1)
    return text.replace('<div id="app"></div>', waiting, 1)


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MB"
