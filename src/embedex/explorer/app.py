"""The application: every route of the explorer. `docs/explorer.md` lists them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from embedex._version import __version__
from embedex.errors import CollectionError, EmbedexError, InputError, NothingToCompareError, UnknownRecordError
from embedex.explorer import arrays, columns, heatmap, thumbnails
from embedex.explorer.guard import Guard
from embedex.explorer.questions import Questions, plain
from embedex.explorer.shelf import BusyError, Held, Lane, Shelf
from embedex.results import Against, By

if TYPE_CHECKING:
    from embedex.collection import Collection

ARRAYS_KEPT = 256 * 2**20
ANSWERS_KEPT = 64 * 2**20
"""Bytes of arrays and of other answers that are kept."""

MOST_WORDS = 2_000
"""The longest question and condition, in characters."""

PAGES_AHEAD = 4
"""So many pages of thumbnails are drawn before anybody asks for them."""

STATIC = Path(__file__).parent / "static"
"""Where the front end is, once it is built."""

UNBUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>embedex explore</title>
<h1>The page of the explorer has not been built</h1>
<p>The server works, and its answers are under <code>/api/</code>. To build the page, which needs Node, run
<code>npm ci</code> and <code>npm run build</code> in the folder <code>web</code> of embedex's repository, and start
again.</p></html>
"""

_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
    ".txt": "text/plain; charset=utf-8",
}

K = Annotated[int, Query(ge=1, le=1000)]
Row = Annotated[int, Query(ge=0)]
PathRow = Annotated[int, PathParameter(ge=0)]
Size = Annotated[int, Query(ge=16, le=1024)]
Weight = Annotated[float | None, Query(ge=0, le=1, allow_inf_nan=False)]
Start = Annotated[int, Query(alias="from", ge=0)]
End = Annotated[int | None, Query(alias="to", ge=1)]
DownStart = Annotated[int | None, Query(alias="from_down", ge=0)]
DownEnd = Annotated[int | None, Query(alias="to_down", ge=1)]
Words = Annotated[str, Query(min_length=1, max_length=MOST_WORDS)]
FieldPath = Annotated[str, Query(min_length=1, max_length=MOST_WORDS)]
MapName = Annotated[str, Query(alias="map", max_length=200)]
Pair = Literal["text", "image", "fused"]


