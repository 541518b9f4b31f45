"""Asking servers: which trouble is waited out, for how long, and what is said in the end."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from embedex import http
from embedex.errors import SourceError
from sources.support import Answer, Request, closed_url, serving

if TYPE_CHECKING:
    from collections.abc import Callable

BUSY = Answer(b"busy", 503)
FINE = Answer(b"fine")
CUT = Answer(b"fi", promised=2)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that would have been waited."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


def in_turn(*answers: Answer) -> Callable[[Request], Answer]:
    """Answers one after another; the last one stays."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def ask(url: str, *, attempts: int = 4, timeout: float = 5.0, **settings: object) -> httpx.Response:
    with httpx.Client(timeout=timeout, verify=False) as client:
        return http.ask(lambda: client.get(url), url, attempts=attempts, cure="Do this.", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("trouble", [BUSY, CUT, Answer(b"", 500), Answer(b"", 429)])
def test_trouble_that_passes_is_waited_out(trouble: Answer, waits: list[float]) -> None:
    said: list[str] = []
    with serving(in_turn(trouble, trouble, FINE)) as server:
        assert ask(server.url, say=said.append).content == b"fine"
    assert len(waits) == len(said) == 2
    assert 1 <= waits[0] <= 2 <= waits[1] <= 4
    assert all(sentence.startswith(server.url) and "Asking again in" in sentence for sentence in said)


@pytest.mark.parametrize("status", [200, 201, 301, 400, 401, 404])
def test_any_other_answer_counts(status: int, waits: list[float]) -> None:
    with serving(in_turn(Answer(b"x", status))) as server:
        assert ask(server.url).status_code == status
        assert len(server.requests) == 1
    assert not waits


def test_trouble_that_stays_is_told_with_its_cure(waits: list[float]) -> None:
    with serving(in_turn(BUSY)) as server:
        with pytest.raises(SourceError, match="503 Service Unavailable") as raised:
            ask(server.url)
        assert len(server.requests) == 4
    assert len(waits) == 3
    assert (raised.value.cure, raised.value.__cause__, raised.value.__context__) == ("Do this.", None, None)


def test_a_slow_answer_is_given_up(waits: list[float]) -> None:
    with (
        serving(in_turn(Answer(b"late", delay=30.0))) as server,
        pytest.raises(SourceError, match="broke off: timed out"),
    ):
        ask(server.url, timeout=0.05, attempts=2)
    assert len(waits) == 1


def test_nobody_there_is_found_out_soon(waits: list[float]) -> None:
    with pytest.raises(SourceError, match="cannot be reached"):
        ask(closed_url(), attempts=9)
    assert len(waits) == http.CONNECT_ATTEMPTS - 1


@pytest.mark.parametrize("url", ["http://[::1", "ftp://127.0.0.1/", "http://"])
def test_an_address_that_is_none(url: str, waits: list[float]) -> None:
    with pytest.raises(SourceError, match="cannot be asked") as raised:
        ask(url)
    assert raised.value.cure == "Check the address."
    assert not waits


def test_the_caller_says_what_passes_and_how_an_answer_reads(waits: list[float]) -> None:
    with (
        serving(in_turn(Answer(b"teapot", 418))) as server,
        pytest.raises(SourceError, match=r"answered short, stout\."),
    ):
        ask(server.url, attempts=2, passing=lambda answer: True, describe=lambda answer: "short, stout.")
    assert len(waits) == 1


def test_a_wait_that_is_broken_off_ends_the_asking() -> None:
    with serving(in_turn(BUSY)) as server:
        with pytest.raises(SourceError, match="503"):
            ask(server.url, wait=lambda seconds: True)
        assert len(server.requests) == 1


def test_back_off_grows_scatters_and_ends() -> None:
    for attempt in (1, 2, 3):
        waits = {http.back_off(attempt) for _ in range(50)}
        assert len(waits) > 1
        assert all(2**attempt / 2 <= wait <= 2**attempt for wait in waits)
    assert http.back_off(30) == http.MAX_WAIT


def test_back_off_does_what_the_server_asks_within_reason() -> None:
    def asked(text: str) -> float:
        return http.back_off(1, httpx.Response(429, headers=[(b"Retry-After", text.encode("latin-1"))]))

    assert asked("7") == 7
    assert asked("0.5") == 0.5
    assert asked("86400") == asked("9" * 400) == http.MAX_WAIT
    assert asked(format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)) == 0
    assert 20 < asked(format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)) <= 30
    for nonsense in ("soon", "", "\N{SUPERSCRIPT TWO}", "-1", "1e3"):
        assert 1 <= asked(nonsense) <= 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"reset-requests": "12ms", "reset-tokens": "20s"}, 20),
        ({"reset-requests": "30s", "reset-tokens": "20s"}, 30),
        ({"reset-requests": "30s", "reset-tokens": "4s", "remaining-requests": "9", "remaining-tokens": "0"}, 4),
        ({"reset-tokens": "40.5s"}, 40.5),
        ({"reset-tokens": "6m0s"}, 60),
        ({"reset-tokens": "1h2m3s"}, 60),
        ({"reset-tokens": "250ms"}, 0.25),
    ],
)
def test_back_off_reads_openais_limits(headers: dict[str, str], seconds: float) -> None:
    answer = httpx.Response(429, headers={f"x-ratelimit-{name}": value for name, value in headers.items()})
    assert seconds <= http.back_off(1, answer) <= min(http.MAX_WAIT, seconds * 1.1)


@pytest.mark.parametrize("text", ["", "s", "soon", "1.2.3s", "5", "1s1m", "-1s"])
def test_a_limit_that_cannot_be_read_is_passed_over(text: str) -> None:
    assert 1 <= http.back_off(1, httpx.Response(429, headers={"x-ratelimit-reset-tokens": text})) <= 2


def test_limits_count_only_where_they_were_met() -> None:
    """OpenAI sends them with every answer."""
    limits = {"x-ratelimit-reset-tokens": "50s"}
    assert http.back_off(1, httpx.Response(500, headers=limits)) <= 2
    assert http.back_off(1, httpx.Response(429, headers={**limits, "Retry-After": "3"})) == 3


def test_waits_differ_between_clients_told_the_same_moment() -> None:
    answer = httpx.Response(429, headers={"x-ratelimit-reset-tokens": "20s"})
    assert len({http.back_off(1, answer) for _ in range(20)}) > 1


def test_no_word_is_logged_above_info(waits: list[float], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), serving(in_turn(BUSY, FINE)) as server:
        ask(server.url)
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_status_and_errors_in_words() -> None:
    assert http.status(httpx.Response(404)) == "404 Not Found"
    assert http.status(httpx.Response(299)) == "299"
    assert http.told(ValueError(" two\n lines ")) == "two lines"
    assert http.told(ValueError()) == "ValueError"
