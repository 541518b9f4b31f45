"""Google's multimodal embeddings: texts and pictures in one space, so that a question in words can meet pictures.

The model is ``multimodalembedding@001`` of Vertex AI; texts and pictures leave this machine. Google's limits:

* A text has up to 32 tokens and is English. What is longer Google cuts silently, and from 1,024 bytes on it refuses;
  so a text is refused, cut or split here, before it is sent. Records are far longer: a window has about 20 words
  and is a request of its own, so this suits questions, names and passages rather than whole records.
* A project may send 120 to 600 requests a minute, by its region.
* A picture is scaled to 512 x 512 pixels by Google, and may have 20 MB.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-multimodal-embeddings (form of requests and
answers, limits, dimensions), and users' reports of the 1,024 bytes. Google itself was out of reach, so this was written
against a local server, and could not be checked for: the tokenizer, which Google does not publish (tokens are
estimated, on the high side); whether a request may hold several instances (one is sent); how an empty text is taken (a
space is sent); whether a Retry-After comes with a 429; in which regions the model is still offered.
"""

from __future__ import annotations

import base64
import io
import os
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import TYPE_CHECKING, Any

from embedex.documents import IMAGE_PREPROCESSING
from embedex.encoders import service
from embedex.encoders.base import EncoderDescription, Overflow, not_default, overlong_fate
from embedex.encoders.text_windows import Estimate, Fitting
from embedex.errors import InputError, SourceError

if TYPE_CHECKING:
    import httpx
    import numpy as np
    from numpy.typing import NDArray

MODEL = "multimodalembedding@001"
"""The model's name and edition."""

DIMENSIONS = (128, 256, 512, 1408)
"""The lengths of vector that it gives."""

CONTEXT = 32
"""Tokens a text."""

REGION = "us-central1"
"""Where a model is sure to be offered."""

TOKEN_VARIABLE = "GOOGLE_ACCESS_TOKEN"  # noqa: S105 - its name
PROJECT_VARIABLE = "GOOGLE_CLOUD_PROJECT"

WORKERS = 4
"""Requests at a time: more would soon meet the limit by the minute."""

_NAME = re.compile(r"[a-z0-9][a-z0-9.:-]*")  # of a project or region: nothing that changes an address


class _Google:
    """What both encoders share: where requests go, and sending them side by side."""

    def __init__(
        self,
        *,
        dimensions: int = DIMENSIONS[-1],
        region: str = REGION,
        endpoint: str = "",
        workers: int = WORKERS,
        timeout: float = service.TIMEOUT,
        attempts: int = service.ATTEMPTS,
        say: Callable[[str], None] | None = None,
    ) -> None:
        if dimensions not in DIMENSIONS:
            raise InputError(f"{dimensions} dimensions.", allowed=f"{MODEL} gives: {', '.join(map(str, DIMENSIONS))}")
        service.at_least_one(workers=workers, attempts=attempts)
        project = os.environ.get(PROJECT_VARIABLE, "")
        if not project:
            raise InputError(
                f"{PROJECT_VARIABLE} is not set.",
                cure=f"export {PROJECT_VARIABLE}=... (the project's id, not its title)",
            )
        for what, value in (("region", region), (PROJECT_VARIABLE, project)):
            if not _NAME.fullmatch(value):
                raise InputError(f"{what}={value!r}", allowed="Small letters, digits and hyphens, as in us-central1.")
        self._secret = service.Secret(TOKEN_VARIABLE)
        host = service.checked_endpoint(endpoint or f"https://{region}-aiplatform.googleapis.com", self._secret)
        self._address = f"{host}/v1/projects/{project}/locations/{region}/publishers/google/models/{MODEL}:predict"
        self._dimension, self._workers = dimensions, workers
        self._settings = not_default(dimensions=(dimensions, DIMENSIONS[-1]))
        self._timeout, self._attempts, self._say = timeout, attempts, say

    def _vectors(self, documents: Sequence[Any], field: str, make: Callable[[Any], object]) -> NDArray[np.float32]:
        """Unit vectors of documents, a request each, some at a time; the first error ends them all.

        Args:
            documents: n of them.
            field: ``text`` or ``image``, the field of an instance and the beginning of its answer's.
            make: turns a document into the field's value, in the thread that sends it.

        Returns:
            float32, shape (n, dimension).
        """
        import numpy as np

        vectors = np.empty((len(documents), self._dimension), np.float32)
        ended = threading.Event()
        with service.client(self._secret, self._timeout) as client:
            pool = ThreadPoolExecutor(self._workers, thread_name_prefix="google")
            try:
                futures = {
                    pool.submit(self._embedding, client, field, make, document, ended): row
                    for row, document in enumerate(documents)
                }
                for future in as_completed(futures):
                    row = futures[future]
                    try:
                        vectors[row] = service.unit_vectors([future.result()], self._dimension, self._address)[0]
                    except _RefusedError as error:
                        words = f", {documents[row][:60]!r}" if field == "text" else ""
                        raise InputError(
                            f"Google refused {field} {row + 1} of {len(documents)}{words}: {error}.",
                            cure="Check the text or the picture; and that the model is offered in the region.",
                        ) from error
            finally:
                ended.set()  # wakes whoever waits to ask again
                pool.shutdown(cancel_futures=True)
        return vectors

    def _embedding(
        self,
        client: httpx.Client,
        field: str,
        make: Callable[[Any], object],
        document: object,
        ended: threading.Event,
    ) -> list[Any]:
        answer = service.post(
            client,
            self._address,
            {"instances": [{field: make(document)}], "parameters": {"dimension": self._dimension}},
            self._secret,
            attempts=self._attempts,
            denied="A token lasts an hour, and its account has to be allowed to use Vertex AI in the project:"
            f" export {TOKEN_VARIABLE}=$(gcloud auth print-access-token)",
            say=self._say,
            wait=ended.wait,
        )
        if answer.status_code == 400:
            raise _RefusedError(service.refusal(answer, self._secret))
        value = service.content(answer, self._address, self._secret)
        predictions = value.get("predictions") if isinstance(value, dict) else None
        if not isinstance(predictions, list) or len(predictions) != 1 or not isinstance(predictions[0], dict):
            count = len(predictions) if isinstance(predictions, list) else "no"
            raise SourceError(f"{self._address} gave {count} predictions for one {field}.", allowed="One was due.")
        embedding = predictions[0].get(f"{field}Embedding")
        if not isinstance(embedding, list):
            raise SourceError(
                f"{self._address} gave a prediction with {sorted(predictions[0])}.",
                allowed=f"{field}Embedding, a list of numbers, was due.",
            )
        return embedding


