"""What an encoder is: a Protocol, and a description that resolves every setting.

Everything above this floor works with any object that fits `Encoder`; no vendor's class is named there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from embedex.errors import CollectionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.documents import Span

Modality = Literal["text", "image"]

Overflow = Literal["error", "truncate", "window"]
"""What becomes of a text that is longer than an encoder's context."""

Setting = str | int | bool
"""The value of a setting that people may choose."""


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
        precision: in what numbers it is computed and by what, such as ``bf16 on OpenVINO``; ``""`` where there is one
            way only. Two precisions of one encoder differ by rounding, and their vectors may be compared; what differs
            by more, as 8-bit weights do, stands in `settings` as well.
        settings: those that the encoder was made with and that are not its defaults, so that `registry.again` makes
            it again. What they do to a vector is told by the other attributes as well.
        place: the file or folder that it was made from, where its name alone does not find it again; ``""`` for an
            encoder of a package, a hub or a service. Decides nothing: see `identity`.
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
    precision: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict, hash=False)
    place: str = field(default="", compare=False)

    def to_json(self) -> str:
        """One canonical line of JSON; what the first edition did not have stands there only where it says something."""
        values = asdict(self)
        return json.dumps(
            {name: value for name, value in values.items() if value or name not in _LATER},
            sort_keys=True,
            ensure_ascii=False,
        )

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
            description = cls(**values)
            if not isinstance(description.settings, dict):
                raise TypeError(f"settings is {description.settings!r}")
            return description
        except (ValueError, TypeError) as error:
            raise CollectionError(f"An encoder's description cannot be read: {error}.") from error

    @property
    def identity(self) -> EncoderDescription:
        """What decides the vectors: equal for two encoders that give the same ones.

        A model of one's own is named after its folder, which may be moved or renamed: its weights decide, and neither
        name nor place.
        """
        return replace(self, name="", place="") if self.place else self

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change with any setting, and with nothing that is no part of the `identity`."""
        return hashlib.sha256(self.identity.to_json().encode()).hexdigest()[:16]

    def agrees(self, other: EncoderDescription) -> bool:
        """Whether both encoders give the same vectors, up to the rounding of their precisions."""
        return replace(self.identity, precision="") == replace(other.identity, precision="")


_LATER = ("precision", "settings", "place")
"""Attributes that files of before do not have; left out where empty, those files stay the same byte for byte."""


def not_default(**chosen: tuple[Setting | None, Setting | None]) -> dict[str, Setting]:
    """The settings whose value, the first of each pair, is not the default, the second.

    Example:
        >>> not_default(overflow=("error", "window"), dimensions=(None, None))
        {'overflow': 'error'}
    """
    return {name: value for name, (value, default) in chosen.items() if value is not None and value != default}


def overlong_fate(tokens: int, overflow: Overflow) -> str:
    """What is to be said of documents that are beyond the context, after "3 documents are ".

    Example:
        >>> overlong_fate(8192, "truncate")
        'longer than 8,192 tokens: cut after 8,192 tokens'
    """
    fates = {
        "error": "refused",
        "truncate": f"cut after {tokens:,} tokens",
        "window": "in windows, nothing left out",
    }
    return f"longer than {tokens:,} tokens: {fates[overflow]}"


@runtime_checkable
class Encoder(Protocol):
    """Turns documents into unit vectors.

    `encode_documents` takes texts (str), or images (uint8 arrays of shape (224, 224, 3)), by the description's
    modality, and returns float32 of shape (n, dimension), each row of unit length, row i for document i. A vector
    depends on its own document alone, not on the others of the call.

    What an encoder may have besides:

    * ``picture``, a `embedex.documents.PictureSettings`: how pictures are made square for it, if not padded;
    * ``overlong``, an int: how many documents so far were beyond its context; and ``overlong_fate``, what became of
      them, as `overlong_fate` says it.
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


@runtime_checkable
class FieldEncoder(Encoder, Protocol):
    """An encoder whose vector of a text is a sum over the text's fields, as where tokens are pooled by their mean."""

    def encode_fields(
        self, documents: Sequence[str], fields: Sequence[Sequence[Span]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Vectors of documents, and what each field adds to them; the model runs once for both.

        Args:
            documents: n texts.
            fields: of each text the spans of its fields, in its order; they cover the text. A token belongs to the
                field in which it starts.

        Returns:
            The vectors, to the last bit those of `encode_documents`; and of each document float32 of shape
            (fields + 1, dimension): a row a field, then one for what belongs to none, such as special tokens and a
            task's prefix. The rows add up to the document's vector, up to 1e-6.
        """
        ...
