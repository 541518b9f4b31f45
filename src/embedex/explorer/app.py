"""The application: every route of the explorer, which `docs/explorer.md` lists. What they answer is in `answers`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from embedex._version import __version__
from embedex.errors import CollectionError, EmbedexError, NothingToCompareError, UnknownRecordError
from embedex.explorer.answers import Answers, Pair, RowsOf
from embedex.explorer.guard import Guard
from embedex.explorer.shelf import BusyError, Held, Lane, Shelf
from embedex.results import Against, By

if TYPE_CHECKING:
    from embedex.collection import Collection

ANSWERS_KEPT = 64 * 2**20
"""Bytes of answers, beside arrays, that are kept."""

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
    """What is answered, with what is kept of it, and the lanes in which it is worked out."""

    def __init__(self, collection: Collection) -> None:
        self.answers = Answers(collection)
        self.kept_answers = Shelf(ANSWERS_KEPT)
        # A lane of one worker is also what keeps two threads from using the collection at once; only what is long to
        # count goes on beside it, on vectors that are ready.
        self.asking = Lane("asking")
        self.reading = Lane("reading", workers=4)
        self.columns = Lane("columns")
        self.counting = Lane("counting", waiting=64)
        self.conditions = Lane("conditions", waiting=64)
        self.drawing = Lane("drawing")
        self._lanes = (self.asking, self.reading, self.columns, self.counting, self.conditions, self.drawing)

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()

    def wait(self) -> None:
        for lane in self._lanes:
            lane.wait()

    def draw_ahead(self) -> None:
        pages = range(min(PAGES_AHEAD, self.answers.atlas.count))
        drawn = [self.drawing.run(partial(self.answers.thumbnail, number)) for number in pages]
        # Kept, or the loop would forget them; what they raise is told to whoever asks for the page.
        self._ahead = asyncio.gather(*drawn, return_exceptions=True)

    async def kept(self, shelf: Shelf, lane: Lane, key: Hashable, make: Callable[[], Held]) -> Held:
        """The answer under a key: from the shelf, or made in a lane, once for all who wait for it there."""

        def work() -> Held:
            return shelf.get(key) or shelf.put(key, make())

        held = shelf.get(key)
        return held if held is not None else await lane.run(work)

    async def array(self, key: Hashable, make: Callable[[], Held]) -> Held:
        return await self.kept(self.answers.arrays, self.columns, key, make)

    async def answer(self, key: Hashable, make: Callable[[], Held]) -> Held:
        return await self.kept(self.kept_answers, self.asking, key, make)


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
    answers = explorer.answers

    @app.get("/api/collection")
    async def collection(request: Request) -> Response:
        return respond(request, await explorer.array("collection", answers.summary))

    @app.get("/api/rows/{what}")
    async def rows(request: Request, what: RowsOf) -> Response:
        return respond(request, await explorer.array(("rows", what), lambda: answers.rows(what)))

    @app.get("/api/maps/{name}")
    async def places(request: Request, name: str) -> Response:
        key = ("map", name, "places")
        return respond(request, await explorer.array(key, lambda: answers.map_array(name, "places")))

    @app.get("/api/maps/{name}/{what}")
    async def of_places(request: Request, name: str, what: Literal["rows", "doubt"]) -> Response:
        return respond(request, await explorer.array(("map", name, what), lambda: answers.map_array(name, what)))

    @app.get("/api/fields")
    async def fields(request: Request) -> Response:
        return respond(request, await explorer.array("fields", answers.fields))

    @app.get("/api/values")
    async def values(request: Request, path: FieldPath) -> Response:
        return respond(request, await explorer.array(("values", path, "told"), lambda: answers.values(path, "told")))

    @app.get("/api/values/data")
    async def values_data(request: Request, path: FieldPath) -> Response:
        return respond(request, await explorer.array(("values", path, "data"), lambda: answers.values(path, "data")))

    @app.get("/api/where")
    async def where(request: Request, sql: Words) -> Response:
        key, lane = ("where", sql), explorer.conditions
        return respond(request, await explorer.kept(explorer.kept_answers, lane, key, lambda: answers.where(sql)))


def _add_records(app: FastAPI, explorer: _Explorer) -> None:
    """Single records and their pictures. A row is a number, a picture's name comes from the index: none leads away."""
    answers = explorer.answers

    @app.get("/api/records/{row}")
    async def record(request: Request, row: PathRow) -> Response:
        answers.known(row)
        return respond(request, await explorer.reading.run(lambda: answers.record(row)))

    @app.get("/api/pictures/{row}")
    async def picture(request: Request, row: PathRow) -> Response:
        found = await explorer.reading.run(lambda: answers.picture(row))
        headers = {"ETag": found.etag, "Cache-Control": "private, max-age=86400"}
        if _has(request, found.etag):
            return Response(status_code=304, headers=headers)
        return FileResponse(found.path, media_type=found.media, headers=headers)

    @app.get("/api/thumbnails/{page}.webp")
    async def thumbnail(request: Request, page: PathRow) -> Response:
        if page < answers.atlas.count:
            etag = f'"{answers.atlas.digest(page)}"'
            if _has(request, etag):
                return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "no-cache"})
        return respond(request, await explorer.drawing.run(lambda: answers.thumbnail(page)))


def _add_questions(app: FastAPI, explorer: _Explorer) -> None:
    """What is compared and asked."""
    answers = explorer.answers

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
        name = answers.on_map(by, map_name)
        key = ("similar", answers.known(row), by, k, per_group, name, weight)
        make = partial(answers.similar, row, k=k, by=by, per_group=per_group, map_name=name, weight=weight)
        return respond(request, await explorer.answer(key, make))

    @app.get("/api/unusual")
    async def unusual(
        request: Request, by: By = "text", k: K = 10, per_group: bool = False, map_name: MapName = ""
    ) -> Response:
        name = answers.on_map(by, map_name)
        key = ("unusual", by, k, per_group, name)
        make = partial(answers.unusual, k=k, by=by, per_group=per_group, map_name=name)
        lane = explorer.asking
        if answers.questions.long and explorer.kept_answers.get(key) is None:
            # What is compared is made ready where it is kept; only the arithmetic, which takes long, is beside it.
            await explorer.asking.run(lambda: answers.questions.ready(by))
            lane = explorer.counting
        return respond(request, await explorer.kept(explorer.kept_answers, lane, key, make))

    @app.get("/api/why")
    async def why(request: Request, row: Row, other: Row) -> Response:
        key = ("why", answers.known(row), answers.known(other))
        return respond(request, await explorer.answer(key, lambda: answers.why(row, other)))

    @app.get("/api/ask")
    async def ask(request: Request, q: Words, k: K = 10, against: Against | None = None) -> Response:
        make = partial(answers.ask, q, k=k, against=against)
        return respond(request, await explorer.answer(("ask", q, k, against), make))

    @app.get("/api/heatmap/order")
    async def heatmap_order(request: Request, by: Pair = "text") -> Response:
        made = explorer.kept(answers.arrays, explorer.asking, ("order", by), lambda: answers.ordered_rows(by))
        return respond(request, await made)

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
        key = ("heatmap", by, size, start, end, down_start, down_end)
        make = partial(answers.square, by, size, start, end, down_start, down_end)
        return respond(request, await explorer.answer(key, make))


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
