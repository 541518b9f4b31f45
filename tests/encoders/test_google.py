"""Google's multimodal embeddings, against a server on this machine that answers in the documented form."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import pickle
import threading
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from embedex.encoders import google
from embedex.encoders.base import Encoder, EncoderDescription, QueryEncoder
from embedex.encoders.google import GoogleImage, GoogleText
from embedex.encoders.text_windows import Estimate
from embedex.errors import EmbedexError, InputError, SourceError
from sources.support import Answer, LocalServer, Request, closed_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

TOKEN = "ya29.test-0a1b2c3d"
D = 128
TEXTS = [f"a small creature number {number}" for number in range(9)]


def raw(content: bytes, dimension: int = D) -> list[float]:
    """What the server's model makes of a text or of pixels, not of unit length."""
    seed = int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
    return [float(number) for number in np.random.default_rng(seed).normal(0.1, 3.0, dimension)]


def unit(*contents: bytes) -> NDArray[np.float32]:
    vectors = np.asarray([raw(content) for content in contents])
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def picture(number: int) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (224, 224, 3), np.uint8)


def instance(request: Request) -> dict[str, Any]:
    (only,) = json.loads(request.body)["instances"]
    assert isinstance(only, dict)
    return only


def good(request: Request) -> Answer:
    body, asked = json.loads(request.body), instance(request)
    dimension = body["parameters"]["dimension"]
    if "text" in asked:
        prediction = {"textEmbedding": raw(asked["text"].encode(), dimension)}
    else:
        with Image.open(io.BytesIO(base64.b64decode(asked["image"]["bytesBase64Encoded"]))) as image:
            prediction = {"imageEmbedding": raw(np.asarray(image).tobytes(), dimension)}
    return answer({"predictions": [prediction], "deployedModelId": "1"})


def answer(value: object, status: int = 200, **headers: str) -> Answer:
    return Answer(json.dumps(value).encode(), status, {name.replace("_", "-"): text for name, text in headers.items()})


def trouble(status: int, message: str, **headers: str) -> Answer:
    return answer({"error": {"code": status, "message": message, "status": "X"}}, status, **headers)


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    monkeypatch.setattr("embedex.http.MAX_WAIT", 0.01)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Request], Answer]], LocalServer]]:
    servers: list[LocalServer] = []

    def start(make: Callable[[Request], Answer]) -> LocalServer:
        servers.append(LocalServer(make))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def text(server: LocalServer, **settings: Any) -> GoogleText:
    return GoogleText(**{"endpoint": server.url, "dimensions": D, **settings})


def image(server: LocalServer, **settings: Any) -> GoogleImage:
    return GoogleImage(**{"endpoint": server.url, "dimensions": D, **settings})


def after(*troubles: Answer) -> Callable[[Request], Answer]:
    """These answers first, right ones from then on."""
    left = list(troubles)
    return lambda request: left.pop(0) if left else good(request)


def test_each_text_gets_its_own_vector(serve: Any) -> None:
    server = serve(good)
    made = text(server)
    assert isinstance(made, QueryEncoder)
    vectors = made.encode_documents(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, unit(*(each.encode() for each in TEXTS)), atol=1e-6)
    np.testing.assert_array_equal(made.encode_queries(TEXTS[::-1]), vectors[::-1])
    assert made.encode_documents([]).shape == (0, D)
    assert len(server.requests) == 18


def test_each_picture_gets_its_own_vector_of_the_same_pixels(serve: Any) -> None:
    made = image(serve(good))
    assert isinstance(made, Encoder)
    pictures = [picture(number) for number in range(4)]
    vectors = made.encode_documents(pictures)
    np.testing.assert_allclose(vectors, unit(*(pixels.tobytes() for pixels in pictures)), atol=1e-6)
    assert made.encode_documents([]).shape == (0, D)


def test_answers_may_come_in_any_order(serve: Any) -> None:
    """The first text's answer waits until the last one's has gone out."""
    last = threading.Event()

    def slow(request: Request) -> Answer:
        if instance(request)["text"] == TEXTS[0]:
            last.wait(5)
        if instance(request)["text"] == TEXTS[-1]:
            last.set()
        return good(request)

    vectors = text(serve(slow)).encode_documents(TEXTS)
    np.testing.assert_allclose(vectors, unit(*(each.encode() for each in TEXTS)), atol=1e-6)


def test_no_more_requests_at_a_time_than_workers(serve: Any) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def counting(request: Request) -> Answer:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.01)
        with lock:
            now -= 1
        return good(request)

    text(serve(counting), workers=2).encode_documents(TEXTS)
    assert most == 2


