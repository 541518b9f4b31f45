"""Who may ask, and what every answer says: the host, the token, the length of a request, the security headers."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 16_384
"""The longest path and query. Conditions and questions of their longest fit, percent-encoded."""

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    # A notebook on this machine may show the page: in a browser, or in VS Code, whose output is a frame of the one
    # scheme in a window of the other. No web site can have either. A page that is shown inside another can be made to
    # take clicks meant for that, and here no click does anything but show; nor can the frame be read from outside it.
    "form-action 'self'; "
    "frame-ancestors 'self' http://localhost:* http://127.0.0.1:* vscode-webview: vscode-file:"
)

_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Guard:
    """Stands before the application.

    Args:
        app: what answers.
        token: what a visitor has to know; ``""`` lets in everybody who reaches a loopback address.
        hosts: names, beside loopback's and, with a token, plain addresses, by which the server may be called. Any
            other name is a foreign page's, which has its name lead here to read what it should not.
    """

    def __init__(self, app: ASGIApp, *, token: str = "", hosts: Iterable[str] = ()) -> None:
        self._app, self._token = app, token
        self._hosts = {"localhost", *(host.lower().rstrip(".") for host in hosts if host)}
        # Cookies know no port: another explorer on this machine has another name for its own.
        self.cookie = f"embedex_{hashlib.sha256(token.encode()).hexdigest()[:8]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # nothing here is a web socket; the server closes it
        head = scope["method"] == "HEAD"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                added = [each for each in _HEADERS if each[0] not in own]
                if message["status"] >= 400:
                    message["headers"] = [each for each in message["headers"] if each[0].lower() != b"cache-control"]
                if message["status"] >= 400 or b"cache-control" not in own:
                    added.append((b"cache-control", b"no-store"))
                message = {**message, "headers": [*message["headers"], *added]}
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await _answer(guarded, *refused)
        elif (entry := self._entry(scope)) is not None:
            await _redirect(guarded, *entry)
        else:
            await self._app({**scope, "method": "GET"} if head else scope, receive, guarded)

    def _refused(self, scope: Scope) -> tuple[int, str, str] | None:
        """Status, what is wrong and what to do, for what goes no further."""
        if scope["method"] not in ("GET", "HEAD"):
            return 405, f"{scope['method']} is not for the explorer.", "It only shows: use GET."
        raw = scope.get("raw_path") or scope["path"].encode()
        if len(raw) + len(scope["query_string"]) > MOST_BYTES:
            return 414, "The request is too long.", f"Path and query may have {MOST_BYTES:,} bytes."
        if "\0" in scope["path"]:
            return 400, "The path has a zero byte.", ""
        named = [value for name, value in scope["headers"] if name == b"host"]
        if len(named) != 1 or not self._known(named[0].decode("latin-1")):
            return 403, "The server is not known by that name.", "Open the address that embedex explore printed."
        if scope["path"].startswith("/api/") and not self._asked_here(scope):
            return 403, "Another site's page asks.", "Only the explorer's own page, or a person, may ask."
        if self._token and not (self._matches(self._given(scope)) or self._matches(self._shown(scope))):
            return (
                403,
                "The token is missing or wrong.",
                "Open the address that embedex explore printed, with its token.",
            )
        return None

    @staticmethod
    def _asked_here(scope: Scope) -> bool:
        """Whether no foreign page asks, as far as a browser tells: it could not read the answer, but have it made."""
        told = {value for name, value in scope["headers"] if name == b"sec-fetch-site"}
        return told <= {b"same-origin", b"none"}

    def _known(self, host: str) -> bool:
        """Whether a Host header names this server."""
        name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
        if port and not port.isdecimal():
            return False
        name = name.lower().removesuffix(".")
        if name in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return address.is_loopback or bool(self._token)  # an address is no name that could be made to lead elsewhere

    def _matches(self, given: str) -> bool:
        return bool(given) and hmac.compare_digest(given.encode(errors="replace"), self._token.encode())

    @staticmethod
    def _query(scope: Scope) -> list[tuple[str, str]]:
        try:
            return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=100)
        except ValueError:
            return []

    def _given(self, scope: Scope) -> str:
        """The token in the query, or ``""``."""
        return next((value for name, value in self._query(scope) if name == "token"), "")

    def _shown(self, scope: Scope) -> str:
        """The token in the cookie, or ``""``."""
        sent = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
        try:
            kept = SimpleCookie(sent).get(self.cookie)
        except CookieError:
            return ""
        return kept.value if kept else ""

    def _entry(self, scope: Scope) -> tuple[str, str] | None:
        """On a first visit, where to go without the token in the address, and the cookie that stands for it."""
        if not self._token or scope["path"] != "/" or not self._matches(self._given(scope)):
            return None
        rest = urlencode([each for each in self._query(scope) if each[0] != "token"])
        # Lax: a link in a message leads here, a foreign page's request does not bring the cookie along.
        cookie = f"{self.cookie}={self._token}; Path=/; HttpOnly; SameSite=Lax"
        return (f"/?{rest}" if rest else "/"), cookie


async def _answer(send: Send, status: int, error: str, cure: str) -> None:
    body = json.dumps({"error": error, "cure": cure}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _redirect(send: Send, to: str, cookie: str) -> None:
    headers = [(b"location", to.encode()), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
