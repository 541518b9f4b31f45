"""OpenAI's embeddings and their likes, against a server on this machine that behaves, and misbehaves, as they do."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import pickle
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex import weights
from embedex.encoders import openai, service
from embedex.encoders.base import EncoderDescription, QueryEncoder
from embedex.encoders.openai import OpenAICompatible
from embedex.encoders.text_windows import BytePairs, Estimate, Fitting
from embedex.errors import EmbedexError, InputError, SourceError
from sources.support import Answer, LocalServer, Request, closed_url, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

KEY = "sk-test-9f8e7d6c5b4a"
D = 8
TEXTS = [f'{{"name":"creature {number}","size":{number * 7}}}' for number in range(7)]

needs_cl100k = pytest.mark.skipif(weights.find(openai.CL100K) is None, reason="the ranks of cl100k_base are not here")


def raw(text: str, dimension: int = D) -> list[float]:
    """What the server's model makes of a text: numbers that the content decides, not of unit length."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return [float(number) for number in np.random.default_rng(seed).normal(0.1, 3.0, dimension)]


def unit(*texts: str) -> NDArray[np.float32]:
    vectors = np.asarray([raw(text) for text in texts])
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def asked(request: Request) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(request.body)
    return value


def good(request: Request, **changed: Any) -> dict[str, Any]:
    """A right answer; its items come last first, as the index allows."""
    body = asked(request)
    items = [
        {"object": "embedding", "index": index, "embedding": raw(text, body.get("dimensions", D))}
        for index, text in enumerate(body["input"])
    ]
    return {"object": "list", "data": items[::-1], "model": body["model"], "usage": {}, **changed}


def answer(value: object, status: int = 200, **headers: str) -> Answer:
    return Answer(json.dumps(value).encode(), status, {name.replace("_", "-"): text for name, text in headers.items()})


def trouble(status: int, message: str, **more: str) -> Answer:
    return answer({"error": {"message": message, "type": "x", "param": None, "code": None, **more}}, status)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that would have been waited."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return slept


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Request], Answer]], LocalServer]]:
    servers: list[LocalServer] = []

    def start(make: Callable[[Request], Answer]) -> LocalServer:
        servers.append(LocalServer(make))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def encoder(server: LocalServer, **settings: Any) -> OpenAICompatible:
    return OpenAICompatible("some-model", endpoint=f"{server.url}/v1", **{"dimensions": D, **settings})


def after(*troubles: Answer) -> Callable[[Request], Answer]:
    """These answers first, right ones from then on."""
    left = list(troubles)
    return lambda request: left.pop(0) if left else answer(good(request))


