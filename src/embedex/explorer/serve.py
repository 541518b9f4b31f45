"""Running the explorer: where it listens, its address, its end."""

from __future__ import annotations

import errno
import ipaddress
import secrets
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from embedex.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import uvicorn

    from embedex.collection import Collection

LONGEST_HEAD = 65_536
"""Bytes of a request's line and headers; beyond, the connection ends with 400."""


def serve(
    collection: Collection,
    announce: Callable[[str], object],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> None:
    """Serve the explorer of a collection until Ctrl-C, which comes through as KeyboardInterrupt.

    Args:
        collection: it.
        announce: is given the address once the server listens.
        host: where to listen. Beyond this machine's own addresses a token is made, and is in the address.
        port: 0 takes a free one.

    Raises:
        MissingExtraError: the extra ``explore`` is not installed.
        InputError: it cannot listen there.
    """
    own = is_loopback(host)
    token = "" if own else secrets.token_urlsafe(24)
    called = socket.gethostname() if not own else ""
    server = make_server(collection, token=token, hosts=[host, called, f"{called}.local"] if called else [host])
    with listen(host, port) as listening:
        announce(address(host, listening.getsockname()[1], token))
        server.run(sockets=[listening])


def make_server(collection: Collection, *, token: str = "", hosts: Iterable[str] = ()) -> uvicorn.Server:
    """The server of a collection's explorer, which runs where it is given a socket; see `make_app`.

    Raises:
        MissingExtraError: the extra ``explore`` is not installed.
    """
    try:
        import uvicorn

        from embedex.explorer.app import make_app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "embedex":
            raise
        raise MissingExtraError("The explorer", "explore") from error

    config = uvicorn.Config(
        make_app(collection, token=token, hosts=hosts, ahead=True),
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_level="warning",
        log_config=None,  # its own would close the log files of whoever runs this in a notebook
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        InputError: there is no such address here, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
        raise InputError(
            f"The explorer cannot listen at {host}, port {port}: {error.strerror or error}.",
            cure="Name another with --port; --port 0 takes one that is free."
            if taken
            else "--host takes a name or an address of this machine.",
        ) from error
    # asyncio sends small packets at once only where a socket says that it is TCP's; else each answer waits 40 ms.
    return socket.socket(made.family, made.type, socket.IPPROTO_TCP, fileno=made.detach())


def address(host: str, port: int, token: str) -> str:
    """What a person opens in a browser."""
    anywhere = host in ("0.0.0.0", "::")  # noqa: S104 - compared, not listened at
    name = socket.gethostname() if anywhere else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")
