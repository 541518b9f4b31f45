"""What encoders behind a web service share: a secret that stays in the environment, refusals in words, sound vectors.

A secret is read from its variable when a request is sent, and is kept nowhere: not in an object, a description, a
message or a log.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from embedex import http
from embedex.errors import InputError, SourceError

if TYPE_CHECKING:
    import ssl

    import httpx
    import numpy as np
    from numpy.typing import NDArray

ATTEMPTS = 6
"""How often a request is sent; the waits add up to a minute, in which limits by the minute are as new."""

TIMEOUT = 60.0
"""Seconds that a service may be silent."""

MAX_MESSAGE = 300
"""Characters of a service's own words that are repeated."""

_SENDABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Secret:
    """A key or token in an environment variable; `variable` is ``""`` where none is wanted."""

    variable: str

    def read(self) -> str:
        """Its value, or ``""``.

        Raises:
            InputError: it has characters that no header can carry. They are not shown.
        """
        value = os.environ.get(self.variable, "").strip() if self.variable else ""
        if value and not _SENDABLE.fullmatch(value):
            raise InputError(
                f"The value of {self.variable} has spaces, line breaks or characters beyond ASCII.",
                cure=f"Set {self.variable} again, to the key alone.",
            )
        return value

    def headers(self) -> dict[str, str]:
        """The header that carries it; none where there is no value."""
        return {"Authorization": f"Bearer {value}"} if (value := self.read()) else {}

    def scrubbed(self, text: str) -> str:
        """A text from outside, without the secret: some services repeat what they were sent."""
        return text.replace(value, f"${self.variable}") if (value := self.read()) else text


def at_least_one(**numbers: int | None) -> None:
    """Raise InputError for a setting below 1; None is no number."""
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise InputError(f"{name}={number}", allowed="At least 1.")


