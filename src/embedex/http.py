"""How embedex speaks to servers: what it calls itself, which trouble may pass, how long to wait before asking again.

Nothing here knows what is asked for. A server that stays in trouble is a `SourceError`.
"""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from embedex._version import __version__
from embedex.errors import SourceError

if TYPE_CHECKING:
    import httpx

USER_AGENT = f"embedex/{__version__}"
"""How embedex introduces itself to servers, in ASCII as HTTP has it."""

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for a connection: without a network this is what is lost before another source is tried."""

CONNECT_ATTEMPTS = 2
"""How often a connection is tried. A server that cannot be found twice is not there a second later."""

MAX_WAIT = 60.0
"""The longest pause between two attempts in seconds, whatever a server asks for."""

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_DURATION = re.compile(r"(?:(?P<h>[\d.]+)h)?(?:(?P<m>[\d.]+)m(?!s))?(?:(?P<s>[\d.]+)s)?(?:(?P<ms>[\d.]+)ms)?", re.ASCII)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def ask(
    send: Callable[[], httpx.Response],
    place: str,
    *,
    attempts: int,
    cure: str,
    say: Callable[[str], None] | None = None,
    passing: Callable[[httpx.Response], bool] | None = None,
    describe: Callable[[httpx.Response], str] | None = None,
    wait: Callable[[float], bool | None] | None = None,
) -> httpx.Response:
    """Ask a server until its answer is one that counts, whatever its status.

    Args:
        send: sends the request once.
        place: the server's address, for messages.
        attempts: how often to ask when the server is busy, has an error or breaks off.
        cure: what a person can do when all of them failed.
        say: is told of every wait, in a sentence.
        passing: whether an answer tells of trouble that may pass; `is_passing` unless given.
        describe: an answer in words; `status` unless given.
        wait: sleeps for that many seconds; where it gives true, no more is asked.

    Raises:
        SourceError: the server cannot be reached or asked, or stays in trouble. What httpx raised is told but not
            chained, because it carries the request and with it any secret of its headers.
    """
    import httpx

    for attempt in itertools.count(1):
        answer, limit = None, attempts
        try:
            answer = send()
            if not (passing or is_passing)(answer):
                return answer
            trouble = f"answered {(describe or status)(answer)}"
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            trouble, limit = f"cannot be reached: {told(error)}", min(attempts, CONNECT_ATTEMPTS)
        except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
            trouble = f"broke off: {told(error)}"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            trouble, limit, cure = f"cannot be asked: {told(error)}", 0, "Check the address."
        seen = f"{place} {trouble.rstrip('.')}."
        if attempt >= limit:
            raise SourceError(seen, cure=cure)
        seconds = back_off(attempt, answer)
        if say is not None:
            say(f"{seen} Asking again in {seconds:.0f} s.")
        if (wait or time.sleep)(seconds):
            raise SourceError(seen, cure=cure)
    raise AssertionError("the loop ends by itself")


def back_off(attempt: int, answer: httpx.Response | None = None) -> float:
    """How many seconds to wait before the next attempt.

    Args:
        attempt: how many attempts have failed, from 1.
        answer: the last answer. Its Retry-After counts where it has one; of a 429 also the ``x-ratelimit-reset-*``
            headers that OpenAI and its likes send.

    Returns:
        Longer with every attempt, scattered so that clients do not return together; at most `MAX_WAIT`.
    """
    asked = None
    if answer is not None:
        asked = _retry_after(answer.headers.get("Retry-After", ""))
        if asked is None and answer.status_code == 429:
            asked = _reset(answer.headers)
    scattered = random.uniform(0.5, 1.0) * 2.0**attempt  # noqa: S311 - nothing secret
    return min(MAX_WAIT, scattered if asked is None else asked)


def _retry_after(text: str) -> float | None:
    """Seconds from now, of a number of seconds or of a date; None where the header says neither."""
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:  # -0000: the standard's way to write UTC without saying where
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _reset(headers: httpx.Headers) -> float | None:
    """Seconds until a rate limit is as new: of the limits that are used up, or of all where none is said to be."""
    waits: dict[str, float] = {}
    used_up = set()
    for limit in ("requests", "tokens"):
        seconds = _duration(headers.get(f"x-ratelimit-reset-{limit}", ""))
        if seconds is not None:
            waits[limit] = seconds
            if headers.get(f"x-ratelimit-remaining-{limit}", "").strip() == "0":
                used_up.add(limit)
    if not waits:
        return None
    longest = max(seconds for limit, seconds in waits.items() if limit in used_up or not used_up)
    return longest * random.uniform(1.0, 1.1)  # noqa: S311 - every client of an account is told the same moment


def _duration(text: str) -> float | None:
    """Seconds, of ``6m0s``, ``1.5s`` or ``12ms``; None where it is no duration."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()):
        return None
    try:
        return sum(float(number) * _SECONDS[unit] for unit, number in match.groupdict().items() if number)
    except ValueError:  # 1.2.3s
        return None


def is_passing(answer: httpx.Response) -> bool:
    """Whether an answer tells of trouble that may pass: too many requests, or the server's own error."""
    return answer.status_code == 429 or answer.status_code >= 500


def told(error: Exception) -> str:
    """A foreign error in one line; some come without words."""
    return " ".join(str(error).split()) or type(error).__name__


def status(answer: httpx.Response) -> str:
    """An answer's status as people write it: ``404 Not Found``."""
    return f"{answer.status_code} {answer.reason_phrase}".rstrip()
