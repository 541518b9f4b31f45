"""Downloading pictures from a server that is slow, busy, wrong or gone, and going on after a kill."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from embedex import http
from embedex.errors import InputError, SourceError
from embedex.records import Strictness
from embedex.sources import artwork
from embedex.sources.artwork import ArtworkReport, download, picture_flaw

from .support import Answer, LocalServer, Request, closed_url, png, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IDS = list(range(1, 13))


class Artwork:
    """A server of pictures; `odd` says what it answers, in turn, for some of them."""

    def __init__(self) -> None:
        self.odd: dict[int, list[Answer]] = {}
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Answer:
        number = int(request.path.rsplit("/", 1)[1].removesuffix(".png"))
        with self._lock:
            answers = self.odd.get(number, [])
            if answers:
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return Answer(png(number))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedex.http.MAX_WAIT", 0.01)


@pytest.fixture
def pictures() -> Artwork:
    return Artwork()


@pytest.fixture
def server(pictures: Artwork) -> Iterator[LocalServer]:
    with serving(pictures) as running:
        yield running


@pytest.fixture
def fetch(server: LocalServer, tmp_path: Path) -> Callable[..., ArtworkReport]:
    def run(ids: list[int] = IDS, **settings: Any) -> ArtworkReport:
        settings = {"strictness": Strictness(), "base_url": f"{server.url}/art/", **settings}
        return download(ids, tmp_path / "images", **settings)

    return run


def there(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_downloads_all_and_tells_how_far_it_is(
    fetch: Callable[..., ArtworkReport], server: LocalServer, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    report = fetch(progress=lambda done, total: told.append((done, total)))
    assert report == ArtworkReport(downloaded=IDS, already=[], missing=[], failed=[])
    assert there(tmp_path / "images") == {f"{id_}.png": png(id_) for id_ in IDS}
    assert told == [(done, 12) for done in range(13)]
    assert {request.headers["User-Agent"] for request in server.requests} == {http.USER_AGENT}
    assert {request.path for request in server.requests} == {f"/art/{id_}.png" for id_ in IDS}


def test_does_not_ask_for_what_is_there(
    fetch: Callable[..., ArtworkReport], server: LocalServer, tmp_path: Path
) -> None:
    fetch([3, 4])
    report = fetch([5, 4, 3, 5])
    assert report == ArtworkReport(downloaded=[5], already=[4, 3], missing=[], failed=[])
    assert len(server.requests) == 3


def test_goes_on_past_pictures_that_do_not_exist(
    fetch: Callable[..., ArtworkReport], pictures: Artwork, tmp_path: Path
) -> None:
    pictures.odd = {2: [Answer(b"404: Not Found", 404)], 9: [Answer(b"", 410)]}
    report = fetch()
    assert report.missing == [2, 9]
    assert report.failed == []
    assert len(there(tmp_path / "images")) == 10


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(b"<html>Sign in to the hotel's network</html>"), "not a PNG"),
        (Answer(png(7)[:-40]), "damaged PNG"),
        (Answer(png(7)[:20]), "PNG"),
        (Answer(b""), "not a PNG"),
        (Answer(b"GIF89a" + bytes(40)), "not a PNG"),
        (Answer(b"no", 403), "403 Forbidden"),
        (Answer(b"busy", 503), "503 Service Unavailable, 4 times"),
        (Answer(png(7), promised=10), "broke off"),
    ],
)
def test_what_is_no_whole_picture_is_a_problem_and_never_a_file(
    fetch: Callable[..., ArtworkReport], pictures: Artwork, tmp_path: Path, answer: Answer, told: str
) -> None:
    pictures.odd = {7: [answer]}
    strictness = Strictness()
    report = fetch(strictness=strictness)
    assert report.failed == strictness.problems
    (problem,) = report.failed
    assert problem.where.endswith("/art/7.png")
    assert told in problem.what
    assert sorted(there(tmp_path / "images")) == sorted(f"{id_}.png" for id_ in IDS if id_ != 7)


@pytest.mark.parametrize(
    "trouble",
    [Answer(b"", 429, {"Retry-After": "3600"}), Answer(b"", 500), Answer(png(4)[:50], promised=200)],
)
def test_asks_again_when_trouble_may_pass(
    fetch: Callable[..., ArtworkReport], pictures: Artwork, server: LocalServer, trouble: Answer
) -> None:
    pictures.odd = {4: [trouble, trouble, Answer(png(4))]}
    assert fetch().downloaded == IDS
    assert len(server.requests) == 14


def test_no_picture_is_larger_or_slower_than_allowed(
    fetch: Callable[..., ArtworkReport], pictures: Artwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artwork, "MAX_BYTES", 5_000)
    pictures.odd = {1: [Answer(png(1) + bytes(9_000))], 2: [Answer(png(2), delay=5)]}
    large, slow = fetch(timeout=0.5, attempts=1).failed
    assert "larger than 5,000 bytes" in large.what
    assert "broke off" in slow.what


def test_no_picture_has_more_pixels_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert picture_flaw(png(1)) is None
    monkeypatch.setattr(artwork, "MAX_PIXELS", 1_000)
    assert "40 x 40 pixels" in str(picture_flaw(png(1)))


def test_a_server_that_is_not_there_ends_the_download_early(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be reached") as raised:
        download(range(1, 1303), tmp_path, base_url=closed_url(), strictness=Strictness())
    assert raised.value.cure


def test_one_picture_is_enough_to_see_that_a_server_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be reached"):
        download([25], tmp_path, base_url=closed_url(), strictness=Strictness())


def test_a_server_that_refuses_everything_ends_the_download_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artwork, "REFUSED_AFTER", 10)
    with serving(lambda request: Answer(b"", 429)) as server:
        with pytest.raises(SourceError, match=r"429 Too Many Requests, 1[0-9] times in a row"):
            download(range(1, 1303), tmp_path, base_url=server.url, strictness=Strictness())
        assert len(server.requests) < 40
    assert there(tmp_path) == {}


def test_strict_ends_at_the_first_problem(fetch: Callable[..., ArtworkReport], pictures: Artwork) -> None:
    pictures.odd = {1: [Answer(b"<html>")]}
    with pytest.raises(InputError, match=r"/art/1\.png: not a PNG"):
        fetch(strictness=Strictness(strict=True))


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_a_run_that_was_killed_is_resumed(
    fetch: Callable[..., ArtworkReport],
    server: LocalServer,
    tmp_path: Path,
    interruption: type[BaseException],
) -> None:
    def kill(done: int, total: int) -> None:
        if done == 5:
            raise interruption

    with pytest.raises(interruption):
        fetch(workers=2, progress=kill)
    got = there(tmp_path / "images")
    assert 5 <= len(got) < 12
    (tmp_path / "images" / ".9.png.0123456789ab.part").write_bytes(png(9)[:30])
    report = fetch()
    assert sorted(f"{id_}.png" for id_ in report.already) == sorted(got)
    assert there(tmp_path / "images") == {f"{id_}.png": png(id_) for id_ in IDS}
    assert len(server.requests) <= 12 + 2  # at most what two workers had begun was asked for again


def test_at_most_so_many_at_a_time(tmp_path: Path) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def answer(request: Request) -> Answer:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
        return Answer(b"", 404)

    with serving(answer) as server:
        download(IDS, tmp_path, base_url=server.url, workers=3, strictness=Strictness())
    assert most <= 3


def test_a_folder_that_cannot_be_written(fetch: Callable[..., ArtworkReport], tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file, not a folder")
    with pytest.raises(SourceError, match="cannot be written"):
        fetch()


def test_an_address_that_is_none(tmp_path: Path) -> None:
    report = download([1], tmp_path, base_url="art", strictness=Strictness())
    assert "cannot be asked for" in report.failed[0].what


def test_nothing_to_download(fetch: Callable[..., ArtworkReport], server: LocalServer) -> None:
    assert fetch([]) == ArtworkReport([], [], [], [])
    assert server.requests == []