def make_app(
    collection: Collection,
    *,
    token: str = "",
    hosts: Iterable[str] = (),
    static: Path | None = None,
    ahead: bool = False,
) -> FastAPI:
    """The explorer of one collection, as an ASGI application.

    Args:
        collection: it; nobody else may ask it while the application runs.
        token: what a visitor has to know, in the address or in a cookie; ``""`` lets everybody in who calls the server
            by a loopback name.
        hosts: more names by which the server may be called.
        static: the folder of the built page; None takes that of this package.
        ahead: whether to draw the first pages of thumbnails before anybody asks for them.
    """
    explorer = _Explorer(collection)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if ahead:
            explorer.draw_ahead()
        yield
        explorer.close()
        explorer.wait()  # so that nothing of it outlives the server, in a notebook; threads cannot be had at its end

    app = FastAPI(title="embedex explore", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.lifespan_context = lifespan
    app.router.redirect_slashes = False
    _add_errors(app)
    _add_columns(app, explorer)
    _add_records(app, explorer)
    _add_questions(app, explorer)
    _add_pages(app, static or STATIC)
    app.add_middleware(Guard, token=token, hosts=tuple(hosts))
    return app


class _Explorer:
    """A collection with what is kept of its answers, and the lanes in which they are computed."""

    def __init__(self, collection: Collection) -> None:
        self.collection, self.index = collection, collection.index
        self.questions = Questions(collection)
        self.atlas = thumbnails.Atlas(self.index, self.questions.store.images, collection.folder)
        self.arrays, self.answers = Shelf(ARRAYS_KEPT), Shelf(ANSWERS_KEPT)
        # A lane of one worker is also what keeps two threads from using the collection at once; only what is long to
        # count goes on beside it, on vectors that are ready.
        self.asking = Lane("asking")
        self.reading = Lane("reading", workers=4)
        self.columns = Lane("columns")
        self.counting = Lane("counting", waiting=64)
        self.conditions = Lane("conditions", waiting=64)
        self.drawing = Lane("drawing")
        self._lanes = (self.asking, self.reading, self.columns, self.counting, self.conditions, self.drawing)
        self._orders: dict[str, Any] = {}

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()

    def wait(self) -> None:
        for lane in self._lanes:
            lane.wait()

    def draw_ahead(self) -> None:
        pages = range(min(PAGES_AHEAD, self.atlas.count))
        drawn = [self.drawing.run(partial(self.atlas.page, number)) for number in pages]
        # Kept, or the loop would forget them; what they raise is told to whoever asks for the page.
        self._ahead = asyncio.gather(*drawn, return_exceptions=True)

    async def kept(self, shelf: Shelf, lane: Lane, key: Hashable, make: Callable[[], Held]) -> Held:
        """The answer under a key: from the shelf, or made in a lane, once for all who wait for it there."""

        def work() -> Held:
            return shelf.get(key) or shelf.put(key, make())

        held = shelf.get(key)
        return held if held is not None else await lane.run(work)

    async def array(self, key: Hashable, make: Callable[[], Held]) -> Held:
        return await self.kept(self.arrays, self.columns, key, make)

    async def answer(self, key: Hashable, make: Callable[[], Any]) -> Held:
        return await self.kept(self.answers, self.asking, key, lambda: as_json(make()))

    def known(self, row: int) -> int:
        """The row, once it is sure that there is such a record."""
        if row >= len(self.index.ids):
            raise HTTPException(404, f"There is no row {row}; the collection has {len(self.index.ids)} records.")
        return row

    def on_map(self, by: By, name: str) -> str:
        """The name of the map that a question by map is about; without one the default one."""
        if by != "map":
            return ""
        if name and name not in self.collection.maps:
            raise HTTPException(404, f"There is no map {name[:80]!r}.")
        return name or self.default_map() or ""

    def default_map(self) -> str | None:
        names = self.collection.maps
        return next((name for name in ("umap", "pca", *names) if name in names), None)

    def map_array(self, name: str, what: str) -> Held:
        """One of the arrays of a map; all of them are kept."""
        if (held := self.arrays.get(("map", name, what))) is not None:
            return held
        stored = self.questions.store.read_map(name) if name in self.collection.maps else None
        if stored is None:
            raise HTTPException(404, f"There is no map {name[:80]!r}.")
        whole = stored.ids == self.index.ids
        made = arrays.map_arrays(stored, self.index, {} if whole else self.questions.rows)
        told: dict[str, Any] = {
            "name": name,
            "dimensions": stored.coordinates.shape[1],
            "count": len(made["doubt"].body),
            "method": stored.parameters.get("method"),
        }
        if stored.fidelity:
            measured = ("trustworthiness", "continuity", "nearest", "seeds", "rule")
            told["fidelity"] = {each: getattr(stored.fidelity, each) for each in measured}
        made["told"] = as_json(told)
        for each, array in made.items():
            self.arrays.put(("map", name, each), array)
        return made[what]

    def summary(self) -> Held:
        """What the page has to know first."""
        collection, index = self.collection, self.index
        try:
            parts = bool(collection.fields)
        except EmbedexError:
            parts = False
        against = self.questions.can_ask
        embeddings = [
            {"name": name, "encoder": each.name, "dimension": each.dimension}
            for name, each in collection.embeddings.items()
            if collection.has(name)
        ]
        return as_json(
            {
                "title": collection.title,
                "origin": collection.manifest.origin,
                "count": len(index.ids),
                "groups": index.group_names[: arrays.MOST_CODES],
                "embeddings": embeddings,
                "pictures": len(index.pictures) - index.pictures.count(None),
                "maps": [json.loads(self.map_array(name, "told").body) for name in collection.maps],
                "default_map": self.default_map(),
                "can_ask": bool(against),
                "ask_against": against,
                "fields": parts,
                "thumbnail": {"side": thumbnails.SIDE, "columns": thumbnails.COLUMNS, "pages": self.atlas.count},
                "version": __version__,
            }
        )

    def order(self, by: Pair) -> Any:
        """Of the all-pairs square: which vector stands where."""
        if by not in self._orders:
            self._orders[by] = heatmap.order(self.collection.vectors(by=by)[0], self.index)
        return self._orders[by]


def as_json(value: Any) -> Held:
    """A value as JSON."""
    body = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Held(body.encode(errors="replace"), "application/json")


def respond(request: Request, held: Held, *, cache: str = "no-cache") -> Response:
    """An answer, or that the visitor has it already."""
    headers = {**held.headers, "ETag": held.etag, "Cache-Control": cache}
    if _has(request, held.etag):
        return Response(status_code=304, headers=headers)
    return Response(held.body, media_type=held.media, headers=headers)


def _has(request: Request, etag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    return etag in [each.strip().removeprefix("W/") for each in given.split(",")]


def _error(status: int, error: str, cure: str = "", headers: dict[str, str] | None = None) -> Response:
    body = json.dumps({"error": error, "cure": cure}, ensure_ascii=False).encode(errors="replace")
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def _add_errors(app: FastAPI) -> None:
    """Every error is a plain answer with what is wrong and what to do."""

    @app.exception_handler(EmbedexError)
    async def ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, EmbedexError)
        absent = isinstance(error, (CollectionError, UnknownRecordError, NothingToCompareError))
        allowed = str(error).removeprefix(error.seen).strip()
        return _error(404 if absent else 400, error.seen, allowed)

    @app.exception_handler(RequestValidationError)
    async def unfit(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = [f"{each['loc'][-1]}: {each['msg']}" for each in error.errors()[:5]]
        return _error(
            400, "; ".join(found)[:500] or "The request cannot be used.", "docs/explorer.md lists the routes."
        )

    @app.exception_handler(StarletteHTTPException)
    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)
        return _error(error.status_code, str(error.detail), "")

    @app.exception_handler(BusyError)
    async def busy(_: Request, __: Exception) -> Response:
        return _error(503, "Too many are waiting for such answers.", "Ask again in a moment.", {"Retry-After": "2"})

    @app.exception_handler(OSError)
    async def unread(_: Request, error: Exception) -> Response:
        assert isinstance(error, OSError)
        return _error(500, f"A file of the collection cannot be read ({error.strerror}).", "Look at its folder.")


def _add_columns(app: FastAPI, explorer: _Explorer) -> None:
    """What there is, and everything that has a value a record."""
    index = explorer.index

    @app.get("/api/collection")
    async def collection(request: Request) -> Response:
        return respond(request, await explorer.array("collection", explorer.summary))

    makers: dict[str, Callable[[], Held]] = {
        "names": lambda: arrays.lines(index.names),
        "ids": lambda: arrays.lines(index.ids),
        "groups": lambda: arrays.groups(index),
        "pictures": lambda: arrays.flags([picture is not None for picture in index.pictures]),
        "main": lambda: arrays.flags(index.main),
    }

    @app.get("/api/rows/{what}")
    async def rows(request: Request, what: Literal["names", "ids", "groups", "pictures", "main"]) -> Response:
        return respond(request, await explorer.array(("rows", what), makers[what]))

    @app.get("/api/maps/{name}")
    async def places(request: Request, name: str) -> Response:
        return respond(
            request, await explorer.array(("map", name, "places"), lambda: explorer.map_array(name, "places"))
        )

    @app.get("/api/maps/{name}/{what}")
    async def of_places(request: Request, name: str, what: Literal["rows", "doubt"]) -> Response:
        return respond(request, await explorer.array(("map", name, what), lambda: explorer.map_array(name, what)))

    def listed() -> Held:
        sampled = explorer.questions.sampled()
        found = columns.fields(explorer.questions.data(sampled))
        paths = [{"path": each.path, "kind": each.kind, "distinct": each.distinct} for each in found]
        return as_json({"paths": paths, "looked_at": len(index.ids if sampled is None else sampled)})

    @app.get("/api/fields")
    async def fields(request: Request) -> Response:
        return respond(request, await explorer.array("fields", listed))

    def column(path: str, what: str) -> Held:
        if (held := explorer.arrays.get(("values", path, what))) is not None:
            return held
        found = columns.column(explorer.questions.data(), path)
        made = {
            "told": as_json({"kind": found.kind, "categories": found.categories}),
            "data": Held(found.data, headers={"X-Kind": found.kind}),
        }
        for each, held in made.items():
            explorer.arrays.put(("values", path, each), held)
        return made[what]

    @app.get("/api/values")
    async def values(request: Request, path: FieldPath) -> Response:
        return respond(request, await explorer.array(("values", path, "told"), lambda: column(path, "told")))

    @app.get("/api/values/data")
    async def values_data(request: Request, path: FieldPath) -> Response:
        return respond(request, await explorer.array(("values", path, "data"), lambda: column(path, "data")))

    @app.get("/api/where")
    async def where(request: Request, sql: Words) -> Response:
        def make() -> Held:
            return arrays.flags(explorer.questions.where(sql))

        return respond(request, await explorer.kept(explorer.answers, explorer.conditions, ("where", sql), make))


def _add_records(app: FastAPI, explorer: _Explorer) -> None:
    """Single records and their pictures. A row is a number, a picture's name comes from the index: none leads away."""
    index, images = explorer.index, explorer.questions.store.images

    @app.get("/api/records/{row}")
    async def record(request: Request, row: PathRow) -> Response:
        explorer.known(row)
        return respond(request, await explorer.reading.run(lambda: as_json(explorer.questions.record(row))))

    def picture_of(row: int) -> tuple[Path, str, str]:
        name = index.pictures[explorer.known(row)]
        if name is None:
            raise HTTPException(404, "This record has no picture.")
        path = (images / name).resolve()
        media = thumbnails.media_type(path) if path.parent == images.resolve() and path.is_file() else None
        if media is None:
            raise HTTPException(404, "The picture is gone, or is none.")
        return path, media, f'"{index.picture_hashes[row]}"'

    @app.get("/api/pictures/{row}")
    async def picture(request: Request, row: PathRow) -> Response:
        path, media, etag = await explorer.reading.run(lambda: picture_of(row))
        headers = {"ETag": etag, "Cache-Control": "private, max-age=86400"}
        if _has(request, etag):
            return Response(status_code=304, headers=headers)
        return FileResponse(path, media_type=media, headers=headers)

    @app.get("/api/thumbnails/{page}.webp")
    async def thumbnail(request: Request, page: PathRow) -> Response:
        if page >= explorer.atlas.count:
            raise HTTPException(404, f"There is no page {page}; there are {explorer.atlas.count}.")
        etag = f'"{explorer.atlas.digest(page)}"'
        if _has(request, etag):
            return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "no-cache"})
        return respond(request, await explorer.drawing.run(lambda: explorer.atlas.page(page)))