def test_what_is_sent(serve: Any) -> None:
    server = serve(good)
    text(server, region="europe-west4").encode_documents(["a cat"])
    image(server, dimensions=1408).encode_documents([picture(1)])
    words, pixels = server.requests
    assert words.path == (
        "/v1/projects/my-project/locations/europe-west4/publishers/google/models/multimodalembedding@001:predict"
    )
    assert json.loads(words.body) == {"instances": [{"text": "a cat"}], "parameters": {"dimension": D}}
    assert json.loads(pixels.body)["parameters"] == {"dimension": 1408}
    assert list(instance(pixels)) == ["image"]
    headers = {name.lower(): value for name, value in words.headers.items()}
    assert headers["authorization"] == f"Bearer {TOKEN}"


def test_google_itself_is_asked_by_https_in_the_region() -> None:
    assert GoogleText(region="europe-west4")._address.startswith("https://europe-west4-aiplatform.googleapis.com/v1/")


def test_words_and_pictures_share_a_space_and_editions_do_not(serve: Any) -> None:
    server = serve(good)
    words, pixels = text(server).description, image(server).description
    assert words.space == pixels.space != text(server, dimensions=256).description.space
    assert (words.modality, pixels.modality, words.context, pixels.context) == ("text", "image", 32, None)
    assert GoogleText().description.dimension == 1408
    prints = {text(server, overflow=overflow).description.fingerprint for overflow in ("error", "window", "truncate")}
    assert len(prints | {text(server, dimensions=512).description.fingerprint}) == 4
    assert EncoderDescription.from_json(pixels.to_json()) == pixels
    assert google.text().description.preprocessing.startswith("mean over windows")


def test_a_long_text_is_refused_before_anything_is_sent(serve: Any) -> None:
    """Google would cut it without a word."""
    server = serve(good)
    with pytest.raises(InputError, match=r"Document 2 of 2 is too long: .* beginning 'it hums softly") as raised:
        text(server).encode_documents(["short", "it hums softly in the reeds " * 9])
    assert "32 tokens" in raised.value.allowed
    assert not server.requests


def test_windows_hold_the_whole_text(serve: Any) -> None:
    server = serve(good)
    long = "it hums softly in the reeds " * 9
    vectors = text(server, overflow="window").encode_documents([TEXTS[0], long, TEXTS[1]])
    parts = sorted(
        (instance(request)["text"] for request in server.requests if "hums" in request.body.decode()), key=long.find
    )
    counts = [Estimate().count(part) for part in parts]
    assert max(counts) <= 32
    assert sum(len(part) for part in parts) == len(long)
    np.testing.assert_allclose(vectors[[0, 2]], unit(TEXTS[0].encode(), TEXTS[1].encode()), atol=1e-6)
    mean = np.asarray(counts) @ unit(*(part.encode() for part in parts))
    np.testing.assert_allclose(vectors[1], mean / np.linalg.norm(mean), atol=1e-5)


def test_a_cut_text_keeps_its_beginning(serve: Any) -> None:
    server = serve(good)
    long = "it hums softly in the reeds " * 9
    text(server, overflow="truncate").encode_queries([long, ""])
    sent = sorted((instance(request)["text"] for request in server.requests), key=len)
    assert sent[0] == " "
    assert long.startswith(sent[1])
    assert Estimate().count(sent[1]) == 32


@pytest.mark.parametrize("overflow", ["window", "truncate"])
def test_nothing_that_is_sent_is_over_googles_limits(serve: Any, overflow: str) -> None:
    server = serve(good)
    hard = ["進化の石" * 99, "a" * 3000, "🦊👩‍👩‍👧🏽‍♀️" * 20, " " * 2000, json.dumps({"a": list(range(99))})]
    text(server, overflow=overflow).encode_documents(hard)
    for request in server.requests:
        sent = instance(request)["text"]
        assert Estimate().count(sent) <= 32
        assert len(sent.encode()) < 1024


@pytest.mark.parametrize(
    "first", [trouble(429, "Quota exceeded", Retry_After="0"), trouble(503, "later"), Answer(b'{"pre', promised=9)]
)
def test_trouble_that_passes_is_waited_out(serve: Any, first: Answer) -> None:
    told: list[str] = []
    vectors = text(serve(after(first, first)), say=told.append).encode_documents(TEXTS)
    np.testing.assert_allclose(vectors, unit(*(each.encode() for each in TEXTS)), atol=1e-6)
    assert len(told) == 2


def test_trouble_that_stays(serve: Any) -> None:
    server = serve(lambda request: trouble(429, "Quota exceeded for base model: multimodalembedding"))
    with pytest.raises(SourceError, match="429 Too Many Requests: Quota exceeded for base model"):
        text(server, attempts=3).encode_documents(["a"])
    assert len(server.requests) == 3


def test_a_slow_answer_and_a_silent_server(serve: Any) -> None:
    slow = serve(lambda request: Answer(delay=30.0))
    with pytest.raises(SourceError, match="broke off: timed out"):
        text(slow, timeout=0.05, attempts=2).encode_documents(["a"])
    with pytest.raises(SourceError, match="cannot be reached"):
        GoogleText(endpoint=closed_url()).encode_documents(["a"])


