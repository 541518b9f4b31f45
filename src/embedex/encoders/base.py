"""What an encoder is: a Protocol, and a description that resolves every setting.

Everything above this floor works with any object that fits `Encoder`; no vendor's class is named there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from embedex.errors import CollectionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Modality = Literal["text", "image"]


@dataclass(frozen=True, slots=True)
class EncoderDescription:
    """Everything that decides what vector a document gets. Two equal descriptions give equal vectors.

    Attributes:
        name: the encoder's name in `embedex models`.
        modality: what its documents are, ``text`` or ``image``.
        space: encoders with the same space can be compared; a question in words can meet pictures only there.
        dimension: length of a vector.
        revision: which edition of the model.
        weights_sha256: of the weights' file, or ``""`` for a descriptor that has none.
        preprocessing: how a document is made ready: tokenizer or resizing, with a version.
        pooling: how many vectors become one.
        context: the most tokens a document may have, or None for any length.
        document_prefix: put before each document's text.
        query_prefix: put before each question's text.
    """

    name: str
    modality: Modality
    space: str
    dimension: int
    revision: str
    weights_sha256: str
    preprocessing: str
    pooling: str
    context: int | None = None
    document_prefix: str = ""
    query_prefix: str = ""

    def to_json(self) -> str:
        """One canonical line of JSON."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> EncoderDescription:
        """Read what `to_json` wrote.

        Raises:
            CollectionError: the text is none, or of another edition of embedex.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            known = {field.name for field in fields(cls)}
            if unknown := sorted(set(values) - known):
                raise CollectionError(
                    f"An encoder's description has settings this embedex does not know: {', '.join(unknown)}.",
                    cure="Use the embedex that wrote it, or newer: pip install -U embedex",
                )
            return cls(**values)
        except (ValueError, TypeError) as error:
            raise CollectionError(f"An encoder's description cannot be read: {error}.") from error

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change with any setting."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]


@runtime_checkable
class Encoder(Protocol):
    """Turns documents into unit vectors.

    `encode_documents` takes texts (str), or images (uint8 arrays of shape (224, 224, 3)), by the description's
    modality, and returns float32 of shape (n, dimension), each row of unit length, row i for document i. A vector
    depends on its own document alone, not on the others of the call.
    """

    @property
    def description(self) -> EncoderDescription:
        """Every setting, resolved."""
        ...

    def encode_documents(self, documents: Sequence[Any]) -> NDArray[np.float32]:
        """Vectors of documents, shape (n, dimension)."""
        ...


@runtime_checkable
class QueryEncoder(Encoder, Protocol):
    """An encoder that also takes questions in words."""

    def encode_queries(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of questions, shape (n, dimension), in the same space as the documents."""
        ...


class Tokenized(Protocol):
    """A document as a `TokenEncoder` computes it; only its encoder looks inside."""

    @property
    def tokens(self) -> int:
        """How many tokens it has, and so how much work it is."""
        ...


@runtime_checkable
class TokenEncoder(Encoder, Protocol):
    """An encoder whose work is two: tokenising, which a thread does ahead, and computing, which grows with the tokens.

    `encode_documents` is one after the other.
    """

    @property
    def pack_tokens(self) -> int:
        """How many tokens are best computed at once; a document that has more is computed alone."""
        ...

    def tokenize(self, documents: Sequence[Any]) -> Sequence[Tokenized]:
        """Documents, ready to be computed. May be called while another thread computes.

        Raises:
            InputError: a document is beyond the context and is not to be cut.
        """
        ...

    def encode_tokenized(self, tokenized: Sequence[Any]) -> NDArray[np.float32]:
        """Vectors of tokenised documents, shape (n, dimension)."""
        ...