def _add_questions(app: FastAPI, explorer: _Explorer) -> None:
    """What is compared and asked."""
    questions = explorer.questions

    @app.get("/api/similar")
    async def similar(
        request: Request,
        row: Row,
        by: By = "text",
        k: K = 10,
        per_group: bool = False,
        map_name: MapName = "",
        weight: Weight = None,
    ) -> Response:
        name = explorer.on_map(by, map_name)
        key = ("similar", explorer.known(row), by, k, per_group, name, weight)
        ask = {"k": k, "by": by, "per_group": per_group, "map_name": name, "weight": weight}
        return respond(request, await explorer.answer(key, lambda: questions.similar(row, **ask)))  # type: ignore[arg-type]

    @app.get("/api/unusual")
    async def unusual(
        request: Request, by: By = "text", k: K = 10, per_group: bool = False, map_name: MapName = ""
    ) -> Response:
        name = explorer.on_map(by, map_name)
        key = ("unusual", by, k, per_group, name)

        def make() -> Held:
            return as_json(questions.unusual(k=k, by=by, per_group=per_group, map_name=name))

        lane = explorer.asking
        if questions.long and explorer.answers.get(key) is None:
            # What is compared is made ready where it is kept; only the arithmetic, which takes long, is beside it.
            await explorer.asking.run(lambda: questions.ready(by))
            lane = explorer.counting
        return respond(request, await explorer.kept(explorer.answers, lane, key, make))

    @app.get("/api/why")
    async def why(request: Request, row: Row, other: Row) -> Response:
        key = ("why", explorer.known(row), explorer.known(other))
        return respond(request, await explorer.answer(key, lambda: questions.why(row, other)))

    @app.get("/api/ask")
    async def ask(request: Request, q: Words, k: K = 10, against: Against | None = None) -> Response:
        return respond(
            request,
            await explorer.answer(("ask", q, k, against), lambda: questions.ask(q, k=k, against=against)),
        )

    @app.get("/api/heatmap/order")
    async def heatmap_order(request: Request, by: Pair = "text") -> Response:
        def make() -> Held:
            rows = explorer.collection.vectors(by=by)[0]
            return Held(rows[explorer.order(by)].astype("<u4").tobytes())

        return respond(request, await explorer.kept(explorer.arrays, explorer.asking, ("order", by), make))

    @app.get("/api/heatmap")
    async def square(
        request: Request,
        by: Pair = "text",
        size: Size = 512,
        start: Start = 0,
        end: End = None,
        down_start: DownStart = None,
        down_end: DownEnd = None,
    ) -> Response:
        def make() -> Held:
            order, vectors = explorer.order(by), explorer.collection.vectors(by=by)[1]
            across = _part(start, end, len(order))
            down = across if down_start is None and down_end is None else _part(down_start or 0, down_end, len(order))
            return heatmap.square(vectors, order, across, down, size)

        key = ("heatmap", by, size, start, end, down_start, down_end)
        return respond(request, await explorer.kept(explorer.answers, explorer.asking, key, make))


def _part(start: int, end: int | None, count: int) -> tuple[int, int]:
    """From which place to before which one of `count`."""
    end = count if end is None else end
    if not 0 <= start < end <= count:
        raise InputError(f"From {start} to {end} is no part of the square.", allowed=f"It has {count} places.")
    return start, end


def _add_pages(app: FastAPI, folder: Path) -> None:
    """The built page. Its files are listed once, so that no path leads to any other."""
    files: dict[str, Path] = {}
    if folder.is_dir():
        found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
        files = {path.relative_to(folder).as_posix(): path for path in found if path.suffix.lower() in _MEDIA}

    @app.get("/{path:path}")
    async def page(path: str) -> Response:
        name = path or "index.html"
        if name in files:
            # Whoever builds it puts a hash of their content into the names of assets.
            fixed = "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
            media = _MEDIA[files[name].suffix.lower()]
            return FileResponse(files[name], media_type=media, headers={"Cache-Control": fixed})
        if not path:
            return HTMLResponse(UNBUILT, headers={"Cache-Control": "no-store"})
        raise HTTPException(404, "There is nothing here.")