def test_each_text_gets_its_own_vector_whatever_the_order_of_the_answer(serve: Any) -> None:
    server = serve(after())
    made = encoder(server, batch_size=3)
    assert isinstance(made, QueryEncoder)
    vectors = made.encode_documents(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (7, D)
    np.testing.assert_allclose(vectors, unit(*TEXTS), atol=1e-6)
    np.testing.assert_array_equal(vectors[::-1], made.encode_documents(TEXTS[::-1]))
    np.testing.assert_array_equal(vectors[2:3], made.encode_documents(TEXTS[2:3]))
    assert made.encode_documents([]).shape == (0, D)
    assert [len(asked(request)["input"]) for request in server.requests] == [3, 3, 1, 3, 3, 1, 1]


def test_what_is_sent(serve: Any) -> None:
    server = serve(after())
    encoder(server).encode_documents(["é", ""])
    (request,) = server.requests
    assert request.path == "/v1/embeddings"
    assert asked(request) == {
        "model": "some-model",
        "input": ["é", " "],
        "encoding_format": "float",
        "dimensions": D,
    }
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["user-agent"].startswith("embedex/")


def test_prefixes_go_before_documents_and_questions(serve: Any) -> None:
    made = encoder(serve(after()), document_prefix="passage: ", query_prefix="query: ")
    np.testing.assert_allclose(made.encode_documents(["a"]), unit("passage: a"), atol=1e-6)
    np.testing.assert_allclose(made.encode_queries(["a"]), unit("query: a"), atol=1e-6)


def test_the_dimension_is_learned_from_one_word(serve: Any) -> None:
    server = serve(after())
    made = OpenAICompatible("some-model", endpoint=server.url)
    assert len(server.requests) == 1
    assert "dimensions" not in asked(server.requests[0])
    assert made.description.dimension == D
    assert made.encode_documents(["a"]).shape == (1, D)


def test_openais_own_models_need_not_be_asked() -> None:
    assert openai.small().description.dimension == 1536
    assert openai.large().description.name == "text-embedding-3-large"
    assert OpenAICompatible("text-embedding-3-large", dimensions=256).description.dimension == 256


def test_everything_that_decides_a_vector_is_in_the_description(serve: Any) -> None:
    server, other = serve(after()), serve(after())
    descriptions = [
        encoder(server).description,
        encoder(other).description,
        encoder(server, dimensions=4).description,
        encoder(server, document_prefix="a").description,
        encoder(server, query_prefix="a").description,
        encoder(server, overflow="window").description,
        encoder(server, overflow="window", context=7).description,
        encoder(server, overflow="truncate").description,
        OpenAICompatible("other-model", endpoint=server.url, dimensions=D).description,
    ]
    assert len({description.fingerprint for description in descriptions}) == len(descriptions)
    assert encoder(server, batch_size=1, attempts=1).description == descriptions[0]
    assert EncoderDescription.from_json(descriptions[0].to_json()) == descriptions[0]
    assert descriptions[0].space == descriptions[3].space != descriptions[1].space


@pytest.mark.parametrize(
    "first",
    [
        answer({}, 429, Retry_After="0"),
        answer({}, 500),
        answer({}, 503),
        Answer(b'{"data"', promised=9),
        Answer(b"<html>", 502),
    ],
)
def test_trouble_that_passes_is_waited_out(serve: Any, first: Answer, waits: list[float]) -> None:
    made = encoder(serve(after(first, first)))
    np.testing.assert_allclose(made.encode_documents(TEXTS), unit(*TEXTS), atol=1e-6)
    assert len(waits) == 2


def test_waits_are_as_long_as_openai_asks(serve: Any, waits: list[float]) -> None:
    told: list[str] = []
    limits = {"x-ratelimit-remaining-requests": "9", "x-ratelimit-remaining-tokens": "0"}
    limits |= {"x-ratelimit-reset-requests": "8ms", "x-ratelimit-reset-tokens": "20s"}
    made = encoder(
        serve(after(answer({}, 429, Retry_After="7"), answer({}, 429, **limits), answer({}, 429))), say=told.append
    )
    made.encode_documents(["a"])
    assert waits[0] == 7
    assert 20 <= waits[1] <= 22
    assert 4 <= waits[2] <= 8
    assert len(told) == 3


def test_trouble_that_stays_ends_after_so_many_attempts(serve: Any, waits: list[float]) -> None:
    server = serve(lambda request: trouble(429, "Rate limit reached for some-model"))
    with pytest.raises(SourceError, match="429 Too Many Requests: Rate limit reached for some-model"):
        encoder(server, attempts=3).encode_documents(["a"])
    assert len(server.requests) == 3


def test_an_account_without_money_is_not_asked_again(serve: Any, waits: list[float]) -> None:
    server = serve(lambda request: trouble(429, "You exceeded your current quota", code="insufficient_quota"))
    with pytest.raises(SourceError, match="exceeded your current quota") as raised:
        encoder(server).encode_documents(["a"])
    assert len(server.requests) == 1
    assert "credit" in raised.value.cure


def test_a_slow_answer_and_a_silent_server(serve: Any) -> None:
    slow = serve(lambda request: Answer(delay=30.0))
    with pytest.raises(SourceError, match="broke off: timed out"):
        encoder(slow, timeout=0.05, attempts=2).encode_documents(["a"])
    with pytest.raises(SourceError, match="cannot be reached"):
        OpenAICompatible("some-model", endpoint=closed_url())


@pytest.mark.parametrize("status", [401, 403])
def test_a_denial_names_the_variable(serve: Any, status: int) -> None:
    server = serve(lambda request: trouble(status, "Incorrect API key provided: sk-te********5b4a."))
    with pytest.raises(SourceError, match=rf"denied access: {status} .*\n.*OPENAI_API_KEY\.\n"):
        encoder(server).encode_documents(["a"])
    assert len(server.requests) == 1


def test_a_denial_where_no_key_was_sent(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(SourceError, match="OPENAI_API_KEY, which is not set"):
        encoder(serve(lambda request: trouble(401, "no key"))).encode_documents(["a"])


def test_on_this_machine_no_key_is_needed(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    server = serve(after())
    assert encoder(server).encode_documents(["a"]).shape == (1, D)
    assert not [name for name in server.requests[0].headers if name.lower() == "authorization"]
    with pytest.raises(InputError, match="OPENAI_API_KEY is not set"):
        openai.small()
    assert "OPENAI_API_KEY" in openai.missing()
    assert OpenAICompatible("m", endpoint="http://10.0.0.8/v1", key_variable="", dimensions=D).description.name


def test_what_is_missing_with_a_key() -> None:
    assert openai.missing() == ""


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("api.openai.com/v1", "no address"),
        ("ftp://api.openai.com", "no address"),
        ("https://", "no address"),
        ("http://[::1", "no address"),
        ("https://host:port/v1", "no address"),
        ("https://me:secret@host/v1", "a user name, a query or a fragment"),
        ("https://host/v1?api-key=secret", "a user name, a query or a fragment"),
        ("http://host/v1", "unencrypted"),
    ],
)
def test_addresses_that_are_refused(endpoint: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as raised:
        OpenAICompatible("m", endpoint=endpoint, dimensions=D)
    assert "secret@" not in str(raised.value)
    assert "=secret" not in str(raised.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1", "ollama.localhost"])
def test_this_machine(host: str) -> None:
    assert service.is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.example.com", "10.0.0.1", "128.0.0.1", "", "example.com"])
def test_other_machines(host: str) -> None:
    assert not service.is_loopback(host)


@pytest.mark.parametrize(
    "settings",
    [{"batch_size": 0}, {"dimensions": 0}, {"attempts": 0}, {"context": 0}, {"overflow": "ignore"}, {"model": ""}],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        OpenAICompatible(**{"model": "m", "dimensions": D, **settings})


def items(*indices: object) -> list[dict[str, Any]]:
    return [{"index": index, "embedding": raw("x")} for index in indices]


def second(**item: object) -> list[dict[str, Any]]:
    """A right item and another one."""
    return [*items(0), {"index": 1, **item}]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"data": items(0)}, "1 embeddings for 2 texts"),
        ({"data": items(0, 1, 2)}, "3 embeddings for 2 texts"),
        ({"data": items(0, 0)}, "2 embeddings for 2 texts"),
        ({"data": items(1, 2)}, r"the indices \[1, 2\]"),
        ({"data": items(None, None)}, "2 embeddings for 2 texts"),
        ({"data": items(False, True)}, "2 embeddings for 2 texts"),
        ({"data": [[1.0], [2.0]]}, "without a list of embeddings"),
        ({"embeddings": [[1.0]]}, "without a list of embeddings"),
        ([1, 2], "without a list of embeddings"),
        ({"data": second()}, "a NoneType, not a list"),
        ({"data": second(embedding=[1.0] * 7)}, r"shape \(7,\)"),
        ({"data": second(embedding=[[1.0] * D])}, r"shape \(1, 8\)"),
        ({"data": second(embedding=[[1.0], 2.0])}, "no list of numbers"),
        ({"data": second(embedding=["a"] * D)}, "no list of numbers"),
        ({"data": second(embedding=[float("nan")] * D)}, "not finite"),
        ({"data": second(embedding=[float("inf")] * D)}, "not finite"),
        ({"data": second(embedding=[None] * D)}, "not finite"),
        ({"data": second(embedding=[0.0] * D)}, "all zeros"),
        ({"data": second(embedding="not base64!")}, "neither numbers nor base64"),
        ({"data": second(embedding="AAAA")}, "neither numbers nor base64"),
    ],
)
def test_answers_that_are_not_believed(serve: Any, value: object, words: str) -> None:
    server = serve(lambda request: answer(value))
    with pytest.raises(SourceError, match=words):
        encoder(server).encode_documents(["a", "b"])
    assert len(server.requests) == 1