def checked_endpoint(endpoint: str, secret: Secret) -> str:
    """A service's address without a slash at its end, once it is safe to send the secret there.

    Raises:
        InputError: it is no http address, has a password or a query in it, would send the secret unencrypted over a
            network, or needs one that is not set. On this machine a service may do without.
    """
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        _ = parts.port  # raises where it is no number
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.username is not None or parts.query or parts.fragment:
        raise InputError(
            f"The address of the service at {host} has a user name, a query or a fragment in it.",
            allowed="An address is kept with the embeddings, so it must hold no secret.",
            cure="Put the key into an environment variable, and name it by key_variable.",
        )
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(f"{endpoint!r} is no address of a service.", allowed="https://api.example.com/v1")
    value = bool(secret.read())
    if not value and secret.variable and not is_loopback(host):
        raise InputError(
            f"{secret.variable} is not set; {host} needs it.",
            cure=f"export {secret.variable}=... in the shell that runs embedex.",
        )
    if value and parts.scheme == "http" and not is_loopback(host):
        raise InputError(
            f"{host} would get the key in {secret.variable} unencrypted.",
            allowed="Keys are sent by https, or on this machine.",
            cure="Use https; or where the service needs no key, name no variable for it.",
        )
    return endpoint.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def client(secret: Secret, timeout: float) -> httpx.Client:
    """A client that carries the secret and follows nobody elsewhere."""
    import httpx

    patience = httpx.Timeout(timeout, connect=min(timeout, http.CONNECT_TIMEOUT))
    headers = {"User-Agent": http.USER_AGENT, **secret.headers()}
    return httpx.Client(headers=headers, timeout=patience, verify=_certificates())


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust, read once: it takes longer than a question does on this machine."""
    import httpx

    return httpx.create_ssl_context()


def post(
    connection: httpx.Client,
    address: str,
    body: dict[str, Any],
    secret: Secret,
    *,
    attempts: int = ATTEMPTS,
    denied: str = "",
    say: Callable[[str], None] | None = None,
    wait: Callable[[float], bool | None] | None = None,
) -> httpx.Response:
    """Send JSON until there is an answer that counts: any but a denial or trouble that may pass.

    Args:
        connection: from `client`.
        address: where to.
        body: what to send.
        secret: never told.
        attempts: see `http.ask`, as for `say` and `wait`.
        denied: what to do about a denial, besides looking at the variable.

    Raises:
        SourceError: the service cannot be reached, stays in trouble, or denies access.
    """
    answer = http.ask(
        lambda: connection.post(address, json=body),
        address,
        attempts=attempts,
        cure="Try again later; what has been embedded is kept.",
        say=say,
        passing=_is_passing,
        describe=lambda answer: refusal(answer, secret),
        wait=wait,
    )
    if answer.status_code in (401, 403):
        # The words of a 401 are left out: they can hold parts of the key.
        words = refusal(answer, secret) if answer.status_code == 403 else secret.scrubbed(http.status(answer))
        variable = secret.variable or "(no variable)"
        raise SourceError(
            f"{address} denied access: {words}.",
            allowed=f"The key comes from {variable}{'' if secret.read() else ', which is not set'}.",
            cure=denied or "Check that the key is valid and may use this model.",
        )
    return answer


def _is_passing(answer: httpx.Response) -> bool:
    """As `http.is_passing`, but for an account without money, which OpenAI tells as too many requests."""
    return http.is_passing(answer) and not (answer.status_code == 429 and b'"insufficient_quota"' in answer.content)


def refusal(answer: httpx.Response, secret: Secret) -> str:
    """An answer's status and the service's own words, in one line and without the secret."""
    words = secret.scrubbed(_words(answer))  # before it is cut, so that no half of it stays
    short = words if len(words) <= MAX_MESSAGE else f"{words[:MAX_MESSAGE]}..."
    return f"{secret.scrubbed(http.status(answer))}{f': {short}' if short else ''}".rstrip(".")


def _words(answer: httpx.Response) -> str:
    """What an answer says, in any of the forms in which services say it."""
    try:
        value = answer.json()
    except ValueError:
        return " ".join(answer.text.split())
    if isinstance(value, list) and value:
        value = value[0]
    for _ in range(2):  # {"error": {"message": ...}}, {"error": "..."}, {"message": "..."}, {"detail": [...]}
        if isinstance(value, dict):
            value = next((value[name] for name in ("error", "message", "detail") if value.get(name)), value)
    return " ".join(str(value).split())


def content(answer: httpx.Response, address: str, secret: Secret) -> Any:
    """The JSON of a good answer.

    Raises:
        SourceError: the answer is a refusal, or no JSON.
    """
    if answer.status_code != 200:
        cure = "Check the model's name and the address; for a request that is too large, lower batch_size."
        if answer.status_code == 429:
            cure = "Waiting will not help: look at the account's plan and credit."
        raise SourceError(f"{address} answered {refusal(answer, secret)}.", cure=cure)
    try:
        return answer.json()
    except ValueError:  # its context would hold the whole answer
        beginning = " ".join(secret.scrubbed(answer.text).split())[:80]
    raise SourceError(
        f"{address} answered something that is not JSON, beginning {beginning!r}.", cure="Check the address."
    )


def unit_vectors(embeddings: Sequence[Any], dimension: int, address: str) -> NDArray[np.float32]:
    """Vectors as a service gave them, once they are sound, scaled to unit length.

    Args:
        embeddings: n lists of numbers.
        dimension: how many numbers each has to have.
        address: whose they are, for messages.

    Returns:
        float32, shape (n, dimension).

    Raises:
        SourceError: one is no list of so many finite numbers, or is all zeros.
    """
    import numpy as np

    units = np.empty((len(embeddings), dimension), np.float32)
    for row, embedding in enumerate(embeddings):
        try:
            vector = np.asarray(embedding, np.float64)
        except (TypeError, ValueError) as error:
            raise SourceError(f"{address} gave an embedding that is no list of numbers ({error}).") from error
        if vector.shape != (dimension,):
            raise SourceError(
                f"{address} gave an embedding of shape {vector.shape}.",
                allowed=f"({dimension},) was due.",
                cure="Check the model's name and the dimensions asked for; the service may run another model now.",
            )
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0.0:
            raise SourceError(f"{address} gave an embedding that is {'all zeros' if length == 0.0 else 'not finite'}.")
        units[row] = vector / length
    return units


def joined(vectors: NDArray[np.float32], tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """One unit vector a text: the mean over its windows, each weighted by its tokens.

    Args:
        vectors: float32, unit length, shape (windows, dimension), window after window.
        tokens: for each text the tokens of its windows; a text has at least one.

    Returns:
        float32, shape (len(tokens), dimension).

    Raises:
        SourceError: a text's windows cancel out.
    """
    import numpy as np

    units = np.empty((len(tokens), vectors.shape[1]), np.float32)
    start = 0
    for row, counts in enumerate(tokens):
        windows = vectors[start : start + len(counts)]
        start += len(counts)
        if len(counts) == 1:  # as it is: no rounding, whatever the other texts of the call are
            units[row] = windows[0]
            continue
        total = np.asarray(counts, np.float64) @ windows.astype(np.float64)
        length = np.linalg.norm(total)
        if length == 0.0:
            raise SourceError("The windows of a text have opposite embeddings, so it has none.")
        units[row] = total / length
    return units
