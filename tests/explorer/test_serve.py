"""The command: it tells its address, answers there, survives what is sent to it, and ends cleanly."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("uvicorn", reason="the extra explore is not installed")

from embedex.cli import main
from embedex.errors import InputError
from embedex.explorer import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Museum


def started(museum: Museum, *more: str) -> tuple[subprocess.Popen[str], str]:
    """The running command and the address that it printed."""
    command = [sys.executable, "-m", "embedex", "explore", str(museum.dex), "--port", "0", "--no-browser", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def ended(process: subprocess.Popen[str]) -> str:
    """What it said on standard error, after Ctrl-C."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    return said


@pytest.fixture
def running(museum: Museum) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process, url = started(museum)
    try:
        yield process, url
    finally:
        process.kill()
        process.communicate()


def raw(url: str, request: bytes) -> bytes:
    """What the server sends back to some bytes, until it closes; as much of them as it takes."""
    found = re.fullmatch(r"http://(.+):(\d+)/", url)
    assert found is not None
    with socket.create_connection((found[1], int(found[2])), timeout=20) as to:
        answer = b""
        try:
            to.sendall(request)
            while part := to.recv(65_536):
                answer += part
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT")
def test_it_answers_at_the_address_it_prints_whatever_is_sent_to_it_and_ends_on_ctrl_c(
    running: tuple[subprocess.Popen[str], str],
) -> None:
    process, url = running
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
    with urllib.request.urlopen(f"{url}api/collection", timeout=20) as answer:
        assert json.load(answer)["title"] == "Museum"
    long = b"GET /api/ask?q=" + b"x" * 10_000_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert re.match(rb"HTTP/1\.1 4\d\d |$", raw(url, long))
    for request in (
        b"\x16\x03\x01nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        assert re.match(rb"HTTP/1\.1 4\d\d ", raw(url, request))
    foreign = urllib.request.Request(f"{url}api/collection", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(foreign, timeout=20)
    assert refused.value.code == 403
    refused.value.close()
    with urllib.request.urlopen(f"{url}api/rows/names", timeout=20) as answer:
        assert len(answer.read().splitlines()) == 40
        assert "server" not in {name.lower() for name in answer.headers}
    said = ended(process)
    assert "The explorer has ended." in said
    assert "Traceback" not in said


def test_only_loopback_goes_without_a_token() -> None:
    assert all(map(serve.is_loopback, ("127.0.0.1", "127.3.2.1", "::1", "localhost")))
    assert not any(map(serve.is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "", "localhost.evil")))


def test_elsewhere_a_token_is_in_the_address(museum: Museum, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listening beyond loopback is not for a test; where it listens is therefore replaced."""
    listen = serve.listen
    monkeypatch.setattr(serve, "listen", lambda host, port: listen("127.0.0.1", port))
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: made.append(self.config.app))
    made: list[object] = []
    told: list[str] = []
    from embedex.collection import Collection

    serve.serve(Collection.open(museum.dex), told.append, host="0.0.0.0")
    serve.serve(Collection.open(museum.dex), told.append)
    token = re.fullmatch(r"http://[^/]+:\d+/\?token=([\w-]{32})", told[0])
    assert token is not None
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", told[1])
    from fastapi.testclient import TestClient

    with TestClient(made[0], base_url=f"http://{socket.gethostname()}:1") as client:  # type: ignore[arg-type]
        assert client.get("/api/collection").status_code == 403
        assert client.get(f"/?token={token[1]}").status_code == 200
        assert client.get("/api/collection").status_code == 200


def test_addresses_are_written_as_browsers_read_them() -> None:
    assert serve.address("::1", 80, "") == "http://[::1]:80/"
    assert serve.address("127.0.0.1", 1, "") == "http://127.0.0.1:1/"
    assert serve.address("0.0.0.0", 1, "t") == f"http://{socket.gethostname()}:1/?token=t"


def test_a_port_that_is_taken_is_told() -> None:
    with serve.listen("127.0.0.1", 0) as taken, pytest.raises(InputError, match="--port 0"):
        serve.listen("127.0.0.1", taken.getsockname()[1])


def test_small_answers_are_sent_at_once() -> None:
    with serve.listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP, "asyncio sets TCP_NODELAY on no other"


def test_no_address_of_this_machine_is_told() -> None:
    with pytest.raises(InputError, match=r"cannot listen[\s\S]*address of this machine"):
        serve.listen("203.0.113.7", 0)


def test_a_taken_port_leads_to_another() -> None:
    with (
        serve.listen("127.0.0.1", 0) as taken,
        pytest.raises(InputError, match=r"cannot listen[\s\S]*another with --port"),
    ):
        serve.listen("127.0.0.1", taken.getsockname()[1])


def test_without_the_extra_it_says_how_to_install_it(
    museum: Museum, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["explore", str(museum.dex), "--no-browser"]) == 2
    assert "pip install 'embedex[explore]'" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_is_none_is_refused(museum: Museum, port: str) -> None:
    with pytest.raises(SystemExit):
        main(["explore", str(museum.dex), "--port", port])