def test_base64_is_read_although_numbers_were_asked_for(serve: Any) -> None:
    def coded(request: Request) -> Answer:
        value = good(request)
        for item in value["data"]:
            item["embedding"] = base64.b64encode(np.asarray(item["embedding"], "<f4").tobytes()).decode()
        return answer(value)

    np.testing.assert_allclose(encoder(serve(coded)).encode_documents(TEXTS), unit(*TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Answer(b"<html>hello</html>"), "not JSON, beginning '<html>hello"),
        (Answer(b"<html>gone</html>", 404), "404 Not Found: <html>gone"),
        (trouble(400, "Requested 309209 tokens, max 300000 tokens per request"), "400 Bad Request: Requested 309209"),
        (answer({"detail": [{"msg": "bad"}]}, 422), "422 .*bad"),
        (answer({"error": "no such model"}, 404), "404 Not Found: no such model"),
        (answer({"message": "too many inputs"}, 413), "413 .*too many inputs"),
        (answer({}, 302, Location="http://127.0.0.1:9/"), "302 Found"),
    ],
)
def test_refusals_are_told_in_the_services_words(serve: Any, given: Answer, words: str) -> None:
    server = serve(lambda request: given)
    with pytest.raises(SourceError, match=words):
        encoder(server).encode_documents(["a"])
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("This model's maximum context length is 8192 tokens, however you requested 8610 tokens", 7),
        ("Input validation error: `inputs` must have less than 512 tokens. Given: 534", 7),
        ("Invalid 'input[1]': maximum input length is 8192 tokens.", 6),
    ],
)
def test_a_text_that_the_service_finds_too_long_is_named(serve: Any, message: str, number: int) -> None:
    """It is in the second request: the one that the service names, or else the longest."""

    def picky(request: Request) -> Answer:
        return trouble(400, message) if "creature 5" in request.body.decode() else answer(good(request))

    texts = [*TEXTS[:6], TEXTS[6] + " and more words" * 20]
    with pytest.raises(InputError) as raised:
        encoder(serve(picky), batch_size=4).encode_documents(texts)
    assert f"Document {number} of 7 is too long" in raised.value.seen
    assert f"creature {number - 1}" in raised.value.seen
    assert message.rstrip(".") in raised.value.allowed