class GoogleText(_Google):
    """Texts and questions; fits `embedex.encoders.base.QueryEncoder`. Shares its space with `GoogleImage`.

    Args:
        dimensions: 128, 256, 512 or 1408.
        overflow: what becomes of a text of more than 32 tokens; see `embedex.encoders.text_windows.Fitting`.
        region: where the model runs.
        endpoint: the service's address; Google's in that region unless given.
        workers: how many requests at a time.
        timeout: seconds that the service may be silent.
        attempts: how often a request is sent when the service is busy, has an error or breaks off.
        say: is told of every wait, in a sentence; from several threads.

    The access token comes from ``GOOGLE_ACCESS_TOKEN``, the project from ``GOOGLE_CLOUD_PROJECT``.

    Attributes:
        overlong: how many documents so far were beyond the context.
        overlong_fate: what becomes of them, in words.

    Raises:
        InputError: a setting cannot be used, or a variable is not set.
    """

    def __init__(self, *, overflow: Overflow = "error", **settings: Any) -> None:
        super().__init__(**settings)
        self._fitting = Fitting(Estimate(), CONTEXT, overflow)
        self.description = EncoderDescription(
            name="google",
            modality="text",
            space=f"google/{MODEL}-{self._dimension}",
            dimension=self._dimension,
            revision=MODEL,
            weights_sha256="",
            preprocessing=f"{self._fitting.description}, the service's tokenizer; 1",
            pooling="the service's",
            context=CONTEXT,
            settings={**self._settings, **not_default(overflow=(overflow, "window"))},
        )
        self.overlong = 0
        self.overlong_fate = overlong_fate(CONTEXT, overflow)

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts.

        Args:
            documents: n texts.

        Returns:
            float32, shape (n, dimension).

        Raises:
            InputError: a text is too long, or refused.
            SourceError: the service cannot be reached, denies access, or gives something other than sound vectors.
        """
        vectors, overlong = self._encode(documents, "document")
        self.overlong += overlong
        return vectors

    def encode_queries(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of questions, shape (n, dimension); raises as `encode_documents` does."""
        return self._encode(questions, "question")[0]

    def _encode(self, texts: Sequence[str], what: str) -> tuple[NDArray[np.float32], int]:
        """Unit vectors of texts, and how many of the texts were beyond the context."""
        fitted = self._fitting.windows(texts, "", what)
        vectors = self._vectors([window.text for windows in fitted for window in windows], "text", str)
        joined = service.joined(vectors, [[window.tokens for window in windows] for windows in fitted])
        return joined, self._fitting.overlong(texts, "", fitted)


class GoogleImage(_Google):
    """Pictures; fits `embedex.encoders.base.Encoder`. Shares its space with `GoogleText`.

    Args:
        As those of `GoogleText`, without `overflow`.

    Raises:
        InputError: a setting cannot be used, or a variable is not set.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.description = EncoderDescription(
            name="google",
            modality="image",
            space=f"google/{MODEL}-{self._dimension}",
            dimension=self._dimension,
            revision=MODEL,
            weights_sha256="",
            preprocessing=f"{IMAGE_PREPROCESSING}, PNG, the service's scaling; 1",
            pooling="the service's",
            settings=self._settings,
        )

    def encode_documents(self, documents: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Unit vectors of pictures.

        Args:
            documents: n RGB squares, each uint8 of shape (224, 224, 3).

        Returns:
            float32, shape (n, dimension).

        Raises:
            InputError: a picture is refused.
            SourceError: the service cannot be reached, denies access, or gives something other than sound vectors.
        """
        return self._vectors(documents, "image", _png)


text = partial(GoogleText, overflow="window")
"""Makes the text encoder with long texts in windows."""


def missing() -> str:
    """What Google's model lacks here and now, with the cure, or ``""``; for the registry."""
    unset = [variable for variable in (PROJECT_VARIABLE, TOKEN_VARIABLE) if not os.environ.get(variable)]
    return f"export {' '.join(f'{variable}=...' for variable in unset)}" if unset else ""


class _RefusedError(Exception):
    """Google refused one instance."""


def _png(pixels: NDArray[np.uint8]) -> dict[str, str]:
    """A picture as an instance holds it: losslessly, in base64."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return {"bytesBase64Encoded": base64.b64encode(buffer.getvalue()).decode()}