def test_the_first_error_wakes_those_who_wait(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One text is denied while others would wait for a minute to ask again."""
    monkeypatch.setattr("embedex.http.MAX_WAIT", 60.0)
    waiting = threading.Event()

    def mixed(request: Request) -> Answer:
        if instance(request)["text"] == TEXTS[3]:
            waiting.wait(5)
            return trouble(401, "expired")
        return trouble(429, "busy", Retry_After="60")

    server = serve(mixed)
    with pytest.raises(SourceError, match="denied access: 401"):
        text(server, say=lambda sentence: waiting.set()).encode_documents(TEXTS)
    assert len(server.requests) <= 5


@pytest.mark.parametrize("status", [401, 403])
def test_a_denial_names_the_variable_and_how_to_renew_it(serve: Any, status: int) -> None:
    with pytest.raises(SourceError, match=rf"denied access: {status} .*\n.*GOOGLE_ACCESS_TOKEN\.\n") as raised:
        text(serve(lambda request: trouble(status, "no"))).encode_documents(["a"])
    assert "gcloud auth print-access-token" in raised.value.cure


def test_a_document_that_google_refuses_is_named(serve: Any) -> None:
    def picky(request: Request) -> Answer:
        words = instance(request).get("text")
        return good(request) if words and words != TEXTS[4] else trouble(400, "Unsupported language")

    server = serve(picky)
    with pytest.raises(InputError, match=r"text 5 of 9, 'a small creature number 4': 400 .*: Unsupported language"):
        text(server).encode_documents(TEXTS)
    with pytest.raises(InputError, match="image 1 of 1: 400"):
        image(server).encode_documents([picture(1)])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"predictions": []}, "0 predictions for one text"),
        ({"predictions": [{"textEmbedding": [1.0] * D}] * 2}, "2 predictions for one text"),
        ({"predictions": "none"}, "no predictions"),
        ({}, "no predictions"),
        ([], "no predictions"),
        ({"predictions": [{"imageEmbedding": [1.0] * D}]}, r"\['imageEmbedding'\]"),
        ({"predictions": [{"textEmbedding": None}]}, r"\['textEmbedding'\]"),
        ({"predictions": [{"textEmbedding": [1.0] * 1408}]}, r"shape \(1408,\)"),
        ({"predictions": [{"textEmbedding": [float("nan")] * D}]}, "not finite"),
        ({"predictions": [{"textEmbedding": [0.0] * D}]}, "all zeros"),
    ],
)
def test_answers_that_are_not_believed(serve: Any, value: object, words: str) -> None:
    server = serve(lambda request: answer(value))
    with pytest.raises(SourceError, match=words):
        text(server).encode_documents(["a"])
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [(Answer(b"<html>"), "not JSON"), (answer([{"error": {"message": "no model"}}], 404), "404 Not Found: no model")],
)
def test_other_answers(serve: Any, given: Answer, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        text(serve(lambda request: given)).encode_documents(["a"])


@pytest.mark.parametrize(
    "settings",
    [
        {"dimensions": 100},
        {"workers": 0},
        {"attempts": 0},
        {"region": "evil.example/"},
        {"region": ""},
        {"overflow": "ignore"},
        {"endpoint": "http://example.com"},
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        GoogleText(**settings)


@pytest.mark.parametrize("variable", ["GOOGLE_ACCESS_TOKEN", "GOOGLE_CLOUD_PROJECT"])
def test_a_variable_that_is_not_set(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert google.missing() == ""
    monkeypatch.delenv(variable)
    assert variable in google.missing()
    with pytest.raises(InputError, match=f"{variable} is not set"):
        GoogleImage()


def test_a_project_that_would_change_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "../other")
    with pytest.raises(InputError, match=r"GOOGLE_CLOUD_PROJECT='\.\./other'"):
        GoogleText()


def secrets_in(error: BaseException | None) -> bool:
    """Whether the token stands in an error, in what it came from, or in what is shown of its traceback."""
    if error is None:
        return False
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    texts = [str(error), repr(error), repr(vars(error)), shown]
    return any(TOKEN in each for each in texts) or secrets_in(error.__cause__) or secrets_in(error.__context__)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
def test_the_token_is_never_told(serve: Any, status: int, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    told: list[str] = []
    server = serve(
        lambda request: trouble(status, f"{'x' * 290} Bearer {TOKEN}") if status != 200 else Answer(TOKEN.encode())
    )
    with caplog.at_level(logging.DEBUG):
        made = text(server, attempts=2, say=told.append)
        with pytest.raises(EmbedexError) as raised:
            made.encode_documents(["a"])
    assert not secrets_in(raised.value)
    printed = capfd.readouterr()
    for shown in (str(raised.value), str(vars(made)), caplog.text, printed.out, printed.err, *told):
        assert "ya29" not in shown
    assert TOKEN.encode() not in pickle.dumps(made)
