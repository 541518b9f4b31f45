"""How far something long is, as a person is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from embedex import embedding


class Progress(Protocol):
    """Called with what is being done, how many are done, and of how many.

    While something is embedded, also with how far that is; what was known before is done, but no work.
    """

    def __call__(self, what: str, done: int, total: int, run: embedding.Progress | None = None, /) -> None:
        """Show it."""
        ...


def counter(progress: Progress | None, what: str, total: int) -> Callable[[int], None] | None:
    """What tells how many of `total` are done; None where nobody listens."""
    if progress is None:
        return None
    return lambda done: progress(what, done, total)


def of_run(progress: Progress | None, what: str, total: int) -> Callable[[embedding.Progress], None] | None:
    """What tells how far an embedding run of `total` documents is; None where nobody listens."""
    if progress is None:
        return None
    return lambda now: progress(what, now.rows, total, now)
