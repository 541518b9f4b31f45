"""The explorer inside a notebook: a server beside the kernel, and a frame that shows it."""

from __future__ import annotations

import atexit
import threading
import time
from html import escape
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from embedex.errors import InputError
from embedex.explorer import serve

if TYPE_CHECKING:
    import socket

    import uvicorn

HOST = "127.0.0.1"
"""Only the machine where the kernel runs reaches it: a notebook's frame has no place for a token."""

SECONDS = 10.0
"""So long a server may take to start, and to end."""

State = frozenset[tuple[str, int, int]]
"""Names, times and sizes of a collection's files."""

_running: dict[Path, tuple[Explorer, State]] = {}
"""The explorer of each folder that has had one, and what the folder held then: a cell is run again and again."""

_lock = threading.Lock()


class Explorer:
    """A running explorer of one collection. A notebook that shows it shows the page; `close` ends it.

    It ends with the process, and where the same collection is explored anew after it has changed.

    Attributes:
        url: its address, for a browser on this machine.
        title: the collection's.
        height: of the frame in a notebook, in pixels.
    """

    def __init__(self, server: uvicorn.Server, listening: socket.socket, title: str, height: int) -> None:
        self.title, self.height = title, height
        self.port: int = listening.getsockname()[1]
        self.url = serve.address(HOST, self.port, "")
        self._server: uvicorn.Server | None = server
        # Its event loop is the thread's own: that of the notebook is not touched. uvicorn sets signal handlers in the
        # main thread only.
        self._thread = threading.Thread(target=_run, args=(server, listening), name="embedex-explorer", daemon=True)
        self._thread.start()
        end = time.monotonic() + SECONDS
        while not server.started and self._thread.is_alive() and time.monotonic() < end:
            time.sleep(0.005)

    @property
    def running(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End it, and free its port and its memory; once more does no harm."""
        if self._server:
            self._server.should_exit = True
            self._thread.join(SECONDS)
            self._server = None  # and with it the collection that it held

    def __enter__(self) -> Explorer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Explorer of {self.title!r} {f'at {self.url}' if self.running else '(closed)'}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: a link, the page in a frame, and what to do where the frame stays empty."""
        title, url = escape(self.title.encode(errors="replace").decode()), escape(self.url)
        if not self.running:
            return f"<p>The explorer of <em>{title}</em> is closed.</p>"
        tunnel = f"ssh -L {self.port}:{HOST}:{self.port} …"
        return (
            f'<p><em>{title}</em> · <a href="{url}" target="_blank" rel="noopener">open in a tab of its own</a></p>'
            f'<iframe src="{url}" title="embedex: {title}" width="100%" height="{self.height}" '
            'style="border: 0; display: block" allow="fullscreen; clipboard-write"></iframe>'
            f"<p><small>Only the machine where the kernel runs reaches {url}, as long as it runs. If yours is another, "
            f"tunnel the port (<code>{tunnel}</code>) and open the link, or write the page as files: "
            "<code>embedex export DIR --html FOLDER</code>.</small></p>"
        )


def _run(server: uvicorn.Server, listening: socket.socket) -> None:
    with listening:
        server.run(sockets=[listening])


def show(folder: Path, *, height: int = 720, port: int = 0) -> Explorer:
    """Serve the explorer of a collection's folder in the background, on a collection opened for it alone.

    What serves that folder already is given again as long as the collection's files are what they were, unless another
    port is asked for. Else it ends, and the new one takes its port, so that frames that are shown go on.

    Args:
        folder: the collection's.
        height: of the frame in a notebook, in pixels.
        port: 0 takes the last one of this folder, or a free one.

    Raises:
        MissingExtraError: the extra ``explore`` is not installed.
        InputError: the port is taken, or a value is out of range.
        CollectionError: the folder is no collection any more, or damaged.
    """
    from embedex.collection import Collection

    if not 100 <= height <= 10_000:
        raise InputError(f"A height of {height} pixels is out of range.", allowed="From 100 to 10,000.")
    if not 0 <= port <= 65_535:
        raise InputError(f"There is no port {port}.", allowed="From 0 to 65,535; 0 takes one that is free.")
    place = folder.resolve()
    with _lock:
        held = _state(place)
        before, then = _running.get(place, (None, held))
        if before and before.running and then == held and port in (0, before.port):
            before.height = height
            return before
        collection = Collection.open(place)
        server = serve.make_server(collection)
        if before:
            before.close()
        try:
            listening = serve.listen(HOST, port or (before.port if before else 0))
        except InputError:
            if port or not before:
                raise
            listening = serve.listen(HOST, 0)  # somebody else was quick
        shown = Explorer(server, listening, collection.title, height)
        _running[place] = shown, held
        return shown


def _state(folder: Path) -> State:
    """What tells that a collection has changed; its pictures come with an index of their own."""
    found = [path for where in (".", "embeddings", "maps", "weights") for path in (folder / where).glob("*.[jp]*")]
    kept = [(path, path.stat()) for path in found if path.is_file()]
    return frozenset((str(path.relative_to(folder)), each.st_mtime_ns, each.st_size) for path, each in kept)


@atexit.register
def close_all() -> None:
    """End every explorer that runs."""
    with _lock:
        for each, _ in _running.values():
            each.close()
        _running.clear()