def test_a_text_too_long_by_our_count_is_refused_before_anything_is_sent(serve: Any) -> None:
    server = serve(after())
    with pytest.raises(InputError) as raised:
        encoder(server, context=40).encode_queries(["short", '{"name":"glimfin"}' + " and so on" * 100])
    assert "Question 2 of 2 is too long" in raised.value.seen
    assert "1,018 characters" in raised.value.seen
    assert "glimfin" in raised.value.seen
    assert "overflow='window'" in raised.value.cure
    assert not server.requests


@pytest.mark.parametrize("counter", ["cl100k", "estimate"])
def test_windows_hold_the_whole_text_and_are_averaged(
    serve: Any, counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if counter == "estimate":
        monkeypatch.setattr(openai, "_counter", Estimate)
    server = serve(after())
    made = encoder(server, context=40, overflow="window", document_prefix="p: ", batch_size=5)
    long = " ".join(f"word{number}" for number in range(200)) + " 進化の石🦊" * 9
    vectors = made.encode_documents([TEXTS[0], long, TEXTS[1]])
    sent = [text for request in server.requests for text in asked(request)["input"]]
    assert all(text.startswith("p: ") for text in sent)
    parts = [text.removeprefix("p: ") for text in sent]
    assert "".join(parts) == TEXTS[0] + long + TEXTS[1]
    assert len(parts) > 10
    own = made._fitting.counter
    counts = np.asarray([own.count(text) for text in sent[1:-1]])
    assert counts.max() <= 40
    assert counts.min() >= 25, "about equally long"
    mean = counts @ unit(*sent[1:-1])
    np.testing.assert_allclose(vectors[1], mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_array_equal(vectors[[0, 2]], made.encode_documents([TEXTS[0], TEXTS[1]]))
    np.testing.assert_array_equal(vectors[1:2], made.encode_documents([long]))


@pytest.mark.parametrize("counter", [Estimate(), None])
def test_a_cut_text_keeps_as_much_of_its_beginning_as_fits(serve: Any, counter: Estimate | None) -> None:
    server = serve(after())
    made = encoder(server, context=40, overflow="truncate", document_prefix="p: ")
    if counter:
        made._fitting = Fitting(counter, 40, "truncate")
    long = " ".join(f"word{number}" for number in range(200))
    made.encode_documents([long])
    (sent,) = asked(server.requests[0])["input"]
    assert ("p: " + long).startswith(sent)
    assert 38 <= made._fitting.counter.count(sent) <= 40


@pytest.mark.parametrize("overflow", ["window", "truncate"])
def test_texts_that_are_hard_to_cut(serve: Any, overflow: str) -> None:
    server = serve(after())
    made = encoder(server, context=6, overflow=overflow, batch_size=100)
    for text in ("a" * 3000, "🦊👩‍👩‍👧🏽‍♀️" * 30, "\n" * 500, "विकास" * 40, "<|endoftext|>" * 20):
        assert made.encode_documents([text]).shape == (1, D)
    for request in server.requests:
        assert all(made._fitting.counter.count(text) <= 6 for text in asked(request)["input"])


def test_a_prefix_that_leaves_no_room(serve: Any) -> None:
    with pytest.raises(InputError, match="The prefix"):
        encoder(serve(after()), context=3, overflow="window", document_prefix="one two three ").encode_documents(
            ["a" * 99]
        )


def test_a_context_without_room_for_a_character() -> None:
    with pytest.raises(InputError, match="no room for a single character"):
        Fitting(Estimate(), 2, "window").windows(["進化"], "", "document")
    assert Fitting(Estimate(), 2, "truncate").windows(["進化"], "", "document")[0][0].text == " "


def test_requests_are_small_in_tokens_too(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "REQUEST_TOKENS", 50)
    server = serve(after())
    made = encoder(server)
    texts = ["one two three four five " * size for size in (1, 8, 1, 1, 30, 2)]
    np.testing.assert_allclose(made.encode_documents(texts), unit(*texts), atol=1e-6)
    sizes = [[made._fitting.counter.count(text) for text in asked(request)["input"]] for request in server.requests]
    assert [len(each) for each in sizes] == [2, 2, 1, 1]
    assert all(sum(each) <= 50 or len(each) == 1 for each in sizes)


@needs_cl100k
def test_tokens_are_openais() -> None:
    """Ids that the published cl100k_base gives."""
    counter = openai._counter()
    assert isinstance(counter, BytePairs)
    assert counter.name == "cl100k_base"
    assert counter.encoding.encode("hello world") == [15339, 1917]
    assert counter.encoding.encode("tiktoken is great!") == [83, 1609, 5963, 374, 2294, 0]
    assert counter.count("<|endoftext|>") > 1


@needs_cl100k
def test_other_counters_stand_in_where_the_ranks_are_not_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = openai._counter()
    openai._cl100k.cache_clear()
    find, installed = weights.find, weights._installed
    monkeypatch.setattr(weights, "find", lambda file: None if file == openai.CL100K else find(file))
    monkeypatch.setattr(weights, "_installed", lambda file: None if file == openai.CL100K else installed(file))
    names = [openai._counter().name]
    monkeypatch.setattr(weights, "find", lambda file: None)
    monkeypatch.setattr(weights, "_installed", lambda file: None)
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path)
    names.append(openai._counter().name)
    assert (here.name, *names) == ("cl100k_base", "o200k_base", "an estimate")


@needs_cl100k
@pytest.mark.parametrize(
    "text",
    ["It hums softly in the reeds at night. " * 9, json.dumps(TEXTS), "進化の石🦊" * 9, "\n\t  x" * 9, "2,024.5 " * 9],
)
def test_an_estimate_is_on_the_high_side(text: str) -> None:
    exact = openai._counter().count(text)
    assert exact <= Estimate().count(text) <= len(text.encode())


def secrets_in(error: BaseException | None) -> bool:
    """Whether the key stands in an error, in what it came from, or in what is shown of its traceback."""
    if error is None:
        return False
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    texts = [str(error), repr(error), repr(vars(error)), shown]
    return any(KEY in text for text in texts) or secrets_in(error.__cause__) or secrets_in(error.__context__)


def echo(status: int) -> Callable[[Request], Answer]:
    """A service that repeats the key, so late that a shortened message would cut through it."""

    def make(request: Request) -> Answer:
        key = next(value for name, value in request.headers.items() if name.lower() == "authorization")
        padding = "x" * (service.MAX_MESSAGE - len("Bearer ") - 6)
        if status == 200:
            return Answer((f"{'x' * 66} {key}").encode())
        return trouble(status, f"{padding}{key} is not what we want")

    return make


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
def test_the_key_is_never_told(serve: Any, status: int, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    told: list[str] = []
    with caplog.at_level(logging.DEBUG):
        made = encoder(serve(echo(status)), attempts=2, say=told.append)
        with pytest.raises(EmbedexError) as raised:
            made.encode_documents(["a"])
    assert not secrets_in(raised.value)
    assert "sk-te" not in str(raised.value)
    printed = capfd.readouterr()
    for text in (repr(made), str(vars(made)), made.description.to_json(), caplog.text, printed.out, printed.err, *told):
        assert KEY not in text
        assert "sk-te" not in text


def test_the_key_is_kept_in_no_object(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = encoder(serve(after()))
    made.encode_documents(["a"])
    assert KEY.encode() not in pickle.dumps(made)
    assert KEY not in repr(service.client(made._secret, 1.0))


@pytest.mark.parametrize("value", [f"{KEY}\nX-Header: 1", f"{KEY} {KEY}", f"{KEY}é"])
def test_a_key_that_no_header_can_carry_is_not_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(InputError, match="The value of OPENAI_API_KEY has spaces") as raised:
        openai.small()
    assert KEY not in str(raised.value)


def test_a_key_may_end_with_a_line_break(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\r\n")
    server = serve(after())
    encoder(server).encode_documents(["a"])
    assert f"Bearer {KEY}" in server.requests[0].headers.values()


def test_a_redirect_does_not_carry_the_key_elsewhere(serve: Any) -> None:
    with serving(after()) as elsewhere:
        server = serve(lambda request: Answer(b"", 307, {"Location": f"{elsewhere.url}/v1/embeddings"}))
        with pytest.raises(SourceError, match="307"):
            encoder(server).encode_documents(["a"])
        assert not elsewhere.requests
