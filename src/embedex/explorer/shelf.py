"""Answers that are kept for the next one who asks, as bytes, up to a limit; and lanes in which they are computed."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Held:
    """An answer's body with what belongs to it.

    Attributes:
        body: its bytes.
        media: its media type.
        headers: more headers.
        etag: names the body, for who has it already.
    """

    body: bytes
    media: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str = ""

    def __post_init__(self) -> None:
        if not self.etag:
            object.__setattr__(self, "etag", f'"{hashlib.sha256(self.body).hexdigest()[:32]}"')


class Shelf:
    """Keeps answers up to so many bytes in all; those that were asked for longest ago go first.

    Args:
        most: how many bytes. A larger answer is given and not kept.
    """

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._held: OrderedDict[Hashable, Held] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Held | None:
        """The answer under that key, or None."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: Hashable, held: Held) -> Held:
        """Keep an answer, and give it back."""
        size = _size(held)
        with self._lock:
            if key in self._held:
                self._size -= _size(self._held.pop(key))
            if size <= self._most:
                self._held[key] = held
                self._size += size
            while self._size > self._most:
                self._size -= _size(self._held.popitem(last=False)[1])
        return held


def _size(held: Held) -> int:
    return len(held.body) + 512  # with its key and headers


class BusyError(Exception):
    """Too many are waiting already."""


class Lane:
    """Threads of its own for one kind of work, so that slow answers of one kind keep no other kind waiting.

    Args:
        name: of its threads.
        workers: how many; with one, what runs here needs no lock.
        waiting: the most that may wait or run at once.
    """

    def __init__(self, name: str, *, workers: int = 1, waiting: int = 512) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=f"embedex-{name}")
        self._waiting, self._most = 0, waiting

    async def run(self, work: Callable[[], T]) -> T:
        """Do the work here.

        Raises:
            BusyError: too many are waiting. Whatever `work` raises comes through.
        """
        if self._waiting >= self._most:
            raise BusyError
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Take no more work; what waits is dropped, what runs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def wait(self) -> None:
        """Wait for what runs, once it is closed."""
        self._threads.shutdown(wait=True)
